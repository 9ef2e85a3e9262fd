//! What a running agent measures, in place of a measurement of one's own.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use hwptop_agent::{
    serve::{FollowError, Follower},
    snapshot::Snapshot,
};

use super::feed::{Feed, FeedError};
use crate::{cli::MeasureArgs, failure::Failure};

/// The longest time in which it is not looked whether a snapshot has come.
const LOOK: Duration = Duration::from_millis(50);
/// An agent that is silent for so many of its intervals, and no less than [`SILENCE_LEAST`],
/// hangs.
const SILENT_INTERVALS: u32 = 5;
const SILENCE_LEAST: Duration = Duration::from_secs(10);
/// Between two tries to reach an agent that is gone.
const RETRY: Duration = Duration::from_millis(500);

/// A running agent's snapshots.
pub(super) struct Attached {
    agent: Follower,
    socket: PathBuf,
    pace: Duration,
    /// When the last snapshot came, or the agent was reached.
    heard: Instant,
    waits: bool,
    gone: Option<Gone>,
}

/// An agent that may come back.
struct Gone {
    since: Instant,
    why: String,
    tries: Receiver<Result<Follower, FollowError>>,
}

impl Attached {
    pub(super) fn start(args: &MeasureArgs, socket: &Path) -> Result<Self, Failure> {
        if let Some(option) = args.replay.first_given() {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is for the model; an agent is shown as it is"
            )));
        }
        let interval = args.interval.map(|_| "--interval");
        let perf = args.perf.then_some("--perf");
        if let Some(option) = interval.or(args.slow.first_given()).or(perf) {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is the agent's own: give it to the `hwptop agent` at {}",
                socket.display()
            )));
        }
        let agent = Follower::connect(socket).map_err(|error| match error {
            FollowError::Denied { .. }
            | FollowError::Stranger { .. }
            | FollowError::Stuck { .. } => Failure::cannot(error),
            _ => Failure::input(error),
        })?;
        // More often than there are snapshots: none waits for long.
        let pace = (agent.interval() / 2).clamp(Duration::from_millis(1), LOOK);
        Ok(Self {
            agent,
            socket: socket.to_owned(),
            pace,
            heard: Instant::now(),
            waits: false,
            gone: None,
        })
    }

    /// An agent that goes is not the end: another one may come in its place.
    pub(super) fn waits_for_its_return(&mut self) {
        self.waits = true;
    }

    /// Looks whether an agent that was gone is back.
    fn look_for_it(&mut self) {
        if !self.waits {
            return;
        }
        if self.gone.is_none() && self.agent.has_ended() {
            self.gone = Some(Gone {
                since: Instant::now(),
                why: "it has ended".to_owned(),
                tries: tries(&self.socket),
            });
        }
        let Some(gone) = &mut self.gone else { return };
        match gone.tries.try_recv() {
            Ok(Ok(agent)) => {
                self.agent = agent;
                self.heard = Instant::now();
                self.gone = None;
            }
            Ok(Err(error)) => gone.why = error.to_string(),
            Err(TryRecvError::Empty) => {}
            // The system gave no thread for it.
            Err(TryRecvError::Disconnected) => gone.tries = tries(&self.socket),
        }
    }

    /// For how long nothing has come, where that is too long.
    fn silence(&self) -> Option<String> {
        let patience = (self.agent.interval() * SILENT_INTERVALS).max(SILENCE_LEAST);
        let silent = self.heard.elapsed();
        (silent > patience).then(|| {
            format!(
                "the agent at {} has said nothing for {} s, though a snapshot is due every {:?}",
                self.socket.display(),
                silent.as_secs(),
                self.agent.interval()
            )
        })
    }
}

/// Tries to reach the agent until it is there or nobody waits any more.
fn tries(socket: &Path) -> Receiver<Result<Follower, FollowError>> {
    let (sender, receiver) = sync_channel(1);
    let socket = socket.to_owned();
    let until_there = move || {
        loop {
            let tried = Follower::connect(&socket);
            let is_there = tried.is_ok();
            if sender.send(tried).is_err() || is_there {
                return;
            }
            thread::sleep(RETRY);
        }
    };
    // Without a thread the channel has no sender, which is seen.
    let _ = thread::Builder::new().spawn(until_there);
    receiver
}

impl Feed for Attached {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        let snapshot = self.agent.take()?;
        if snapshot.is_some() {
            self.heard = Instant::now();
        }
        Ok(snapshot)
    }

    fn has_next(&mut self) -> bool {
        self.look_for_it();
        self.agent.has_next() && !(self.waits && self.agent.has_ended())
    }

    fn has_ended(&mut self) -> bool {
        !self.waits && (self.agent.has_ended() || self.silence().is_some())
    }

    fn own_pace(&self) -> Option<Duration> {
        Some(self.pace)
    }

    fn whose_pace(&self) -> Option<&'static str> {
        Some("the interval is the agent's own: `hwptop agent --interval` sets it")
    }

    fn note(&mut self) -> Option<String> {
        match &self.gone {
            Some(gone) => Some(format!(
                "waiting for the agent at {} for {} s: {}",
                self.socket.display(),
                gone.since.elapsed().as_secs(),
                gone.why
            )),
            None => self.silence(),
        }
    }

    fn broke_off(&mut self) -> Option<String> {
        self.farewell()
    }

    fn farewell(&mut self) -> Option<String> {
        if !self.agent.has_ended() {
            return self.silence();
        }
        let what = match Follower::connect(&self.socket) {
            Ok(_) if self.waits => "is back",
            Ok(_) => "has ended and another one is there, or it has let this view go: too slow",
            Err(_) => "has ended",
        };
        Some(format!("the agent at {} {what}", self.socket.display()))
    }
}
