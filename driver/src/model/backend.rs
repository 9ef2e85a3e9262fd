use std::sync::{PoisonError, RwLock};

use super::ring::InvalidationRing;
use crate::spec::vtd::address;
use crate::{
    Backend, Command, DomainId, HardwareQueue, HwptId, InvalidateError, Pasid, SubmitError,
    VtdS1Invalidate, errno,
};

/// The most commands in one submission: `QI_MAX_BATCHED_DESC_COUNT` of mainline's
/// VT-d driver.
pub(super) const BATCH_MAX: usize = 16;

/// The largest order that a command can have and still be a range: 2^52 pages
/// are the whole 64-bit space.
const ORDER_WHOLE: u32 = 52;

/// A modelled instance behind the uAPI: checks entries as
/// `intel_nested_cache_invalidate_user` does, turns each into one command and
/// hands the commands to the hardware queue, at most 16 at a time.
///
/// Each nested HWPT stands for one attachment without ATS: an entry needs one
/// IOTLB command and no device-TLB command.
///
/// Unlike mainline, whose `cache_tag_flush_range` hands its batch over at the end
/// of each entry (so that an entry without ATS is a submission of its own), the
/// model fills a batch across the entries of a request: what a request's array
/// makes possible, not what today's kernel makes of it.
#[derive(Debug)]
pub struct ModelBackend<Q = InvalidationRing> {
    queue: Q,
    /// Nested HWPTs; the first has id 1.
    hwpts: RwLock<Vec<NestedHwpt>>,
}

/// What the modelled kernel knows of a nested HWPT.
#[derive(Clone, Copy, Debug)]
struct NestedHwpt {
    /// The host's domain id: the guest's ids mean nothing to the hardware.
    did: DomainId,
    pasid: Pasid,
}

/// Commands that were not handed over yet.
struct Batch {
    commands: [Command; BATCH_MAX],
    len: usize,
}

impl<Q: HardwareQueue> ModelBackend<Q> {
    /// A modelled instance in front of `queue`, without HWPTs.
    pub fn new(queue: Q) -> Self {
        Self {
            queue,
            hwpts: RwLock::default(),
        }
    }

    /// Allocates a nested HWPT that is attached at the host's `pasid`.
    ///
    /// Returns none when the hardware's 16-bit domain ids are used up.
    pub fn alloc(&self, pasid: Pasid) -> Option<HwptId> {
        let mut hwpts = self.hwpts.write().unwrap_or_else(PoisonError::into_inner);
        // Ids and domain ids begin at 1: domain 0 is reserved (VT-d 9.3), and
        // so is object 0.
        let number = u16::try_from(hwpts.len() + 1).ok()?;
        hwpts.push(NestedHwpt {
            did: DomainId(number),
            pasid,
        });
        Some(HwptId(u32::from(number)))
    }

    /// The hardware queue.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    fn find(&self, hwpt: HwptId) -> Option<NestedHwpt> {
        let hwpts = self.hwpts.read().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(hwpt.0).ok()?.checked_sub(1)?;
        hwpts.get(index).copied()
    }

    fn flush(&self, hwpt: HwptId, batch: &mut Batch) -> Result<(), SubmitError> {
        let commands = &batch.commands[..batch.len];
        batch.len = 0;
        if commands.is_empty() {
            Ok(())
        } else {
            self.queue.submit_sync(hwpt, commands)
        }
    }
}

impl<Q: HardwareQueue> Backend for ModelBackend<Q> {
    /// # Errors
    /// `ENOENT` for an HWPT that does not exist; `EOPNOTSUPP` for a flag other
    /// than LEAF; `EINVAL` for an address that is not aligned to a page or does
    /// not begin the whole space; the hardware queue's own errors. `handled`
    /// counts entries whose commands the hardware finished.
    fn invalidate(&self, hwpt: HwptId, entries: &[VtdS1Invalidate]) -> Result<(), InvalidateError> {
        let failed = |errno, handled: usize| InvalidateError {
            errno,
            handled: u32::try_from(handled).unwrap_or(u32::MAX),
        };
        let nested = self.find(hwpt).ok_or_else(|| failed(errno::ENOENT, 0))?;
        let mut batch = Batch {
            commands: [Command::pasid_iotlb_all(nested.did, nested.pasid); BATCH_MAX],
            len: 0,
        };
        let mut done = 0;
        for (index, entry) in entries.iter().enumerate() {
            if let Err(errno) = check(entry) {
                // The entries before the wrong one are executed all the same.
                self.flush(hwpt, &mut batch)
                    .map_err(|error| failed(error.errno(), done))?;
                return Err(failed(errno, index));
            }
            batch.commands[batch.len] = command(nested, entry);
            batch.len += 1;
            if batch.len == BATCH_MAX {
                self.flush(hwpt, &mut batch)
                    .map_err(|error| failed(error.errno(), done))?;
                done = index + 1;
            }
        }
        self.flush(hwpt, &mut batch)
            .map_err(|error| failed(error.errno(), done))
    }
}

const fn check(entry: &VtdS1Invalidate) -> Result<(), i32> {
    if entry.flags & !VtdS1Invalidate::LEAF != 0 {
        return Err(errno::EOPNOTSUPP);
    }
    if entry.addr & 0xfff != 0 || (entry.is_whole() && entry.addr != 0) {
        return Err(errno::EINVAL);
    }
    Ok(())
}

/// The one command that covers an entry: hardware invalidates naturally aligned
/// powers of two of pages, so that the smallest such block is taken that holds
/// the range (the kernel's `calculate_psi_aligned_address`).
fn command(nested: NestedHwpt, entry: &VtdS1Invalidate) -> Command {
    let NestedHwpt { did, pasid } = nested;
    let first = entry.addr >> 12;
    let last = first.checked_add(entry.npages.saturating_sub(1));
    // A range that ends behind the end of the space is cut there.
    let last = last.map_or(u64::MAX >> 12, |last| last.min(u64::MAX >> 12));
    let order = u64::BITS - (first ^ last).leading_zeros();
    if entry.is_whole() || order >= ORDER_WHOLE {
        return Command::pasid_iotlb_all(did, pasid);
    }
    let leaf = entry.flags & VtdS1Invalidate::LEAF != 0;
    #[expect(clippy::cast_possible_truncation, reason = "below 52")]
    let order = order as u8;
    Command::pasid_iotlb_pages(
        did,
        pasid,
        address::align_down(entry.addr, order),
        order,
        leaf,
    )
}

#[cfg(test)]
mod tests;
