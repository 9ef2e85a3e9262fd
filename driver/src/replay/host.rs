use vm_memory::{GuestAddress, GuestMemoryMmap};

use std::collections::BTreeMap;
use std::sync::Arc;

use hwptop_abi::InstanceArg;

use super::error::ReplayError;
use super::iommu::Targets;
use super::memory::QUEUE_BYTES;
use super::stream::Stream;
use crate::model::config::{Gpa, Pa};
use crate::model::iommufd::{
    DeviceCaps, HwQueueHandle, HwQueueType, HwptAllocFlags, HwptData, Iommufd, ModelUnit, Prot,
    UapiError, ViommuType,
};
use crate::model::tables::PageAllocator;
use crate::model::unit::{AmdViUnit, SmmuV3Unit, VtdUnit};
use crate::{
    AmdGuest, ArmSmmuV3, DeviceId, DomainId, HardwareQueue, ObjectId, Pasid, Vendor, VtdS1,
};

/// The host's physical memory: tables of stage 2, then [`HOST_QUEUE`] and one page of the
/// guest.
const MEMORY: std::ops::Range<u64> = 0x10_0000..0x50_0000;

/// What backs a guest's queue that hardware reads itself, aligned to its length.
const HOST_QUEUE: Pa = Pa(MEMORY.end - 2 * QUEUE_BYTES);

/// The page of the guest that every table of its lies in: a replayed guest's devices
/// translate nothing.
const GUEST_PAGE: Gpa = Gpa(0x1000);

/// A modelled host that knows what a stream's commands are about: for each target a
/// nested HWPT with a device attached to it, for each device a vDEVICE.
pub(super) struct Host<Q> {
    pub(super) iommufd: Iommufd<Q>,
    pub(super) targets: Targets,
    ioas: ObjectId,
}

/// A unit of the vendor, and the memory that it and its kernel use.
pub(super) fn unit(vendor: Vendor) -> Result<(ModelUnit, GuestMemoryMmap), ReplayError> {
    #[expect(clippy::cast_possible_truncation, reason = "a few MiB")]
    let range = (
        GuestAddress(MEMORY.start),
        (MEMORY.end - MEMORY.start) as usize,
    );
    let memory = GuestMemoryMmap::from_ranges(&[range]).map_err(ReplayError::Map)?;
    let unit = match vendor {
        Vendor::Vtd => ModelUnit::Vtd(Arc::new(VtdUnit::new(memory.clone()))),
        Vendor::SmmuV3 => ModelUnit::SmmuV3(Arc::new(SmmuV3Unit::new(memory.clone()))),
        Vendor::AmdVi => ModelUnit::AmdVi(Arc::new(AmdViUnit::new(memory.clone()))),
    };
    Ok((unit, memory))
}

impl<Q: HardwareQueue> Host<Q> {
    /// # Errors
    /// [`ReplayError::Setup`] where the modelled kernel refuses.
    pub(super) fn new(
        stream: &Stream,
        instance: InstanceArg,
        unit: (ModelUnit, GuestMemoryMmap),
        queue: Q,
    ) -> Result<Self, UapiError> {
        Self::with_smmuv3(stream, instance, unit, queue, ViommuType::ARM_SMMUV3)
    }

    /// The same for an SMMUv3 of Tegra's, whose guest has a HW_QUEUE of [`QUEUE_BYTES`] at
    /// `base`; none for a stream of another vendor. The objects live as long as what is
    /// returned, as the kernel's do while the queue's page is mapped.
    ///
    /// What is mapped at `base` is the host's memory, as the IOAS demands. The words of
    /// the queue are in the guest's own map, at the same address: the model has no memory
    /// that is in both.
    ///
    /// # Errors
    /// [`ReplayError::Setup`] where the modelled kernel refuses.
    pub(super) fn hw_queue(
        stream: &Stream,
        instance: InstanceArg,
        unit: (ModelUnit, GuestMemoryMmap),
        queue: Q,
        base: Gpa,
    ) -> Result<Option<HwQueueHandle<Q>>, UapiError> {
        let tegra = ViommuType::TEGRA241_CMDQV;
        let host = Self::with_smmuv3(stream, instance, unit, queue, tegra)?;
        let (iommufd, rw) = (&host.iommufd, Prot::READ_WRITE);
        let (Vendor::SmmuV3, Some(viommu)) = (stream.vendor(), host.targets.viommu) else {
            return Ok(None);
        };
        iommufd.ioas_map(host.ioas, base, HOST_QUEUE, QUEUE_BYTES, rw)?;
        let kind = HwQueueType::TEGRA241_CMDQV;
        let id = iommufd.hw_queue_alloc(viommu, kind, 0, base, QUEUE_BYTES)?;
        iommufd.hw_queue(id).map(Some)
    }

