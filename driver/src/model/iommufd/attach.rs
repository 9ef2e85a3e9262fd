use std::sync::Arc;

use super::super::config::SteStage1;
use super::Iommufd;
use super::error::{Call, UapiError};
use super::hwpt::{Nested, Paging};
use super::instance::{Device, DeviceState, same};
use super::object::Object;
use super::program;
use super::stage1::Stage1;
use super::tags::CacheTag;
use crate::uapi::VtdS1;
use crate::{HardwareQueue, ObjectId, Pasid, Vendor, errno};

/// What a device's PASID is attached to.
pub(super) struct Attachment<Q> {
    pub(super) hwpt: Attached<Q>,
    /// Domain id or VMID.
    pub(super) id: u16,
    /// SMMUv3: the ATC is in use.
    pub(super) ats: bool,
}

pub(super) enum Attached<Q> {
    Paging(Arc<Paging<Q>>),
    Nested(Arc<Nested<Q>>),
}

impl<Q> Attachment<Q> {
    pub(super) const fn is_nested(&self) -> bool {
        matches!(self.hwpt, Attached::Nested(_))
    }

    fn tag(&self, device: &Device<Q>, pasid: Pasid) -> CacheTag<Q> {
        CacheTag {
            instance: Arc::clone(&device.instance),
            id: self.id,
            pasid,
            device: device.host_id,
            ats: self.ats,
            nested: false,
        }
    }

    /// From now on, changes of the tables reach this attachment.
    fn link(&self, device: &Device<Q>, pasid: Pasid) {
        let tag = self.tag(device, pasid);
        match &self.hwpt {
            Attached::Paging(paging) => paging.domain.tags.add(tag),
            Attached::Nested(nested) => {
                nested.parent.tags.add(tag.nested());
                nested.tags.add(tag);
            }
        }
    }

    fn unlink(&self, device: &Device<Q>, pasid: Pasid) {
        let tag = self.tag(device, pasid);
        match &self.hwpt {
            Attached::Paging(paging) => paging.domain.tags.remove(&tag),
            Attached::Nested(nested) => {
                nested.parent.tags.remove(&tag.nested());
                nested.tags.remove(&tag);
            }
        }
    }
}

impl<Q> Attached<Q> {
    pub(super) fn hwpt(&self) -> ObjectId {
        match self {
            Self::Paging(paging) => paging.domain.hwpt,
            Self::Nested(nested) => nested.hwpt,
        }
    }

    fn pasid_compat(&self) -> bool {
        match self {
            Self::Paging(paging) => paging.pasid_compat,
            Self::Nested(nested) => nested.pasid_compat,
        }
    }

    /// The id that the attachment is cached under; none when they are used up.
    fn take_id(&self, device: &Device<Q>) -> Option<u16> {
        let instance = &device.instance;
        match self {
            Self::Paging(paging) => paging.domain.ids.get(instance),
            Self::Nested(nested) => match (&nested.stage1, &nested.viommu) {
                (Stage1::AmdVi(guest), Some(viommu)) => {
                    viommu.guest_domains.get(instance, guest.domain)
                }
                (_, Some(_)) => nested.parent.ids.get(instance),
                (_, None) => nested.ids.get(instance),
            },
        }
    }

    fn put_id(&self, device: &Device<Q>, clean: bool) {
        let instance = &device.instance;
        match self {
            Self::Paging(paging) => paging.domain.ids.put(instance, clean),
            Self::Nested(nested) => match (&nested.stage1, &nested.viommu) {
                (Stage1::AmdVi(guest), Some(viommu)) if clean => {
                    viommu.guest_domains.put(instance, guest.domain);
                }
                (Stage1::AmdVi(_), Some(_)) => {}
                (_, Some(_)) => nested.parent.ids.put(instance, clean),
                (_, None) => nested.ids.put(instance, clean),
            },
        }
    }

    /// `STE.EATS` of SMMUv3 (`arm_smmu_attach_prepare`): the guest's word counts where
    /// it has a stage 1. The others have it on whenever the device has an ATC.
    fn uses_ats(&self, device: &Device<Q>) -> bool {
        let wanted = match self {
            Self::Paging(_) => true,
            Self::Nested(nested) => match nested.stage1 {
                Stage1::SmmuV3 { ats, .. } => ats,
                Stage1::Vtd(_) | Stage1::AmdVi(_) => true,
            },
        };
        wanted && device.caps.ats
    }

