use super::*;

/// A nested HWPT with a device without ATS and PASID (domain 2), and the given ones with
/// ATS, each at PASID 1.
fn rig(with_ats: &[u32]) -> (Rig, ObjectId) {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let flags = HwptAllocFlags::PASID;
    let data = translating(Vendor::Vtd);
    let nested = rig.fd.hwpt_alloc(device, parent, flags, data).unwrap();
    rig.fd.attach(device, nested, None).unwrap();
    for &id in with_ats {
        let device = rig.device(0, id, ATS);
        rig.fd.attach(device, nested, Some(Pasid(1))).unwrap();
    }
    rig.words();
    (rig, nested)
}

const fn page(addr: u64) -> VtdS1Invalidate {
    VtdS1Invalidate::new(addr, 1, 0)
}

fn send(rig: &Rig, nested: ObjectId, entries: &[VtdS1Invalidate]) -> (i32, u32) {
    let result = rig.fd.invalidate(nested, Entries::VtdS1(entries));
    outcome(result, u32::try_from(entries.len()).unwrap())
}

#[test]
fn an_entry_is_one_command_for_each_tag_and_then_for_each_device_tlb() {
    let (rig, nested) = rig(&[0x10, 0x20]);
    let leaf = VtdS1Invalidate::new(0x20_0000, 512, VtdS1Invalidate::LEAF);
    assert_eq!(send(&rig, nested, &[leaf]), (0, 1));
    assert_eq!(
        rig.words(),
        [
            [
                [0x0000_0000_0002_0036, 0x0020_0049],
                [0x0000_0001_0002_0036, 0x0020_0049],
            ],
            [
                [0x0000_0001_0010_0008, 0x002f_f800],
                [0x0000_0001_0020_0008, 0x002f_f800],
            ],
        ]
    );
    assert_eq!(send(&rig, nested, &[VtdS1Invalidate::WHOLE]), (0, 1));
    assert_eq!(
        rig.words(),
        [
            [[0x0000_0000_0002_0026, 0], [0x0000_0001_0002_0026, 0]],
            [
                [0x0000_0001_0010_0008, 0x7fff_ffff_ffff_f800],
                [0x0000_0001_0020_0008, 0x7fff_ffff_ffff_f800],
            ],
        ]
    );
}

#[test]
fn a_device_without_pasid_gets_an_invalidation_without_one() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 0x10, ATS);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, _) = rig.nested(device, parent);
    rig.fd.attach(device, nested, None).unwrap();
    assert_eq!(send(&rig, nested, &[page(0x5000)]), (0, 1));
    assert_eq!(
        rig.words(),
        [
            [[0x0000_0000_0002_0036, 0x5000]],
            [[0x0000_0010_0000_0003, 0x5000]],
        ]
    );
}

#[test]
fn an_hwpt_that_nothing_is_attached_to_has_nothing_to_invalidate() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, _) = rig.nested(device, parent);
    assert_eq!(send(&rig, nested, &[page(0), page(0x1000)]), (0, 2));
    assert_eq!(rig.words(), [[[0; 2]; 0]; 0]);
}

#[test]
fn batches_of_16_are_filled_across_entries_and_device_tlbs_stay_behind() {
    let (rig, nested) = rig(&[0x10]);
    let entries: Vec<_> = (0..20).map(|n| page(n << 12)).collect();
    assert_eq!(send(&rig, nested, &entries), (0, 20));
    let types: Vec<_> = rig
        .words()
        .iter()
        .map(|words| (words.len(), words[0][0] & 0xf))
        .collect();
    // Two tags: 40 commands of type 6, of which each 16 go when they are there. When 16 of
    // type 8 are there, what is left of those before them goes first.
    assert_eq!(types, [(16, 6), (16, 6), (16, 8), (8, 6), (4, 8)]);
}

#[test]
fn a_wrong_entry_ends_the_request_behind_those_that_are_right() {
    let right = page(0x1000);
    let reserved = VtdS1Invalidate {
        reserved: 1,
        ..right
    };
    for (wrong, errno) in [
        (VtdS1Invalidate::new(0, 1, 2), EOPNOTSUPP),
        (reserved, EOPNOTSUPP),
        (page(0x800), EINVAL),
        (VtdS1Invalidate::new(0x1000, u64::MAX, 0), EINVAL),
    ] {
        let (rig, nested) = rig(&[]);
        assert_eq!(
            send(&rig, nested, &[right, right, wrong, right]),
            (errno, 2)
        );
        assert_eq!(rig.words(), [[[0x0002_0036, 0x1000]; 2]]);
    }
}

#[test]
fn ranges_are_rounded_to_blocks_and_cut_at_the_end_of_the_space() {
    let (rig, nested) = rig(&[]);
    let entries = [
        VtdS1Invalidate::new(0x1000, 0, 0),
        VtdS1Invalidate::new(0x3000, 2, 0),
        VtdS1Invalidate::new(0xffff_ffff_ffff_f000, 9, 0),
        VtdS1Invalidate::new(0x1000, 1 << 52, 0),
    ];
    assert_eq!(send(&rig, nested, &entries), (0, 4));
    assert_eq!(
        rig.words(),
        [[
            [0x0002_0036, 0x1000],
            [0x0002_0036, 0x0003],
            [0x0002_0036, 0xffff_ffff_ffff_f000],
            [0x0002_0026, 0],
        ]]
    );
}

#[test]
fn a_command_that_the_hardware_rejects_is_its_entrys_failure() {
    let error = HardwareError::Illegal;
    let (rig, nested) = rig(&[0x10]);
    // Each entry has two IOTLB commands: the fourth is of the entry with index 1.
    rig.queues[0].fail_after(0, SubmitError::Rejected { index: 3, error });
    let entries = [page(0), page(0x1000), page(0x2000)];
    let result = rig.fd.invalidate(nested, Entries::VtdS1(&entries));
    let expected = InvalidateError {
        errno: EIO,
        handled: 1,
        hardware: Some(error),
    };
    assert_eq!(result, Err(expected));
    let words = rig.words();
    // The device TLB of the entry before it is not left out.
    assert_eq!(words.len(), 2);
    assert_eq!(words[1], [[0x0000_0001_0010_0008, 0]]);
}

#[test]
fn a_device_tlb_that_does_not_answer_is_its_entrys_failure() {
    let error = HardwareError::AtcTimeout(DeviceId(0x10));
    let (rig, nested) = rig(&[0x10]);
    rig.queues[0].fail_after(1, SubmitError::Rejected { index: 2, error });
    let entries = [page(0), page(0x1000), page(0x2000)];
    let result = rig.fd.invalidate(nested, Entries::VtdS1(&entries));
    let expected = InvalidateError {
        errno: ETIMEDOUT,
        handled: 2,
        hardware: Some(error),
    };
    assert_eq!(result, Err(expected));
}

#[test]
fn entries_whose_device_tlbs_wait_are_not_handled_when_the_queue_falls_silent() {
    let (rig, nested) = rig(&[0x10]);
    rig.queues[0].fail_after(1, SubmitError::TimedOut { waited_ms: 1 });
    let entries: Vec<_> = (0..20).map(|n| page(n << 12)).collect();
    assert_eq!(send(&rig, nested, &entries), (ETIMEDOUT, 0));
}
