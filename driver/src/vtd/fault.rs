use crate::spec::vtd::{fsts, iqercd};
use crate::{DeviceId, QueueError};

/// Why a queue stopped: the IQEI field of `IQERCD_REG` (VT-d 11.4.9.9), bits
/// 3:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum IqError {
    /// 0: the specification has no code for the reason; [`crate::FaultReason`] has it.
    #[error("no further information (IQEI 0)")]
    NotAvailable = 0,
    /// 1: the tail register points outside of the queue.
    #[error("invalid tail pointer (IQEI 1)")]
    InvalidTail = 1,
    /// 2: the descriptor is not in guest memory.
    #[error("fetch of the descriptor failed (IQEI 2)")]
    FetchFailed = 2,
    /// 3: no such descriptor type. Page group responses (type 9) count as such:
    /// this front end offers no page requests (`ECAP_REG.PRS` is 0).
    #[error("invalid descriptor type (IQEI 3)")]
    InvalidType = 3,
    /// 4: a reserved bit is set, or the granularity is a reserved one.
    #[error("reserved field violation (IQEI 4)")]
    ReservedField = 4,
    /// 6: the tail is not a multiple of 32 bytes in 256-bit mode. (Code 5, an
    /// unsupported width, cannot happen here: both widths are supported.)
    #[error("tail not aligned to 256-bit descriptors (IQEI 6)")]
    TailUnaligned = 6,
}

impl IqError {
    /// The code as it stands in `IQERCD_REG`.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a queue stopped: which of the queue's bits `FSTS_REG` has (VT-d 11.4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidationError {
    /// Invalidation Queue Error.
    #[error(transparent)]
    Iqe(#[from] IqError),
    /// Invalidation Time-out Error: a device did not answer the invalidation of its
    /// TLB. The waits behind it were aborted.
    #[error("invalidation time-out of {0} (ITE)")]
    Ite(DeviceId),
    /// Invalidation Completion Error: a device answered what was not asked. The
    /// waits behind it were aborted.
    #[error("invalid invalidation completion of {0} (ICE)")]
    Ice(DeviceId),
}

impl InvalidationError {
    /// IQEI for an Invalidation Queue Error, 16 for a time-out (ITE) and 17 for an
    /// invalid completion (ICE): values that IQEI, a field of four bits, cannot have.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Iqe(error) => error.code(),
            Self::Ite(_) => 16,
            Self::Ice(_) => 17,
        }
    }

    /// `FSTS_REG` as the guest reads it.
    pub(super) const fn fsts(self) -> u32 {
        match self {
            Self::Iqe(_) => fsts::IQE,
            Self::Ice(_) => fsts::ICE,
            Self::Ite(_) => fsts::ITE,
        }
    }

    /// `IQERCD_REG` as the guest reads it.
    pub(super) const fn iqercd(self) -> u64 {
        match self {
            Self::Iqe(error) => error.code() as u64,
            Self::Ite(device) => (device.0 as u64 & 0xffff) << iqercd::ITESID_SHIFT,
            Self::Ice(device) => (device.0 as u64 & 0xffff) << iqercd::ICESID_SHIFT,
        }
    }
}

impl From<IqError> for QueueError {
    fn from(error: IqError) -> Self {
        Self::Vtd(InvalidationError::Iqe(error))
    }
}
