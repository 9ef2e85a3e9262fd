use std::marker::PhantomData;

use iommufd_bindings::iommu_hwpt_invalidate;

use super::entry::InvalidateEntry;
use super::error::errno_of;
use super::{Context, size, vsmmu};
use crate::{Backend, Entries, InvalidateError, ObjectId, errno};

/// One `IOMMU_HWPT_INVALIDATE` whose array stays where it is: what a request costs
/// without anything in front of it.
#[derive(Debug)]
pub struct Prepared<'a, E> {
    context: &'a Context,
    command: iommu_hwpt_invalidate,
    count: u32,
    entries: PhantomData<&'a [E]>,
}

impl<'a, E: InvalidateEntry> Prepared<'a, E> {
    /// A request for `entries` of `target`. More than [`InvalidateEntry::ENTRIES_MAX`]
    /// the kernel refuses.
    #[must_use]
    #[inline]
    pub fn new(context: &'a Context, target: ObjectId, entries: &'a [E]) -> Self {
        Self {
            context,
            command: iommu_hwpt_invalidate {
                size: size::<iommu_hwpt_invalidate>(),
                hwpt_id: target.0,
                data_uptr: entries.as_ptr().expose_provenance() as u64,
                data_type: E::DATA_TYPE,
                entry_len: size::<E>(),
                ..Default::default()
            },
            count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries: PhantomData,
        }
    }

    /// Sends it; may be repeated.
    ///
    /// # Errors
    /// What the kernel answered, and how many entries it says it handled. 0 where it did
    /// not write the count: every entry handled and an error cannot both be.
    #[inline]
    pub fn send(&mut self) -> Result<(), InvalidateError> {
        self.command.entry_num = self.count;
        let result = self.context.iommufd().invalidate_hwpt(&mut self.command);
        let handled = self.command.entry_num;
        match result {
            Ok(()) if handled == self.count => Ok(()),
            // No kernel that keeps the uAPI says so.
            Ok(()) => Err(InvalidateError::new(errno::EIO, clamp(handled, self.count))),
            Err(error) => Err(InvalidateError::new(
                errno_of(&error),
                clamp(handled, self.count),
            )),
        }
    }
}

/// How many of `count` entries a request that failed has handled.
const fn clamp(handled: u32, count: u32) -> u32 {
    if handled < count { handled } else { 0 }
}

/// Sends `entries` with as few requests as the kernel's limit allows.
fn in_parts<E>(
    entries: &[E],
    max: usize,
    mut send: impl FnMut(&[E]) -> Result<(), InvalidateError>,
) -> Result<(), InvalidateError> {
    if entries.len() <= max {
        return send(entries);
    }
    let mut done = 0_u32;
    for part in entries.chunks(max) {
        send(part).map_err(|error| InvalidateError {
            handled: done.saturating_add(error.handled),
            ..error
        })?;
        done = done.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
    }
    Ok(())
}

impl Context {
    /// Invalidates `entries`, in order, of the nested HWPT or vIOMMU `target`; above
    /// [`InvalidateEntry::ENTRIES_MAX`] with several requests. No entries ask the kernel
    /// whether `target` takes their type; an SMMUv3 answers that with `EINVAL`.
    ///
    /// # Errors
    /// The first entry that failed ends the request. How many were handled is what the
    /// kernel says: of SMMUv3 it says more than it did. As a [`Backend`] a context knows
    /// better.
    #[inline]
    pub fn invalidate_entries<E: InvalidateEntry>(
        &self,
        target: ObjectId,
        entries: &[E],
    ) -> Result<(), InvalidateError> {
        // Here, so that this one comparison is all that an ordinary request takes more.
        if entries.len() <= E::ENTRIES_MAX {
            return Prepared::new(self, target, entries).send();
        }
        in_parts(entries, E::ENTRIES_MAX, |part| {
            Prepared::new(self, target, part).send()
        })
    }
}

impl Backend for Context {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        match entries {
            Entries::VtdS1(entries) => self.invalidate_entries(target, entries),
            Entries::ArmSmmuV3(entries) => {
                vsmmu::invalidate(entries, |part| self.invalidate_entries(target, part))
            }
            Entries::AmdGuest(_) => Err(InvalidateError::new(errno::EOPNOTSUPP, 0)),
        }
    }
}

#[cfg(test)]
mod tests;
