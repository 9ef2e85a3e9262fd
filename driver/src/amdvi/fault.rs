use crate::spec::amdvi::{DEVICE_ID_MASK, event};
use crate::{DeviceId, QueueError};

/// What went wrong with an access, as COMMAND_HARDWARE_ERROR has it (48882, 2.5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum ErrorType {
    /// 1: there is no memory at the address.
    #[error("master abort (type 1)")]
    MasterAbort = 1,
    /// 2: hardware could not access the memory.
    #[error("target abort (type 2)")]
    TargetAbort = 2,
    /// 3: everything else; [`crate::FaultReason`] has it.
    #[error("data error (type 3)")]
    DataError = 3,
}

/// The events that a command can lead to (48882, 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CommandError {
    /// ILLEGAL_COMMAND_ERROR, 2.5.6: no such opcode, or a reserved bit is set.
    #[error("illegal command (ILLEGAL_COMMAND_ERROR)")]
    Illegal,
    /// COMMAND_HARDWARE_ERROR, 2.5.7: the command could not be fetched or executed.
    #[error("{0} (COMMAND_HARDWARE_ERROR)")]
    Hardware(ErrorType),
    /// IOTLB_INV_TIMEOUT, 2.5.8: a device did not answer the invalidation of its
    /// TLB. Does not stop the command buffer.
    #[error("invalidation time-out of {0} (IOTLB_INV_TIMEOUT)")]
    IotlbInvTimeout(DeviceId),
    /// INVALID_DEVICE_REQUEST, 2.5.9: a device answered what was not asked. The
    /// specification has no type for that; 0 is reported. Does not stop the command
    /// buffer.
    #[error("invalid answer of {0} (INVALID_DEVICE_REQUEST)")]
    InvalidDeviceRequest(DeviceId),
}

impl CommandError {
    /// The event code, 5 to 8.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Illegal => 5,
            Self::Hardware(_) => 6,
            Self::IotlbInvTimeout(_) => 7,
            Self::InvalidDeviceRequest(_) => 8,
        }
    }

    /// The entry of the event log about the command at `address`, whatever the
    /// reason: the one way in which a guest can find the command.
    pub(super) const fn event(self, address: u64) -> [u64; 2] {
        let rest = match self {
            Self::Illegal => 0,
            Self::Hardware(kind) => (kind as u64) << event::TYPE_SHIFT,
            Self::IotlbInvTimeout(device) | Self::InvalidDeviceRequest(device) => {
                device.0 as u64 & DEVICE_ID_MASK
            }
        };
        [(self.code() as u64) << event::CODE_SHIFT | rest, address]
    }
}

impl From<CommandError> for QueueError {
    fn from(error: CommandError) -> Self {
        Self::AmdVi(error)
    }
}
