//! What is made of intervals that are kept on disk, whoever measures them.

use std::path::PathBuf;

use hwptop_agent::{Recording, snapshot::Snapshot};

use super::hindsight::Ring;
use crate::cli::HindsightArgs;

/// A recording, or the last minutes of one.
pub(in crate::command) enum Kept {
    All(Recording),
    Hindsight(Box<Ring>),
}

impl Kept {
    /// Begins it at `name`.
    pub(in crate::command) fn new(
        hindsight: &HindsightArgs,
        name: PathBuf,
    ) -> anyhow::Result<Self> {
        Ok(match hindsight.keep {
            Some(keep) => Self::Hindsight(Box::new(Ring::new(keep, hindsight, name)?)),
            None => Self::All(Recording::create(&name)?),
        })
    }

    /// Adds an interval. Where that fails, a recording has ended with the one before; the
    /// last minutes go on with the next one.
    pub(in crate::command) fn write(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        match self {
            Self::All(recording) => Ok(recording.write(snapshot)?),
            Self::Hindsight(ring) => ring.write(snapshot),
        }
    }

    /// Whether an interval can be written after one that could not.
    pub(in crate::command) const fn goes_on(&self) -> bool {
        matches!(self, Self::Hindsight(_))
    }

    /// Recordings that a trigger has made.
    pub(in crate::command) const fn dumps(&self) -> u32 {
        match self {
            Self::All(_) => 0,
            Self::Hindsight(ring) => ring.dumps(),
        }
    }

    pub(super) fn progress(&self, snapshot: &Snapshot) -> String {
        match self {
            Self::All(recording) => summary(recording, Some(snapshot)),
            Self::Hindsight(ring) => ring.progress(snapshot),
        }
    }

    /// What is there in the end.
    pub(in crate::command) fn finish(self, last: Option<&Snapshot>) -> anyhow::Result<String> {
        match self {
            Self::All(recording) => Ok(summary(&recording, last)),
            Self::Hindsight(ring) => ring.finish(),
        }
    }

    /// Leaves nothing.
    pub(super) fn discard(self) {
        match self {
            Self::All(recording) => recording.discard(),
            // Where that fails, an empty folder stays.
            Self::Hindsight(ring) => drop(ring.finish()),
        }
    }
}

fn summary(recording: &Recording, last: Option<&Snapshot>) -> String {
    let events = last.map(|last| last.events).unwrap_or_default();
    format!(
        "{} interval{} in {} and {} ({} KiB): events seen = recorded + lost: {} = {} + {}",
        recording.intervals(),
        if recording.intervals() == 1 { "" } else { "s" },
        recording.path().display(),
        recording.log_path().display(),
        recording.bytes().div_ceil(1024),
        events.seen,
        events.recorded,
        events.lost,
    )
}
