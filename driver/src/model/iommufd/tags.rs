use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::instance::{Instance, same};
use crate::{DeviceId, Pasid};

/// Under what an attachment's translations are cached: the kernel's VT-d driver calls
/// it a cache tag.
pub(super) struct CacheTag<Q> {
    pub(super) instance: Arc<Instance<Q>>,
    /// Domain id or VMID: the host's.
    pub(super) id: u16,
    pub(super) pasid: Pasid,
    pub(super) device: DeviceId,
    /// The device's ATC is in use.
    pub(super) ats: bool,
    /// Attached to an HWPT nested on the one that has this tag.
    pub(super) nested: bool,
}

/// The tags of an HWPT, sorted: what belongs to one instance, and within it to one id,
/// is together. An entry for each attachment, so that some may be equal.
pub(super) struct Tags<Q>(RwLock<Vec<CacheTag<Q>>>);

/// The numbers that an HWPT has on the instances that it is used on.
pub(super) struct HostIds<Q>(Mutex<Vec<IdUse<Q>>>);

struct IdUse<Q> {
    instance: Arc<Instance<Q>>,
    id: u16,
    users: u32,
}

type Key = (u32, u16, Pasid, DeviceId, bool, bool);

impl<Q> CacheTag<Q> {
    fn key(&self) -> Key {
        (
            self.instance.arg.raw(),
            self.id,
            self.pasid,
            self.device,
            self.ats,
            self.nested,
        )
    }

    pub(super) fn nested(&self) -> Self {
        Self {
            instance: Arc::clone(&self.instance),
            nested: true,
            ..*self
        }
    }
}

impl<Q> Tags<Q> {
    pub(super) fn new() -> Self {
        Self(RwLock::default())
    }

    pub(super) fn add(&self, tag: CacheTag<Q>) {
        let mut tags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let at = tags.partition_point(|other| other.key() < tag.key());
        tags.insert(at, tag);
    }

    pub(super) fn remove(&self, tag: &CacheTag<Q>) {
        let mut tags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = tags.binary_search_by_key(&tag.key(), CacheTag::key) {
            tags.remove(at);
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Vec<CacheTag<Q>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q> HostIds<Q> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The number on `instance`, which is taken with the first user. None when the
    /// instance has no more.
    pub(super) fn get(&self, instance: &Arc<Instance<Q>>) -> Option<u16> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = ids.iter_mut().find(|used| same(&used.instance, instance)) {
            used.users += 1;
            return Some(used.id);
        }
        let id = instance.alloc_id()?;
        ids.push(IdUse {
            instance: Arc::clone(instance),
            id,
            users: 1,
        });
        Some(id)
    }

    /// The number on `instance` has a user less. With the last one it goes back, but
    /// not if it is not `clean`: what the hardware may still have under it must not
    /// become another's.
    pub(super) fn put(&self, instance: &Arc<Instance<Q>>, clean: bool) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = ids.iter().position(|used| same(&used.instance, instance)) else {
            return;
        };
        ids[at].users = ids[at].users.saturating_sub(u32::from(clean));
        if ids[at].users == 0 {
            instance.free_id(ids.swap_remove(at).id);
        }
    }
}
