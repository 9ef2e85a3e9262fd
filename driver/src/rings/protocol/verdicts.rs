use std::sync::PoisonError;

use super::primitives::{AtomicU64, Mutex, Ordering};
use crate::{HardwareError, SubmitError};

/// Why a submission ended at one of its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The command's position in its submission, from 0.
    pub(crate) index: usize,
    pub(crate) error: HardwareError,
}

impl Rejection {
    pub(super) fn into_error(self) -> SubmitError {
        let Self { index, error } = self;
        SubmitError::Rejected { index, error }
    }
}

/// What the hardware has to tell a submitter beside "done". Nothing, mostly: a
/// submission that went well costs one load.
///
/// Registers and status words do not carry it: a kernel driver reads the faulty
/// index from the head register while the queue stands still, replaces the command
/// and lets the queue go on (`qi_check_fault`, `__arm_smmu_cmdq_skip_err`). The model
/// goes on by itself and tells the one submitter whose command it was.
///
/// Bounded: a rejection is taken by the submitter that waits for it, and a
/// submitter that gave up leaves a note as long as its sync is in the ring.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// By position of the sync.
    notes: Mutex<Vec<(u64, Note)>>,
    /// Rejections among the notes.
    rejected: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    Rejected(Rejection),
    /// Nobody waits for the sync any longer.
    GivenUp,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            notes: Mutex::new(Vec::new()),
            rejected: AtomicU64::new(0),
        }
    }
}

impl Verdicts {
    /// The hardware rejected a command of the submission that ends with the sync at
    /// `position`. Before the sync completes.
    pub(super) fn reject(&self, position: u64, rejection: Rejection) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given_up) = notes.iter().position(|note| note.0 == position) {
            notes.swap_remove(given_up);
        } else {
            notes.push((position, Note::Rejected(rejection)));
            // Ordered before the sync's completion by the release there.
            self.rejected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The verdict about the completed sync at `position`, if there is one.
    pub(super) fn take(&self, position: u64) -> Option<Rejection> {
        if self.rejected.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_from(&mut notes, position)
    }

    /// Stops waiting for the sync at `position`, unless its verdict is there; the
    /// hardware has passed everything before `head`.
    pub(super) fn give_up(&self, position: u64, head: u64) -> Option<Rejection> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = self.take_from(&mut notes, position);
        notes.retain(|&(passed, note)| note != Note::GivenUp || passed >= head);
        // Behind the head, a verdict would be there already.
        if verdict.is_none() && position >= head {
            notes.push((position, Note::GivenUp));
        }
        verdict
    }

    fn take_from(&self, notes: &mut Vec<(u64, Note)>, position: u64) -> Option<Rejection> {
        let found = notes.iter().position(|note| note.0 == position)?;
        match notes[found].1 {
            Note::Rejected(rejection) => {
                notes.swap_remove(found);
                self.rejected.fetch_sub(1, Ordering::Relaxed);
                Some(rejection)
            }
            Note::GivenUp => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}
