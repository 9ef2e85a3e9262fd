use super::*;
use crate::errno::{EINVAL, EIO, ENOENT, EOPNOTSUPP};

fn alloc(rig: &Rig, device: ObjectId, pt_id: ObjectId, flags: u32, data: HwptData) -> i32 {
    let flags = HwptAllocFlags(flags);
    errno_of(rig.fd.hwpt_alloc(device, pt_id, flags, data))
}

#[test]
fn a_paging_hwpt_takes_the_flags_of_its_vendor_and_no_data() {
    for vendor in VENDORS {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        let with_pasid = if vendor == Vendor::Vtd { 0 } else { EOPNOTSUPP };
        for (flags, expected) in [
            (0, 0),
            (1, 0),
            (1 << 1, EOPNOTSUPP),
            (1 << 2, ENOENT),
            (1 << 2 | 1, EOPNOTSUPP),
            (1 << 3, with_pasid),
            (1 << 3 | 1, with_pasid),
            (1 << 4, EOPNOTSUPP),
        ] {
            let errno = alloc(&rig, device, ioas, flags, HwptData::None);
            assert_eq!(errno, expected, "{vendor:?} {flags:#x}");
        }
        assert_eq!(
            alloc(&rig, device, ioas, 1, translating(vendor)),
            EOPNOTSUPP
        );
        assert_eq!(alloc(&rig, ioas, ioas, 0, HwptData::None), ENOENT);
        assert_eq!(alloc(&rig, device, device, 0, HwptData::None), EINVAL);
        assert_eq!(alloc(&rig, device, ObjectId(99), 0, HwptData::None), EINVAL);
    }
}

#[test]
fn a_nested_hwpt_of_vtd_needs_a_nest_parent_and_its_data() {
    let rig = Rig::new(Vendor::Vtd);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let parent = rig.nest_parent(device, ioas);
    let flags = HwptAllocFlags::NONE;
    let plain = rig.fd.hwpt_alloc(device, ioas, flags, HwptData::None);
    let plain = plain.unwrap();
    let (nested, _) = rig.nested(device, parent);
    let data = translating(Vendor::Vtd);
    assert_eq!(alloc(&rig, device, parent, 1 << 3, data), 0);
    assert_eq!(alloc(&rig, device, parent, 1, data), EOPNOTSUPP);
    assert_eq!(alloc(&rig, device, parent, 1 << 2, data), ENOENT);
    assert_eq!(alloc(&rig, device, parent, 0, HwptData::None), EOPNOTSUPP);
    let foreign = translating(Vendor::SmmuV3);
    assert_eq!(alloc(&rig, device, parent, 0, foreign), EOPNOTSUPP);
    assert_eq!(alloc(&rig, device, plain, 0, data), EINVAL);
    assert_eq!(alloc(&rig, device, nested, 0, data), EINVAL);
}

#[test]
fn nested_hwpts_of_smmuv3_and_amd_need_a_viommu_of_the_same_instance() {
    for (vendor, wrong_data) in [(Vendor::SmmuV3, EINVAL), (Vendor::AmdVi, EOPNOTSUPP)] {
        let rig = Rig::with_instances(vendor, 2);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        let behind_other = rig.device(1, 9, PLAIN);
        let parent = rig.nest_parent(device, ioas);
        let viommu = rig.viommu(device, parent);
        let data = translating(vendor);
        assert_eq!(alloc(&rig, device, parent, 0, data), EOPNOTSUPP);
        assert_eq!(alloc(&rig, behind_other, viommu, 0, data), EINVAL);
        assert_eq!(alloc(&rig, device, viommu, 0, vtd_s1(0)), wrong_data);
        assert_eq!(alloc(&rig, device, viommu, 0, HwptData::None), EOPNOTSUPP);
        assert_eq!(alloc(&rig, device, viommu, 1, data), EOPNOTSUPP);
        assert_eq!(alloc(&rig, device, viommu, 0, data), 0);
    }
}

#[test]
fn an_ste_is_checked_as_the_driver_does() {
    let rig = Rig::new(Vendor::SmmuV3);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let viommu = rig.viommu(device, parent);
    for (words, expected) in [
        // Not valid: whatever else it says, it aborts.
        ([!1, u64::MAX], 0),
        // Abort, bypass, stage 1, and what a guest may not have.
        ([1, 0], 0),
        ([4 << 1 | 1, 0], 0),
        ([5 << 1 | 1 | 0x4000, 0], 0),
        ([6 << 1 | 1, 0], EIO),
        ([7 << 1 | 1, 0], EIO),
        // EATS: full ATS, split stage ATS, reserved.
        ([5 << 1 | 1, 1 << 28], 0),
        ([5 << 1 | 1, 2 << 28], EIO),
        ([5 << 1 | 1, 3 << 28], EIO),
        // Every field of the second word that is allowed, and one that is not.
        ([5 << 1 | 1, 0x0800_00ff], 0),
        ([5 << 1 | 1, 1 << 25], EIO),
        // Bits 58:52 of the first word are not S1ContextPtr.
        ([5 << 1 | 1 | 1 << 52, 0], EIO),
        // Two-level CD tables are legal, but not modelled.
        ([5 << 1 | 1 | 1 << 4, 0], EOPNOTSUPP),
    ] {
        let errno = alloc(&rig, device, viommu, 0, ste(words));
        assert_eq!(errno, expected, "{words:#x?}");
    }
    let pasid = alloc(&rig, device, viommu, 1 << 3, ste([1, 0]));
    assert_eq!(pasid, EOPNOTSUPP);
}

#[test]
fn a_dte_is_checked_as_the_driver_does() {
    const V: u64 = 1;
    const GV: u64 = 1 << 55;
    const GCR3: u64 = 1 << 58;
    let rig = Rig::new(Vendor::AmdVi);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let viommu = rig.viommu(device, parent);
    for (dte, expected) in [
        ([0; 4], 0),
        ([V | GV | GCR3, 1, 0, 0], 0),
        ([V | GV, 1 << 16, 0, 0], 0),
        ([V | GV, 1 << 43, 0, 0], 0),
        // No GCR3 table.
        ([V | GV, 1, 0, 0], EINVAL),
        ([V, 1, 0, 0], 0),
        // Mode and host page table root.
        ([1 << 9, 0, 0, 0], EINVAL),
        ([1 << 12, 0, 0, 0], EINVAL),
        // GuestPagingMode: 5 levels, reserved.
        ([0, 0, 1 << 54, 0], EOPNOTSUPP),
        ([0, 0, 2 << 54, 0], EINVAL),
        // GLX: two levels, reserved.
        ([V | GV | GCR3 | 1 << 56, 0, 0, 0], EOPNOTSUPP),
        ([3 << 56, 0, 0, 0], EINVAL),
    ] {
        let data = HwptData::AmdGuest(AmdGuest { dte });
        let errno = alloc(&rig, device, viommu, 0, data);
        assert_eq!(errno, expected, "{dte:#x?}");
    }
}
