//! Snapshots without an end, from some that were taken.

use std::time::{Duration, SystemTime};

use hwptop_agent::snapshot::Snapshot;

use super::DashboardError;

/// The snapshots in turn, from the first again after the last; time goes on as if they had been
/// taken one after the other.
pub(super) struct Stream<'a> {
    snapshots: &'a [Snapshot],
    next: usize,
    taken_at: SystemTime,
    since_start: Duration,
}

impl<'a> Stream<'a> {
    pub(super) fn new(snapshots: &'a [Snapshot]) -> Result<Self, DashboardError> {
        let first = snapshots.first().ok_or(DashboardError::Empty)?;
        Ok(Self {
            snapshots,
            next: 0,
            taken_at: first.taken_at,
            since_start: first.since_start,
        })
    }

    pub(super) fn next(&mut self) -> Snapshot {
        let mut snapshot = self.snapshots[self.next].clone();
        self.next = (self.next + 1) % self.snapshots.len();
        self.taken_at += snapshot.interval;
        self.since_start = self.since_start.saturating_add(snapshot.interval);
        snapshot.taken_at = self.taken_at;
        snapshot.since_start = self.since_start;
        snapshot
    }
}
