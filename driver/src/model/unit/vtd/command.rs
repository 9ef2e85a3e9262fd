use super::VtdConfig;
use crate::model::unit::Tag;
use crate::model::unit::cache::Span;
use crate::model::unit::shared::{State, legal};
use crate::spec::vtd::{
    DID_MASK, DID_SHIFT, GRANULARITY_MASK, GRANULARITY_SHIFT, PASID_MASK, SID_MASK, address,
    cc_inv, descriptor_type, dev_tlb_inv, device_address, iec_inv, iotlb, p_dev_tlb_inv, p_iotlb,
    pc_inv,
};
use crate::{Command, DeviceId, HardwareError, Pasid};

pub(super) fn execute(state: &mut State<VtdConfig>, command: Command) -> Result<(), HardwareError> {
    let [lo, hi] = command.words();
    let granularity = lo >> GRANULARITY_SHIFT & GRANULARITY_MASK;
    let did = (lo >> DID_SHIFT & DID_MASK) as u16;
    let pasid = |shift| Pasid((lo >> shift & PASID_MASK) as u32);
    let device = |shift| DeviceId((lo >> shift & SID_MASK) as u32);
    match descriptor_type(lo) {
        cc_inv::TYPE => {
            let known = [cc_inv::G_GLOBAL, cc_inv::G_DOMAIN, cc_inv::G_DEVICE];
            legal(known.contains(&granularity) && lo & cc_inv::RSVD[0] == 0 && hi == 0)
        }
        pc_inv::TYPE => {
            legal(lo & pc_inv::RSVD[0] == 0 && hi == 0)?;
            pasid_cache(state, granularity, did, pasid(pc_inv::PASID_SHIFT))
        }
        iotlb::TYPE => {
            legal(lo & iotlb::RSVD[0] == 0)?;
            iotlb(state, granularity, did, hi)
        }
        p_iotlb::TYPE => {
            legal(lo & p_iotlb::RSVD[0] == 0)?;
            let tag = Tag::Pasid(did, pasid(p_iotlb::PASID_SHIFT));
            pasid_iotlb(state, granularity, tag, hi)
        }
        dev_tlb_inv::TYPE => {
            let device = device(dev_tlb_inv::SID_SHIFT);
            let span = dev_tlb_span(hi, dev_tlb_inv::S);
            state.atcs.invalidate(device, None, span)
        }
        p_dev_tlb_inv::TYPE => {
            let device = device(p_dev_tlb_inv::SID_SHIFT);
            let every_pasid = hi & p_dev_tlb_inv::G != 0;
            let pasid = (!every_pasid).then_some(pasid(p_dev_tlb_inv::PASID_SHIFT));
            let span = dev_tlb_span(hi, p_dev_tlb_inv::S);
            state.atcs.invalidate(device, pasid, span)
        }
        // There is no interrupt remapping to cache.
        iec_inv::TYPE => legal(lo & iec_inv::RSVD[0] == 0 && hi == 0),
        _ => Err(HardwareError::Illegal),
    }
}

/// 6.5.2.2. Translations stay: software follows up with a PASID-based IOTLB
/// invalidation (6.5.3.3).
fn pasid_cache(
    state: &mut State<VtdConfig>,
    granularity: u64,
    did: u16,
    pasid: Pasid,
) -> Result<(), HardwareError> {
    let cached = &mut state.config.entries.cached;
    match granularity {
        pc_inv::G_DOMAIN => cached.retain(|_, entry| entry.did.0 != did),
        pc_inv::G_PASID => cached.retain(|key, entry| entry.did.0 != did || key.1 != pasid),
        pc_inv::G_GLOBAL => cached.clear(),
        _ => return Err(HardwareError::Illegal),
    }
    Ok(())
}

/// 6.5.2.3.
fn iotlb(
    state: &mut State<VtdConfig>,
    granularity: u64,
    did: u16,
    hi: u64,
) -> Result<(), HardwareError> {
    let tlb = &mut state.tlb;
    let second = Tag::Stage2(did)..=Tag::Stage2(did);
    let nested = Tag::Pasid(did, Pasid(0))..=Tag::Pasid(did, Pasid::MAX);
    let (span, leaf_only) = match granularity {
        iotlb::G_GLOBAL => {
            tlb.clear();
            return Ok(());
        }
        iotlb::G_DOMAIN => (Span::ALL, false),
        iotlb::G_PAGE => (pages(hi)?, hi & address::IH != 0),
        _ => return Err(HardwareError::Illegal),
    };
    tlb.leaves.remove(second.clone(), span, |_| true);
    if !leaf_only {
        tlb.tables.remove(second, span, |_| true);
    }
    // Nested translations of the domain go whatever their address: the one given is
    // guest-physical. So do first-stage tables, which a change of second stage
    // may have moved.
    tlb.leaves.remove(nested.clone(), Span::ALL, |_| true);
    tlb.tables.remove(nested, Span::ALL, |_| true);
    Ok(())
}

/// 6.5.2.4. Second-stage translations stay.
fn pasid_iotlb(
    state: &mut State<VtdConfig>,
    granularity: u64,
    tag: Tag,
    hi: u64,
) -> Result<(), HardwareError> {
    let (span, leaf_only) = match granularity {
        p_iotlb::G_PASID => (Span::ALL, false),
        p_iotlb::G_PAGE => (pages(hi)?, hi & address::IH != 0),
        _ => return Err(HardwareError::Illegal),
    };
    state.tlb.leaves.remove(tag..=tag, span, |_| true);
    if !leaf_only {
        state.tlb.tables.remove(tag..=tag, span, |_| true);
    }
    Ok(())
}

/// The pages that the second word of an IOTLB descriptor names.
fn pages(hi: u64) -> Result<Span, HardwareError> {
    legal(hi & address::RSVD == 0)?;
    let order = (hi & address::AM_MASK) as u32;
    Ok(Span::block(hi & address::ADDR_MASK, 12 + order))
}

fn dev_tlb_span(hi: u64, size: u64) -> Span {
    let addr = hi & device_address::ADDR_MASK;
    if hi & size == 0 {
        Span::block(addr, 12)
    } else {
        Span::encoded(addr)
    }
}
