use super::*;
use crate::errno::{EBUSY, EEXIST, EFAULT, EINVAL, EIO, ENOENT, EOPNOTSUPP, EOVERFLOW};

#[test]
fn a_viommu_has_a_type_of_its_instance_and_a_nest_parent() {
    for (vendor, default, smmu, tegra, other) in [
        (Vendor::Vtd, EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP),
        (Vendor::SmmuV3, EOPNOTSUPP, 0, 0, EOPNOTSUPP),
        (Vendor::AmdVi, EOPNOTSUPP, 0, 0, 0),
    ] {
        let rig = Rig::new(vendor);
        let device = rig.device(0, 8, PLAIN);
        let parent = rig.nest_parent(device, rig.ioas());
        let expected = [default, smmu, tegra, other];
        for (kind, expected) in (0..).zip(expected) {
            let viommu = rig.fd.viommu_alloc(device, parent, ViommuType(kind));
            assert_eq!(errno_of(viommu), expected, "{vendor:?} {kind}");
        }
    }
}

#[test]
fn a_viommu_refuses_what_is_no_nest_parent_for_its_device() {
    let rig = Rig::new(Vendor::SmmuV3);
    let memory = unit(Vendor::AmdVi, memory());
    let queue = Arc::new(RecordingQueue::new());
    rig.fd
        .add_instance(arg(0, Vendor::AmdVi), memory, queue)
        .unwrap();
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let amd = arg(0, Vendor::AmdVi);
    let amd = rig.fd.add_device(amd, DeviceId(8), PLAIN).unwrap();
    let foreign = rig.nest_parent(amd, ioas);
    let none = HwptAllocFlags::NONE;
    let plain = rig.fd.hwpt_alloc(device, ioas, none, HwptData::None);
    let alloc = |device, hwpt| {
        let kind = ViommuType::ARM_SMMUV3;
        errno_of(rig.fd.viommu_alloc(device, hwpt, kind))
    };
    assert_eq!(alloc(device, plain.unwrap()), EINVAL);
    assert_eq!(alloc(device, foreign), EINVAL);
    assert_eq!(alloc(device, ioas), ENOENT);
    assert_eq!(alloc(ioas, foreign), ENOENT);
}

#[test]
fn a_vdevice_is_one_name_for_one_device_of_the_instance() {
    let rig = Rig::with_instances(Vendor::SmmuV3, 2);
    let [a, b] = [8, 9].map(|id| rig.device(0, id, PLAIN));
    let behind_other = rig.device(1, 10, PLAIN);
    let parent = rig.nest_parent(a, rig.ioas());
    let viommu = rig.viommu(a, parent);
    let alloc = |device, id| rig.fd.vdevice_alloc(viommu, device, id);
    assert_eq!(errno_of(alloc(behind_other, 1)), EINVAL);
    assert_eq!(errno_of(alloc(parent, 1)), ENOENT);
    assert_eq!(errno_of(rig.fd.vdevice_alloc(parent, a, 1)), ENOENT);
    let vdevice = alloc(a, 1).unwrap();
    assert_eq!(errno_of(alloc(a, 2)), EEXIST);
    assert_eq!(errno_of(alloc(b, 1)), EEXIST);
    assert_eq!(errno_of(alloc(b, 2)), 0);
    rig.fd.destroy(vdevice).unwrap();
    assert_eq!(errno_of(alloc(a, 1)), 0);
}

#[test]
fn a_veventq_has_a_depth_and_is_the_only_one_of_its_type() {
    let rig = Rig::new(Vendor::SmmuV3);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let viommu = rig.viommu(device, parent);
    let alloc = |kind, depth| rig.fd.veventq_alloc(viommu, kind, depth);
    let kind = VeventqType::ARM_SMMUV3;
    assert_eq!(errno_of(alloc(VeventqType::DEFAULT, 1)), EOPNOTSUPP);
    assert_eq!(errno_of(alloc(kind, 0)), EINVAL);
    assert_eq!(errno_of(alloc(kind, (1 << 19) + 1)), EINVAL);
    assert_eq!(errno_of(rig.fd.veventq_alloc(parent, kind, 1)), ENOENT);
    let veventq = alloc(kind, 1 << 19).unwrap();
    assert_eq!(errno_of(alloc(kind, 1)), EEXIST);
    assert_eq!(errno_of(alloc(VeventqType::TEGRA241_CMDQV, 1)), 0);
    rig.fd.destroy(veventq).unwrap();
    assert_eq!(errno_of(alloc(kind, 1)), 0);
}

