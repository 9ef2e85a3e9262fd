use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::super::config::{Gpa, Pa};
use super::super::tables::TableError;
use super::Iommufd;
use super::domain::{ADDRESS_BITS, Domain, UnmapError};
use super::error::{Call, UapiError};
use super::host::Host;
use super::object::Object;
use super::types::Prot;
use crate::{HardwareQueue, ObjectId, errno};

const PAGE: u64 = 4096;

/// An I/O address space: areas, and the domains that have them in their tables.
pub(super) struct Ioas<Q> {
    /// Held for reading while an area changes, hardware included; for writing while a
    /// domain comes or goes (the kernel's `domains_rwsem`).
    domains: RwLock<Vec<Arc<Domain<Q>>>>,
    /// By first address (the kernel's `area_itree` under `iova_rwsem`).
    areas: Mutex<Areas>,
}

type Areas = BTreeMap<u64, Area>;

#[derive(Clone, Copy)]
struct Area {
    last: u64,
    to: u64,
    writable: bool,
    /// HW_QUEUEs whose memory it is (`num_locks`).
    locks: u32,
    /// It is being filled or emptied, without a lock on the areas.
    busy: bool,
}

impl<Q> Ioas<Q> {
    pub(super) fn new() -> Self {
        Self {
            domains: RwLock::default(),
            areas: Mutex::default(),
        }
    }

    fn areas(&self) -> MutexGuard<'_, Areas> {
        self.areas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills a new domain and keeps it in step from then on (`iopt_table_add_domain`).
    pub(super) fn add_domain(
        &self,
        host: &Host,
        domain: &Arc<Domain<Q>>,
    ) -> Result<(), TableError> {
        let mut domains = self.domains.write().unwrap_or_else(PoisonError::into_inner);
        for (&from, area) in &*self.areas() {
            domain.map(host, from, area.to, area.last - from + 1, area.writable)?;
        }
        domains.push(Arc::clone(domain));
        Ok(())
    }

    pub(super) fn remove_domain(&self, domain: &Arc<Domain<Q>>) {
        let mut domains = self.domains.write().unwrap_or_else(PoisonError::into_inner);
        domains.retain(|other| !Arc::ptr_eq(other, domain));
    }

    /// Keeps the areas of a range from being unmapped, and says where the range is.
    pub(super) fn lock_range(&self, call: Call, from: u64, last: u64) -> Result<Pa, UapiError> {
        let mut areas = self.areas();
        let (mut next, mut shift) = (Some(from), None);
        for (&first, area) in overlapping(&areas, from, last) {
            let Some(at) = next.filter(|&at| first <= at && !area.busy) else {
                break;
            };
            let offset = area.to.wrapping_sub(first);
            if *shift.get_or_insert(offset) != offset {
                return Err(call.error(errno::EFAULT, "its memory is not contiguous"));
            }
            next = (area.last < last).then(|| at.max(area.last) + 1);
        }
        let unmapped = call.error(errno::ENOENT, "its memory is not mapped in the IOAS");
        let shift = shift.filter(|_| next.is_none()).ok_or(unmapped)?;
        change_locks(&mut areas, from, last, 1);
        Ok(Pa(from.wrapping_add(shift)))
    }

    pub(super) fn unlock_range(&self, from: u64, last: u64) {
        change_locks(&mut self.areas(), from, last, -1);
    }

    /// Puts a busy area in (`iopt_check_iova`, `iopt_insert_area`).
    fn insert(&self, from: u64, area: Area) -> Result<(), UapiError> {
        let mut areas = self.areas();
        if overlapping(&areas, from, area.last).next().is_some() {
            return Err(Call::IOAS_MAP.error(errno::EEXIST, "the range overlaps a mapping"));
        }
        areas.insert(from, area);
        Ok(())
    }

    /// Claims the first area of a range for unmapping; none where nothing is left.
    fn claim(&self, from: u64, last: u64) -> Result<Option<(u64, Area)>, UapiError> {
        let call = Call::IOAS_UNMAP;
        let mut areas = self.areas();
        let Some((&first, &area)) = overlapping(&areas, from, last).next() else {
            return Ok(None);
        };
        if area.busy {
            return Err(call.error(errno::EBUSY, "the area is being mapped or unmapped"));
        }
        if area.locks > 0 {
            return Err(call.error(errno::EBUSY, "a HW_QUEUE is in the area"));
        }
        if first < from || area.last > last {
            return Err(call.error(errno::ENOENT, "a mapping is unmapped whole or not at all"));
        }
        areas.insert(first, Area { busy: true, ..area });
        Ok(Some((first, area)))
    }
}

impl<Q: HardwareQueue> Ioas<Q> {
    fn map(&self, host: &Host, from: u64, area: Area) -> Result<(), UapiError> {
        let domains = self.domains.read().unwrap_or_else(PoisonError::into_inner);
        self.insert(from, area)?;
        let length = area.last - from + 1;
        let filled = domains.iter().position(|domain| {
            domain
                .map(host, from, area.to, length, area.writable)
                .is_err()
        });
        if let Some(failed) = filled {
            // Devices may already have used what was written.
            for domain in &domains[..=failed] {
                let _ = domain.unmap(host, from, length);
            }
            self.areas().remove(&from);
            return Err(Call::IOAS_MAP.error(errno::ENOMEM, "no memory for tables"));
        }
        self.areas().insert(
            from,
            Area {
                busy: false,
                ..area
            },
        );
        Ok(())
    }

