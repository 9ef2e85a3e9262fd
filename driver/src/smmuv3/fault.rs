use crate::spec::smmuv3::gerror;

/// Why a queue stopped: the ERR field of `SMMU_CMDQ_CONS` (Arm IHI 0070, 7.1), bits
/// 30:24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum CommandError {
    /// 1: no such command, a reserved bit or value in it, or one that the virtual
    /// SMMU does not offer; also a request that the backend refused.
    #[error("illegal command (CERROR_ILL)")]
    Ill = 1,
    /// 2: the command is not in guest memory, or could not be executed for a reason that
    /// is not its own.
    #[error("abort on command fetch (CERROR_ABT)")]
    Abt = 2,
    /// 3: a `CMD_SYNC` could not complete an earlier `CMD_ATC_INV`.
    #[error("ATC invalidation not completed (CERROR_ATC_INV_SYNC)")]
    AtcInvSync = 3,
}

impl CommandError {
    /// The code as it stands in `SMMU_CMDQ_CONS`.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// `SMMU_GERROR` and `SMMU_GERRORN` (Arm IHI 0070, 6.3.19 and 6.3.20), the bits of the
/// command queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GlobalErrors {
    pub(super) gerror: u32,
    pub(super) gerrorn: u32,
}

impl GlobalErrors {
    const IMPLEMENTED: u32 = gerror::CMDQ_ERR | gerror::MSI_CMDQ_ABT_ERR;

    pub(super) const fn is_active(self, error: u32) -> bool {
        (self.gerror ^ self.gerrorn) & error != 0
    }

    /// Makes `error` active, unless it is.
    pub(super) const fn activate(&mut self, error: u32) {
        if !self.is_active(error) {
            self.gerror ^= error;
        }
    }

    pub(super) const fn acknowledge(&mut self, gerrorn: u32) {
        self.gerrorn = gerrorn & Self::IMPLEMENTED;
    }
}
