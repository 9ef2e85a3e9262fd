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
    due: Instant,
}

impl Played {
    pub(super) fn open(path: &Path, pace: Option<Pace>) -> Result<Self, Failure> {
        let recorded = Recorded::open(path, pace)?;
        let due = Instant::now() + recorded.until_next();
        Ok(Self { recorded, due })
    }

    /// The length of the next interval, as it is played; as it was where it takes no time.
    pub(super) fn interval(&self) -> Duration {
        let played = self.recorded.until_next();
        if played.is_zero() {
            return self.recorded.next_interval();
        }
        played
    }
}

impl Feed for Played {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        let snapshot = self.recorded.next_snapshot();
        // What was missed, because the machine slept say, is not made up for.
        self.due = (self.due + self.recorded.until_next()).max(Instant::now());
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
