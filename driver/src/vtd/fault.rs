use std::fmt;

use crate::{HwptId, InvalidateError};

/// Why a queue stopped: the IQEI field of `IQERCD_REG` (VT-d 11.4.9.9), bits
/// 3:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum IqError {
    /// 0: the specification has no code for the reason; [`FaultReason`] has it.
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

/// What happened, in more detail than the register can tell the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultReason {
    /// The guest's own doing: what [`IqError`] says.
    Guest,
    /// A wait descriptor names a status address outside of guest memory.
    StatusAddress(u64),
    /// The backend failed the request that the descriptor led to.
    Request {
        /// The request's target.
        hwpt: HwptId,
        /// What the backend said.
        error: InvalidateError,
    },
}

/// A queue that stopped (`FSTS_REG.IQE`), until the guest clears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code that the guest reads in `IQERCD_REG`.
    pub error: IqError,
    /// Position of the failing descriptor in the queue, in descriptors. Where
    /// the tail is at fault, the position of the head.
    pub index: u32,
    /// The failing descriptor's words; none where none was fetched.
    pub descriptor: Option<[u64; 4]>,
    /// What lies behind it.
    pub reason: FaultReason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "descriptor {}", self.index)?;
        if let Some([lo, hi, ..]) = self.descriptor {
            write!(f, " (lo {lo:#018x}, hi {hi:#018x})")?;
        }
        match self.reason {
            FaultReason::Guest => write!(f, ": {}", self.error),
            FaultReason::StatusAddress(addr) => {
                write!(
                    f,
                    ": status address {addr:#x} is outside of guest memory, {}",
                    self.error
                )
            }
            FaultReason::Request { hwpt, error } => {
                write!(f, ": request to {hwpt}: {error}, {}", self.error)
            }
        }
    }
}
