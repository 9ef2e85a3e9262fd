use std::io;

use vm_memory::GuestMemoryError;
use vm_memory::mmap::FromRangesError;

use crate::Fault;
use crate::iommufd;
use crate::model::iommufd::UapiError;

/// Why a guest could not be set up, or could not go on. Its message is complete:
/// there is no source behind it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The guest's queue stands still.
    #[error("guest queue frozen: {fault}{}", at_command(*.command))]
    Frozen {
        /// What froze it.
        fault: Fault,
        /// The command of the stream at fault, from 0, where it is known: line
        /// `command` + 2 of its capture.
        command: Option<usize>,
    },
    /// A sync was consumed, but its status was not written.
    #[error(
        "status word {addr:#x} holds {found:#x} and not {expected:#x} after its sync was consumed"
    )]
    NotCompleted {
        /// Guest-physical address of the status word.
        addr: u64,
        /// The status data of the sync.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// There is nothing left to do.
    #[error("the stream is at its end; rewind it")]
    AtEnd,
    /// More commands than the ring takes.
    #[error("{got} commands in one doorbell, but the ring takes {max}; split them")]
    TooManyCommands {
        /// How many there are.
        got: usize,
        /// How many fit.
        max: usize,
    },
    /// Too many pages for status words.
    #[error("the stream's syncs write to more than {max} pages; split the capture")]
    TooManyStatusPages {
        /// The most there may be.
        max: usize,
    },
    /// Too many pairs, or too many devices.
    #[error(
        "the stream names more than {max} (domain, PASID) pairs or more than {max} devices; split \
         the capture"
    )]
    TooManyTargets {
        /// The most there may be.
        max: usize,
    },
    /// Too many devices for where the stream is to go.
    #[error(
        "the stream names {found} devices, and a guest there has {max} at most; give the \
         capture of such a guest, or take the model"
    )]
    TooManyDevices {
        /// How many it names.
        found: usize,
        /// The most there may be.
        max: usize,
    },
    /// Guest memory could not be mapped.
    #[error(
        "mapping guest memory failed: {0}; free memory or raise the limit of mappings (vm.max_map_count)"
    )]
    Map(FromRangesError),
    /// Guest memory could not be accessed.
    #[error("access by the guest failed: {0}")]
    Memory(GuestMemoryError),
    /// The modelled kernel has no room for what the stream addresses.
    #[error("setting up the modelled kernel's objects failed: {0}; split the capture")]
    Setup(UapiError),
    /// The real kernel's objects could not be made.
    #[error("setting up the objects of /dev/iommu failed: {0}")]
    Iommufd(iommufd::Error),
    /// The stream is of a vendor whose invalidations no kernel takes.
    #[error("Linux takes no invalidations of AMD-Vi guests yet; use the model or the selftest")]
    NoNesting,
    /// No thread for the modelled hardware.
    #[error("starting the modelled hardware's thread failed: {0}; raise the limit of threads")]
    Spawn(io::Error),
}

impl ReplayError {
    /// Whether the machine is the reason, and not the stream.
    #[must_use]
    pub const fn is_the_machines(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Spawn(_) | Self::Iommufd(_))
    }
}

// By hand: with thiserror's `#[from]` a chain of sources would say the reason a
// second time.
impl From<GuestMemoryError> for ReplayError {
    fn from(error: GuestMemoryError) -> Self {
        Self::Memory(error)
    }
}

fn at_command(command: Option<usize>) -> String {
    command.map_or_else(String::new, |command| {
        format!(" (line {} of the capture)", command + 2)
    })
}