    fn check(&self, device: &Device<Q>, pasid: Pasid) -> Result<(), UapiError> {
        let vendor = device.instance.unit.vendor();
        let invalid = |what| Err(Call::ATTACH.error(errno::EINVAL, what));
        let nested = match self {
            Self::Paging(paging) if paging.domain.vendor != vendor => {
                return invalid("the HWPT is of another vendor");
            }
            Self::Paging(_) => return Ok(()),
            Self::Nested(nested) => nested,
        };
        if !same(&nested.instance, &device.instance) {
            return invalid("the nested HWPT belongs to another instance");
        }
        if pasid != Pasid::RID && vendor != Vendor::Vtd {
            return Err(Call::ATTACH.error(
                errno::EOPNOTSUPP,
                "the guest's own tables are by PASID already",
            ));
        }
        match nested.stage1 {
            Stage1::Vtd(data) if data.addr_width != 48 => invalid("the unit has 4 levels only"),
            Stage1::Vtd(data) if data.flags & (VtdS1::SRE | VtdS1::EAFE) != 0 => {
                invalid("the unit has neither SRE nor EAFE")
            }
            _ => Ok(()),
        }
    }

    /// `arm_smmu_attach_prepare_vmaster`: a stage 1 of SMMUv3 needs a vDEVICE, since
    /// CFGI_CD and ATC_INV must find the device. AMD-Vi does not ask for one
    /// (`nested_attach_device`).
    fn check_vdevice(&self, device: &Device<Q>) -> Result<(), UapiError> {
        let Self::Nested(nested) = self else {
            return Ok(());
        };
        let translates = matches!(
            nested.stage1,
            Stage1::SmmuV3 {
                config: SteStage1::Translate { .. },
                ..
            }
        );
        let viommu = nested.viommu.as_ref().filter(|_| translates);
        if viommu.is_some_and(|viommu| viommu.devices.guest(device.host_id).is_none()) {
            return Err(Call::ATTACH.error(errno::ENOENT, "the device has no vDEVICE"));
        }
        Ok(())
    }
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `VFIO_DEVICE_ATTACH_IOMMUFD_PT`: to a PASID, or without one. The model has no
    /// automatic HWPTs: `pt_id` is an HWPT, not an IOAS.
    ///
    /// # Errors
    /// `ENOENT`: no such object; a stage 1 of SMMUv3 without vDEVICE. `EBUSY`: attached
    /// already. `EINVAL`: no HWPT, of another vendor, nested behind another instance, not
    /// allocated for PASIDs, a PASID that the device does not have, or a stage 1 that the
    /// unit does not have. `EOPNOTSUPP`: a nested HWPT of SMMUv3 or AMD-Vi at a PASID.
    /// `ENOSPC`: no domain ids. What the hardware queue says: then the device is blocked.
    pub fn attach(
        &self,
        dev_id: ObjectId,
        pt_id: ObjectId,
        pasid: Option<Pasid>,
    ) -> Result<(), UapiError> {
        let device = self.objects.device(Call::ATTACH, dev_id)?;
        let hwpt = self.attachable(pt_id)?;
        let mut state = device.lock();
        let key = pasid_key(&device, pasid, Call::ATTACH)?;
        if state.attached.contains_key(&key) {
            return Err(Call::ATTACH.error(errno::EBUSY, "it is attached already"));
        }
        self.switch(&device, &mut state, key, hwpt)
    }

    /// `VFIO_DEVICE_ATTACH_IOMMUFD_PT` of what is attached (`iommufd_device_replace`).
    ///
    /// # Errors
    /// As for [`Self::attach`], but `EINVAL` where nothing is attached. Nothing changes,
    /// unless the hardware queue fails: then the device is blocked.
    pub fn replace(
        &self,
        dev_id: ObjectId,
        pt_id: ObjectId,
        pasid: Option<Pasid>,
    ) -> Result<(), UapiError> {
        let device = self.objects.device(Call::ATTACH, dev_id)?;
        let hwpt = self.attachable(pt_id)?;
        let mut state = device.lock();
        let key = pasid_key(&device, pasid, Call::ATTACH)?;
        match state.attached.get(&key) {
            None => Err(Call::ATTACH.error(errno::EINVAL, "nothing is attached")),
            Some(old) if old.hwpt.hwpt() == pt_id => Ok(()),
            Some(_) => self.switch(&device, &mut state, key, hwpt),
        }
    }

