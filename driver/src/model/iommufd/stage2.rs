//! After the host unmapped something: what makes every instance forget it, in the order
//! of each vendor's driver.

use super::command::{AMDVI_BATCH, Batch, Block, SMMUV3_BATCH, VTD_BATCH, vtd};
use super::domain::Domain;
use super::instance::same;
use super::tags::CacheTag;
use crate::amdvi::command as amdvi;
use crate::smmuv3::command as smmuv3;
use crate::{DomainId, HardwareQueue, ObjectId, SubmitError, Vendor};

/// A range of input addresses of stage 2 that changed.
#[derive(Clone, Copy)]
struct Range {
    from: u64,
    last: u64,
    /// Only pages went, no table.
    leaf: bool,
    nest_parent: bool,
}

impl Range {
    const fn block(self) -> Block {
        Block::around(self.from, self.last)
    }
}

/// Returns when no unit and no device uses what was in the range before. Every instance
/// is asked, also behind one that fails; the first failure is returned.
pub(super) fn flush<Q: HardwareQueue>(
    domain: &Domain<Q>,
    from: u64,
    length: u64,
    leaf: bool,
) -> Result<(), SubmitError> {
    let range = Range {
        from,
        last: from + (length - 1),
        leaf,
        nest_parent: domain.nest_parent,
    };
    let mut result = Ok(());
    let tags = domain.tags.read();
    for tags in tags.chunk_by(|a, b| same(&a.instance, &b.instance)) {
        let flushed = match domain.vendor {
            Vendor::Vtd => flush_vtd(tags, domain.hwpt, range),
            Vendor::SmmuV3 => flush_smmuv3(tags, domain.hwpt, range),
            Vendor::AmdVi => flush_amdvi(tags, domain.hwpt, range),
        };
        result = result.and(flushed);
    }
    result
}

/// Each id of an instance once.
fn ids<Q>(tags: &[CacheTag<Q>]) -> impl Iterator<Item = DomainId> {
    tags.chunk_by(|a, b| a.id == b.id)
        .filter_map(|tags| tags.first())
        .map(|tag| DomainId(tag.id))
}

/// `cache_tag_flush_range` of a second stage domain. Device TLBs come after a sync of
/// the IOTLB, from which they would else be refilled; those of nested domains whole,
/// since their addresses are of stage 1.
fn flush_vtd<Q: HardwareQueue>(
    tags: &[CacheTag<Q>],
    hwpt: ObjectId,
    range: Range,
) -> Result<(), SubmitError> {
    let block = range.block();
    let mut batch = Batch::<VTD_BATCH>::new();
    let Some(first) = tags.first() else {
        return Ok(());
    };
    let instance = &first.instance;
    for did in ids(tags) {
        batch.add(instance, hwpt, vtd::iotlb_pages(did, block, range.leaf))?;
    }
    batch.flush(instance, hwpt)?;
    for tag in tags.iter().filter(|tag| tag.ats) {
        let block = if tag.nested { Block::WHOLE } else { block };
        let command = vtd::device_tlb(tag.device, tag.pasid, block);
        batch.add(instance, hwpt, command)?;
    }
    batch.flush(instance, hwpt)
}

/// `__arm_smmu_domain_inv_range`: stage 2 by IPA, a sync, everything of stage 1 where
/// something may be nested, a sync, ATCs.
fn flush_smmuv3<Q: HardwareQueue>(
    tags: &[CacheTag<Q>],
    hwpt: ObjectId,
    range: Range,
) -> Result<(), SubmitError> {
    let mut batch = Batch::<SMMUV3_BATCH>::new();
    let Some(first) = tags.first() else {
        return Ok(());
    };
    let (instance, vmid) = (&first.instance, first.id);
    let (mut ipa, mut pages) = (range.from, (range.last - range.from + 1) >> 12);
    while pages > 0 {
        let (command, covered) = smmuv3::tlbi_s2_ipa(vmid, ipa, pages, range.leaf);
        batch.add(instance, hwpt, command)?;
        ipa += covered << 12;
        pages -= covered;
    }
    batch.flush(instance, hwpt)?;
    if range.nest_parent {
        batch.add(instance, hwpt, smmuv3::tlbi_nh_all_of(vmid))?;
        batch.flush(instance, hwpt)?;
    }
    let Block { addr, order } = if range.nest_parent {
        Block::WHOLE
    } else {
        range.block()
    };
    for tags in tags.chunk_by(|a, b| a.device == b.device) {
        let Some(tag) = tags.iter().find(|tag| tag.ats) else {
            continue;
        };
        let command = smmuv3::atc_inv(tag.device, None, addr, order);
        batch.add(instance, hwpt, command)?;
    }
    batch.flush(instance, hwpt)
}

/// `__domain_flush_pages` of a v1 domain: its own domain id and those that guests'
/// domains have (`iommu_flush_pages_v1_hdom_ids`), then devices. Linux 7.3 leaves out the
/// ATCs of nested domains; here they are flushed whole.
fn flush_amdvi<Q: HardwareQueue>(
    tags: &[CacheTag<Q>],
    hwpt: ObjectId,
    range: Range,
) -> Result<(), SubmitError> {
    let Block { addr, order } = range.block();
    let mut batch = Batch::<AMDVI_BATCH>::new();
    let Some(first) = tags.first() else {
        return Ok(());
    };
    let instance = &first.instance;
    for domain in ids(tags) {
        let command = amdvi::iommu_pages(domain, None, addr, order.into(), !range.leaf);
        batch.add(instance, hwpt, command)?;
    }
    for tag in tags.iter().filter(|tag| tag.ats) {
        let Block { addr, order } = if tag.nested {
            Block::WHOLE
        } else {
            range.block()
        };
        let command = amdvi::iotlb_pages(tag.device, 0, None, addr, order.into());
        batch.add(instance, hwpt, command)?;
    }
    batch.flush(instance, hwpt)
}