#[test]
fn events_carry_the_guests_device_and_lost_ones_are_told() {
    let rig = Rig::new(Vendor::SmmuV3);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, viommu) = rig.nested(device, parent);
    let kind = VeventqType::ARM_SMMUV3;
    let report = |word: u64| rig.fd.report_event(device, kind, [8 << 32 | word, 1, 2, 3]);
    let veventq = rig.fd.veventq_alloc(viommu, kind, 2).unwrap();
    assert_eq!(errno_of(report(0)), EOPNOTSUPP);
    rig.fd.attach(device, nested, None).unwrap();
    for word in 0x10..0x14 {
        report(word).unwrap();
    }
    let event = |sequence, word: u64| Vevent {
        flags: 0,
        sequence,
        record: Some([0x99 << 32 | word, 1, 2, 3]),
    };
    let read = || rig.fd.veventq_read(veventq).unwrap();
    assert_eq!(read(), Some(event(0, 0x10)));
    // There is room again: the gap before 4 says that 2 and 3 are lost.
    report(0x14).unwrap();
    report(0x15).unwrap();
    assert_eq!(read(), Some(event(1, 0x11)));
    assert_eq!(read(), Some(event(4, 0x14)));
    let lost = Vevent {
        flags: Vevent::LOST_EVENTS,
        sequence: 5,
        record: None,
    };
    assert_eq!(read(), Some(lost));
    assert_eq!(read(), None);
    // What is told by a gap is not told again.
    for word in 0x16..0x19 {
        report(word).unwrap();
    }
    assert_eq!(read(), Some(event(6, 0x16)));
    report(0x19).unwrap();
    assert_eq!(read(), Some(event(7, 0x17)));
    assert_eq!(read(), Some(event(9, 0x19)));
    assert_eq!(read(), None);
    let other = VeventqType::TEGRA241_CMDQV;
    let unheard = rig.fd.report_event(device, other, [0; 4]);
    assert_eq!(errno_of(unheard), EOPNOTSUPP);
    assert_eq!(errno_of(rig.fd.veventq_read(viommu)), ENOENT);
}

#[test]
fn a_hw_queue_keeps_its_memory_mapped() {
    let rig = Rig::new(Vendor::SmmuV3);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let parent = rig.nest_parent(device, ioas);
    let kind = ViommuType::TEGRA241_CMDQV;
    let viommu = rig.fd.viommu_alloc(device, parent, kind).unwrap();
    let kind = HwQueueType::TEGRA241_CMDQV;
    let alloc = |index, base| {
        rig.fd
            .hw_queue_alloc(viommu, kind, index, Gpa(base), 0x1000)
    };
    let first = alloc(0, 0x1000).unwrap();
    let second = alloc(1, 0x2000).unwrap();
    assert_eq!(
        errno_of(rig.fd.ioas_unmap(ioas, Gpa(0), GUEST_BYTES)),
        EBUSY
    );
    assert_eq!(errno_of(rig.fd.destroy(viommu)), EBUSY);
    // The hardware takes them away last to first.
    assert_eq!(errno_of(rig.fd.destroy(first)), EBUSY);
    rig.fd.destroy(second).unwrap();
    assert_eq!(
        errno_of(rig.fd.ioas_unmap(ioas, Gpa(0), GUEST_BYTES)),
        EBUSY
    );
    rig.fd.destroy(first).unwrap();
    assert_eq!(
        rig.fd.ioas_unmap(ioas, Gpa(0), GUEST_BYTES),
        Ok(GUEST_BYTES)
    );
}

#[test]
fn a_hw_queue_has_memory_and_an_index_that_its_hardware_takes() {
    let rig = Rig::new(Vendor::SmmuV3);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let rw = Prot::READ_WRITE;
    // Two mappings side by side that are not neighbours in the host.
    for (from, to) in [(0x80_0000, GUEST), (0x80_1000, GUEST + 0x2000)] {
        rig.fd
            .ioas_map(ioas, Gpa(from), Pa(to), 0x1000, rw)
            .unwrap();
    }
    let parent = rig.nest_parent(device, ioas);
    let plain = rig.viommu(device, parent);
    let kind = ViommuType::TEGRA241_CMDQV;
    let viommu = rig.fd.viommu_alloc(device, parent, kind).unwrap();
    let kind = HwQueueType::TEGRA241_CMDQV;
    let alloc = |viommu, kind, index, base, length| {
        let base = Gpa(base);
        errno_of(rig.fd.hw_queue_alloc(viommu, kind, index, base, length))
    };
    let default = HwQueueType::DEFAULT;
    assert_eq!(alloc(viommu, default, 0, 0, 0x1000), EOPNOTSUPP);
    assert_eq!(alloc(viommu, HwQueueType(2), 0, 0, 0x1000), EOPNOTSUPP);
    assert_eq!(alloc(plain, kind, 0, 0, 0x1000), EOPNOTSUPP);
    assert_eq!(alloc(parent, kind, 0, 0, 0x1000), ENOENT);
    for (index, base, length, expected) in [
        (0, 0, 0, EINVAL),
        (0, u64::MAX - 0xfff, 0x1001, EOVERFLOW),
        (0, GUEST_BYTES, 0x1000, ENOENT),
        (0, GUEST_BYTES - 0x1000, 0x2000, ENOENT),
        (0, 0x80_0000, 0x2000, EFAULT),
        (2, 0, 0x1000, EINVAL),
        (1, 0, 0x1000, EIO),
        (0, 0, 0x1800, EINVAL),
        (0, 0, 16, EINVAL),
        (0, 0x1000, 0x2000, EINVAL),
        (0, 0x820, 32, 0),
        (0, 0x2000, 0x2000, EEXIST),
    ] {
        let errno = alloc(viommu, kind, index, base, length);
        assert_eq!(errno, expected, "{index} {base:#x} {length:#x}");
    }
}
