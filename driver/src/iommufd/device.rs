use std::sync::Arc;

use iommufd_bindings::{
    iommu_hwpt_alloc, iommu_hwpt_data_type_IOMMU_HWPT_DATA_AMD_GUEST as AMD_GUEST,
    iommu_hwpt_data_type_IOMMU_HWPT_DATA_ARM_SMMUV3 as ARM_SMMUV3,
    iommu_hwpt_data_type_IOMMU_HWPT_DATA_VTD_S1 as VTD_S1, iommu_vdevice_alloc, iommu_viommu_alloc,
    iommu_viommu_type_IOMMU_VIOMMU_TYPE_ARM_SMMUV3 as VIOMMU_ARM_SMMUV3,
    iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_NEST_PARENT as NEST_PARENT,
};

use super::error::{Error, Step};
use super::object::Needed;
use super::selftest::HwptSelftest;
use super::{Context, Ioas, Object, size};
use crate::{AmdGuest, ArmSmmuV3, ObjectId, VtdS1};

/// What a nested HWPT is made of: `data_type`, `data_len` and `data_uptr` of
/// `struct iommu_hwpt_alloc`.
pub trait NestedData: sealed::Sealed {
    /// `IOMMU_HWPT_DATA_*`.
    const DATA_TYPE: u32;
}

mod sealed {
    /// Only layouts that the kernel knows.
    pub trait Sealed {}
}

macro_rules! nested_data {
    ($($data:ty => $kind:expr),+ $(,)?) => {$(
        impl sealed::Sealed for $data {}

        impl NestedData for $data {
            const DATA_TYPE: u32 = $kind;
        }
    )+};
}

nested_data! {
    VtdS1 => VTD_S1,
    ArmSmmuV3 => ARM_SMMUV3,
    AmdGuest => AMD_GUEST,
    HwptSelftest => HwptSelftest::TYPE,
}

/// A device that is bound to iommufd; what is made for it keeps it bound.
#[derive(Clone)]
pub struct Device {
    pub(super) context: Context,
    id: ObjectId,
    bound: Needed,
}

impl Device {
    pub(super) fn new(context: &Context, id: u32, bound: Needed) -> Self {
        Self {
            context: context.clone(),
            id: ObjectId(id),
            bound,
        }
    }

    /// The kernel's id of it.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Allocates a HWPT of `ioas` that can be stage 2 of nested ones
    /// (`IOMMU_HWPT_ALLOC_NEST_PARENT`).
    ///
    /// # Errors
    /// [`Step::NestParent`]: `EOPNOTSUPP` where the IOMMU offers no nesting.
    pub fn nest_parent(&self, ioas: &Ioas) -> Result<Object, Error> {
        let command = iommu_hwpt_alloc {
            flags: NEST_PARENT,
            ..Default::default()
        };
        self.hwpt(Step::NestParent, ioas.object(), command)
    }

    /// Allocates a HWPT nested on `under`, which is a nest parent or a vIOMMU.
    ///
    /// # Errors
    /// [`Step::NestedHwpt`]: `EOPNOTSUPP` where the data is of another vendor, `EIO` where
    /// an SMMUv3's STE is none that a guest may have.
    pub fn nested<D: NestedData>(&self, under: &Object, data: &D) -> Result<Object, Error> {
        let command = iommu_hwpt_alloc {
            data_type: D::DATA_TYPE,
            data_len: size::<D>(),
            data_uptr: std::ptr::from_ref(data).expose_provenance() as u64,
            ..Default::default()
        };
        self.hwpt(Step::NestedHwpt, under, command)
    }

    fn hwpt(&self, step: Step, under: &Object, command: iommu_hwpt_alloc) -> Result<Object, Error> {
        let mut command = iommu_hwpt_alloc {
            size: size::<iommu_hwpt_alloc>(),
            dev_id: self.id.0,
            pt_id: under.id().0,
            ..command
        };
        self.context
            .iommufd()
            .alloc_iommu_hwpt(&mut command)
            .map_err(Error::during(step))?;
        let needs = self.needs(under);
        Ok(Object::new(&self.context, command.out_hwpt_id, needs))
    }

    /// Allocates a virtual SMMUv3 on `parent`, of the unit that the device is behind.
    ///
    /// # Errors
    /// [`Step::Viommu`]: `EOPNOTSUPP` where the unit is none, or cannot be shared safely.
    pub fn viommu_arm_smmuv3(&self, parent: &Object) -> Result<Object, Error> {
        self.viommu(parent, VIOMMU_ARM_SMMUV3)
    }

    pub(super) fn viommu(&self, parent: &Object, kind: u32) -> Result<Object, Error> {
        let mut command = iommu_viommu_alloc {
            size: size::<iommu_viommu_alloc>(),
            type_: kind,
            dev_id: self.id.0,
            hwpt_id: parent.id().0,
            ..Default::default()
        };
        self.context
            .iommufd()
            .alloc_iommu_viommu(&mut command)
            .map_err(Error::during(Step::Viommu))?;
        let needs = self.needs(parent);
        Ok(Object::new(&self.context, command.out_viommu_id, needs))
    }

    /// Tells the kernel that the guest behind `viommu` calls this device `virt_id` (on
    /// SMMUv3 the guest's StreamID). A device can have one.
    ///
    /// # Errors
    /// [`Step::Vdevice`]: `EEXIST` where the device has one or the id is taken.
    pub fn vdevice(&self, viommu: &Object, virt_id: u64) -> Result<Object, Error> {
        let mut command = iommu_vdevice_alloc {
            size: size::<iommu_vdevice_alloc>(),
            viommu_id: viommu.id().0,
            dev_id: self.id.0,
            virt_id,
            ..Default::default()
        };
        self.context
            .iommufd()
            .alloc_iommu_vdevice(&mut command)
            .map_err(Error::during(Step::Vdevice))?;
        // A device that is unbound before its vDEVICE is destroyed leaves the id taken.
        let needs = self.needs(viommu);
        Ok(Object::new(&self.context, command.out_vdevice_id, needs))
    }

    /// What an object needs that is made for this device: what it is made from, and the
    /// device bound. One that is unbound before its vDEVICE is destroyed leaves the
    /// vDEVICE's id taken.
    fn needs(&self, from: &Object) -> Vec<Needed> {
        vec![from.needed(), Arc::clone(&self.bound)]
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Device").field(&self.id.0).finish()
    }
}
