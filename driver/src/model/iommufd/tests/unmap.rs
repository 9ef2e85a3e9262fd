use super::*;
use crate::errno::ETIMEDOUT;

const PAGE: Gpa = Gpa(0x100_0000);

/// Adds a page to the IOAS and takes it away again; returns what that sends.
fn unmap(rig: &Rig, ioas: ObjectId, length: u64) -> Vec<Vec<[u64; 2]>> {
    rig.fd
        .ioas_map(ioas, PAGE, Pa(GUEST), length, Prot::READ_WRITE)
        .unwrap();
    rig.words();
    assert_eq!(rig.fd.ioas_unmap(ioas, PAGE, length), Ok(length));
    rig.words()
}

/// Maps beside it, so that the unmap frees no table.
fn keep_tables(rig: &Rig, ioas: ObjectId) {
    let beside = Gpa(PAGE.0 + 0x10_0000);
    rig.fd
        .ioas_map(ioas, beside, Pa(GUEST), 0x1000, Prot::READ_WRITE)
        .unwrap();
}

/// An IOAS, and its nest parent with devices 0x10, by a nested HWPT, and 0x20.
fn two_devices(vendor: Vendor) -> (Rig, ObjectId, ObjectId) {
    let rig = Rig::new(vendor);
    let [a, b] = [0x10, 0x20].map(|id| rig.device(0, id, ATS));
    let ioas = rig.ioas();
    keep_tables(&rig, ioas);
    let parent = rig.nest_parent(a, ioas);
    let (nested, _) = rig.nested(a, parent);
    rig.fd.attach(a, nested, None).unwrap();
    rig.fd.attach(b, parent, None).unwrap();
    (rig, ioas, parent)
}

#[test]
fn what_nobody_is_attached_to_is_invalidated_nowhere() {
    for vendor in VENDORS {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, ATS), rig.ioas());
        rig.nest_parent(device, ioas);
        assert_eq!(unmap(&rig, ioas, 0x1000), [[[0; 2]; 0]; 0]);
    }
}

#[test]
fn vtd_invalidates_every_domain_and_then_device_tlbs() {
    let (rig, ioas, parent) = two_devices(Vendor::Vtd);
    let c = rig.device(0, 0x30, PLAIN);
    rig.fd.attach(c, parent, None).unwrap();
    // Domain 2 is the nested one. Its device TLB goes whole.
    assert_eq!(
        unmap(&rig, ioas, 0x2000),
        [
            [
                [0x0000_0000_0002_00f2, 0x0100_0041],
                [0x0000_0000_0003_00f2, 0x0100_0041],
            ],
            [
                [0x0000_0010_0000_0003, 0x7fff_ffff_ffff_f001],
                [0x0000_0020_0000_0003, 0x0100_0001],
            ],
        ]
    );
}

#[test]
fn vtd_invalidates_tables_that_went_with_the_pages() {
    let rig = Rig::new(Vendor::Vtd);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let parent = rig.nest_parent(device, ioas);
    rig.fd.attach(device, parent, None).unwrap();
    let words = unmap(&rig, ioas, 0x20_0000);
    assert_eq!(words, [[[0x0000_0000_0002_00f2, 0x0100_0049]]]);
    // A page less in front, so that the block is one of small pages with a table.
    let from = Gpa(PAGE.0);
    let to = Pa(GUEST + 0x1000);
    let rw = Prot::READ_WRITE;
    rig.fd.ioas_map(ioas, from, to, 0x20_0000, rw).unwrap();
    rig.fd.ioas_unmap(ioas, from, 0x20_0000).unwrap();
    let words = rig.words();
    assert_eq!(words, [[[0x0000_0000_0002_00f2, 0x0100_0009]]]);
}

#[test]
fn smmuv3_invalidates_by_ipa_then_stage_1_then_atcs() {
    let (rig, ioas, _) = two_devices(Vendor::SmmuV3);
    assert_eq!(
        unmap(&rig, ioas, 0x2000),
        [
            vec![[0x0000_0001_0010_002a, 0x0100_0401]],
            vec![[0x0000_0001_0000_0010, 0]],
            vec![[0x0000_0010_0000_0040, 52], [0x0000_0020_0000_0040, 52]],
        ]
    );
}

#[test]
fn smmuv3_leaves_stage_1_alone_where_nothing_can_be_nested() {
    let rig = Rig::new(Vendor::SmmuV3);
    let (device, ioas) = (rig.device(0, 0x10, ATS), rig.ioas());
    keep_tables(&rig, ioas);
    let none = HwptAllocFlags::NONE;
    let hwpt = rig
        .fd
        .hwpt_alloc(device, ioas, none, HwptData::None)
        .unwrap();
    rig.fd.attach(device, hwpt, None).unwrap();
    assert_eq!(
        unmap(&rig, ioas, 0x1000),
        [
            [[0x0000_0001_0000_002a, 0x0100_0001]],
            [[0x0000_0010_0000_0040, 0x0100_0000]],
        ]
    );
}

#[test]
fn amd_invalidates_the_domain_and_those_of_the_guest() {
    let (rig, ioas, _) = two_devices(Vendor::AmdVi);
    assert_eq!(
        unmap(&rig, ioas, 0x2000),
        [[
            [0x3000_0001_0000_0000, 0x0100_0001],
            [0x3000_0002_0000_0000, 0x0100_0001],
            [0x4000_0010_0000_0010, 0x7fff_ffff_ffff_f001],
            [0x4000_0020_0000_0020, 0x0100_0001],
        ]]
    );
}

#[test]
fn every_instance_is_asked_even_if_one_does_not_answer() {
    for vendor in VENDORS {
        let rig = Rig::with_instances(vendor, 2);
        let (a, b) = (rig.device(0, 8, PLAIN), rig.device(1, 8, PLAIN));
        let ioas = rig.ioas();
        let parent = rig.nest_parent(a, ioas);
        for device in [a, b] {
            rig.fd.attach(device, parent, None).unwrap();
        }
        let _ = rig.queues[1].take();
        let silent = SubmitError::TimedOut { waited_ms: 1 };
        rig.queues[0].fail_after(0, silent);
        let unmapped = rig.fd.ioas_unmap(ioas, Gpa(0), GUEST_BYTES);
        assert_eq!(errno_of(unmapped), ETIMEDOUT);
        assert!(!rig.queues[1].take().is_empty());
        // The mapping is gone all the same.
        assert_eq!(rig.fd.ioas_unmap(ioas, Gpa(0), u64::MAX), Ok(0));
    }
}
