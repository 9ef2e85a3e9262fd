use std::sync::Arc;

use crate::{DeviceId, ObjectId, errno};

/// One command of a hardware queue: 128 bits on all three vendors (a 256-bit VT-d
/// descriptor has a high half of zeros). What the words mean is in the module of
/// the vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Command([u64; 2]);

impl Command {
    /// A command from its two words, low word first.
    #[must_use]
    pub const fn from_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    /// The two words, low word first.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        self.0
    }
}

/// Why a unit could not execute a command.
///
/// | variant | VT-d (11.4.7.1) | SMMUv3 (7.1) | AMD-Vi (2.5) |
/// |---|---|---|---|
/// | `Illegal` | IQE | CERROR_ILL | ILLEGAL_COMMAND_ERROR |
/// | `Abort` | IQE, fetch failed | CERROR_ABT | COMMAND_HARDWARE_ERROR |
/// | `AtcTimeout` | ITE | CERROR_ATC_INV_SYNC | IOTLB_INV_TIMEOUT |
/// | `UnexpectedCompletion` | ICE | none | INVALID_DEVICE_REQUEST |
///
/// Devices are the host's where hardware answers (a [`SubmitError`]) and the
/// guest's where the kernel does (an [`crate::InvalidateError`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HardwareError {
    /// No such command, or a field of it must not have this value.
    #[error("illegal command")]
    Illegal,
    /// The unit could not read or write the memory that the command is about.
    #[error("aborted access to memory")]
    Abort,
    /// A device did not answer the invalidation of its ATC in time.
    #[error("{0} did not answer an ATC invalidation in time")]
    AtcTimeout(DeviceId),
    /// A device answered what was not asked.
    #[error("{0} sent an unexpected completion of an ATC invalidation")]
    UnexpectedCompletion(DeviceId),
}

impl HardwareError {
    /// The error code of an entry's result: 1 to 4 in the order above.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Illegal => 1,
            Self::Abort => 2,
            Self::AtcTimeout(_) => 3,
            Self::UnexpectedCompletion(_) => 4,
        }
    }

    /// The error data of an entry's result: the device, or 0.
    #[must_use]
    pub const fn data(self) -> u32 {
        match self {
            Self::Illegal | Self::Abort => 0,
            Self::AtcTimeout(device) | Self::UnexpectedCompletion(device) => device.0,
        }
    }
}

/// What executes the commands of a hardware queue, in order: the caches of a
/// modelled instance.
pub trait Unit: Send + Sync {
    /// Executes a command that is no sync. When it returns, everything that the
    /// command asked for is done.
    ///
    /// # Errors
    /// The command had no effect.
    fn execute(&self, command: Command) -> Result<(), HardwareError>;
}

/// Commands that never came back from the hardware, or never reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The hardware wrote no status, or freed no room, for this long.
    #[error(
        "the hardware queue was silent for {waited_ms} ms (ETIMEDOUT); its state is unknown, reset the instance"
    )]
    TimedOut {
        /// How long the submitter looked, in milliseconds. While it was stopped
        /// itself it did not look.
        waited_ms: u64,
    },
    /// More commands than the ring can ever hold beside their sync.
    #[error(
        "{commands} commands do not fit a ring that takes at most {max} at a time (EINVAL); split them"
    )]
    TooManyCommands {
        /// Commands in the submission.
        commands: usize,
        /// The most that one submission may have.
        max: usize,
    },
    /// The submission contains a sync of its own.
    #[error("command {index} is a sync (EINVAL); the queue adds its own, leave it out")]
    ForeignSync {
        /// Its position in the submission, from 0.
        index: usize,
    },
    /// The hardware could not execute a command.
    #[error("command {index}: {error} (EIO)")]
    Rejected {
        /// Its position in the submission, from 0. Commands before it are done,
        /// those behind it are not.
        index: usize,
        /// What the hardware says.
        error: HardwareError,
    },
}

impl SubmitError {
    /// The positive Linux error number that a kernel would return.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::TimedOut { .. }
            | Self::Rejected {
                error: HardwareError::AtcTimeout(_),
                ..
            } => errno::ETIMEDOUT,
            Self::TooManyCommands { .. } | Self::ForeignSync { .. } => errno::EINVAL,
            Self::Rejected { .. } => errno::EIO,
        }
    }
}

/// One hardware invalidation queue.
pub trait HardwareQueue: Send + Sync {
    /// Hands over `commands` on behalf of `target`, appends the sync, and returns
    /// when the sync completed (the kernel's `qi_submit_sync`,
    /// `arm_smmu_cmdq_issue_cmdlist` or `iommu_completion_wait`).
    ///
    /// # Errors
    /// But for [`SubmitError::Rejected`] it is unknown which of the commands were
    /// executed.
    fn submit_sync(&self, target: ObjectId, commands: &[Command]) -> Result<(), SubmitError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<T: HardwareQueue + ?Sized> HardwareQueue for $pointer {
            fn submit_sync(&self, target: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
                (**self).submit_sync(target, commands)
            }
        }

        impl<T: Unit + ?Sized> Unit for $pointer {
            fn execute(&self, command: Command) -> Result<(), HardwareError> {
                (**self).execute(command)
            }
        }
    )+};
}

forward!(&T, Arc<T>, Box<T>);
