use super::locked::Locked;
use super::primitives::{AtomicU32, Ordering};
use super::slots::index;
use super::{Issued, Protocol, Slots, Waiter};
use crate::vtd::command;
use crate::{Command, SubmitError};

/// One slot stays free, so that a full ring and an empty one differ in head and tail.
const SPARE: u64 = 1;

/// The kernel's `qi_submit_sync`: a lock, and a wait descriptor that writes a status
/// word of its own.
#[derive(Debug)]
pub(crate) struct Vtd {
    locked: Locked,
    /// The status word of a wait descriptor in the same slot. The data written is
    /// the low half of the wait's position + 1: a submitter that looks late, when
    /// the slot already serves a later wait, sees a larger number and knows that
    /// its own is done.
    status: Box<[AtomicU32]>,
}

impl Vtd {
    /// For a ring of 2^`log2size` slots.
    pub(crate) fn new(log2size: u32) -> Self {
        Self {
            locked: Locked::new(SPARE),
            status: (0..1_usize << log2size)
                .map(|_| AtomicU32::new(0))
                .collect(),
        }
    }

    /// Puts the sync for `position` together.
    pub(crate) fn wait(&self, position: u64) -> Command {
        let slot = index(position, self.status.len());
        let done = done(position);
        // Older than `done`, but not older than any wait that this slot served.
        self.status[slot].store(done.wrapping_sub(1), Ordering::Relaxed);
        command::wait((slot as u64) << 2, done)
    }
}

/// What the wait at `position` writes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "compared as a serial number"
)]
const fn done(position: u64) -> u32 {
    (position as u32).wrapping_add(1)
}

impl Protocol for Vtd {
    fn issue(
        &self,
        slots: &Slots,
        commands: &[Command],
        waiter: &mut dyn Waiter,
    ) -> Result<Issued, SubmitError> {
        let position = self
            .locked
            .issue(slots, commands, waiter, |position| self.wait(position))?;
        Ok(Issued {
            position,
            data: u64::from(done(position)),
        })
    }

    fn is_sync(command: Command) -> bool {
        command::is_sync(command)
    }

    /// The status write.
    fn complete(&self, sync: Command) {
        let [lo, addr] = sync.words();
        let slot = usize::try_from(addr >> 2).unwrap_or(usize::MAX);
        if let Some(status) = self.status.get(slot) {
            status.store((lo >> 32) as u32, Ordering::Release);
        }
    }

    fn is_done(&self, _: &Slots, issued: Issued) -> bool {
        let slot = index(issued.position, self.status.len());
        let status = self.status[slot].load(Ordering::Acquire);
        // Serial number arithmetic: the distance is below 2^31, since a slot's
        // status is renewed by each wait that is put into it.
        status.wrapping_sub(done(issued.position)) < 1 << 31
    }
}
