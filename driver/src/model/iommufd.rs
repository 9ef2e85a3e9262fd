//! What a kernel does between the uAPI and the hardware queues: the objects of iommufd
//! and the vendors' drivers behind them, for modelled instances.
//!
//! ```text
//!  IOAS ──▶ HWPT (nest parent) ──▶ vIOMMU ──▶ vDEVICE, vEVENTQ, HW_QUEUE
//!                  │                  │
//!                  ▼ VT-d             ▼ SMMUv3, AMD-Vi
//!               nested HWPT        nested HWPT ◀── attach ── device ── instance
//! ```
//!
//! What is on the left is needed by what is on the right, and refuses to be destroyed.
//!
//! Locks, in the order in which they are taken: a device's state (attachments), an IOAS'
//! domains, its areas, a vIOMMU's queues, the table of objects; all others are taken last.
//! While hardware is waited for, only those are held that the kernel holds as well: the
//! device's state, the IOAS' domains for reading, the tags of an HWPT for reading.

mod attach;
mod command;
mod domain;
mod error;
mod eventq;
mod fault;
mod host;
mod hw_queue;
mod hwpt;
mod instance;
mod invalidate;
mod ioas;
mod object;
mod program;
mod stage1;
mod stage2;
mod tags;
mod types;
mod viommu;

use std::sync::{Arc, PoisonError, RwLock};

use hwptop_abi::InstanceArg;
use vm_memory::GuestMemoryMmap;

pub use self::error::UapiError;
pub use self::eventq::Vevent;
pub use self::hw_queue::HwQueueHandle;
pub(crate) use self::invalidate::smmuv3::is_assignable;
pub use self::types::{
    DeviceCaps, HwQueueType, HwptAllocFlags, HwptData, ModelUnit, Prot, VeventqType, ViommuType,
};

use self::error::Call;
use self::host::Host;
use self::instance::{Device, Instance};
use self::object::{Object, Objects};
use super::tables::PageAllocator;
use crate::{DeviceId, HardwareQueue, ObjectId, Vendor, errno};

/// The iommufd of a modelled host: one file descriptor's objects over the host's
/// instances.
///
/// Each method is a call of the uAPI with its rules and error numbers (Linux 7.3); where
/// the model departs from it, the method says so. Requests go in by [`crate::Backend`].
pub struct Iommufd<Q> {
    host: Host,
    instances: RwLock<Vec<Arc<Instance<Q>>>>,
    objects: Objects<Q>,
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// A host without instances. `memory` is its physical memory, in which the tables of
    /// stage 2 take the pages of `tables`.
    #[must_use]
    pub fn new(memory: GuestMemoryMmap, tables: PageAllocator) -> Self {
        Self {
            host: Host::new(memory, tables),
            instances: RwLock::default(),
            objects: Objects::new(),
        }
    }

    /// Adds an instance: its unit, and the queue whose commands the unit executes.
    ///
    /// # Errors
    /// `EEXIST`: there is one of this number and vendor. `EINVAL`: the unit is of another
    /// vendor than `arg` says.
    pub fn add_instance(
        &self,
        arg: InstanceArg,
        unit: ModelUnit,
        queue: Q,
    ) -> Result<(), UapiError> {
        let call = Call::INSTANCE;
        if arg.vendor() != Ok(unit.vendor()) {
            return Err(call.error(errno::EINVAL, "the unit is of another vendor"));
        }
        let mut instances = self
            .instances
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if instances.iter().any(|instance| instance.arg == arg) {
            return Err(call.error(errno::EEXIST, "the instance is there already"));
        }
        instances.push(Arc::new(Instance::new(arg, unit, queue)));
        Ok(())
    }

    /// Binds a device behind an instance (`VFIO_DEVICE_BIND_IOMMUFD`) and returns its
    /// `dev_id`. It is attached to nothing and stays bound as long as this lives.
    ///
    /// # Errors
    /// `ENOENT`: no such instance. `EBUSY`: the device is bound already. `EINVAL`: more
    /// than 20 bits of PASIDs. `ENOSPC`.
    pub fn add_device(
        &self,
        instance: InstanceArg,
        device: DeviceId,
        caps: DeviceCaps,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::BIND;
        if caps.pasid_bits > 20 {
            return Err(call.error(errno::EINVAL, "a PASID has 20 bits"));
        }
        let instances = self
            .instances
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let found = instances.iter().find(|other| other.arg == instance);
        let found = found.ok_or_else(|| call.error(errno::ENOENT, "no such instance"))?;
        if !found.bind(device) {
            return Err(call.error(errno::EBUSY, "the device is bound already"));
        }
        let id = self.objects.reserve(call)?;
        let bound = Arc::new(Device::new(Arc::clone(found), device, caps));
        if caps.ats && found.unit.vendor() != Vendor::SmmuV3 {
            program::set_ats(&bound, true);
        }
        self.objects.insert(call, id, &[], Object::Device(bound))?;
        Ok(id)
    }

    /// `IOMMU_DESTROY`.
    ///
    /// # Errors
    /// `ENOENT`: no such object. `EBUSY`: another object or an attachment needs it, or it
    /// is a bound device.
    pub fn destroy(&self, id: ObjectId) -> Result<(), UapiError> {
        match self.objects.remove(Call::DESTROY, id)? {
            Object::Paging(paging) => self.paging_destroyed(&paging),
            Object::Nested(nested) => nested.release(),
            Object::Viommu(viommu) => viommu.release(),
            Object::Vdevice(vdevice) => vdevice.release(),
            Object::Veventq(veventq) => veventq.release(),
            Object::HwQueue(queue) => queue.release(),
            Object::Ioas(_) | Object::Device(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