    /// A host whose vIOMMUs of SMMUv3 are of type `smmuv3`.
    fn with_smmuv3(
        stream: &Stream,
        instance: InstanceArg,
        (unit, memory): (ModelUnit, GuestMemoryMmap),
        queue: Q,
        smmuv3: ViommuType,
    ) -> Result<Self, UapiError> {
        let guest_page = MEMORY.end - 0x1000;
        let iommufd = Iommufd::new(memory, PageAllocator::new(MEMORY.start..HOST_QUEUE.0));
        iommufd.add_instance(instance, unit, queue)?;
        let mut setup = Setup {
            iommufd: &iommufd,
            instance,
            parent: None,
            devices: 0,
        };
        let ioas = iommufd.ioas_alloc()?;
        iommufd.ioas_map(ioas, GUEST_PAGE, Pa(guest_page), 0x1000, Prot::READ_WRITE)?;
        let targets = match stream.vendor() {
            Vendor::Vtd => setup.vtd(ioas, stream)?,
            Vendor::SmmuV3 => setup.smmuv3(ioas, stream, smmuv3)?,
            Vendor::AmdVi => setup.amdvi(ioas, stream)?,
        };
        Ok(Self {
            iommufd,
            targets,
            ioas,
        })
    }
}

/// A host that is being set up.
struct Setup<'a, Q> {
    iommufd: &'a Iommufd<Q>,
    instance: InstanceArg,
    /// The nest parent, once there is a device for it.
    parent: Option<ObjectId>,
    devices: u32,
}

