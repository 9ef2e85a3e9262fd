use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::Iommufd;
use super::domain::Domain;
use super::error::{Call, UapiError};
use super::eventq::Veventq;
use super::instance::{Device, Instance, VirtualId, same};
use super::ioas::Ioas;
use super::object::Object;
use super::types::{VeventqType, ViommuType};
use crate::{DeviceId, HardwareQueue, ObjectId, Vendor, errno};

/// `IOMMUFD_OBJ_VIOMMU`: a guest's share of one instance.
pub(super) struct Viommu<Q> {
    pub(super) kind: ViommuType,
    pub(super) instance: Arc<Instance<Q>>,
    pub(super) parent: Arc<Domain<Q>>,
    pub(super) ioas: Arc<Ioas<Q>>,
    /// SMMUv3: the nest parent's VMID on this instance.
    pub(super) vmid: u16,
    pub(super) devices: Vdevices,
    pub(super) guest_domains: GuestDomains,
    pub(super) veventqs: Mutex<Vec<(VeventqType, Arc<Veventq<Q>>)>>,
    /// HW_QUEUEs by index.
    pub(super) hw_queues: Mutex<BTreeMap<u32, ObjectId>>,
}

/// `IOMMUFD_OBJ_VDEVICE`.
pub(super) struct Vdevice<Q> {
    viommu: Arc<Viommu<Q>>,
    device: Arc<Device<Q>>,
    virt_id: u64,
}

/// The devices of a vIOMMU, by what the guest calls them.
pub(super) struct Vdevices(RwLock<BTreeMap<u64, DeviceId>>);

impl Vdevices {
    /// What the host calls it.
    pub(super) fn host(&self, virt_id: u64) -> Option<DeviceId> {
        let devices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&virt_id).copied()
    }

    /// What the guest calls it.
    pub(super) fn guest(&self, device: DeviceId) -> Option<DeviceId> {
        let devices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (&virt_id, _) = devices.iter().find(|&(_, &host)| host == device)?;
        Some(DeviceId(u32::try_from(virt_id).ok()?))
    }

    /// False where the guest has such a device already.
    fn insert(&self, virt_id: u64, device: DeviceId) -> bool {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if devices.contains_key(&virt_id) {
            return false;
        }
        devices.insert(virt_id, device);
        true
    }

    fn remove(&self, virt_id: u64) {
        let mut devices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        devices.remove(&virt_id);
    }
}

/// AMD-Vi: the host's domain id for each of a guest's, counted by nested HWPTs. Equal
/// ids of a guest are equal ids of the host, because the guest counts on what they share
/// in caches (`amd_iommu_alloc_domain_nested`).
pub(super) struct GuestDomains(Mutex<BTreeMap<u16, (u16, u32)>>);

