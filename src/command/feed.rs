//! What snapshots come from, for everything that shows or keeps them.

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
    fn has_ended(&self) -> bool;

    /// Ends what was started for it.
    fn stop(&mut self) {}
}
