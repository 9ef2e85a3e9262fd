use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::error::{Call, UapiError};
use super::eventq::Veventq;
use super::hw_queue::HwQueue;
use super::hwpt::{Nested, Paging};
use super::instance::Device;
use super::ioas::Ioas;
use super::viommu::{Vdevice, Viommu};
use crate::{ObjectId, errno};

/// What an object id stands for.
pub(super) enum Object<Q> {
    Device(Arc<Device<Q>>),
    Ioas(Arc<Ioas<Q>>),
    Paging(Arc<Paging<Q>>),
    Nested(Arc<Nested<Q>>),
    Viommu(Arc<Viommu<Q>>),
    Vdevice(Arc<Vdevice<Q>>),
    Veventq(Arc<Veventq<Q>>),
    HwQueue(Arc<HwQueue<Q>>),
}

struct Slot<Q> {
    object: Object<Q>,
    /// Objects and attachments that need this one; the kernel's `users` without the
    /// table's own.
    users: u32,
    /// Those that this one needs.
    parents: Vec<ObjectId>,
}

/// All objects by id. The lock is held for look-ups and counts only; whoever works with
/// an object holds it by reference.
pub(super) struct Objects<Q>(RwLock<Table<Q>>);

struct Table<Q> {
    slots: BTreeMap<ObjectId, Slot<Q>>,
    /// The last id that was given out. None is given out twice, unlike in the kernel:
    /// an id that is used too long is found out.
    last: u32,
}

impl<Q> Objects<Q> {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Table {
            slots: BTreeMap::new(),
            last: 0,
        }))
    }

    pub(super) fn get(&self, id: ObjectId) -> Option<Object<Q>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(table.slots.get(&id)?.object.clone())
    }

    /// An id that stands for nothing yet.
    pub(super) fn reserve(&self, call: Call) -> Result<ObjectId, UapiError> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let full = call.error(errno::ENOSPC, "object ids are used up");
        table.last = table.last.checked_add(1).ok_or(full)?;
        Ok(ObjectId(table.last))
    }

    /// Puts an object in, which needs `parents` from then on.
    pub(super) fn insert(
        &self,
        call: Call,
        id: ObjectId,
        parents: &[ObjectId],
        object: Object<Q>,
    ) -> Result<(), UapiError> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if parents.iter().any(|id| !table.slots.contains_key(id)) {
            return Err(call.error(errno::ENOENT, "an object that it needs was destroyed"));
        }
        for id in parents {
            table.count(*id, 1);
        }
        let slot = Slot {
            object,
            users: 0,
            parents: parents.to_vec(),
        };
        table.slots.insert(id, slot);
        Ok(())
    }

    /// Keeps an object from being destroyed; false where it already is.
    pub(super) fn pin(&self, id: ObjectId) -> bool {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.count(id, 1)
    }

    pub(super) fn unpin(&self, id: ObjectId) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.count(id, -1);
    }

    /// Takes an object out that nothing needs (`iommufd_object_remove`).
    pub(super) fn remove(&self, call: Call, id: ObjectId) -> Result<Object<Q>, UapiError> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let slot = table.slots.get(&id);
        let slot = slot.ok_or_else(|| call.error(errno::ENOENT, "no such object"))?;
        if slot.users > 0 {
            return Err(call.error(errno::EBUSY, "the object is in use"));
        }
        if matches!(slot.object, Object::Device(_)) {
            // As long as VFIO has it bound, the kernel counts VFIO as a user.
            return Err(call.error(errno::EBUSY, "the device is bound"));
        }
        let slot = table.slots.remove(&id);
        let slot = slot.ok_or_else(|| call.error(errno::ENOENT, "no such object"))?;
        for parent in slot.parents {
            table.count(parent, -1);
        }
        Ok(slot.object)
    }
}

impl<Q> Table<Q> {
    fn count(&mut self, id: ObjectId, change: i32) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else {
            return false;
        };
        slot.users = slot.users.saturating_add_signed(change);
        true
    }
}

impl<Q> Clone for Object<Q> {
    fn clone(&self) -> Self {
        match self {
            Self::Device(object) => Self::Device(Arc::clone(object)),
            Self::Ioas(object) => Self::Ioas(Arc::clone(object)),
            Self::Paging(object) => Self::Paging(Arc::clone(object)),
            Self::Nested(object) => Self::Nested(Arc::clone(object)),
            Self::Viommu(object) => Self::Viommu(Arc::clone(object)),
            Self::Vdevice(object) => Self::Vdevice(Arc::clone(object)),
            Self::Veventq(object) => Self::Veventq(Arc::clone(object)),
            Self::HwQueue(object) => Self::HwQueue(Arc::clone(object)),
        }
    }
}

macro_rules! typed {
    ($($name:ident, $variant:ident, $what:literal;)+) => {
        /// Look-ups by id and type, `ENOENT` for both another type and nothing
        /// (`iommufd_get_object`).
        impl<Q> Objects<Q> {$(
            pub(super) fn $name(&self, call: Call, id: ObjectId) -> Result<Arc<$variant<Q>>, UapiError> {
                match self.get(id) {
                    Some(Object::$variant(object)) => Ok(object),
                    _ => Err(call.error(errno::ENOENT, concat!("the id stands for no ", $what))),
                }
            }
        )+}
    };
}

typed! {
    device, Device, "device";
    ioas, Ioas, "IOAS";
    paging, Paging, "paging HWPT";
    viommu, Viommu, "vIOMMU";
    veventq, Veventq, "vEVENTQ";
    hw_queue, HwQueue, "HW_QUEUE";
}
