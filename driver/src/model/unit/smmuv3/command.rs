use super::SmmuV3Config;
use crate::model::unit::Tag;
use crate::model::unit::cache::{Shape, Span};
use crate::model::unit::shared::{State, legal};
use crate::model::unit::tlb::Tlb;
use crate::spec::smmuv3::{
    ADDRESS, LEAF, OPCODE, SID_SHIFT, SSEC, SSID, SSID_SHIFT, SSV, atc_inv, cfgi, prefetch, tlbi,
};
use crate::{Command, DeviceId, HardwareError, Pasid};

pub(super) fn execute(
    state: &mut State<SmmuV3Config>,
    command: Command,
) -> Result<(), HardwareError> {
    let [lo, hi] = command.words();
    let device = DeviceId((lo >> SID_SHIFT) as u32);
    let ssid = Pasid(((lo & SSID) >> SSID_SHIFT) as u32);
    let vmid = ((lo & tlbi::VMID) >> tlbi::VMID_SHIFT) as u16;
    let asid = (lo >> tlbi::ASID_SHIFT) as u16;
    let opcode = lo & OPCODE;
    let of_stream = matches!(opcode, prefetch::CONFIG..=cfgi::CD_ALL | atc_inv::OP);
    legal(!of_stream || lo & SSEC == 0)?;
    let config = &mut state.config;
    let tlb = &mut state.tlb;
    match opcode {
        // Hints: whoever translates fills the caches soon enough.
        prefetch::CONFIG | prefetch::ADDR => {}
        cfgi::STE => forget_stes(config, device, device),
        cfgi::STE_RANGE => cfgi_ste_range(config, device, hi & cfgi::RANGE),
        cfgi::CD => {
            config.cds.remove(&(device, ssid));
        }
        cfgi::CD_ALL => config.cds.retain(|key, _| key.0 != device),
        tlbi::NH_ALL => {
            nested(tlb, vmid, 0..=u16::MAX, Range::ALL);
            global(tlb, vmid, Range::ALL);
        }
        // Global translations stay (4.4.2.2), and go with an address (4.4.2.4).
        tlbi::NH_ASID => nested(tlb, vmid, asid..=asid, Range::ALL),
        tlbi::NH_VA => {
            let range = Range::decode(lo, hi);
            nested(tlb, vmid, asid..=asid, range);
            global(tlb, vmid, range);
        }
        tlbi::NH_VAA => {
            let range = Range::decode(lo, hi);
            nested(tlb, vmid, 0..=u16::MAX, range);
            global(tlb, vmid, range);
        }
        tlbi::S12_VMALL => {
            nested(tlb, vmid, 0..=u16::MAX, Range::ALL);
            global(tlb, vmid, Range::ALL);
            forget(tlb, Tag::Stage2(vmid), Tag::Stage2(vmid), Range::ALL);
        }
        // What stage 1 and stage 2 make together stays: software follows up with
        // TLBI_NH_ALL (Arm ARM D8.16, TLBI IPAS2E1).
        tlbi::S2_IPA => {
            let range = Range::decode(lo, hi);
            forget(tlb, Tag::Stage2(vmid), Tag::Stage2(vmid), range);
        }
        tlbi::NSNH_ALL => tlb.clear(),
        atc_inv::OP => {
            let one_pasid = lo & SSV != 0 && lo & atc_inv::GLOBAL == 0;
            let pasid = one_pasid.then_some(ssid);
            let log2 = 12 + (hi & atc_inv::SIZE) as u32;
            let span = Span::block(hi & ADDRESS, log2);
            return state.atcs.invalidate(device, pasid, span);
        }
        _ => return Err(HardwareError::Illegal),
    }
    Ok(())
}

/// 4.3.2: STEs of an aligned range of StreamIDs.
fn cfgi_ste_range(config: &mut SmmuV3Config, device: DeviceId, range: u64) {
    let mask = if range == cfgi::RANGE_ALL {
        u32::MAX
    } else {
        (2 << range) - 1
    };
    forget_stes(
        config,
        DeviceId(device.0 & !mask),
        DeviceId(device.0 | mask),
    );
}

/// An STE goes with the CDs that were found through it (4.3.1).
fn forget_stes(config: &mut SmmuV3Config, first: DeviceId, last: DeviceId) {
    config
        .stes
        .cached
        .retain(|&device, _| !(first..=last).contains(&device));
    config
        .cds
        .retain(|&(device, _), _| !(first..=last).contains(&device));
}

/// What a TLBI command names beside VMID and ASID.
#[derive(Clone, Copy)]
struct Range {
    span: Span,
    leaf_only: bool,
    /// log2 of the page that leaves must have come from, where the command says it.
    page_log2: Option<u8>,
    /// The granule is that of the model's tables. Translations of another granule
    /// need not be removed (4.4.1.1).
    granule: bool,
}

impl Range {
    const ALL: Self = Self {
        span: Span::ALL,
        leaf_only: false,
        page_log2: None,
        granule: true,
    };

    fn decode(lo: u64, hi: u64) -> Self {
        let addr = hi & ADDRESS;
        let tg = hi & tlbi::TG;
        let leaf_only = hi & LEAF != 0;
        if tg == tlbi::TG_NO_RANGE {
            return Self {
                span: Span::block(addr, 12),
                leaf_only,
                page_log2: None,
                granule: true,
            };
        }
        let granules = ((lo & tlbi::NUM) >> tlbi::NUM_SHIFT) + 1;
        let scale = ((lo & tlbi::SCALE_DS) >> tlbi::SCALE_SHIFT) as u32;
        let bytes = u128::from(granules) << (12 + scale);
        // Levels 1 to 3 have pages of 1 GiB, 2 MiB and 4 KiB.
        let page_log2 = match hi & tlbi::TTL {
            tlbi::TTL_ANY => None,
            tlbi::TTL_1 => Some(30),
            tlbi::TTL_2 => Some(21),
            _ => Some(12),
        };
        Self {
            span: Span::run(addr, u64::try_from(bytes).unwrap_or(u64::MAX)),
            leaf_only,
            page_log2,
            granule: tg == tlbi::TG_4K,
        }
    }
}

/// Stage 1 of the VMID's `asids`, together with stage 2.
fn nested(tlb: &mut Tlb, vmid: u16, asids: std::ops::RangeInclusive<u16>, range: Range) {
    let (first, last) = asids.into_inner();
    forget(tlb, Tag::Asid(vmid, first), Tag::Asid(vmid, last), range);
}

fn global(tlb: &mut Tlb, vmid: u16, range: Range) {
    forget(tlb, Tag::Global(vmid), Tag::Global(vmid), range);
}

fn forget(tlb: &mut Tlb, first: Tag, last: Tag, range: Range) {
    if !range.granule {
        return;
    }
    let from_page = |shape: Shape| range.page_log2.is_none_or(|log2| log2 == shape.extent_log2);
    tlb.leaves.remove(first..=last, range.span, from_page);
    if !range.leaf_only {
        tlb.tables.remove(first..=last, range.span, |_| true);
    }
}
