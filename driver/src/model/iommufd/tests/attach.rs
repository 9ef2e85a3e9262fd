use super::*;
use crate::errno::{EBUSY, EINVAL, ENOENT, EOPNOTSUPP, ETIMEDOUT};

const ONE: Option<Pasid> = Some(Pasid(1));

#[test]
fn a_device_is_attached_to_one_hwpt_at_a_time() {
    for vendor in VENDORS {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        let [a, b] = [(); 2].map(|()| rig.nest_parent(device, ioas));
        let attach = |pt_id| errno_of(rig.fd.attach(device, pt_id, None));
        let replace = |pt_id| errno_of(rig.fd.replace(device, pt_id, None));
        assert_eq!(replace(a), EINVAL);
        assert_eq!(attach(ObjectId(99)), ENOENT);
        assert_eq!(attach(ioas), EINVAL);
        assert_eq!(errno_of(rig.fd.attach(ioas, a, None)), ENOENT);
        assert_eq!(attach(a), 0);
        assert_eq!(attach(a), EBUSY);
        assert_eq!(attach(b), EBUSY);
        assert_eq!(replace(b), 0);
        assert_eq!(replace(b), 0);
        assert_eq!(errno_of(rig.fd.destroy(a)), 0);
        assert_eq!(errno_of(rig.fd.destroy(b)), EBUSY);
        rig.fd.detach(device, None).unwrap();
        rig.fd.detach(device, None).unwrap();
        assert_eq!(errno_of(rig.fd.destroy(b)), 0);
    }
}

#[test]
fn a_nested_hwpt_belongs_to_one_instance_and_a_nest_parent_to_all() {
    for vendor in VENDORS {
        let rig = Rig::with_instances(vendor, 2);
        let (a, b) = (rig.device(0, 8, PLAIN), rig.device(1, 8, PLAIN));
        let parent = rig.nest_parent(a, rig.ioas());
        let (nested, _) = rig.nested(a, parent);
        assert_eq!(errno_of(rig.fd.attach(b, nested, None)), EINVAL);
        assert_eq!(errno_of(rig.fd.attach(a, nested, None)), 0);
        assert_eq!(errno_of(rig.fd.attach(b, parent, None)), 0);
        assert_eq!(errno_of(rig.fd.replace(b, nested, None)), EINVAL);
    }
}

#[test]
fn pasids_need_hwpts_that_were_allocated_for_them() {
    let rig = Rig::new(Vendor::Vtd);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let alloc = |flags| {
        rig.fd
            .hwpt_alloc(device, ioas, flags, HwptData::None)
            .unwrap()
    };
    let (plain, pasid) = (alloc(HwptAllocFlags::NONE), alloc(HwptAllocFlags::PASID));
    let attach = |pt_id, pasid| errno_of(rig.fd.attach(device, pt_id, pasid));
    assert_eq!(attach(plain, ONE), EINVAL);
    assert_eq!(attach(pasid, Some(Pasid(0))), EINVAL);
    assert_eq!(attach(pasid, Some(Pasid(1 << 20))), EINVAL);
    assert_eq!(attach(plain, None), 0);
    assert_eq!(attach(pasid, ONE), EINVAL);
    rig.fd.detach(device, None).unwrap();
    assert_eq!(attach(pasid, ONE), 0);
    assert_eq!(attach(plain, None), EINVAL);
    assert_eq!(attach(pasid, None), 0);
    assert_eq!(attach(pasid, ONE), EBUSY);
}

#[test]
fn a_guests_own_pasids_leave_none_to_attach() {
    let rig = Rig::new(Vendor::AmdVi);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let viommu = rig.viommu(device, parent);
    let data = translating(Vendor::AmdVi);
    let flags = HwptAllocFlags::PASID;
    let nested = rig.fd.hwpt_alloc(device, viommu, flags, data).unwrap();
    let attached = rig.fd.attach(device, nested, ONE);
    assert_eq!(errno_of(attached), EOPNOTSUPP);
}

#[test]
fn a_stage_1_of_vtd_must_be_one_that_the_unit_has() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    for (flags, addr_width, expected) in [
        (0, 57, EINVAL),
        (0, 39, EINVAL),
        (VtdS1::SRE, 48, EINVAL),
        (VtdS1::EAFE, 48, EINVAL),
        (VtdS1::WPE, 48, 0),
    ] {
        let data = HwptData::VtdS1(VtdS1 {
            flags,
            pgtbl_addr: 0,
            addr_width,
            reserved: 0,
        });
        let none = HwptAllocFlags::NONE;
        let nested = rig.fd.hwpt_alloc(device, parent, none, data).unwrap();
        assert_eq!(errno_of(rig.fd.attach(device, nested, None)), expected);
    }
}

#[test]
fn a_stage_1_of_smmuv3_needs_a_vdevice_and_others_do_not() {
    let rig = Rig::new(Vendor::SmmuV3);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let viommu = rig.viommu(device, parent);
    let attach = |data| {
        let none = HwptAllocFlags::NONE;
        let nested = rig.fd.hwpt_alloc(device, viommu, none, data).unwrap();
        let errno = errno_of(rig.fd.attach(device, nested, None));
        rig.fd.detach(device, None).unwrap();
        errno
    };
    assert_eq!(attach(ste([1, 0])), 0);
    assert_eq!(attach(ste([4 << 1 | 1, 0])), 0);
    assert_eq!(attach(translating(Vendor::SmmuV3)), ENOENT);
    rig.fd.vdevice_alloc(viommu, device, 3).unwrap();
    assert_eq!(attach(translating(Vendor::SmmuV3)), 0);
}

