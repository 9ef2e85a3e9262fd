use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vm_memory::GuestMemoryMmap;

use super::atc::Atcs;
use super::tlb::{Fault, Space, Tlb, Translation};
use super::{CacheLine, CacheState, Cached, FaultReason, Tag, TranslationFault};
use crate::model::config::{Iova, Pa};
use crate::{Command, DeviceId, HardwareError, Pasid};

/// What is a vendor's own: how devices and PASIDs lead to tables, the caches of
/// that, and the commands.
pub(super) trait Config: Default {
    /// The tables of a device and PASID, from the configuration caches or from the
    /// configuration, which is cached then.
    fn find(&mut self, tlb: &mut Tlb, device: DeviceId, pasid: Pasid) -> Result<Space, Fault>;

    /// Forgets the configuration caches.
    fn forget(&mut self);

    /// What is in the configuration caches.
    fn lines(&self) -> Vec<CacheLine>;

    /// Executes a command. It has no effect where it is an error.
    fn execute(state: &mut State<Self>, command: Command) -> Result<(), HardwareError>;
}

/// A part of the configuration, as the kernel writes it and as the unit has it cached.
#[derive(Debug)]
pub(super) struct Entries<K, V> {
    written: BTreeMap<K, V>,
    pub(super) cached: BTreeMap<K, V>,
}

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self {
            written: BTreeMap::new(),
            cached: BTreeMap::new(),
        }
    }
}

impl<K: Ord, V: Copy> Entries<K, V> {
    /// Writes an entry; none is one that is not present. What is cached stays.
    pub(super) fn set(&mut self, key: K, entry: Option<V>) {
        match entry {
            Some(entry) => self.written.insert(key, entry),
            None => self.written.remove(&key),
        };
    }

    /// From the cache, or as it is written, which is cached then unless it is not present.
    pub(super) fn read(&mut self, key: K) -> Result<V, Fault> {
        if let Some(entry) = self.cached.get(&key) {
            return Ok(*entry);
        }
        let missing = Fault::configuration(FaultReason::NotPresent);
        let entry = *self.written.get(&key).ok_or(missing)?;
        self.cached.insert(key, entry);
        Ok(entry)
    }
}

/// The line of a configuration cache.
pub(super) const fn config_line(
    device: DeviceId,
    pasid: Option<Pasid>,
    words: [u64; 3],
) -> CacheLine {
    CacheLine {
        tag: Tag::Config(device, pasid),
        from: 0,
        size_log2: 0,
        content: Cached::Config(words),
    }
}

/// An error for a command that has a bit or value that it must not have.
pub(super) const fn legal(legal: bool) -> Result<(), HardwareError> {
    if legal {
        Ok(())
    } else {
        Err(HardwareError::Illegal)
    }
}

/// A unit's state.
#[derive(Debug)]
pub(super) struct State<C> {
    pub(super) config: C,
    pub(super) tlb: Tlb,
    pub(super) atcs: Atcs,
}

/// A unit's state behind the lock that makes each translation and each command one
/// step: no command falls between a walk and what it puts into the caches.
#[derive(Debug)]
pub(super) struct Shared<C>(Mutex<State<C>>);

impl<C: Config> Shared<C> {
    pub(super) fn new(memory: GuestMemoryMmap) -> Self {
        Self(Mutex::new(State {
            config: C::default(),
            tlb: Tlb::new(memory),
            atcs: Atcs::default(),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn execute(&self, command: Command) -> Result<(), HardwareError> {
        C::execute(&mut self.lock(), command)
    }

    pub(super) fn translate(
        &self,
        device: DeviceId,
        pasid: Pasid,
        iova: Iova,
        write: bool,
    ) -> Result<Pa, TranslationFault> {
        self.lock()
            .translate(device, pasid, iova.0)
            .and_then(|found| found.access(iova.0, write))
            .map_err(|Fault { stage, reason }| TranslationFault {
                device,
                pasid,
                iova,
                stage,
                reason,
            })
    }

    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.config.forget();
        state.tlb.clear();
        state.atcs.lines.clear();
    }

    pub(super) fn cache_state(&self) -> CacheState {
        let state = self.lock();
        let mut lines = state.config.lines();
        let leaves = state.tlb.leaves.iter();
        lines.extend(leaves.map(|(tag, from, shape, found)| CacheLine {
            tag,
            from,
            size_log2: shape.size_log2,
            content: Cached::Leaf(found.leaf),
        }));
        let tables = state.tlb.tables.iter();
        lines.extend(tables.map(|(tag, from, shape, node)| CacheLine {
            tag,
            from,
            size_log2: shape.size_log2,
            content: Cached::Table(node),
        }));
        let atcs = state.atcs.lines.iter();
        lines.extend(atcs.map(|((device, pasid), from, shape, found)| CacheLine {
            tag: Tag::Atc(device, pasid),
            from,
            size_log2: shape.size_log2,
            content: Cached::Leaf(found.leaf),
        }));
        lines.sort_unstable();
        CacheState { lines }
    }
}

impl<C: Config> State<C> {
    fn translate(
        &mut self,
        device: DeviceId,
        pasid: Pasid,
        addr: u64,
    ) -> Result<Translation, Fault> {
        let ats = self.atcs.has(device);
        if ats && let Some(hit) = self.atcs.lines.get((device, pasid), addr) {
            return Ok(hit);
        }
        let space = self.config.find(&mut self.tlb, device, pasid)?;
        let found = self.tlb.translate(&space, addr)?;
        if ats {
            self.atcs.insert(device, pasid, addr, found);
        }
        Ok(found)
    }
}
