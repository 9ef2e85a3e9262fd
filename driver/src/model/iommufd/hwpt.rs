use std::sync::Arc;

use super::Iommufd;
use super::domain::Domain;
use super::error::{Call, UapiError};
use super::instance::{Device, Instance, same};
use super::ioas::Ioas;
use super::object::Object;
use super::stage1::{self, Stage1};
use super::tags::{HostIds, Tags};
use super::types::{HwptAllocFlags, HwptData};
use super::viommu::Viommu;
use crate::{HardwareQueue, ObjectId, Vendor, errno};

const CALL: Call = Call::HWPT_ALLOC;

/// `IOMMUFD_OBJ_HWPT_PAGING`: always second stage tables.
pub(super) struct Paging<Q> {
    pub(super) ioas: Arc<Ioas<Q>>,
    pub(super) domain: Arc<Domain<Q>>,
    pub(super) pasid_compat: bool,
}

/// `IOMMUFD_OBJ_HWPT_NESTED`. It belongs to the instance that it was allocated for.
pub(super) struct Nested<Q> {
    pub(super) hwpt: ObjectId,
    pub(super) instance: Arc<Instance<Q>>,
    pub(super) parent: Arc<Domain<Q>>,
    /// None for VT-d.
    pub(super) viommu: Option<Arc<Viommu<Q>>>,
    pub(super) pasid_compat: bool,
    pub(super) stage1: Stage1,
    /// AMD-Vi: the host's domain id for the guest's; else 0.
    pub(super) host_domain: u16,
    pub(super) tags: Tags<Q>,
    /// VT-d: domain ids. The others take theirs from the vIOMMU.
    pub(super) ids: HostIds<Q>,
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `IOMMU_HWPT_ALLOC`. `pt_id` is an IOAS for a paging HWPT; a nest parent (VT-d) or
    /// a vIOMMU (SMMUv3, AMD-Vi) for a nested one, of which `data` says the stage 1.
    ///
    /// Unlike in Linux 7.3, whose `amd_viommu_ops` is without `alloc_domain_nested`, a
    /// vIOMMU of AMD-Vi takes nested HWPTs, by the rules of
    /// `amd_iommu_alloc_domain_nested`.
    ///
    /// # Errors
    /// - `ENOENT`: no such device; [`HwptAllocFlags::FAULT_ID_VALID`] (there are no fault
    ///   objects).
    /// - `EINVAL`: `pt_id` stands for nothing or for something else, for an HWPT that is
    ///   no nest parent or of another vendor, or for a vIOMMU of another instance; data
    ///   of another type, or with values that the vendor refuses.
    /// - `EOPNOTSUPP`: flags or data that this kind of HWPT does not take; a nested HWPT
    ///   without data; an instance without this kind; what a modelled unit cannot walk.
    /// - `EIO`: an STE that is not legal or has a field that must not be set.
    /// - `ENOMEM`, `ENOSPC`: no table pages, ids or domain ids.
    pub fn hwpt_alloc(
        &self,
        dev_id: ObjectId,
        pt_id: ObjectId,
        flags: HwptAllocFlags,
        data: HwptData,
    ) -> Result<ObjectId, UapiError> {
        let device = self.objects.device(CALL, dev_id)?;
        match self.objects.get(pt_id) {
            Some(Object::Ioas(ioas)) => self.alloc_paging(&device, (pt_id, ioas), flags, data),
            Some(Object::Paging(parent)) => {
                let stage1 = nested_on_parent(&device, &parent, flags, data)?;
                let (parent, viommu) = (Arc::clone(&parent.domain), None);
                self.insert_nested(&device, pt_id, parent, viommu, flags, stage1)
            }
            Some(Object::Viommu(viommu)) => {
                if !same(&viommu.instance, &device.instance) {
                    return Err(CALL.error(errno::EINVAL, "the vIOMMU is of another instance"));
                }
                let stage1 = nested_on_viommu(&viommu, flags, data)?;
                let parent = Arc::clone(&viommu.parent);
                self.insert_nested(&device, pt_id, parent, Some(viommu), flags, stage1)
            }
            _ => Err(CALL.error(errno::EINVAL, "pt_id is no IOAS, HWPT or vIOMMU")),
        }
    }

    fn alloc_paging(
        &self,
        device: &Device<Q>,
        (ioas_id, ioas): (ObjectId, Arc<Ioas<Q>>),
        flags: HwptAllocFlags,
        data: HwptData,
    ) -> Result<ObjectId, UapiError> {
        let vendor = device.instance.unit.vendor();
        // The paging HWPTs that SMMUv3 and AMD-Vi attach to PASIDs are of stage 1 tables,
        // which the modelled kernel does not write.
        let allowed = match vendor {
            Vendor::Vtd => HwptAllocFlags::NEST_PARENT.and(HwptAllocFlags::PASID),
            Vendor::SmmuV3 | Vendor::AmdVi => HwptAllocFlags::NEST_PARENT,
        };
        if flags.beyond(allowed.and(HwptAllocFlags::FAULT_ID_VALID)) || data != HwptData::None {
            return Err(CALL.error(
                errno::EOPNOTSUPP,
                "a paging HWPT takes no such flag or data",
            ));
        }
        let nest_parent = flags.has(HwptAllocFlags::NEST_PARENT);
        if nest_parent && flags.has(HwptAllocFlags::FAULT_ID_VALID) {
            return Err(CALL.error(errno::EOPNOTSUPP, "a nest parent takes no faults"));
        }
        check_fault(flags)?;
        let hwpt = self.objects.reserve(CALL)?;
        let no_memory = CALL.error(errno::ENOMEM, "no memory for tables");
        let domain = Domain::new(&self.host, hwpt, vendor, nest_parent).map_err(|_| no_memory)?;
        let domain = Arc::new(domain);
        let paging = Paging {
            ioas: Arc::clone(&ioas),
            domain: Arc::clone(&domain),
            pasid_compat: flags.has(HwptAllocFlags::PASID),
        };
        let added = ioas.add_domain(&self.host, &domain).map_err(|_| no_memory);
        let object = Object::Paging(Arc::new(paging));
        let inserted = added.and_then(|()| self.objects.insert(CALL, hwpt, &[ioas_id], object));
        if let Err(error) = inserted {
            ioas.remove_domain(&domain);
            domain.free(&self.host);
            return Err(error);
        }
        Ok(hwpt)
    }

