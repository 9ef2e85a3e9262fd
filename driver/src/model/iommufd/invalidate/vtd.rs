use super::super::command::{Batch, Block, VTD_BATCH, vtd};
use super::super::hwpt::Nested;
use super::super::instance::Instance;
use super::super::tags::CacheTag;
use super::{failed, rejected};
use crate::vtd::command;
use crate::{
    Command, DomainId, HardwareQueue, InvalidateError, ObjectId, SubmitError, VtdS1Invalidate,
    errno,
};

/// `intel_nested_cache_invalidate_user`. As in `cache_tag_flush_range` the attachments
/// stay as they are until the hardware is done.
pub(super) fn invalidate<Q: HardwareQueue>(
    nested: &Nested<Q>,
    entries: &[VtdS1Invalidate],
) -> Result<(), InvalidateError> {
    let tags = nested.tags.read();
    let mut work = Work {
        instance: &nested.instance,
        target: nested.hwpt,
        iotlb: Owned::new(),
        device_tlb: Owned::new(),
    };
    for (index, entry) in entries.iter().enumerate() {
        if let Err(errno) = check(entry) {
            // The entries before the wrong one are executed all the same.
            work.finish()?;
            return Err(failed(index, errno));
        }
        work.add(index, entry, &tags)?;
    }
    work.finish()
}

const fn check(entry: &VtdS1Invalidate) -> Result<(), i32> {
    if entry.flags & !VtdS1Invalidate::LEAF != 0 || entry.reserved != 0 {
        return Err(errno::EOPNOTSUPP);
    }
    if entry.addr & 0xfff != 0 || (entry.is_whole() && entry.addr != 0) {
        return Err(errno::EINVAL);
    }
    Ok(())
}

/// The block of pages that covers an entry. A range that ends behind the end of the
/// space is cut there.
fn block(entry: &VtdS1Invalidate) -> Block {
    let pages = entry.npages.max(1);
    let length = pages.checked_mul(4096);
    let last = length.and_then(|length| entry.addr.checked_add(length - 1));
    Block::around(entry.addr, last.unwrap_or(u64::MAX))
}

/// Commands with the entries that they are for.
struct Owned {
    batch: Batch<VTD_BATCH>,
    owners: [usize; VTD_BATCH],
}

impl Owned {
    const fn new() -> Self {
        Self {
            batch: Batch::new(),
            owners: [0; VTD_BATCH],
        }
    }

    const fn push(&mut self, owner: usize, command: Command) {
        self.owners[self.batch.len()] = owner;
        self.batch.push(command);
    }

    fn owners(&self) -> &[usize] {
        &self.owners[..self.batch.len()]
    }
}

/// What is on its way: commands for device TLBs wait until those for the IOTLB that come
/// before them are done, because a device could else fill its TLB from the IOTLB again
/// (VT-d 6.5.2.5).
struct Work<'a, Q> {
    instance: &'a Instance<Q>,
    target: ObjectId,
    iotlb: Owned,
    device_tlb: Owned,
}

impl<Q: HardwareQueue> Work<'_, Q> {
    fn add(
        &mut self,
        index: usize,
        entry: &VtdS1Invalidate,
        tags: &[CacheTag<Q>],
    ) -> Result<(), InvalidateError> {
        let block = block(entry);
        let leaf = entry.flags & VtdS1Invalidate::LEAF != 0;
        for tags in tags.chunk_by(|a, b| (a.id, a.pasid) == (b.id, b.pasid)) {
            let (did, pasid) = (DomainId(tags[0].id), tags[0].pasid);
            let command = if block.is_whole() {
                command::pasid_iotlb_all(did, pasid)
            } else {
                command::pasid_iotlb_pages(did, pasid, block.addr, block.order, leaf)
            };
            self.iotlb.push(index, command);
            if self.iotlb.batch.is_full() {
                self.flush_iotlb()?;
            }
        }
        for tag in tags.iter().filter(|tag| tag.ats) {
            let command = vtd::device_tlb(tag.device, tag.pasid, block);
            self.device_tlb.push(index, command);
            if self.device_tlb.batch.is_full() {
                self.finish()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), InvalidateError> {
        self.flush_iotlb()?;
        self.flush_device_tlb()
    }

    fn flush_iotlb(&mut self) -> Result<(), InvalidateError> {
        let first = self.iotlb.owners().first().copied();
        let Err(error) = self.iotlb.batch.flush(self.instance, self.target) else {
            return Ok(());
        };
        let waiting = self.device_tlb.owners();
        let SubmitError::Rejected { index, error } = error else {
            let done = first.into_iter().chain(waiting.first().copied()).min();
            return Err(failed(done.unwrap_or(0), error.errno()));
        };
        // The entries before the one that failed lack nothing but their device TLBs.
        let owner = self.iotlb.owners.get(index).copied().unwrap_or(0);
        let whole = waiting.partition_point(|&waiting| waiting < owner);
        self.device_tlb.batch.truncate(whole);
        self.flush_device_tlb()?;
        Err(rejected(owner, error, |_| None))
    }

    fn flush_device_tlb(&mut self) -> Result<(), InvalidateError> {
        let first = self.device_tlb.owners().first().copied();
        let flushed = self.device_tlb.batch.flush(self.instance, self.target);
        flushed.map_err(|error| match error {
            SubmitError::Rejected { index, error } => {
                let owner = self.device_tlb.owners.get(index).copied().unwrap_or(0);
                rejected(owner, error, |_| None)
            }
            error => failed(first.unwrap_or(0), error.errno()),
        })
    }
}
