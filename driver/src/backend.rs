use std::sync::Arc;

use crate::{Command, HwptId, errno};

/// One entry of a request to a nested HWPT of VT-d: uAPI
/// `struct iommu_hwpt_vtd_s1_invalidate` without its reserved field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VtdS1Invalidate {
    /// First address to invalidate, in bytes, aligned to 4 KiB. 0 with
    /// `npages` = [`Self::ALL_PAGES`].
    pub addr: u64,
    /// Number of 4 KiB pages, or [`Self::ALL_PAGES`].
    pub npages: u64,
    /// [`Self::LEAF`] or 0; every other bit is refused with `EOPNOTSUPP`.
    pub flags: u32,
}

impl VtdS1Invalidate {
    /// `IOMMU_VTD_INV_FLAGS_LEAF`: only leaf entries changed, so that
    /// paging-structure caches may stay.
    pub const LEAF: u32 = 1;
    /// `npages` that stands for the whole address space of the HWPT.
    pub const ALL_PAGES: u64 = u64::MAX;
    /// Everything that is cached for the HWPT.
    pub const WHOLE: Self = Self {
        addr: 0,
        npages: Self::ALL_PAGES,
        flags: 0,
    };

    /// Whether the entry invalidates the whole address space.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.npages == Self::ALL_PAGES
    }
}

/// A request that failed, with the progress it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalidation failed with errno {errno} after {handled} entries; the rest must be sent again"
)]
pub struct InvalidateError {
    /// Positive Linux error number.
    pub errno: i32,
    /// Entries that are done, counted from the first. The entry at this index is
    /// the one that failed. A kernel that fails before it looks at the array
    /// (bad object, bad array type) reports 0 here, or leaves the caller's own
    /// count untouched: the front end therefore trusts it only up to the length
    /// of the request minus one.
    pub handled: u32,
}

/// Where requests go: the kernel's `IOMMU_HWPT_INVALIDATE`, or a model of it.
///
/// The call returns when the hardware has finished every entry.
pub trait Backend: Send + Sync {
    /// Invalidates `entries`, in order, of the nested HWPT `hwpt`.
    ///
    /// # Errors
    /// The first entry that failed ends the request.
    fn invalidate(&self, hwpt: HwptId, entries: &[VtdS1Invalidate]) -> Result<(), InvalidateError>;
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
    #[error("command {index} is a wait descriptor (EINVAL); the queue adds its own, leave it out")]
    ForeignSync {
        /// Its position in the submission, from 0.
        index: usize,
    },
}

impl SubmitError {
    /// The positive Linux error number that a kernel would return.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::TimedOut { .. } => errno::ETIMEDOUT,
            Self::TooManyCommands { .. } | Self::ForeignSync { .. } => errno::EINVAL,
        }
    }
}

/// One hardware invalidation queue.
pub trait HardwareQueue: Send + Sync {
    /// Hands over `commands` on behalf of `hwpt`, appends the sync, and returns
    /// when the sync completed (the kernel's `qi_submit_sync`).
    ///
    /// # Errors
    /// After an error it is unknown which of the commands were executed.
    fn submit_sync(&self, hwpt: HwptId, commands: &[Command]) -> Result<(), SubmitError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<T: Backend + ?Sized> Backend for $pointer {
            fn invalidate(&self, hwpt: HwptId, entries: &[VtdS1Invalidate]) -> Result<(), InvalidateError> {
                (**self).invalidate(hwpt, entries)
            }
        }

        impl<T: HardwareQueue + ?Sized> HardwareQueue for $pointer {
            fn submit_sync(&self, hwpt: HwptId, commands: &[Command]) -> Result<(), SubmitError> {
                (**self).submit_sync(hwpt, commands)
            }
        }
    )+};
}

forward!(&T, Arc<T>, Box<T>);