    fn insert_nested(
        &self,
        device: &Device<Q>,
        pt_id: ObjectId,
        parent: Arc<Domain<Q>>,
        viommu: Option<Arc<Viommu<Q>>>,
        flags: HwptAllocFlags,
        stage1: Stage1,
    ) -> Result<ObjectId, UapiError> {
        let hwpt = self.objects.reserve(CALL)?;
        let host_domain = match (&stage1, &viommu) {
            (Stage1::AmdVi(guest), Some(viommu)) => viommu
                .guest_domains
                .get(&viommu.instance, guest.domain)
                .ok_or_else(|| CALL.error(errno::ENOSPC, "domain ids are used up"))?,
            _ => 0,
        };
        let nested = Arc::new(Nested {
            hwpt,
            instance: Arc::clone(&device.instance),
            parent,
            viommu,
            pasid_compat: flags.has(HwptAllocFlags::PASID),
            stage1,
            host_domain,
            tags: Tags::new(),
            ids: HostIds::new(),
        });
        let object = Object::Nested(Arc::clone(&nested));
        let inserted = self.objects.insert(CALL, hwpt, &[pt_id], object);
        if inserted.is_err() {
            nested.release();
        }
        inserted.map(|()| hwpt)
    }

    pub(super) fn paging_destroyed(&self, paging: &Paging<Q>) {
        paging.ioas.remove_domain(&paging.domain);
        paging.domain.free(&self.host);
    }
}

impl<Q> Nested<Q> {
    /// Gives back what it holds beside its parents.
    pub(super) fn release(&self) {
        if let (Stage1::AmdVi(guest), Some(viommu)) = (&self.stage1, &self.viommu) {
            viommu.guest_domains.put(&viommu.instance, guest.domain);
        }
    }
}

/// `iommufd_hwpt_nested_alloc` and `intel_iommu_domain_alloc_nested`.
fn nested_on_parent<Q>(
    device: &Device<Q>,
    parent: &Paging<Q>,
    flags: HwptAllocFlags,
    data: HwptData,
) -> Result<Stage1, UapiError> {
    let vendor = device.instance.unit.vendor();
    check_nested(flags, data)?;
    if vendor != Vendor::Vtd {
        return Err(CALL.error(
            errno::EOPNOTSUPP,
            "nested HWPTs of this vendor need a vIOMMU as pt_id",
        ));
    }
    if !parent.domain.nest_parent || parent.domain.vendor != vendor {
        return Err(CALL.error(errno::EINVAL, "pt_id is no nest parent for this device"));
    }
    check_fault(flags)?;
    match data {
        HwptData::VtdS1(data) => Ok(Stage1::Vtd(data)),
        _ => Err(CALL.error(errno::EOPNOTSUPP, "the data is not of VT-d")),
    }
}

/// `iommufd_viommu_alloc_hwpt_nested`, `arm_vsmmu_alloc_domain_nested` and
/// `amd_iommu_alloc_domain_nested`.
fn nested_on_viommu<Q>(
    viommu: &Viommu<Q>,
    flags: HwptAllocFlags,
    data: HwptData,
) -> Result<Stage1, UapiError> {
    check_nested(flags, data)?;
    let stage1 = match (viommu.instance.unit.vendor(), data) {
        (Vendor::SmmuV3, _) if flags.has(HwptAllocFlags::PASID) => {
            Err(CALL.error(errno::EOPNOTSUPP, "SMMUv3 takes no flag"))
        }
        (Vendor::SmmuV3, HwptData::ArmSmmuV3(data)) => stage1::smmuv3(data),
        (Vendor::SmmuV3, _) => Err(CALL.error(errno::EINVAL, "the data is not of SMMUv3")),
        (Vendor::AmdVi, HwptData::AmdGuest(data)) => stage1::amdvi(data),
        (Vendor::AmdVi, _) => Err(CALL.error(errno::EOPNOTSUPP, "the data is not of AMD-Vi")),
        (Vendor::Vtd, _) => Err(CALL.error(errno::EOPNOTSUPP, "VT-d has no vIOMMU")),
    }?;
    check_fault(flags)?;
    Ok(stage1)
}

fn check_nested(flags: HwptAllocFlags, data: HwptData) -> Result<(), UapiError> {
    let allowed = HwptAllocFlags::FAULT_ID_VALID.and(HwptAllocFlags::PASID);
    if flags.beyond(allowed) || data == HwptData::None {
        return Err(CALL.error(
            errno::EOPNOTSUPP,
            "a nested HWPT takes data and no flag but PASID",
        ));
    }
    Ok(())
}

fn check_fault(flags: HwptAllocFlags) -> Result<(), UapiError> {
    if flags.has(HwptAllocFlags::FAULT_ID_VALID) {
        return Err(CALL.error(errno::ENOENT, "fault_id stands for nothing"));
    }
    Ok(())
}
