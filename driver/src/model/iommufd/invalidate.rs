//! `IOMMU_HWPT_INVALIDATE`.

mod amdvi;
pub(super) mod smmuv3;
mod vtd;

use super::Iommufd;
use super::command::Batch;
use super::instance::Instance;
use super::object::Object;
use crate::{
    Backend, Command, DeviceId, Entries, HardwareError, HardwareQueue, InvalidateError, ObjectId,
    SubmitError, Vendor, errno,
};

/// `IOMMU_HWPT_INVALIDATE_ENTRY_NUM_MAX`.
const ENTRIES_MAX: usize = 1 << 19;

impl<Q: HardwareQueue> Backend for Iommufd<Q> {
    /// As `iommufd_hwpt_invalidate` and the vendor's driver. The commands go to the one
    /// instance that the target belongs to. Concurrent calls wait for each other at the
    /// hardware queue only.
    ///
    /// Where mainline is not followed:
    /// - VT-d: a batch is filled across entries (`cache_tag_flush_range` hands over at the
    ///   end of each), and device TLBs follow a sync of the IOTLB.
    /// - SMMUv3: when an entry is refused, those before it are executed first, so that
    ///   `handled` is true (`arm_vsmmu_cache_invalidate` drops what it has not issued,
    ///   but counts it); an empty array succeeds.
    /// - AMD-Vi has no invalidation in Linux 7.3. A nested HWPT takes INVALIDATE_IOMMU_PAGES,
    ///   a vIOMMU what is about devices, by rules like those of SMMUv3.
    ///
    /// # Errors
    /// - `ENOENT`: no such object. `EINVAL`: neither nested HWPT nor vIOMMU, or entries of
    ///   another type, or more than 2^19.
    /// - `EOPNOTSUPP`: a nested HWPT of SMMUv3 (its vIOMMU takes requests); VT-d: an unknown
    ///   flag, or `reserved` set.
    /// - `EINVAL`, VT-d: an address that is not aligned, or not 0 with all pages.
    /// - `EIO`, SMMUv3 and AMD-Vi: an opcode, bit or value that a guest may not send, or a
    ///   device that it does not have.
    /// - What the hardware queue says: `EIO`, `ETIMEDOUT`.
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        let refused = |errno| Err(InvalidateError::new(errno, 0));
        if entries.len() > ENTRIES_MAX {
            return refused(errno::EINVAL);
        }
        match self.objects.get(target) {
            None => refused(errno::ENOENT),
            Some(Object::Nested(nested)) => match (nested.instance.unit.vendor(), entries) {
                (Vendor::Vtd, Entries::VtdS1(entries)) => vtd::invalidate(&nested, entries),
                (Vendor::AmdVi, Entries::AmdGuest(entries)) => amdvi::nested(&nested, entries),
                (Vendor::SmmuV3, _) => refused(errno::EOPNOTSUPP),
                _ => refused(errno::EINVAL),
            },
            Some(Object::Viommu(viommu)) => match (viommu.instance.unit.vendor(), entries) {
                (Vendor::SmmuV3, Entries::ArmSmmuV3(entries)) => {
                    smmuv3::invalidate(&viommu, target, entries)
                }
                (Vendor::AmdVi, Entries::AmdGuest(entries)) => {
                    amdvi::viommu(&viommu, target, entries)
                }
                _ => refused(errno::EINVAL),
            },
            Some(_) => refused(errno::EINVAL),
        }
    }
}

/// Sends one command for each entry, at most `N` at a time, and stops at the first that
/// is refused or fails. `guest` says what the guest calls a device.
fn send<const N: usize, E, Q: HardwareQueue>(
    instance: &Instance<Q>,
    target: ObjectId,
    entries: &[E],
    convert: impl Fn(&E) -> Result<Command, i32>,
    guest: impl Fn(DeviceId) -> Option<DeviceId>,
) -> Result<(), InvalidateError> {
    let mut batch = Batch::<N>::new();
    let flush = |batch: &mut Batch<N>, end: usize| {
        let begin = end - batch.len();
        let flushed = batch.flush(instance, target);
        flushed.map_err(|error| match error {
            SubmitError::Rejected { index, error } => rejected(begin + index, error, &guest),
            error => failed(begin, error.errno()),
        })
    };
    for (index, entry) in entries.iter().enumerate() {
        match convert(entry) {
            Ok(command) => batch.push(command),
            Err(errno) => {
                flush(&mut batch, index)?;
                return Err(failed(index, errno));
            }
        }
        if batch.is_full() {
            flush(&mut batch, index + 1)?;
        }
    }
    flush(&mut batch, entries.len())
}

fn failed(handled: usize, errno: i32) -> InvalidateError {
    InvalidateError::new(errno, u32::try_from(handled).unwrap_or(u32::MAX))
}

/// An entry that the hardware did not execute. A device that the guest has no name for
/// stays the host's.
fn rejected(
    handled: usize,
    error: HardwareError,
    guest: impl Fn(DeviceId) -> Option<DeviceId>,
) -> InvalidateError {
    let errno = SubmitError::Rejected { index: 0, error }.errno();
    let name = |device| guest(device).unwrap_or(device);
    let error = match error {
        HardwareError::AtcTimeout(device) => HardwareError::AtcTimeout(name(device)),
        HardwareError::UnexpectedCompletion(device) => {
            HardwareError::UnexpectedCompletion(name(device))
        }
        error => error,
    };
    InvalidateError {
        hardware: Some(error),
        ..failed(handled, errno)
    }
}