    /// `VFIO_DEVICE_DETACH_IOMMUFD_PT`: accesses are blocked from now on. Nothing happens
    /// where nothing is attached.
    ///
    /// # Errors
    /// `ENOENT`: no such device. `EINVAL`: no such PASID. What the hardware queue says:
    /// the device is detached, but may go on with what is cached.
    pub fn detach(&self, dev_id: ObjectId, pasid: Option<Pasid>) -> Result<(), UapiError> {
        let device = self.objects.device(Call::DETACH, dev_id)?;
        let mut state = device.lock();
        let key = pasid_key(&device, pasid, Call::DETACH)?;
        let Some(old) = state.attached.remove(&key) else {
            return Ok(());
        };
        let _serial = device.instance.serialize();
        let result = program::switch(&device, key, Some(&old), None);
        self.drop_attachment(&device, key, &old, result.is_ok());
        result.map_err(|error| Call::DETACH.hardware(error))
    }

    fn attachable(&self, pt_id: ObjectId) -> Result<Attached<Q>, UapiError> {
        match self.objects.get(pt_id) {
            None => Err(Call::ATTACH.error(errno::ENOENT, "no such object")),
            Some(Object::Paging(paging)) => Ok(Attached::Paging(paging)),
            Some(Object::Nested(nested)) => Ok(Attached::Nested(nested)),
            Some(_) => Err(Call::ATTACH.error(errno::EINVAL, "pt_id is no HWPT")),
        }
    }

    /// The new attachment is linked before the unit can use it, the old one unlinked
    /// after it cannot any more.
    fn switch(
        &self,
        device: &Device<Q>,
        state: &mut DeviceState<Q>,
        pasid: Pasid,
        hwpt: Attached<Q>,
    ) -> Result<(), UapiError> {
        let call = Call::ATTACH;
        check_pasids(state, pasid, &hwpt)?;
        hwpt.check(device, pasid)?;
        hwpt.check_vdevice(device)?;
        if !self.objects.pin(hwpt.hwpt()) {
            return Err(call.error(errno::ENOENT, "no such object"));
        }
        let Some(id) = hwpt.take_id(device) else {
            self.objects.unpin(hwpt.hwpt());
            return Err(call.error(errno::ENOSPC, "domain ids are used up"));
        };
        let ats = hwpt.uses_ats(device);
        let new = Attachment { hwpt, id, ats };
        let _serial = device.instance.serialize();
        new.link(device, pasid);
        let old = state.attached.remove(&pasid);
        let result = program::switch(device, pasid, old.as_ref(), Some(&new));
        if let Some(old) = old {
            self.drop_attachment(device, pasid, &old, result.is_ok());
        }
        if let Err(error) = result {
            program::block(device, pasid);
            self.drop_attachment(device, pasid, &new, false);
            return Err(call.hardware(error));
        }
        state.attached.insert(pasid, new);
        Ok(())
    }

    fn drop_attachment(&self, device: &Device<Q>, pasid: Pasid, old: &Attachment<Q>, clean: bool) {
        old.unlink(device, pasid);
        old.hwpt.put_id(device, clean);
        self.objects.unpin(old.hwpt.hwpt());
    }
}

fn pasid_key<Q>(device: &Device<Q>, pasid: Option<Pasid>, call: Call) -> Result<Pasid, UapiError> {
    let Some(pasid) = pasid else {
        return Ok(Pasid::RID);
    };
    if pasid == Pasid::RID || pasid.0 >> device.caps.pasid_bits.min(20) != 0 {
        return Err(call.error(errno::EINVAL, "the device has no such PASID"));
    }
    Ok(pasid)
}

/// `iommufd_hwpt_pasid_compat`.
fn check_pasids<Q>(
    state: &DeviceState<Q>,
    pasid: Pasid,
    hwpt: &Attached<Q>,
) -> Result<(), UapiError> {
    let compatible = if pasid == Pasid::RID {
        hwpt.pasid_compat() || state.attached.keys().all(|&other| other == Pasid::RID)
    } else {
        let rid = state.attached.get(&Pasid::RID);
        hwpt.pasid_compat() && rid.is_none_or(|rid| rid.hwpt.pasid_compat())
    };
    if compatible {
        return Ok(());
    }
    Err(Call::ATTACH.error(
        errno::EINVAL,
        "PASIDs need IOMMU_HWPT_ALLOC_PASID, without PASID too",
    ))
}