#[test]
fn vtd_forgets_an_attachment_step_by_step() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 0x1234, ATS);
    let parent = rig.nest_parent(device, rig.ioas());
    let data = translating(Vendor::Vtd);
    let flags = HwptAllocFlags::PASID;
    let nested = rig.fd.hwpt_alloc(device, parent, flags, data).unwrap();
    rig.fd.attach(device, nested, None).unwrap();
    rig.fd.attach(device, nested, ONE).unwrap();
    assert_eq!(rig.words(), [[[0; 2]; 0]; 0]);
    rig.fd.detach(device, ONE).unwrap();
    rig.fd.detach(device, None).unwrap();
    // PASID cache and IOTLB of domain 2, device TLB: with PASID, and without.
    assert_eq!(
        rig.words(),
        [
            [[0x0000_0001_0002_0017, 0]],
            [[0x0000_0000_0002_00e2, 0]],
            [[0x0000_0001_1234_0008, 0x7fff_ffff_ffff_f800]],
            [[0x0000_0000_0002_0017, 0]],
            [[0x0000_0000_0002_00e2, 0]],
            [[0x0000_1234_0000_0003, 0x7fff_ffff_ffff_f001]],
        ]
    );
}

#[test]
fn smmuv3_writes_the_ste_and_cleans_a_vmid_that_nobody_has_left() {
    let rig = Rig::new(Vendor::SmmuV3);
    let (a, b) = (rig.device(0, 0x1234, ATS), rig.device(0, 0x5678, PLAIN));
    let parent = rig.nest_parent(a, rig.ioas());
    let (nested, _) = rig.nested(a, parent);
    rig.fd.attach(a, parent, None).unwrap();
    rig.fd.attach(b, parent, None).unwrap();
    rig.fd.replace(a, nested, None).unwrap();
    let (ste_a, ste_b) = ([0x0000_1234_0000_0003, 1], [0x0000_5678_0000_0003, 1]);
    let atc_a = [0x0000_1234_0000_0040, 52];
    assert_eq!(rig.words(), [[ste_a], [ste_b], [ste_a], [atc_a]]);
    rig.fd.detach(b, None).unwrap();
    rig.fd.detach(a, None).unwrap();
    let vmall = [0x0000_0001_0000_0028, 0];
    assert_eq!(rig.words(), [[ste_b], [ste_a], [atc_a], [vmall]]);
}

#[test]
fn amd_writes_the_dte_and_cleans_the_domain() {
    let rig = Rig::new(Vendor::AmdVi);
    let device = rig.device(0, 0x1234, ATS);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, _) = rig.nested(device, parent);
    rig.fd.attach(device, parent, None).unwrap();
    rig.fd.replace(device, nested, None).unwrap();
    let devtab = [0x2000_0000_0000_1234, 0];
    let atc = [0x4000_1234_0000_1234, 0x7fff_ffff_ffff_f001];
    // The nested HWPT took domain 1 when it was allocated.
    let domain = [0x3000_0002_0000_0000, 0x7fff_ffff_ffff_f003];
    let dte = [devtab, atc];
    assert_eq!(rig.words(), [dte, dte, [domain, atc], dte]);
    rig.fd.detach(device, None).unwrap();
    let domain = [0x3000_0001_0000_0000, 0x7fff_ffff_ffff_f003];
    assert_eq!(rig.words(), [dte, [domain, atc]]);
}

#[test]
fn an_id_that_the_hardware_may_still_know_is_not_used_again() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 8, PLAIN);
    let hwpt = rig.nest_parent(device, rig.ioas());
    let did_of_detach = || {
        rig.fd.attach(device, hwpt, None).unwrap();
        let result = errno_of(rig.fd.detach(device, None));
        (result, rig.words()[0][0][0] >> 16 & 0xffff)
    };
    assert_eq!(did_of_detach(), (0, 2));
    let silent = SubmitError::TimedOut { waited_ms: 1 };
    rig.queues[0].fail_after(0, silent);
    assert_eq!(did_of_detach(), (ETIMEDOUT, 2));
    rig.fd.destroy(hwpt).unwrap();
    let other = rig.nest_parent(device, rig.ioas());
    rig.fd.attach(device, other, None).unwrap();
    rig.fd.detach(device, None).unwrap();
    assert_eq!(rig.words()[0][0][0] >> 16 & 0xffff, 3);
}

#[test]
fn a_device_that_could_not_be_attached_is_blocked_and_free() {
    for vendor in [Vendor::SmmuV3, Vendor::AmdVi] {
        let rig = Rig::new(vendor);
        let device = rig.device(0, 8, PLAIN);
        let hwpt = rig.nest_parent(device, rig.ioas());
        let silent = SubmitError::TimedOut { waited_ms: 1 };
        rig.queues[0].fail_after(0, silent);
        assert_eq!(errno_of(rig.fd.attach(device, hwpt, None)), ETIMEDOUT);
        rig.fd.attach(device, hwpt, None).unwrap();
        rig.fd.detach(device, None).unwrap();
        rig.fd.destroy(hwpt).unwrap();
    }
}
