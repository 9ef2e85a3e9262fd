//! What snapshots come from, for everything that shows or keeps them.

use std::time::{Duration, Instant};

use hwptop_agent::snapshot::Snapshot;

/// Why a snapshot could not be taken or read.
pub(super) type FeedError = Box<dyn std::error::Error + Send + Sync>;

/// A source of snapshots.
pub(super) trait Feed {
    /// The snapshot of the interval that ends now, or the next one of a recording; `None`
    /// where nothing more will come.
    ///
    /// # Errors
    /// What keeps it from having one.
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError>;

    /// Whether nothing more will happen in the target.
    fn has_ended(&mut self) -> bool;

    /// When the next snapshot of a recording that is played is to be taken.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Where snapshots come at times of their own: how often to look for them.
    fn own_pace(&self) -> Option<Duration> {
        None
    }

    /// Whose the length of intervals is and what sets it, where it is not the dashboard's to
    /// choose.
    fn whose_pace(&self) -> Option<&'static str> {
        None
    }

    /// How long after the one before the next snapshot is to be shown, where each has a time of
    /// its own.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// Why no snapshot comes just now, where it waits for something.
    fn note(&mut self) -> Option<String> {
        None
    }

    /// Whether there is something to take when an interval is over.
    fn has_next(&mut self) -> bool {
        true
    }

    /// Whether a replay runs that ends by itself.
    fn is_replay(&self) -> bool {
        false
    }

    /// Whether it is a file, so that what is wrong is the user's input.
    fn is_file(&self) -> bool {
        false
    }

    /// What the user should know before the first figure.
    fn remark(&self) -> Option<String> {
        None
    }

    /// Why its end, before everything was there that was asked for, is a failure.
    fn broke_off(&mut self) -> Option<String> {
        None
    }

    /// What the user should know after the last.
    fn farewell(&mut self) -> Option<String> {
        None
    }

    /// Ends what was started for it.
    fn stop(&mut self) {}
}
