use std::fmt;

use crate::{InvalidateError, ObjectId, amdvi, smmuv3, vtd};

/// Why a guest's queue stopped, in the terms of its specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum QueueError {
    /// VT-d: what `FSTS_REG` and `IQERCD_REG` say.
    #[error(transparent)]
    Vtd(#[from] vtd::InvalidationError),
    /// AMD-Vi: what the event log says.
    #[error(transparent)]
    AmdVi(amdvi::CommandError),
    /// SMMUv3: what `SMMU_CMDQ_CONS` says.
    #[error(transparent)]
    SmmuV3(#[from] smmuv3::CommandError),
}

impl QueueError {
    /// The specification's number for it: IQEI on VT-d, or 16 for ITE and 17 for ICE,
    /// which have none ([`vtd::InvalidationError::code`]); CMDQ_CONS.ERR on SMMUv3, the
    /// event code on AMD-Vi.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Vtd(error) => error.code(),
            Self::AmdVi(error) => error.code(),
            Self::SmmuV3(error) => error.code(),
        }
    }
}

/// What happened, in more detail than the registers can tell the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultReason {
    /// The guest's own doing: what [`QueueError`] says.
    Guest,
    /// A sync names a status address outside of guest memory.
    StatusAddress(u64),
    /// The backend failed the request that the command led to.
    Request {
        /// The request's target.
        target: ObjectId,
        /// What the backend said.
        error: InvalidateError,
    },
}

/// A guest queue that stopped, until the guest acknowledges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the guest can read in its registers.
    pub error: QueueError,
    /// Position of the failing command in the queue, in commands. Where the tail is
    /// at fault, the position of the head.
    pub index: u32,
    /// The failing command's words, the unused ones 0; none where none was fetched.
    pub words: Option<[u64; 4]>,
    /// What lies behind it.
    pub reason: FaultReason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", self.index)?;
        if let Some([lo, hi, ..]) = self.words {
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
            FaultReason::Request { target, error } => {
                write!(f, ": request to {target}: {error}, {}", self.error)
            }
        }
    }
}
