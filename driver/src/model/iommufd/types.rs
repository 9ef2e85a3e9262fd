use std::sync::Arc;

use super::super::config::{Iova, Pa};
use super::super::unit::{AmdViUnit, SmmuV3Unit, TranslationFault, VtdUnit};
use crate::uapi::{AmdGuest, ArmSmmuV3, VtdS1};
use crate::{Command, DeviceId, HardwareError, Pasid, Unit, Vendor};

/// The unit of a modelled instance: where the modelled kernel writes configuration.
/// Commands go to it through the instance's hardware queue.
#[derive(Clone, Debug)]
pub enum ModelUnit {
    /// Intel VT-d.
    Vtd(Arc<VtdUnit>),
    /// Arm SMMUv3.
    SmmuV3(Arc<SmmuV3Unit>),
    /// AMD-Vi.
    AmdVi(Arc<AmdViUnit>),
}

impl ModelUnit {
    /// Whose specification it follows.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        match self {
            Self::Vtd(_) => Vendor::Vtd,
            Self::SmmuV3(_) => Vendor::SmmuV3,
            Self::AmdVi(_) => Vendor::AmdVi,
        }
    }

    /// Translates an access of a device. What is read on the way is cached.
    ///
    /// # Errors
    /// The access is not let through.
    pub fn translate(
        &self,
        device: DeviceId,
        pasid: Pasid,
        iova: Iova,
        write: bool,
    ) -> Result<Pa, TranslationFault> {
        match self {
            Self::Vtd(unit) => unit.translate(device, pasid, iova, write),
            Self::SmmuV3(unit) => unit.translate(device, pasid, iova, write),
            Self::AmdVi(unit) => unit.translate(device, pasid, iova, write),
        }
    }
}

impl Unit for ModelUnit {
    fn execute(&self, command: Command) -> Result<(), HardwareError> {
        match self {
            Self::Vtd(unit) => unit.execute(command),
            Self::SmmuV3(unit) => unit.execute(command),
            Self::AmdVi(unit) => unit.execute(command),
        }
    }
}

/// What a device is able to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCaps {
    /// It has an ATC (PCIe ATS).
    pub ats: bool,
    /// Bits of its PASIDs, 0 to 20; 0 where it has none.
    pub pasid_bits: u8,
}

/// What a mapping of an IOAS allows (`IOMMU_IOAS_MAP_READABLE`, `_WRITEABLE`). One of
/// them must be set; the modelled tables always allow reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prot {
    /// Devices may read.
    pub readable: bool,
    /// Devices may write.
    pub writable: bool,
}

impl Prot {
    /// Devices may read and write.
    pub const READ_WRITE: Self = Self {
        readable: true,
        writable: true,
    };
}

/// `enum iommufd_hwpt_alloc_flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HwptAllocFlags(pub u32);

impl HwptAllocFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `IOMMU_HWPT_ALLOC_NEST_PARENT`.
    pub const NEST_PARENT: Self = Self(1 << 0);
    /// `IOMMU_HWPT_ALLOC_DIRTY_TRACKING`: no modelled instance has it.
    pub const DIRTY_TRACKING: Self = Self(1 << 1);
    /// `IOMMU_HWPT_FAULT_ID_VALID`: the model has no fault objects.
    pub const FAULT_ID_VALID: Self = Self(1 << 2);
    /// `IOMMU_HWPT_ALLOC_PASID`: for attachments to PASIDs, or beside such.
    pub const PASID: Self = Self(1 << 3);

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) const fn beyond(self, allowed: Self) -> bool {
        self.0 & !allowed.0 != 0
    }
}

/// `data_type` and `data_uptr` of `struct iommu_hwpt_alloc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HwptData {
    /// `IOMMU_HWPT_DATA_NONE`.
    None,
    /// `IOMMU_HWPT_DATA_VTD_S1`.
    VtdS1(VtdS1),
    /// `IOMMU_HWPT_DATA_ARM_SMMUV3`.
    ArmSmmuV3(ArmSmmuV3),
    /// `IOMMU_HWPT_DATA_AMD_GUEST`.
    AmdGuest(AmdGuest),
}

/// `enum iommu_viommu_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViommuType(pub u32);

impl ViommuType {
    /// `IOMMU_VIOMMU_TYPE_DEFAULT`: refused.
    pub const DEFAULT: Self = Self(0);
    /// `IOMMU_VIOMMU_TYPE_ARM_SMMUV3`.
    pub const ARM_SMMUV3: Self = Self(1);
    /// `IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV`: SMMUv3 with queues assigned to the guest.
    pub const TEGRA241_CMDQV: Self = Self(2);
    /// The uAPI has no number for AMD yet: Linux 7.3's `amd_iommufd_get_viommu_size`
    /// takes every type but the default one. This is the first free number.
    pub const AMD: Self = Self(3);
}

/// `enum iommu_veventq_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VeventqType(pub u32);

impl VeventqType {
    /// `IOMMU_VEVENTQ_TYPE_DEFAULT`: refused.
    pub const DEFAULT: Self = Self(0);
    /// `IOMMU_VEVENTQ_TYPE_ARM_SMMUV3`.
    pub const ARM_SMMUV3: Self = Self(1);
    /// `IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV`.
    pub const TEGRA241_CMDQV: Self = Self(2);
}

/// `enum iommu_hw_queue_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HwQueueType(pub u32);

impl HwQueueType {
    /// `IOMMU_HW_QUEUE_TYPE_DEFAULT`: refused.
    pub const DEFAULT: Self = Self(0);
    /// `IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV`.
    pub const TEGRA241_CMDQV: Self = Self(1);
}
