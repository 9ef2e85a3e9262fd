//! `IOMMU_TEST_CMD`, as `drivers/iommu/iommufd/iommufd_test.h` of Linux 7.3 has it: not
//! uAPI, and in no crate.
#![expect(unsafe_code, reason = "an ioctl that no crate wraps")]

use std::mem::offset_of;
use std::os::fd::AsRawFd;

use iommufd_bindings::{IOMMUFD_CMD_BASE, IOMMUFD_TYPE};
use vmm_sys_util::ioctl::ioctl_with_mut_ref;

use crate::errno;
use crate::iommufd::{Context, size};

pub(super) const OP_MOCK_DOMAIN: u32 = 2;
pub(super) const OP_MD_CHECK_IOTLB: u32 = 14;
pub(super) const OP_DEV_CHECK_CACHE: u32 = 16;

/// `IOMMU_VIOMMU_TYPE_SELFTEST`.
pub(super) const VIOMMU_SELFTEST: u32 = 0xdead_beef;
/// `IOMMU_HW_INFO_TYPE_SELFTEST`.
pub(in crate::iommufd) const HW_INFO_SELFTEST: u32 = 0xfeed_beef;

/// What a nested HWPT of the mock is made of: `struct iommu_hwpt_selftest`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HwptSelftest {
    /// What each word of its IOTLB is at first.
    pub iotlb: u32,
    /// Looked at for HWPTs that are not nested only.
    pub pagetable_type: u32,
}

impl HwptSelftest {
    /// `IOMMU_HWPT_DATA_SELFTEST`.
    pub(in crate::iommufd) const TYPE: u32 = 0xdead;
}

/// One entry of a request to a nested HWPT of the mock:
/// `struct iommu_hwpt_invalidate_selftest`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HwptInvalidateSelftest {
    /// [`Self::ALL`] or 0; every other bit is refused with `EOPNOTSUPP`.
    pub flags: u32,
    /// Word of the IOTLB, 0 to 3; above is refused with `EINVAL`.
    pub iotlb_id: u32,
}

impl HwptInvalidateSelftest {
    /// `IOMMU_HWPT_INVALIDATE_DATA_SELFTEST`.
    pub(in crate::iommufd) const TYPE: u32 = 0xdead_beef;
    /// `IOMMU_TEST_INVALIDATE_FLAG_ALL`: every word, `iotlb_id` is not looked at but must be valid.
    pub const ALL: u32 = 1;
}

/// One entry of a request to a vIOMMU of the mock:
/// `struct iommu_viommu_invalidate_selftest`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViommuInvalidateSelftest {
    /// [`Self::ALL`] or 0; every other bit is refused with `EOPNOTSUPP`.
    pub flags: u32,
    /// The device's virtual id, as its vDEVICE has it; unknown ones are refused with
    /// `EINVAL`.
    pub vdev_id: u32,
    /// Word of the device's cache, 0 to 3; above is refused with `EINVAL`.
    pub cache_id: u32,
}

impl ViommuInvalidateSelftest {
    /// `IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST`.
    pub(in crate::iommufd) const TYPE: u32 = 0xdead_beef;
    /// `IOMMU_TEST_INVALIDATE_FLAG_ALL`: every word, `cache_id` is not looked at but must be valid.
    pub const ALL: u32 = 1;
}

/// The union in `struct iommu_test_cmd`, as long as its longest variant, `dirty`; what is
/// used of it here are fields of 32 bits at its beginning.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Union {
    pub(super) head: [u32; 4],
    rest: [u32; 8],
}

/// `struct iommu_test_cmd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TestCommand {
    size: u32,
    op: u32,
    id: u32,
    reserved: u32,
    pub(super) data: Union,
    last: u32,
    padding: u32,
}

impl TestCommand {
    pub(super) fn new(op: u32, id: u32, head: [u32; 4]) -> Self {
        Self {
            size: size::<Self>(),
            op,
            id,
            data: Union { head, rest: [0; 8] },
            ..Self::default()
        }
    }
}

const _: () = {
    assert!(size_of::<HwptSelftest>() == 8);
    assert!(size_of::<HwptInvalidateSelftest>() == 8);
    assert!(size_of::<ViommuInvalidateSelftest>() == 12);
    assert!(size_of::<TestCommand>() == 72);
    assert!(offset_of!(TestCommand, data) == 16);
    assert!(offset_of!(TestCommand, last) == 64);
};

vmm_sys_util::ioctl_io_nr!(IOMMU_TEST_CMD, IOMMUFD_TYPE as u32, IOMMUFD_CMD_BASE + 32);

/// `ioctl(IOMMU_TEST_CMD)`; the errno where it fails.
pub(super) fn test_ioctl(context: &Context, command: &mut TestCommand) -> Result<(), i32> {
    // SAFETY: the descriptor is an open /dev/iommu; the kernel reads and writes the struct
    // only, as far as its size says. None of the operations used has pointers in it.
    let result = unsafe { ioctl_with_mut_ref(&context.as_raw_fd(), IOMMU_TEST_CMD(), command) };
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(error.raw_os_error().unwrap_or(errno::EIO));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
