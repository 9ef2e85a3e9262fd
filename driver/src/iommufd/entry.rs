use iommufd_bindings::{
    iommu_hwpt_invalidate_data_type_IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 as VTD_S1,
    iommu_hwpt_invalidate_data_type_IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 as ARM_SMMUV3,
};

use super::selftest::{HwptInvalidateSelftest, ViommuInvalidateSelftest};
use crate::{ArmSmmuV3Invalidate, VtdS1Invalidate};

/// The most entries that a request may have (`IOMMU_HWPT_INVALIDATE_ENTRY_NUM_MAX` in the
/// kernel's `hw_pagetable.c`); more are refused with `EINVAL`.
const ENTRY_NUM_MAX: usize = 1 << 19;

/// The largest array that a driver can copy at once: what one allocation of a kernel with
/// pages of 4 KiB can have (`KMALLOC_MAX_SIZE`).
const ARRAY_BYTES_MAX: usize = 4 << 20;

/// One element of a request's array: `data_type` and `entry_len` of
/// `struct iommu_hwpt_invalidate`.
pub trait InvalidateEntry: sealed::Sealed {
    /// `IOMMU_HWPT_INVALIDATE_DATA_*` or `IOMMU_VIOMMU_INVALIDATE_DATA_*`.
    const DATA_TYPE: u32;
    /// The most that a request may have.
    const ENTRIES_MAX: usize;
}

mod sealed {
    /// Only layouts that the kernel knows.
    pub trait Sealed {}
}

macro_rules! invalidate_entry {
    ($($entry:ty => $kind:expr, $max:expr);+ $(;)?) => {$(
        impl sealed::Sealed for $entry {}

        impl InvalidateEntry for $entry {
            const DATA_TYPE: u32 = $kind;
            const ENTRIES_MAX: usize = $max;
        }
    )+};
}

/// Where a driver copies the whole array (`iommu_copy_struct_from_full_user_array`).
const fn copied_whole<E>() -> usize {
    let fit = ARRAY_BYTES_MAX / size_of::<E>();
    if fit < ENTRY_NUM_MAX {
        fit
    } else {
        ENTRY_NUM_MAX
    }
}

invalidate_entry! {
    VtdS1Invalidate => VTD_S1, ENTRY_NUM_MAX;
    ArmSmmuV3Invalidate => ARM_SMMUV3, copied_whole::<Self>();
    HwptInvalidateSelftest => HwptInvalidateSelftest::TYPE, ENTRY_NUM_MAX;
    ViommuInvalidateSelftest => ViommuInvalidateSelftest::TYPE, copied_whole::<Self>();
}

const _: () = {
    assert!(<ArmSmmuV3Invalidate as InvalidateEntry>::ENTRIES_MAX == 1 << 18);
    assert!(<ViommuInvalidateSelftest as InvalidateEntry>::ENTRIES_MAX == 349_525);
};
