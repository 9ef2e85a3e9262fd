//! A recording in place of a measurement.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use hwptop_agent::snapshot::Snapshot;
use hwptop_bench::fleet::Pace;

use crate::{
    command::{
        feed::{Feed, FeedError},
        replay::Recorded,
    },
    failure::Failure,
};

/// Gives each interval when it is over, at a pace.
pub(super) struct Played {
    recorded: Recorded,
    pace: Pace,
    due: Instant,
}

impl Played {
    pub(super) fn open(path: &Path, pace: Pace) -> Result<Self, Failure> {
        let recorded = Recorded::open(path)?;
        let due = Instant::now() + recorded.pause(pace);
        Ok(Self {
            recorded,
            pace,
            due,
        })
    }

    /// The length of the next interval, as it is played; as it was where it takes no time.
    pub(super) fn interval(&self) -> Duration {
        let played = self.recorded.pause(self.pace);
        if played.is_zero() {
            return self.recorded.pause(Pace::Captured(1.0));
        }
        played
    }
}

impl Feed for Played {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        let snapshot = self.recorded.next_snapshot();
        // What was missed, because the machine slept say, is not made up for.
        self.due = (self.due + self.recorded.pause(self.pace)).max(Instant::now());
        snapshot
    }

    fn has_ended(&mut self) -> bool {
        self.recorded.has_ended()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn is_file(&self) -> bool {
        true
    }

    fn farewell(&mut self) -> Option<String> {
        self.recorded.farewell()
    }
}
