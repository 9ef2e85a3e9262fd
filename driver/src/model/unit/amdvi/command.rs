use std::ops::RangeInclusive;

use super::AmdViConfig;
use crate::model::unit::Tag;
use crate::model::unit::cache::Span;
use crate::model::unit::shared::{State, legal};
use crate::model::unit::tlb::Tlb;
use crate::spec::amdvi::{
    DEVICE_ID_MASK, OPCODE_SHIFT, PASID_MASK, complete_ppr_request, invalidate_devtab_entry,
    invalidate_interrupt_table, invalidate_iommu_all, invalidate_iommu_pages,
    invalidate_iotlb_pages, pages, prefetch_iommu_pages,
};
use crate::{Command, DeviceId, HardwareError, Pasid};

pub(super) fn execute(
    state: &mut State<AmdViConfig>,
    command: Command,
) -> Result<(), HardwareError> {
    let [lo, hi] = command.words();
    let device = DeviceId((lo & DEVICE_ID_MASK) as u32);
    match lo >> OPCODE_SHIFT {
        invalidate_devtab_entry::OPCODE => {
            legal(lo & invalidate_devtab_entry::RSVD_LO == 0 && hi == 0)?;
            // The entries of the GCR3 table were found through the DTE (2.2.6.3).
            state.config.dtes.cached.remove(&device);
            state.config.gcr3s.retain(|key, _| key.0 != device);
            Ok(())
        }
        invalidate_iommu_pages::OPCODE => {
            let reserved = [
                invalidate_iommu_pages::RSVD_LO,
                invalidate_iommu_pages::RSVD_HI,
            ];
            legal(lo & reserved[0] == 0 && hi & reserved[1] == 0)?;
            iommu_pages(state, lo, hi);
            Ok(())
        }
        invalidate_iotlb_pages::OPCODE => {
            let number = (invalidate_iotlb_pages::pasid(lo) & PASID_MASK) as u32;
            let pasid = (hi & pages::GN != 0).then_some(Pasid(number));
            state.atcs.invalidate(device, pasid, span(hi))
        }
        // There is no interrupt remapping to cache.
        invalidate_interrupt_table::OPCODE => {
            legal(lo & invalidate_interrupt_table::RSVD_LO == 0 && hi == 0)
        }
        // A hint, and an answer to a device: neither is about what is cached.
        prefetch_iommu_pages::OPCODE | complete_ppr_request::OPCODE => Ok(()),
        invalidate_iommu_all::OPCODE => {
            legal(lo & invalidate_iommu_all::RSVD_LO == 0 && hi == 0)?;
            state.config.dtes.cached.clear();
            state.config.gcr3s.clear();
            state.tlb.clear();
            Ok(())
        }
        _ => Err(HardwareError::Illegal),
    }
}

fn iommu_pages(state: &mut State<AmdViConfig>, lo: u64, hi: u64) {
    let domain = lo & invalidate_iommu_pages::DOMAIN;
    let domain = (domain >> invalidate_iommu_pages::DOMAIN_SHIFT) as u16;
    let directories = hi & pages::PDE != 0;
    let span = span(hi);
    let pasids = if hi & pages::GN == 0 {
        Pasid(0)..=Pasid::MAX
    } else {
        let pasid = Pasid((lo & PASID_MASK) as u32);
        pasid..=pasid
    };
    // `amd_iommu_set_gcr3` of Linux trusts that the whole of a PASID includes the entry of
    // the GCR3 table.
    if directories && span.is_all() {
        let cached = &mut state.config.gcr3s;
        cached.retain(|key, gcr3| !pasids.contains(&key.1) || gcr3.domain != domain);
    }
    let guest = Tag::Pasid(domain, *pasids.start())..=Tag::Pasid(domain, *pasids.end());
    if hi & pages::GN != 0 {
        return forget(&mut state.tlb, guest, span, directories);
    }
    let host = Tag::Stage2(domain)..=Tag::Stage2(domain);
    forget(&mut state.tlb, host, span, directories);
    // The address is guest-physical: it does not tell which guest translations went
    // through it, so that all of the domain go (Linux's
    // `iommu_flush_pages_v1_hdom_ids` sends nothing else).
    forget(&mut state.tlb, guest, Span::ALL, true);
}

fn forget(tlb: &mut Tlb, tags: RangeInclusive<Tag>, span: Span, directories: bool) {
    if directories {
        tlb.tables.remove(tags.clone(), span, |_| true);
    }
    tlb.leaves.remove(tags, span, |_| true);
}

fn span(hi: u64) -> Span {
    let addr = hi & pages::ADDRESS_MASK;
    if hi & pages::S == 0 {
        Span::block(addr, 12)
    } else {
        Span::encoded(addr)
    }
}