    /// Returns the bytes that were unmapped.
    fn unmap(&self, host: &Host, mut from: u64, last: u64) -> Result<u64, UapiError> {
        let mut unmapped = 0;
        loop {
            let domains = self.domains.read().unwrap_or_else(PoisonError::into_inner);
            let Some((first, area)) = self.claim(from, last)? else {
                return Ok(unmapped);
            };
            let length = area.last - first + 1;
            let mut result = Ok(());
            for domain in &*domains {
                result = result.and(domain.unmap(host, first, length));
            }
            self.areas().remove(&first);
            result.map_err(|error| match error {
                UnmapError::Table => Call::IOAS_UNMAP.error(errno::EIO, "a table is damaged"),
                UnmapError::Hardware(error) => Call::IOAS_UNMAP.hardware(error),
            })?;
            unmapped += length;
            if area.last >= last {
                return Ok(unmapped);
            }
            // Not what others map meanwhile where this call has already been.
            from = area.last + 1;
        }
    }
}

fn overlapping(areas: &Areas, from: u64, last: u64) -> impl Iterator<Item = (&u64, &Area)> {
    // Areas do not overlap: at most one begins before the range and reaches into it.
    let first = areas.range(..from).next_back();
    let first = first.filter(|(_, area)| area.last >= from);
    first.into_iter().chain(areas.range(from..=last))
}

fn change_locks(areas: &mut Areas, from: u64, last: u64, change: i32) {
    let start = overlapping(areas, from, last)
        .next()
        .map_or(from, |(&first, _)| first);
    for (_, area) in areas.range_mut(start..=last) {
        area.locks = area.locks.saturating_add_signed(change);
    }
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `IOMMU_IOAS_ALLOC`.
    ///
    /// # Errors
    /// `ENOSPC`: object ids are used up.
    pub fn ioas_alloc(&self) -> Result<ObjectId, UapiError> {
        let call = Call::IOAS_ALLOC;
        let id = self.objects.reserve(call)?;
        self.objects
            .insert(call, id, &[], Object::Ioas(Arc::new(Ioas::new())))?;
        Ok(id)
    }

    /// `IOMMU_IOAS_MAP` with `IOMMU_IOAS_MAP_FIXED_IOVA`: `length` bytes of the host's
    /// memory from `to` on, at `from`. `user_va` of the uAPI is a physical address here:
    /// the modelled host has no processes.
    ///
    /// # Errors
    /// `EOVERFLOW`, `EINVAL` (nothing allowed; not aligned to 4 KiB; beyond 48 bits),
    /// `ENOENT`, `EFAULT` (not memory), `EEXIST` (overlaps), `ENOMEM` (no table pages).
    pub fn ioas_map(
        &self,
        ioas: ObjectId,
        from: Gpa,
        to: Pa,
        length: u64,
        prot: Prot,
    ) -> Result<(), UapiError> {
        let call = Call::IOAS_MAP;
        if from.0 == u64::MAX || length == u64::MAX {
            return Err(call.error(errno::EOVERFLOW, "address or length is too large"));
        }
        if !prot.readable && !prot.writable {
            return Err(call.error(errno::EINVAL, "neither readable nor writable"));
        }
        let ioas = self.objects.ioas(call, ioas)?;
        if length == 0 || (length | from.0 | to.0) & (PAGE - 1) != 0 {
            return Err(call.error(errno::EINVAL, "not aligned to pages, or empty"));
        }
        let last = from.0.checked_add(length - 1);
        let last = last.ok_or_else(|| call.error(errno::EOVERFLOW, "the range wraps"))?;
        if last >> ADDRESS_BITS != 0 {
            return Err(call.error(errno::EINVAL, "beyond the aperture of 48 bits"));
        }
        if !self.host.has(to.0, length) {
            return Err(call.error(errno::EFAULT, "not the host's memory"));
        }
        let area = Area {
            last,
            to: to.0,
            writable: prot.writable,
            locks: 0,
            busy: true,
        };
        ioas.map(&self.host, from.0, area)
    }

    /// `IOMMU_IOAS_UNMAP`: every mapping in a range, each of which must lie in it whole;
    /// everything with 0 and `u64::MAX`. Returns the number of bytes. When it returns,
    /// no device behind any instance reaches them any more.
    ///
    /// # Errors
    /// `EOVERFLOW`, `EINVAL` (empty), `ENOENT` (nothing there; only a part of a mapping),
    /// `EBUSY` (memory of a HW_QUEUE), and what the hardware queue says: then the mapping
    /// is gone but may still be cached. What comes before the mapping that failed is
    /// unmapped.
    pub fn ioas_unmap(&self, ioas: ObjectId, from: Gpa, length: u64) -> Result<u64, UapiError> {
        let call = Call::IOAS_UNMAP;
        let ioas = self.objects.ioas(call, ioas)?;
        if from.0 == 0 && length == u64::MAX {
            return ioas.unmap(&self.host, 0, u64::MAX);
        }
        if from.0 == u64::MAX || length == u64::MAX {
            return Err(call.error(errno::EOVERFLOW, "address or length is too large"));
        }
        if length == 0 {
            return Err(call.error(errno::EINVAL, "empty"));
        }
        let last = from.0.checked_add(length - 1);
        let last = last.ok_or_else(|| call.error(errno::EOVERFLOW, "the range wraps"))?;
        match ioas.unmap(&self.host, from.0, last)? {
            0 => Err(call.error(errno::ENOENT, "nothing is mapped there")),
            unmapped => Ok(unmapped),
        }
    }
}