impl GuestDomains {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, (u16, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get<Q>(&self, instance: &Instance<Q>, guest: u16) -> Option<u16> {
        let mut domains = self.lock();
        if let Some((host, users)) = domains.get_mut(&guest) {
            *users += 1;
            return Some(*host);
        }
        let host = instance.alloc_id()?;
        domains.insert(guest, (host, 1));
        Some(host)
    }

    pub(super) fn put<Q>(&self, instance: &Instance<Q>, guest: u16) {
        let mut domains = self.lock();
        if let Some((host, users)) = domains.get_mut(&guest) {
            *users -= 1;
            if *users == 0 {
                instance.free_id(*host);
                domains.remove(&guest);
            }
        }
    }
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `IOMMU_VIOMMU_ALLOC` of the instance that the device is behind.
    ///
    /// Unlike in Linux 7.3, whose `arm_vsmmu_init` and `arm_smmu_attach_dev` refuse a
    /// nest parent of another instance, the nest parent may be used on several: the
    /// model has a VMID for each.
    ///
    /// # Errors
    /// `EOPNOTSUPP` (the default type; a type that the instance does not have: VT-d has
    /// none, SMMUv3 its own and Tegra's, AMD-Vi takes every number), `ENOENT` (no such
    /// device or paging HWPT), `EINVAL` (no nest parent, or of another vendor), `ENOSPC`.
    pub fn viommu_alloc(
        &self,
        dev_id: ObjectId,
        hwpt_id: ObjectId,
        kind: ViommuType,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::VIOMMU_ALLOC;
        let unsupported = call.error(errno::EOPNOTSUPP, "the instance has no such vIOMMU");
        if kind == ViommuType::DEFAULT {
            return Err(unsupported);
        }
        let device = self.objects.device(call, dev_id)?;
        let instance = Arc::clone(&device.instance);
        let has = match instance.unit.vendor() {
            Vendor::Vtd => false,
            Vendor::SmmuV3 => matches!(kind, ViommuType::ARM_SMMUV3 | ViommuType::TEGRA241_CMDQV),
            Vendor::AmdVi => true,
        };
        if !has {
            return Err(unsupported);
        }
        let paging = self.objects.paging(call, hwpt_id)?;
        let parent = Arc::clone(&paging.domain);
        if !parent.nest_parent || parent.vendor != instance.unit.vendor() {
            return Err(call.error(errno::EINVAL, "hwpt_id is no nest parent for this device"));
        }
        let id = self.objects.reserve(call)?;
        let vmid = match instance.unit.vendor() {
            Vendor::SmmuV3 => parent
                .ids
                .get(&instance)
                .ok_or_else(|| call.error(errno::ENOSPC, "VMIDs are used up"))?,
            Vendor::Vtd | Vendor::AmdVi => 0,
        };
        let viommu = Arc::new(Viommu {
            kind,
            instance,
            parent,
            ioas: Arc::clone(&paging.ioas),
            vmid,
            devices: Vdevices(RwLock::default()),
            guest_domains: GuestDomains(Mutex::default()),
            veventqs: Mutex::default(),
            hw_queues: Mutex::default(),
        });
        let object = Object::Viommu(Arc::clone(&viommu));
        let inserted = self.objects.insert(call, id, &[hwpt_id], object);
        if inserted.is_err() {
            viommu.release();
        }
        inserted.map(|()| id)
    }

    /// `IOMMU_VDEVICE_ALLOC`: the guest calls the device `virt_id`.
    ///
    /// # Errors
    /// `ENOENT`: no such vIOMMU or device. `EINVAL`: the device is behind another
    /// instance. `EEXIST`: the device has a vDEVICE, or the vIOMMU has a device with this
    /// id.
    pub fn vdevice_alloc(
        &self,
        viommu_id: ObjectId,
        dev_id: ObjectId,
        virt_id: u64,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::VDEVICE_ALLOC;
        let viommu = self.objects.viommu(call, viommu_id)?;
        let device = self.objects.device(call, dev_id)?;
        if !same(&viommu.instance, &device.instance) {
            return Err(call.error(errno::EINVAL, "the device is behind another instance"));
        }
        let mut state = device.lock();
        if state.vdevice.is_some() {
            return Err(call.error(errno::EEXIST, "the device has a vDEVICE"));
        }
        let id = self.objects.reserve(call)?;
        if !viommu.devices.insert(virt_id, device.host_id) {
            return Err(call.error(errno::EEXIST, "the virtual id is taken"));
        }
        let vdevice = Vdevice {
            viommu: Arc::clone(&viommu),
            device: Arc::clone(&device),
            virt_id,
        };
        let object = Object::Vdevice(Arc::new(vdevice));
        if let Err(error) = self.objects.insert(call, id, &[viommu_id], object) {
            viommu.devices.remove(virt_id);
            return Err(error);
        }
        state.vdevice = Some(VirtualId {
            viommu: viommu_id,
            virt_id,
        });
        Ok(id)
    }
}

impl<Q> Viommu<Q> {
    /// Gives back what it holds beside its parents.
    pub(super) fn release(&self) {
        if self.instance.unit.vendor() == Vendor::SmmuV3 {
            self.parent.ids.put(&self.instance, true);
        }
    }
}

impl<Q> Vdevice<Q> {
    pub(super) fn release(&self) {
        self.viommu.devices.remove(self.virt_id);
        self.device.lock().vdevice = None;
    }
}
