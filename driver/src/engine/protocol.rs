use super::batch::Batch;
use super::entry::Entry;
use super::ring::GuestRing;
use crate::{FaultReason, InvalidateError, QueueError};

/// The order in which invalidations must be executed: what is cached from a later
/// one may have been made with what an earlier one invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Configuration: context descriptors, device entries.
    Configuration,
    /// Translations in the IOMMU.
    Translation,
    /// Translations in devices (ATC), which are refilled from the IOMMU's.
    Device,
}

/// What the engine does with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Goes to a backend, as one or more entries.
    Invalidate(Rank),
    /// As [`Self::Invalidate`], but the VMM is told first, and may change or destroy
    /// targets then: what is before it is issued and completed before that.
    Reconfigure(Rank),
    /// Completes when everything before it is done.
    Sync,
    /// Ends at the VMM, in any order with invalidations.
    Absorb,
    /// Ends at the VMM, which may change or destroy targets then: what is before it
    /// is issued and completed first. It is executed once only.
    Configure,
}

/// Why the command at the head is not executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) error: QueueError,
    /// Its words; none where it could not be fetched.
    pub(crate) words: Option<[u64; 4]>,
    pub(crate) reason: FaultReason,
}

impl Stop {
    /// The guest's own doing.
    pub(crate) const fn guest(error: QueueError, words: Option<[u64; 4]>) -> Self {
        Self {
            error,
            words,
            reason: FaultReason::Guest,
        }
    }
}

/// What a guest learns of a request that failed, as its specification has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// The queue stops at the command that failed; resumed, it executes it again.
    AtCommand(QueueError),
    /// The queue goes on up to the next sync and stops there; resumed, it executes
    /// the sync.
    AtSync(QueueError),
    /// The queue stops behind the next sync, or at the end of the run if that is
    /// earlier; the sync never completes. Resumed, it executes what follows.
    BehindSync(QueueError),
    /// The guest is told at once and the queue goes on; the next sync is passed and
    /// never completes: it would say that the command is done.
    PassSync(QueueError),
}

impl Recovery {
    pub(super) const fn code(self) -> QueueError {
        match self {
            Self::AtCommand(code)
            | Self::AtSync(code)
            | Self::BehindSync(code)
            | Self::PassSync(code) => code,
        }
    }
}

/// A vendor's guest queue: registers, commands, completion. The engine does the
/// rest.
pub(crate) trait Protocol {
    /// What requests carry.
    type Entry: Entry;
    /// A decoded command.
    type Command: Copy;

    /// What decides about ranges, for as long as the protocol exists.
    fn rules(&self) -> <Self::Entry as Entry>::Rules;

    /// Begins a run up to the tail as it is now: commands that the guest queues
    /// later are for the next one.
    fn begin(&mut self) -> Result<(), Stop>;

    /// The command at the head; none at the tail.
    fn fetch(&mut self) -> Result<Option<Self::Command>, Stop>;

    /// The queue, and how far it was read.
    fn ring(&self) -> &GuestRing;

    /// As [`Self::ring`], to move the head.
    fn ring_mut(&mut self) -> &mut GuestRing;

    /// The words of the command at the head, to report them.
    fn words(&mut self) -> Option<[u64; 4]>;

    fn class(command: &Self::Command) -> Class;

    /// Its place in the vendor's list of command types.
    fn kind(command: &Self::Command) -> u8;

    /// Whether a sync may be joined with later ones: invalidations from behind it
    /// then go out together with those before it.
    fn joins(_: &Self::Command) -> bool {
        true
    }

    /// Puts the entries of an invalidation into `batch`, for each target, and says
    /// whether there was any target.
    fn collect(&mut self, command: Self::Command, batch: &mut Batch<Self::Entry>) -> bool;

    /// Does what the VMM has to do for a command that ends there.
    fn absorb(&mut self, command: Self::Command) -> Result<(), Stop>;

    /// Completes a sync; true where that asked for an interrupt.
    fn complete(&mut self, command: Self::Command) -> Result<bool, Stop>;

    /// What the guest learns of a request of this rank that failed.
    fn recovery(&mut self, error: InvalidateError, rank: Rank) -> Recovery;

    /// Tells the guest of an error of the command at `index`, where that is not done
    /// by registers alone.
    fn report(&mut self, _error: QueueError, _index: u32) {}
}
