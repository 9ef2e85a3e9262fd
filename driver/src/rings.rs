//! Modelled hardware queues: rings with one hardware thread each, shaped like those
//! that the vendors' drivers in Linux submit to.

mod account;
mod assigned;
mod host;
mod inline;
mod pace;
mod patience;
mod primitives;
mod protocol;
mod thread;
mod timing;

use std::io;
use std::sync::Arc;

use hwptop_abi::{InstanceArg, Vendor};

use crate::{Command, Counters, HardwareQueue, ObjectId, SubmitError, Unit};
use host::{HostRing, Size};

pub use assigned::{AssignedCounts, AssignedQueue, AssignedQueueError};
pub use inline::InlineQueue;
pub use timing::TimingProfile;

/// One page of 128-bit descriptors, as Linux allocates it (`QI_LENGTH`). One slot
/// stays free.
const VTD: Size = Size {
    log2size: 8,
    commands_max: 254,
};

/// Real queues have up to 2^19 entries (`IDR1.CMDQS`) and Linux takes what it gets;
/// 256 are four groups of the largest submission, and VT-d's size, so that the rings
/// compare. A submission is at most `CMDQ_BATCH_ENTRIES` with its sync.
const SMMUV3: Size = Size {
    log2size: 8,
    commands_max: 63,
};

/// `CMD_BUFFER_ENTRIES`.
const AMDVI: Size = Size {
    log2size: 9,
    commands_max: (1 << 9) - AMDVI_SPARE - 1,
};

/// `__iommu_queue_command_sync` waits until more than two slots (0x20 bytes) would be
/// left beside the one that is always free.
const AMDVI_SPARE: usize = 3;

/// The most commands that mainline's driver puts into one submission, its sync not
/// counted.
///
/// VT-d 16 (`QI_MAX_BATCHED_DESC_COUNT`); SMMUv3 63 (`CMDQ_BATCH_ENTRIES` with the
/// sync). AMD-Vi's driver has no batches; the modelled kernel makes some as large as
/// SMMUv3's.
#[must_use]
pub const fn batch_max(vendor: Vendor) -> usize {
    match vendor {
        Vendor::Vtd => 16,
        Vendor::SmmuV3 | Vendor::AmdVi => SMMUV3.commands_max,
    }
}

macro_rules! host_ring {
    ($(#[$doc:meta])* $name:ident, $protocol:ty, $size:expr, $new:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(HostRing<$protocol>);

        impl $name {
            /// Starts the hardware thread of `instance`, which executes commands on
            /// `unit`. Submissions and commands are counted in `counters`.
            ///
            /// # Errors
            /// Where the system has no thread left.
            pub fn spawn(
                instance: InstanceArg,
                profile: TimingProfile,
                unit: Arc<dyn Unit>,
                counters: Arc<Counters>,
            ) -> io::Result<Self> {
                HostRing::spawn(instance, profile, unit, counters, $new, $size).map(Self)
            }
        }

        impl HardwareQueue for $name {
            /// # Errors
            /// [`SubmitError::TimedOut`] when the hardware is silent for a second, in
            /// which pauses of the submitter itself do not count. The commands stay
            /// in the ring and may still be executed.
            fn submit_sync(
                &self,
                target: ObjectId,
                commands: &[Command],
            ) -> Result<(), SubmitError> {
                self.0.submit_sync(target, commands)
            }
        }
    };
}

host_ring! {
    /// A VT-d invalidation queue of 256 descriptors of 128 bits, submitted to as
    /// `qi_submit_sync` does: one lock, and a wait descriptor with a status write.
    ///
    /// The ring takes up to 254 commands at a time; mainline's driver sends at most
    /// 16 ([`batch_max`]).
    VtdRing, protocol::Vtd, VTD, protocol::Vtd::new(VTD.log2size)
}

host_ring! {
    /// An SMMUv3 command queue of 256 entries, submitted to as
    /// `arm_smmu_cmdq_issue_cmdlist` does: submitters reserve room without a lock, and
    /// the first of a group publishes PROD for everybody who reserved meanwhile. At
    /// most 63 commands and their `CMD_SYNC` at a time.
    SmmuV3Ring, protocol::SmmuV3, SMMUV3, protocol::SmmuV3::new(SMMUV3.log2size)
}

host_ring! {
    /// An AMD-Vi command buffer of 512 entries of 16 bytes, submitted to as
    /// `__iommu_queue_command_sync` and `iommu_completion_wait` do: one lock, and a
    /// `COMPLETION_WAIT` that stores a growing number to a semaphore. At most 508
    /// commands at a time.
    AmdRing, protocol::AmdVi, AMDVI, protocol::AmdVi::new(AMDVI_SPARE as u64)
}

#[cfg(test)]
mod tests;
