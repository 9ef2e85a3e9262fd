//! How a kernel puts commands into the hardware queues.

pub(super) mod vtd;

use super::instance::Instance;
use crate::{Command, HardwareQueue, ObjectId, SubmitError, Vendor, batch_max};

/// Commands in one submission, beside the sync.
pub(super) const VTD_BATCH: usize = batch_max(Vendor::Vtd);
/// See [`VTD_BATCH`].
pub(super) const SMMUV3_BATCH: usize = batch_max(Vendor::SmmuV3);
/// See [`VTD_BATCH`]. Mainline has no batch to follow; as SMMUv3.
pub(super) const AMDVI_BATCH: usize = SMMUV3_BATCH;

/// 2^`order` pages of 4 KiB, naturally aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) addr: u64,
    pub(super) order: u8,
}

impl Block {
    /// Every address: 2^52 pages are the whole 64-bit space (`MAX_AGAW_PFN_WIDTH`).
    pub(super) const WHOLE: Self = Self { addr: 0, order: 52 };

    /// The smallest that holds a range (`calculate_psi_aligned_address`,
    /// `build_inv_address`).
    pub(super) const fn around(from: u64, last: u64) -> Self {
        let from = from & !0xfff;
        let size_log2 = u64::BITS - (from ^ last).leading_zeros();
        if size_log2 >= u64::BITS {
            return Self::WHOLE;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        let order = size_log2.saturating_sub(12) as u8;
        Self {
            addr: from & u64::MAX << (12 + order),
            order,
        }
    }

    pub(super) const fn is_whole(self) -> bool {
        self.order >= Self::WHOLE.order
    }
}

/// Commands that were not handed over yet, at most `N`.
pub(super) struct Batch<const N: usize> {
    commands: [Command; N],
    len: usize,
}

impl<const N: usize> Batch<N> {
    pub(super) const fn new() -> Self {
        Self {
            commands: [Command::from_words([0; 2]); N],
            len: 0,
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len == N
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Leaves the first `len` commands, if there are as many.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Adds a command; the batch is not full.
    pub(super) const fn push(&mut self, command: Command) {
        self.commands[self.len] = command;
        self.len += 1;
    }

    /// Adds a command and hands the batch over if it is full then.
    pub(super) fn add<Q: HardwareQueue>(
        &mut self,
        instance: &Instance<Q>,
        target: ObjectId,
        command: Command,
    ) -> Result<(), SubmitError> {
        self.push(command);
        if self.is_full() {
            self.flush(instance, target)?;
        }
        Ok(())
    }

    /// Hands the commands over and waits. The batch is empty then, whatever happens.
    pub(super) fn flush<Q: HardwareQueue>(
        &mut self,
        instance: &Instance<Q>,
        target: ObjectId,
    ) -> Result<(), SubmitError> {
        let commands = &self.commands[..self.len];
        self.len = 0;
        instance.submit(target, commands)
    }
}

#[cfg(test)]
mod tests;
