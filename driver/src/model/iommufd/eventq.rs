use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Iommufd;
use super::attach::Attachment;
use super::error::{Call, UapiError};
use super::object::Object;
use super::types::VeventqType;
use super::viommu::Viommu;
use crate::spec::amdvi::DEVICE_ID_MASK;
use crate::spec::smmuv3::{SID, SID_SHIFT};
use crate::{HardwareQueue, ObjectId, Pasid, Vendor, errno};

/// `VEVENTQ_MAX_DEPTH`.
const DEPTH_MAX: u32 = 1 << 19;

/// The sequence number behind this one is 0 (`struct iommufd_vevent_header`).
const SEQUENCE_MAX: u32 = i32::MAX.cast_unsigned();

/// An event as a vEVENTQ gives it: `struct iommufd_vevent_header` and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vevent {
    /// [`Self::LOST_EVENTS`] or 0.
    pub flags: u32,
    /// Counts events from 0, lost ones included; 0 follows `i32::MAX`.
    pub sequence: u32,
    /// The record (`struct iommu_vevent_arm_smmuv3`), in which the device is the guest's;
    /// none behind a header that only says that events are lost.
    pub record: Option<[u64; 4]>,
}

impl Vevent {
    /// `IOMMU_VEVENTQ_FLAG_LOST_EVENTS`.
    pub const LOST_EVENTS: u32 = 1;
}

/// `IOMMUFD_OBJ_VEVENTQ`.
pub(super) struct Veventq<Q> {
    viommu: Arc<Viommu<Q>>,
    kind: VeventqType,
    depth: usize,
    events: Mutex<Events>,
}

#[derive(Default)]
struct Events {
    queue: VecDeque<(u32, [u64; 4])>,
    /// Sequence number of the last event, if that is lost.
    lost: Option<u32>,
    next: u32,
}

impl<Q> Veventq<Q> {
    fn report(&self, record: [u64; 4]) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = events.next;
        events.next = (sequence + 1) & SEQUENCE_MAX;
        if events.queue.len() == self.depth {
            events.lost = Some(sequence);
        } else {
            // The gap in the sequence tells what was lost before.
            events.lost = None;
            events.queue.push_back((sequence, record));
        }
    }

    fn read(&self) -> Option<Vevent> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sequence, record)) = events.queue.pop_front() {
            return Some(Vevent {
                flags: 0,
                sequence,
                record: Some(record),
            });
        }
        events.lost.take().map(|sequence| Vevent {
            flags: Vevent::LOST_EVENTS,
            sequence,
            record: None,
        })
    }

    pub(super) fn release(&self) {
        let veventqs = self.viommu.veventqs.lock();
        let mut veventqs = veventqs.unwrap_or_else(PoisonError::into_inner);
        veventqs.retain(|(kind, _)| *kind != self.kind);
    }
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `IOMMU_VEVENTQ_ALLOC`.
    ///
    /// # Errors
    /// `EOPNOTSUPP` (the default type), `EINVAL` (a depth of 0 or above 2^19), `ENOENT`
    /// (no such vIOMMU), `EEXIST` (it has one of this type).
    pub fn veventq_alloc(
        &self,
        viommu_id: ObjectId,
        kind: VeventqType,
        depth: u32,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::VEVENTQ_ALLOC;
        if kind == VeventqType::DEFAULT {
            return Err(call.error(errno::EOPNOTSUPP, "the default type is reserved"));
        }
        if depth == 0 || depth > DEPTH_MAX {
            return Err(call.error(errno::EINVAL, "the depth is not from 1 to 2^19"));
        }
        let viommu = self.objects.viommu(call, viommu_id)?;
        let mut veventqs = viommu
            .veventqs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if veventqs.iter().any(|(other, _)| *other == kind) {
            return Err(call.error(errno::EEXIST, "the vIOMMU has one of this type"));
        }
        let id = self.objects.reserve(call)?;
        let veventq = Arc::new(Veventq {
            viommu: Arc::clone(&viommu),
            kind,
            depth: usize::try_from(depth).unwrap_or(usize::MAX),
            events: Mutex::default(),
        });
        let object = Object::Veventq(Arc::clone(&veventq));
        self.objects.insert(call, id, &[viommu_id], object)?;
        veventqs.push((kind, veventq));
        Ok(id)
    }

    /// What the driver's interrupt does with an event of a device
    /// (`arm_vmaster_report_event`): the device in it becomes the guest's. The device is
    /// in bits 63:32 of the first word on SMMUv3, in bits 15:0 on AMD-Vi. An event that
    /// finds the queue full is lost.
    ///
    /// # Errors
    /// `ENOENT`: no such device. `EOPNOTSUPP`: it is not attached to a nested HWPT, has no
    /// vDEVICE, or its vIOMMU no vEVENTQ of this type.
    pub fn report_event(
        &self,
        dev_id: ObjectId,
        kind: VeventqType,
        mut record: [u64; 4],
    ) -> Result<(), UapiError> {
        let call = Call::EVENT;
        let unheard = call.error(errno::EOPNOTSUPP, "no guest listens to this device");
        let device = self.objects.device(call, dev_id)?;
        let state = device.lock();
        let nested = state
            .attached
            .get(&Pasid::RID)
            .is_some_and(Attachment::is_nested);
        let id = state.vdevice.filter(|_| nested).ok_or(unheard)?;
        drop(state);
        let viommu = self.objects.viommu(call, id.viommu)?;
        record[0] = match viommu.instance.unit.vendor() {
            Vendor::AmdVi => record[0] & !DEVICE_ID_MASK | id.virt_id & DEVICE_ID_MASK,
            Vendor::SmmuV3 | Vendor::Vtd => record[0] & !SID | id.virt_id << SID_SHIFT,
        };
        let veventqs = viommu
            .veventqs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let veventq = veventqs.iter().find(|(other, _)| *other == kind);
        veventq.ok_or(unheard)?.1.report(record);
        Ok(())
    }

    /// Reads the next event; none where the queue is empty.
    ///
    /// # Errors
    /// `ENOENT`: no such vEVENTQ.
    pub fn veventq_read(&self, veventq: ObjectId) -> Result<Option<Vevent>, UapiError> {
        Ok(self.objects.veventq(Call::VEVENTQ_READ, veventq)?.read())
    }
}
