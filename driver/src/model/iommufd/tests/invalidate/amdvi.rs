use super::*;

/// A nested HWPT with host domain 1 and a vIOMMU with the device 0x10, which the guest
/// calls 0x99.
fn rig() -> (Rig, ObjectId, ObjectId) {
    let rig = Rig::new(Vendor::AmdVi);
    let device = rig.device(0, 0x10, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, viommu) = rig.nested(device, parent);
    (rig, nested, viommu)
}

fn send(rig: &Rig, target: ObjectId, words: &[[u64; 2]]) -> Result<(), InvalidateError> {
    let entries: Vec<_> = words
        .iter()
        .map(|&cmd| AmdGuestInvalidate { cmd })
        .collect();
    rig.fd.invalidate(target, Entries::AmdGuest(&entries))
}

#[test]
fn a_guests_domain_becomes_the_hosts() {
    let (rig, nested, _) = rig();
    let guest = [0x3000_0007_0001_2345, 0x0000_0000_0020_1007];
    let host = [0x3000_0001_0001_2345, 0x0000_0000_0020_1007];
    assert_eq!(send(&rig, nested, &[guest]), Ok(()));
    assert_eq!(rig.words(), [[host]]);
}

#[test]
fn equal_domains_of_a_guest_are_one_of_the_host_until_the_last_is_gone() {
    let (rig, nested, viommu) = rig();
    let device = rig
        .fd
        .add_device(arg(0, Vendor::AmdVi), DeviceId(0x20), PLAIN);
    let device = device.unwrap();
    let alloc = |gdom| {
        let dte = [0, gdom, 0, 0];
        let data = HwptData::AmdGuest(AmdGuest { dte });
        let none = HwptAllocFlags::NONE;
        rig.fd.hwpt_alloc(device, viommu, none, data).unwrap()
    };
    let domain = |hwpt| {
        send(&rig, hwpt, &[[0x3000_0000_0000_0000, 0]]).unwrap();
        rig.words()[0][0][0] >> 32 & 0xffff
    };
    let (same, other) = (alloc(7), alloc(8));
    assert_eq!([nested, same, other].map(domain), [1, 1, 2]);
    rig.fd.destroy(nested).unwrap();
    assert_eq!(domain(alloc(9)), 3);
    rig.fd.destroy(same).unwrap();
    assert_eq!(domain(alloc(10)), 1);
}

#[test]
fn a_guests_device_becomes_the_hosts() {
    let (rig, _, viommu) = rig();
    for (guest, host) in [
        ([0x2000_0000_0000_0099, 0], [0x2000_0000_0000_0010, 0]),
        ([0x5000_0000_0000_0099, 0], [0x5000_0000_0000_0010, 0]),
        // Maxpend and PASID stay, QueueID is the device's own.
        (
            [0x4fff_0099_20ff_0099, 0x1005],
            [0x4fff_0010_20ff_0010, 0x1005],
        ),
        // Type, of revision 3.
        (
            [0x4000_0099_2000_0099, 0x1031],
            [0x4000_0010_2000_0010, 0x1031],
        ),
    ] {
        assert_eq!(send(&rig, viommu, &[guest]), Ok(()), "{guest:#x?}");
        assert_eq!(rig.words(), [[host]]);
    }
}

#[test]
fn commands_go_to_the_object_that_they_are_about() {
    let (rig, nested, viommu) = rig();
    let pages = [0x3000_0007_0000_0000, 0];
    for (target, good, bad) in [
        (
            nested,
            pages,
            vec![
                [0x2000_0000_0000_0099, 0],
                [0x4000_0099_0000_0099, 0],
                [0x3000_0007_0010_0000, 0],
                [0x3001_0007_0000_0000, 0],
                [0x3000_0007_0000_0000, 8],
                // COMPLETION_WAIT, INVALIDATE_IOMMU_ALL, PREFETCH, COMPLETE_PPR, none.
                [0x1000_0000_0000_0000, 0],
                [0x8000_0000_0000_0000, 0],
                [0x6000_0000_0000_0000, 0],
                [0x7000_0000_0000_0000, 0],
                [0, 0],
            ],
        ),
        (
            viommu,
            [0x2000_0000_0000_0099, 0],
            vec![
                pages,
                [0x8000_0000_0000_0000, 0],
                [0x2000_0000_0001_0099, 0],
                [0x2000_0000_0000_0099, 1],
                [0x5000_0001_0000_0099, 0],
                [0x4000_0099_0000_0099, 2],
                // A device that the guest does not have.
                [0x2000_0000_0000_0010, 0],
                [0x4000_0010_0000_0010, 0],
            ],
        ),
    ] {
        for bad in bad {
            let result = send(&rig, target, &[good, bad, good]);
            assert_eq!(outcome(result, 3), (EIO, 1), "{bad:#x?}");
            assert_eq!(rig.words().len(), 1);
        }
    }
}

#[test]
fn a_failure_names_the_guests_device() {
    let (rig, _, viommu) = rig();
    let error = HardwareError::UnexpectedCompletion(DeviceId(0x10));
    rig.queues[0].fail_after(0, SubmitError::Rejected { index: 0, error });
    let error = send(&rig, viommu, &[[0x4000_0099_0000_0099, 0]]).unwrap_err();
    let named = HardwareError::UnexpectedCompletion(DeviceId(0x99));
    assert_eq!(
        (error.errno, error.handled, error.hardware),
        (EIO, 0, Some(named))
    );
}
