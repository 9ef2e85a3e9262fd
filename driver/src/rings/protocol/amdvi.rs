use super::locked::Locked;
use super::primitives::{AtomicU64, Ordering};
use super::{Issued, Protocol, Slots, Waiter};
use crate::amdvi::command;
use crate::{Command, SubmitError};

/// Address of the semaphore; the modelled unit has one word to store to.
const SEMAPHORE: u64 = 0;

/// The kernel's `__iommu_queue_command_sync` and `iommu_completion_wait`: a lock, and
/// a `COMPLETION_WAIT` that stores a growing number to a semaphore.
///
/// Mainline takes the lock for each command, so that those of two submitters may be
/// mixed; here a submission is one piece, as it is on the other vendors, so that a
/// rejected command has one submission that it belongs to.
#[derive(Debug)]
pub(crate) struct AmdVi {
    locked: Locked,
    /// The number given out last (`cmd_sem_val`); changed under the lock only.
    sequence: AtomicU64,
    /// The number stored last (`cmd_sem`).
    semaphore: AtomicU64,
}

impl AmdVi {
    /// `spare` slots of the ring stay free.
    pub(crate) fn new(spare: u64) -> Self {
        Self {
            locked: Locked::new(spare),
            sequence: AtomicU64::new(0),
            semaphore: AtomicU64::new(0),
        }
    }
}

impl Protocol for AmdVi {
    fn issue(
        &self,
        slots: &Slots,
        commands: &[Command],
        waiter: &mut dyn Waiter,
    ) -> Result<Issued, SubmitError> {
        let mut data = 0;
        let position = self.locked.issue(slots, commands, waiter, |_| {
            // The lock orders the numbers as the ring does.
            data = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
            command::wait(SEMAPHORE, data)
        })?;
        Ok(Issued { position, data })
    }

    fn is_sync(command: Command) -> bool {
        command::is_sync(command)
    }

    /// The store.
    fn complete(&self, sync: Command) {
        self.semaphore.store(sync.words()[1], Ordering::Release);
    }

    fn is_done(&self, _: &Slots, issued: Issued) -> bool {
        // As `wait_on_sem`; 2^64 numbers do not wrap.
        self.semaphore.load(Ordering::Acquire) >= issued.data
    }
}
