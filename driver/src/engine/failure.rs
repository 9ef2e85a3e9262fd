use super::protocol::{Recovery, Stop};
use crate::{FaultReason, InvalidateError, ObjectId};

/// A command of a batch that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) index: u32,
    /// How many commands before the head it is: the more, the earlier.
    pub(super) back: u32,
    pub(super) stop: Stop,
    pub(super) recovery: Recovery,
}

/// The commands of a batch that failed.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The earliest of those that must be executed again.
    pub(super) refused: Option<Failure>,
    /// All of those whose place is the next sync: joined syncs can have one each.
    pub(super) unanswered: Vec<Failure>,
}

impl Failures {
    /// Adds the failure of the command at `index`. Says whether the command must be
    /// executed again, and with it what is behind it.
    pub(super) fn add(
        &mut self,
        (index, back): (u32, u32),
        target: ObjectId,
        error: InvalidateError,
        recovery: Recovery,
    ) -> bool {
        let again = matches!(recovery, Recovery::AtCommand(_));
        let failure = Failure {
            index,
            back,
            stop: Stop {
                error: recovery.code(),
                words: None,
                reason: FaultReason::Request { target, error },
            },
            recovery,
        };
        if !again {
            self.unanswered.push(failure);
        } else if self.refused.is_none_or(|known| known.back < back) {
            self.refused = Some(failure);
        }
        again
    }
}
