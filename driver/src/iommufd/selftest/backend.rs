use std::sync::{Mutex, PoisonError};

use super::{HwptInvalidateSelftest, ViommuInvalidateSelftest, convert};
use crate::iommufd::{Context, Object};
use crate::{Backend, Entries, InvalidateError, ObjectId};

/// The mock as a [`Backend`] for any vendor's front end: each entry becomes one of the
/// mock, each request one `IOMMU_HWPT_INVALIDATE`. Those of VT-d go to nested HWPTs, those
/// of SMMUv3 to the vIOMMU, those of AMD-Vi to either, as their front ends address them.
#[derive(Debug)]
pub struct SelftestBackend {
    context: Context,
    viommu: Option<ObjectId>,
    /// The vDEVICE that has what names no device.
    any: u32,
    /// Used again, so that a request allocates nothing. The lock is held during one:
    /// each guest has a backend of its own.
    arrays: Mutex<Arrays>,
    /// What the guest's commands are about.
    _objects: Vec<Object>,
}

#[derive(Debug, Default)]
struct Arrays {
    hwpt: Vec<HwptInvalidateSelftest>,
    viommu: Vec<ViommuInvalidateSelftest>,
}

impl SelftestBackend {
    /// A backend in `context` that keeps `objects`. What is addressed to `viommu` is about
    /// devices; what names none is about the one with the virtual id `any`.
    #[must_use]
    pub fn new(context: &Context, viommu: Option<(ObjectId, u32)>, objects: Vec<Object>) -> Self {
        Self {
            context: context.clone(),
            viommu: viommu.map(|(id, _)| id),
            any: viommu.map_or(0, |(_, any)| any),
            arrays: Mutex::default(),
            _objects: objects,
        }
    }

    fn send<E>(
        &self,
        target: ObjectId,
        entries: &[E],
        convert: impl Fn(&E) -> HwptInvalidateSelftest,
    ) -> Result<(), InvalidateError> {
        let mut arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        arrays.hwpt.clear();
        arrays.hwpt.extend(entries.iter().map(convert));
        self.context.invalidate_entries(target, &arrays.hwpt)
    }

    fn send_viommu<E>(
        &self,
        target: ObjectId,
        entries: &[E],
        convert: impl Fn(&E) -> ViommuInvalidateSelftest,
    ) -> Result<(), InvalidateError> {
        let mut arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        arrays.viommu.clear();
        arrays.viommu.extend(entries.iter().map(convert));
        self.context.invalidate_entries(target, &arrays.viommu)
    }
}

impl Backend for SelftestBackend {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        match entries {
            Entries::VtdS1(entries) => self.send(target, entries, convert::vtd),
            Entries::ArmSmmuV3(entries) => {
                self.send_viommu(target, entries, |entry| convert::smmuv3(entry, self.any))
            }
            Entries::AmdGuest(entries) if self.viommu == Some(target) => {
                self.send_viommu(target, entries, convert::amd_device)
            }
            Entries::AmdGuest(entries) => self.send(target, entries, convert::amd_domain),
        }
    }
}
