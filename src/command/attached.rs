//! What a running agent measures, in place of a measurement of one's own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hwptop_agent::{
    serve::{FollowError, Follower},
    snapshot::Snapshot,
};

use super::feed::{Feed, FeedError};
use crate::{cli::MeasureArgs, failure::Failure};

/// The longest time in which it is not looked whether a snapshot has come.
const LOOK: Duration = Duration::from_millis(50);

/// A running agent's snapshots.
pub(super) struct Attached {
    agent: Follower,
    socket: PathBuf,
    pace: Duration,
}

impl Attached {
    pub(super) fn start(args: &MeasureArgs, socket: &Path) -> Result<Self, Failure> {
        if let Some(option) = args.replay.first_given() {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is for the model; an agent is shown as it is"
            )));
        }
        let perf = args.perf.then_some("--perf");
        if let Some(option) = args.slow.first_given().or(perf) {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is for the agent to be told; it is shown as it is"
            )));
        }
        let agent = Follower::connect(socket).map_err(|error| match error {
            FollowError::Denied { .. } => Failure::cannot(error),
            _ => Failure::input(error),
        })?;
        // More often than there are snapshots: none waits for long.
        let pace = (agent.interval() / 2).clamp(Duration::from_millis(1), LOOK);
        Ok(Self {
            agent,
            socket: socket.to_owned(),
            pace,
        })
    }
}

impl Feed for Attached {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        Ok(self.agent.take()?)
    }

    fn has_next(&mut self) -> bool {
        self.agent.has_next()
    }

    fn has_ended(&mut self) -> bool {
        self.agent.has_ended()
    }

    fn own_pace(&self) -> Option<Duration> {
        Some(self.pace)
    }

    fn farewell(&mut self) -> Option<String> {
        if !self.agent.has_ended() {
            return None;
        }
        let what = match Follower::connect(&self.socket) {
            Ok(_) => "has let this view go: it was too slow",
            Err(_) => "has ended",
        };
        Some(format!("the agent at {} {what}", self.socket.display()))
    }
}
