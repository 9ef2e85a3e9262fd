use std::io;
use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::pace::{Clock, Pace};
use super::protocol::Doze;
use super::thread::HardwareThread;
use super::timing::TimingProfile;
use crate::Unit;
use crate::spec::smmuv3::COMMAND_LOG2;
use crate::spec::smmuv3::cmdq_index::LOG2SIZE_MAX;
use registers::Registers;
use unit::Hardware;

mod registers;
mod unit;

/// Why there is no assigned queue.
#[derive(Debug, thiserror::Error)]
pub enum AssignedQueueError {
    /// `IDR1.CMDQS` is at most 19.
    #[error("a queue of 2^{log2size} commands is too large (EINVAL): at most 2^19")]
    TooLarge {
        /// What was asked for.
        log2size: u32,
    },
    /// The base must be aligned to the size (SMMUv3 6.3.26 `CMDQ_BASE`).
    #[error("the queue's base {base:#x} is not aligned to its {bytes:#x} bytes (EINVAL)")]
    Unaligned {
        /// Guest-physical address.
        base: u64,
        /// Size of the queue.
        bytes: u64,
    },
    /// The system has no thread left.
    #[error("cannot start the hardware thread")]
    Spawn(#[source] io::Error),
}

/// What an [`AssignedQueue`] has done since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssignedCounts {
    /// Commands executed, syncs not counted.
    pub commands: u64,
    /// `CMD_SYNC`s completed.
    pub syncs: u64,
    /// Errors that stopped the queue.
    pub errors: u64,
}

/// A modelled HW_QUEUE: an SMMUv3 command queue in guest memory that the guest fills
/// and hardware executes, say a VCMDQ of Tegra241's CMDQV.
///
/// The guest owns it like any command queue of 16-byte commands (SMMUv3 3.5): it
/// writes commands to its memory and PROD to the page that it was given, and reads
/// CONS. No request and no submission come from that, nobody on the host is told, and
/// no probe fires; the queue's own [`AssignedCounts`] say what it did.
///
/// StreamID and VMID of a command are the guest's; the [`Unit`] replaces them, as the
/// hardware does, and refuses what a guest must not send.
///
/// Dropping the queue ends its hardware thread; a command in execution is waited for.
#[derive(Debug)]
pub struct AssignedQueue {
    registers: Arc<Registers>,
    clock: Clock,
    hardware: HardwareThread,
}

impl AssignedQueue {
    /// Starts the hardware thread of `instance` on the 2^`log2size` commands at
    /// `base` in `memory`, which is `IOMMU_HW_QUEUE_ALLOC`'s `nesting_parent_iova`.
    /// They need not lie in guest memory; fetching from elsewhere is the queue's error.
    ///
    /// # Errors
    /// [`AssignedQueueError`].
    pub fn spawn(
        instance: InstanceArg,
        profile: TimingProfile,
        unit: Arc<dyn Unit>,
        memory: GuestMemoryMmap,
        base: GuestAddress,
        log2size: u32,
    ) -> Result<Self, AssignedQueueError> {
        if log2size > LOG2SIZE_MAX {
            return Err(AssignedQueueError::TooLarge { log2size });
        }
        let bytes = 1_u64 << (log2size + COMMAND_LOG2);
        if !base.0.is_multiple_of(bytes) {
            let base = base.0;
            return Err(AssignedQueueError::Unaligned { base, bytes });
        }
        let registers = Arc::new(Registers::new(log2size));
        let clock = Clock::start();
        let doze = Arc::new(Doze::new());
        let hardware = Hardware {
            registers: Arc::clone(&registers),
            doze: Arc::clone(&doze),
            unit,
            profile,
            pace: Pace::new(clock),
            memory,
            base,
            cons: 0,
            busy: false,
            atc_timed_out: false,
        };
        let hardware = HardwareThread::spawn(instance, doze, hardware);
        Ok(Self {
            registers,
            clock,
            hardware: hardware.map_err(AssignedQueueError::Spawn)?,
        })
    }

    /// The guest writes `CMDQ_PROD`: bits `log2size`:0 are kept, index and wrap bit.
    pub fn write_prod(&self, value: u32) {
        self.registers.write_prod(value, self.clock.now_ns());
        self.hardware.wake();
    }

    /// `CMDQ_PROD` as it was written last.
    #[must_use]
    pub fn prod(&self) -> u32 {
        self.registers.prod()
    }

    /// `CMDQ_CONS` (SMMUv3 6.3.28).
    ///
    /// | bits       | field                                                   |
    /// |------------|---------------------------------------------------------|
    /// | `log2size`:0 | RD: the next command to execute, with the wrap bit    |
    /// | 30:24      | ERR, while `GERROR.CMDQ_ERR` is active: 1 CERROR_ILL, 2 CERROR_ABT, 3 CERROR_ATC_INV_SYNC |
    #[must_use]
    pub fn cons(&self) -> u32 {
        self.registers.cons()
    }

    /// `GERROR` (SMMUv3 6.3.19): bit 0 `CMDQ_ERR`, the queue stands at the command
    /// that CONS names; bit 4 `MSI_CMDQ_ABT_ERR`, a `CMD_SYNC`'s MSI could not be
    /// written. A bit is active where it differs from `GERRORN`.
    #[must_use]
    pub fn gerror(&self) -> u32 {
        self.registers.gerror()
    }

    /// The guest writes `GERRORN`: bits equal to `GERROR`'s acknowledge. A queue that
    /// stood goes on with the command that CONS names, which the guest may have
    /// replaced.
    pub fn write_gerrorn(&self, value: u32) {
        self.registers.write_gerrorn(value);
        self.hardware.wake();
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> AssignedCounts {
        self.registers.counts()
    }
}

#[cfg(test)]
mod tests;
