use std::sync::Arc;

use crate::{Entries, HardwareError, ObjectId, errno};

/// A request that failed, with the progress it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalidation failed with errno {errno} after {handled} entries{}; the rest must be sent again",
    because(*.hardware)
)]
pub struct InvalidateError {
    /// Positive Linux error number.
    pub errno: i32,
    /// Entries that are done, counted from the first. The entry at this index is
    /// the one that failed. A kernel that fails before it looks at the array
    /// (bad object, bad array type) reports 0 here, or leaves the caller's own
    /// count untouched: the front end therefore takes the length of the request and
    /// more for 0.
    pub handled: u32,
    /// What hardware said of that entry, if hardware was the reason; devices are
    /// the guest's.
    pub hardware: Option<HardwareError>,
}

fn because(hardware: Option<HardwareError>) -> String {
    hardware.map_or_else(String::new, |error| format!(" ({error})"))
}

/// What became of one entry of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryResult {
    /// Executed.
    Done,
    /// Not executed, and the reason why the request ended.
    Failed {
        /// Positive Linux error number.
        errno: i32,
        /// [`HardwareError::code`], 0 where hardware was not the reason.
        code: u32,
        /// [`HardwareError::data`].
        data: u32,
    },
    /// Behind the one that failed: not looked at, or not known to be executed.
    NotReached,
}

impl InvalidateError {
    /// An error for which hardware was not the reason.
    #[must_use]
    pub const fn new(errno: i32, handled: u32) -> Self {
        Self {
            errno,
            handled,
            hardware: None,
        }
    }

    /// Whether hardware does not answer at all: to ask again takes as long.
    pub(crate) const fn is_hang(&self) -> bool {
        self.errno == errno::ETIMEDOUT && self.hardware.is_none()
    }

    /// The result of the entry at `index`.
    #[must_use]
    pub const fn result_of(&self, index: u32) -> EntryResult {
        if index < self.handled {
            return EntryResult::Done;
        }
        if index > self.handled {
            return EntryResult::NotReached;
        }
        let (code, data) = match self.hardware {
            Some(error) => (error.code(), error.data()),
            None => (0, 0),
        };
        EntryResult::Failed {
            errno: self.errno,
            code,
            data,
        }
    }
}

/// Where requests go: the kernel's `IOMMU_HWPT_INVALIDATE`, or a model of it.
///
/// The call returns when the hardware has finished every entry.
pub trait Backend: Send + Sync {
    /// Invalidates `entries`, in order, of the nested HWPT or vIOMMU `target`.
    ///
    /// # Errors
    /// The first entry that failed ends the request.
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError>;
}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl<T: Backend + ?Sized> Backend for $pointer {
            fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
                (**self).invalidate(target, entries)
            }
        }
    )+};
}

forward!(&T, Arc<T>, Box<T>);