impl<Q: HardwareQueue> Setup<'_, Q> {
    /// A nested HWPT for each (domain, PASID); a device for each domain, since a
    /// device without PASID is in one domain only.
    fn vtd(&mut self, ioas: ObjectId, stream: &Stream) -> Result<Targets, UapiError> {
        let mut devices: BTreeMap<DomainId, ObjectId> = BTreeMap::new();
        let mut targets = Targets::default();
        for &(did, pasid) in stream.targets() {
            let device = match devices.get(&did) {
                Some(&device) => device,
                None => *devices.entry(did).or_insert(self.device(false)?),
            };
            let parent = self.parent(ioas, device)?;
            let data = HwptData::VtdS1(VtdS1 {
                flags: 0,
                pgtbl_addr: GUEST_PAGE.0,
                addr_width: 48,
                reserved: 0,
            });
            let flags = HwptAllocFlags::PASID;
            let hwpt = self.iommufd.hwpt_alloc(device, parent, flags, data)?;
            let at = (pasid != Pasid::RID).then_some(pasid);
            self.iommufd.attach(device, hwpt, at)?;
            targets.hwpts.push((did, pasid, hwpt));
        }
        Ok(targets)
    }

    /// A vIOMMU, and behind it a vDEVICE for each device that the stream names, all in
    /// one CD table.
    fn smmuv3(
        &mut self,
        ioas: ObjectId,
        stream: &Stream,
        kind: ViommuType,
    ) -> Result<Targets, UapiError> {
        let first = self.device(true)?;
        let viommu = self.viommu(ioas, first, kind)?;
        let ste = [
            1 | 5 << 1 | GUEST_PAGE.0, // V, Config: stage 1, S1ContextPtr
            1 << 28,                   // EATS: full ATS
        ];
        let data = HwptData::ArmSmmuV3(ArmSmmuV3 { ste });
        let names: &[DeviceId] = match stream.devices() {
            [] => &[DeviceId(0)],
            devices => devices,
        };
        let hwpt = self
            .iommufd
            .hwpt_alloc(first, viommu, HwptAllocFlags::NONE, data)?;
        for (at, &name) in names.iter().enumerate() {
            let device = if at == 0 { first } else { self.device(true)? };
            self.iommufd
                .vdevice_alloc(viommu, device, u64::from(name.0))?;
            self.iommufd.attach(device, hwpt, None)?;
        }
        Ok(Targets {
            viommu: Some(viommu),
            hwpts: Vec::new(),
        })
    }

    /// A vIOMMU, behind it a nested HWPT with a device for each domain, and vDEVICEs
    /// for the devices that the stream names.
    fn amdvi(&mut self, ioas: ObjectId, stream: &Stream) -> Result<Targets, UapiError> {
        let first = self.device(true)?;
        let viommu = self.viommu(ioas, first, ViommuType::AMD)?;
        let mut names = stream.devices().iter().copied();
        // The guest has a device for each domain, named by the stream or not.
        let unnamed = (1..=u32::from(u16::MAX)).map(DeviceId);
        let mut unnamed = unnamed.filter(|name| stream.devices().binary_search(name).is_err());
        let mut targets = Targets {
            viommu: Some(viommu),
            hwpts: Vec::new(),
        };
        let mut free = Some(first);
        for &(domain, pasid) in stream.targets() {
            let device = match free.take() {
                Some(device) => device,
                None => self.device(true)?,
            };
            if let Some(name) = names.next().or_else(|| unnamed.next()) {
                self.iommufd
                    .vdevice_alloc(viommu, device, u64::from(name.0))?;
            }
            let data = HwptData::AmdGuest(AmdGuest {
                dte: guest_dte(domain),
            });
            let hwpt = self
                .iommufd
                .hwpt_alloc(device, viommu, HwptAllocFlags::NONE, data)?;
            self.iommufd.attach(device, hwpt, None)?;
            targets.hwpts.push((domain, pasid, hwpt));
        }
        for name in names {
            let device = match free.take() {
                Some(device) => device,
                None => self.device(true)?,
            };
            self.iommufd
                .vdevice_alloc(viommu, device, u64::from(name.0))?;
        }
        Ok(targets)
    }

    fn device(&mut self, ats: bool) -> Result<ObjectId, UapiError> {
        self.devices += 1;
        let caps = DeviceCaps {
            ats,
            pasid_bits: 20,
        };
        let id = DeviceId(self.devices);
        self.iommufd.add_device(self.instance, id, caps)
    }

    fn parent(&mut self, ioas: ObjectId, device: ObjectId) -> Result<ObjectId, UapiError> {
        if let Some(parent) = self.parent {
            return Ok(parent);
        }
        let flags = HwptAllocFlags::NEST_PARENT;
        let parent = self
            .iommufd
            .hwpt_alloc(device, ioas, flags, HwptData::None)?;
        self.parent = Some(parent);
        Ok(parent)
    }

    fn viommu(
        &mut self,
        ioas: ObjectId,
        device: ObjectId,
        kind: ViommuType,
    ) -> Result<ObjectId, UapiError> {
        let parent = self.parent(ioas, device)?;
        self.iommufd.viommu_alloc(device, parent, kind)
    }
}

/// V, GV and the GCR3 table at [`GUEST_PAGE`] (AMD-Vi 2.2.2.1).
const fn guest_dte(domain: DomainId) -> [u64; 4] {
    let gcr3 = GUEST_PAGE.0;
    [
        1 | 1 << 55 | (gcr3 >> 12 & 7) << 58,
        domain.0 as u64 | (gcr3 >> 15 & 0xffff) << 16 | gcr3 >> 31 << 43,
        0,
        0,
    ]
}

#[cfg(test)]
mod tests;
