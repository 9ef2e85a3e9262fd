use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hwptop_abi::InstanceArg;

use super::attach::Attachment;
use super::types::{DeviceCaps, ModelUnit};
use crate::{Command, DeviceId, HardwareQueue, ObjectId, Pasid, SubmitError, Vendor};

/// A modelled instance as the kernel's driver knows it.
pub(super) struct Instance<Q> {
    pub(super) arg: InstanceArg,
    pub(super) unit: ModelUnit,
    pub(super) queue: Q,
    ids: Mutex<IdPool>,
    bound: Mutex<BTreeSet<DeviceId>>,
    /// Held while attachments change, hardware included: `arm_smmu_asid_lock`.
    attaching: Mutex<()>,
}

/// A bound device (`IOMMUFD_OBJ_DEVICE`).
pub(super) struct Device<Q> {
    pub(super) instance: Arc<Instance<Q>>,
    /// Requester id or StreamID: the host's.
    pub(super) host_id: DeviceId,
    pub(super) caps: DeviceCaps,
    /// Held while attachments change, hardware included, as the kernel holds the
    /// lock of the device's group.
    state: Mutex<DeviceState<Q>>,
}

pub(super) struct DeviceState<Q> {
    /// By PASID; [`Pasid::RID`] for requests without.
    pub(super) attached: BTreeMap<Pasid, Attachment<Q>>,
    pub(super) vdevice: Option<VirtualId>,
}

/// What the device is called in a guest.
#[derive(Clone, Copy)]
pub(super) struct VirtualId {
    pub(super) viommu: ObjectId,
    pub(super) virt_id: u64,
}

/// Numbers of 16 bits: domain ids of VT-d and AMD-Vi, VMIDs of SMMUv3.
///
/// The one that came back last is the next to go out, so that lines that were left in
/// a cache under it are found out soonest.
struct IdPool {
    next: u32,
    free: Vec<u16>,
}

impl<Q> Instance<Q> {
    pub(super) fn new(arg: InstanceArg, unit: ModelUnit, queue: Q) -> Self {
        // VT-d: 0 is reserved (9.3) and 1 is the kernel's FLPT_DEFAULT_DID. SMMUv3: 0 is
        // for stage 1 without stage 2. AMD-Vi: 0 is no domain.
        let next = match unit.vendor() {
            Vendor::Vtd => 2,
            Vendor::SmmuV3 | Vendor::AmdVi => 1,
        };
        Self {
            arg,
            unit,
            queue,
            ids: Mutex::new(IdPool {
                next,
                free: Vec::new(),
            }),
            bound: Mutex::default(),
            attaching: Mutex::default(),
        }
    }

    /// False where the device is bound already.
    pub(super) fn bind(&self, device: DeviceId) -> bool {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.insert(device)
    }

    /// Lets one attachment of an SMMUv3 change at a time: only so does the last one that
    /// leaves a VMID know that it is the last.
    pub(super) fn serialize(&self) -> Option<MutexGuard<'_, ()>> {
        let smmu = self.unit.vendor() == Vendor::SmmuV3;
        smmu.then(|| {
            self.attaching
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
    }

    pub(super) fn alloc_id(&self) -> Option<u16> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.free.pop().or_else(|| {
            let id = u16::try_from(ids.next).ok()?;
            ids.next += 1;
            Some(id)
        })
    }

    /// Takes back a number under which nothing is cached any more.
    pub(super) fn free_id(&self, id: u16) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.free.push(id);
    }
}

impl<Q: HardwareQueue> Instance<Q> {
    pub(super) fn submit(&self, target: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        if commands.is_empty() {
            return Ok(());
        }
        self.queue.submit_sync(target, commands)
    }
}

impl<Q> Device<Q> {
    pub(super) fn new(instance: Arc<Instance<Q>>, device: DeviceId, caps: DeviceCaps) -> Self {
        Self {
            instance,
            host_id: device,
            caps,
            state: Mutex::new(DeviceState {
                attached: BTreeMap::new(),
                vdevice: None,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, DeviceState<Q>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether both are the same instance.
pub(super) fn same<Q>(a: &Arc<Instance<Q>>, b: &Arc<Instance<Q>>) -> bool {
    Arc::ptr_eq(a, b)
}
