//! What a kernel would refuse must never go down to it. The bits are written out once more, so that a mistake in the
//! driver's own tables does not hide itself.

use hwptop_driver::smmuv3::Features;
use hwptop_driver::{AmdGuestInvalidate, ArmSmmuV3Invalidate, VtdS1Invalidate};

const ADDRESS: u64 = !0xfff;

/// uAPI `struct iommu_hwpt_vtd_s1_invalidate`; intel_nested_cache_invalidate_user.
pub(crate) fn check_vtd(entry: &VtdS1Invalidate) {
    assert_eq!(entry.flags & !VtdS1Invalidate::LEAF, 0, "{entry:?}");
    assert_eq!(entry.reserved, 0, "{entry:?}");
    assert_eq!(entry.addr & 0xfff, 0, "{entry:?}");
    if entry.is_whole() {
        assert_eq!(entry.addr, 0, "{entry:?}");
    } else {
        let last = entry
            .npages
            .checked_mul(0x1000)
            .and_then(|bytes| entry.addr.checked_add(bytes.checked_sub(1)?));
        assert!(last.is_some(), "{entry:?} is empty or wraps");
    }
}

/// arm_vsmmu_validate_user_cmd and arm_vsmmu_validate_range, of a physical SMMU with `features`.
pub(crate) fn check_smmuv3(entry: ArmSmmuV3Invalidate, features: Features) {
    const VMID: u64 = 0xffff << 32;
    const STREAM: u64 = 0xffff_ffff << 32;
    const SUBSTREAM: u64 = 0xf_ffff << 12;
    let [lo, hi] = entry.cmd;
    let asid = if features.asid16 { 0xffff } else { 0xff } << 48;
    let substreams = |bits| if features.ssidsize == 0 { 0 } else { bits };
    let range_lo = match (features.ril, features.ds) {
        (false, _) => 0,
        (true, false) => 0x1f << 12 | 0x1f << 20,
        (true, true) => 0x1f << 12 | 0x3f << 20,
    };
    let range_hi = if features.ril { 3 << 8 | 3 << 10 } else { 0 };
    let (allowed_lo, allowed_hi) = match lo & 0xff {
        0x10 => (VMID, 0),
        0x11 => (VMID | asid, 0),
        0x12 => (VMID | asid | range_lo, 1 | ADDRESS | range_hi),
        0x13 => (VMID | range_lo, 1 | ADDRESS | range_hi),
        0x30 => (0, 0),
        0x40 if features.ats && hi & 0x3f <= 52 => (
            STREAM | substreams(1 << 11 | SUBSTREAM | 1 << 9),
            0x3f | ADDRESS,
        ),
        0x05 => (STREAM | substreams(SUBSTREAM), 1),
        0x06 => (STREAM, 0),
        _ => panic!("{entry:x?} is no command for the kernel"),
    };
    assert_eq!(
        (lo & !(0xff | allowed_lo), hi & !allowed_hi),
        (0, 0),
        "{entry:x?} has bits that the kernel refuses"
    );
    if features.ril && matches!(lo & 0xff, 0x12 | 0x13) {
        let (ttl, tg) = (hi >> 8 & 3, hi >> 10 & 3);
        let is_range = lo & (0x1f << 12 | 0x3f << 20) != 0;
        let is_valid = match (tg, ttl) {
            (0, _) => !is_range && ttl == 0,
            (2, 1) => features.ds,
            (_, 0) => is_range,
            _ => true,
        };
        assert!(is_valid, "{entry:x?} has a reserved range");
    }
}

/// What the model's kernel takes: INVALIDATE_IOMMU_PAGES at a nested HWPT, INVALIDATE_IOTLB_PAGES at the vIOMMU.
pub(crate) fn check_amdvi(entry: AmdGuestInvalidate, is_viommu: bool) {
    let [lo, hi] = entry.cmd;
    let (opcode, allowed_lo, allowed_hi) = if is_viommu {
        // Device, PASID, Maxpend, queue; S, GN and type.
        (4, !(0xf << 60), 0x35 | ADDRESS)
    } else {
        // PASID and domain; S, PDE and GN.
        (3, 0xffff << 32 | 0xf_ffff, 0b111 | ADDRESS)
    };
    assert_eq!(lo >> 60, opcode, "{entry:x?}");
    assert_eq!(
        (lo & !(0xf << 60 | allowed_lo), hi & !allowed_hi),
        (0, 0),
        "{entry:x?} has bits that the kernel refuses"
    );
}
