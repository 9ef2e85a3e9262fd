use super::*;
use crate::errno::{EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EOVERFLOW};

#[test]
fn an_instance_must_be_new_and_of_the_vendor_that_it_says() {
    let rig = Rig::new(Vendor::Vtd);
    let queue = || Arc::new(RecordingQueue::new());
    let add = |number, unit: Vendor, says: Vendor| {
        let unit = super::unit(unit, memory());
        errno_of(rig.fd.add_instance(arg(number, says), unit, queue()))
    };
    assert_eq!(add(0, Vendor::Vtd, Vendor::Vtd), EEXIST);
    assert_eq!(add(1, Vendor::AmdVi, Vendor::Vtd), EINVAL);
    assert_eq!(add(1, Vendor::AmdVi, Vendor::AmdVi), 0);
}

#[test]
fn a_device_is_bound_once_behind_an_instance_that_exists() {
    let rig = Rig::new(Vendor::Vtd);
    let bind = |number, device, caps| {
        let instance = arg(number, Vendor::Vtd);
        errno_of(rig.fd.add_device(instance, DeviceId(device), caps))
    };
    assert_eq!(bind(1, 8, PLAIN), ENOENT);
    assert_eq!(bind(0, 8, PLAIN), 0);
    assert_eq!(bind(0, 8, PLAIN), EBUSY);
    let too_many = DeviceCaps {
        pasid_bits: 21,
        ..PLAIN
    };
    assert_eq!(bind(0, 9, too_many), EINVAL);
}

#[test]
fn a_mapping_has_whole_pages_of_memory_that_do_not_overlap() {
    let rig = Rig::new(Vendor::Vtd);
    let ioas = rig.fd.ioas_alloc().unwrap();
    let device = rig.device(0, 8, PLAIN);
    let map = |from, to, length| {
        let rw = Prot::READ_WRITE;
        errno_of(rig.fd.ioas_map(ioas, Gpa(from), Pa(to), length, rw))
    };
    assert_eq!(map(0x1000, GUEST, 0x2000), 0);
    for (from, to, length, expected) in [
        (0x3800, GUEST, 0x1000, EINVAL),
        (0x3000, GUEST + 0x800, 0x1000, EINVAL),
        (0x3000, GUEST, 0x800, EINVAL),
        (0x3000, GUEST, 0, EINVAL),
        (u64::MAX - 0xfff, GUEST, 0x2000, EOVERFLOW),
        (u64::MAX, GUEST, 0x1000, EOVERFLOW),
        (0, GUEST, u64::MAX, EOVERFLOW),
        (1 << 48, GUEST, 0x1000, EINVAL),
        (0x3000, HOST_BYTES as u64, 0x1000, EFAULT),
        (0, GUEST, 0x2000, EEXIST),
        (0x2000, GUEST, 0x1000, EEXIST),
        (0x1000, GUEST, 0x1000, EEXIST),
        (0x3000, GUEST, 0x1000, 0),
        (0, GUEST, 0x1000, 0),
    ] {
        assert_eq!(map(from, to, length), expected, "{from:#x} {length:#x}");
    }
    let none = Prot {
        readable: false,
        writable: false,
    };
    let nothing = rig.fd.ioas_map(ioas, Gpa(0), Pa(0), 0x1000, none);
    assert_eq!(errno_of(nothing), EINVAL);
    let rw = Prot::READ_WRITE;
    let other = rig.fd.ioas_map(device, Gpa(0), Pa(0), 0x1000, rw);
    assert_eq!(errno_of(other), ENOENT);
}

#[test]
fn a_mapping_is_unmapped_whole_or_not_at_all() {
    let rig = Rig::new(Vendor::Vtd);
    let ioas = rig.fd.ioas_alloc().unwrap();
    let rw = Prot::READ_WRITE;
    for from in [0x1000, 0x4000, 0x6000] {
        rig.fd
            .ioas_map(ioas, Gpa(from), Pa(GUEST), 0x2000, rw)
            .unwrap();
    }
    let unmap = |from, length| rig.fd.ioas_unmap(ioas, Gpa(from), length);
    assert_eq!(errno_of(unmap(0x1000, 0)), EINVAL);
    assert_eq!(errno_of(unmap(u64::MAX - 1, 0x1000)), EOVERFLOW);
    assert_eq!(errno_of(unmap(0x1000, u64::MAX)), EOVERFLOW);
    assert_eq!(errno_of(unmap(0x1000, 0x1000)), ENOENT);
    assert_eq!(errno_of(unmap(0x2000, 0x1000)), ENOENT);
    assert_eq!(errno_of(unmap(0x3000, 0x1000)), ENOENT);
    assert_eq!(unmap(0, 0x4000), Ok(0x2000));
    assert_eq!(errno_of(unmap(0, 0x4000)), ENOENT);
    assert_eq!(unmap(0, u64::MAX), Ok(0x4000));
    assert_eq!(unmap(0, u64::MAX), Ok(0));
}

#[test]
fn a_large_mapping_fits_where_small_ones_have_been() {
    for vendor in VENDORS {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        rig.nest_parent(device, ioas);
        for length in [0x1000, 0x40_0000, 0x2000, 0x20_0000] {
            let (from, rw) = (Gpa(1 << 30), Prot::READ_WRITE);
            let mapped = rig.fd.ioas_map(ioas, from, Pa(GUEST), length, rw);
            assert_eq!(errno_of(mapped), 0, "{vendor:?} {length:#x}");
            assert_eq!(rig.fd.ioas_unmap(ioas, from, length), Ok(length));
        }
    }
}

#[test]
fn a_mapping_without_room_for_its_tables_leaves_nothing_behind() {
    let memory = memory();
    let fd = Iommufd::new(memory.clone(), PageAllocator::new(0x1000..0x5000));
    let queue = RecordingQueue::new();
    let vendor = Vendor::Vtd;
    fd.add_instance(arg(0, vendor), unit(vendor, memory), &queue)
        .unwrap();
    let device = fd.add_device(arg(0, vendor), DeviceId(8), PLAIN).unwrap();
    let ioas = fd.ioas_alloc().unwrap();
    let none = HwptAllocFlags::NONE;
    let hwpt = fd.hwpt_alloc(device, ioas, none, HwptData::None).unwrap();
    let map = |from| {
        let rw = Prot::READ_WRITE;
        errno_of(fd.ioas_map(ioas, Gpa(from), Pa(GUEST), 0x1000, rw))
    };
    // The root has a page; three remain, which is one chain of tables.
    assert_eq!(map(0), 0);
    assert_eq!(map(1 << 40), ENOMEM);
    assert_eq!(
        errno_of(fd.hwpt_alloc(device, ioas, none, HwptData::None)),
        ENOMEM
    );
    assert_eq!(fd.ioas_unmap(ioas, Gpa(0), 0x1000), Ok(0x1000));
    // All of them came back.
    fd.destroy(hwpt).unwrap();
    fd.hwpt_alloc(device, ioas, none, HwptData::None).unwrap();
    assert_eq!(map(1 << 40), 0);
}

#[test]
fn what_is_needed_is_not_destroyed_and_what_is_not_is() {
    for vendor in [Vendor::SmmuV3, Vendor::AmdVi] {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        let parent = rig.nest_parent(device, ioas);
        let viommu = rig.viommu(device, parent);
        let vdevice = rig.fd.vdevice_alloc(viommu, device, 1).unwrap();
        let kind = VeventqType::ARM_SMMUV3;
        let veventq = rig.fd.veventq_alloc(viommu, kind, 1).unwrap();
        let data = translating(vendor);
        let none = HwptAllocFlags::NONE;
        let nested = rig.fd.hwpt_alloc(device, viommu, none, data).unwrap();
        rig.fd.attach(device, nested, None).unwrap();
        let destroy = |id| errno_of(rig.fd.destroy(id));
        for used in [device, ioas, parent, viommu, nested] {
            assert_eq!(destroy(used), EBUSY);
        }
        rig.fd.detach(device, None).unwrap();
        for (free, user) in [
            (nested, viommu),
            (vdevice, viommu),
            (veventq, viommu),
            (viommu, parent),
            (parent, ioas),
        ] {
            assert_eq!(destroy(user), EBUSY);
            assert_eq!(destroy(free), 0);
            assert_eq!(destroy(free), ENOENT);
        }
        assert_eq!(destroy(ioas), 0);
        assert_eq!(destroy(ObjectId(0)), ENOENT);
    }
}

#[test]
fn a_nested_hwpt_of_vtd_holds_its_parent() {
    let rig = Rig::new(Vendor::Vtd);
    let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
    let parent = rig.nest_parent(device, ioas);
    let (nested, _) = rig.nested(device, parent);
    assert_eq!(errno_of(rig.fd.destroy(parent)), EBUSY);
    rig.fd.destroy(nested).unwrap();
    rig.fd.destroy(parent).unwrap();
}

#[test]
fn an_error_names_the_call_and_the_reason() {
    let rig = Rig::new(Vendor::Vtd);
    let error = rig.fd.ioas_unmap(ObjectId(7), Gpa(0), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "IOMMU_IOAS_UNMAP: the id stands for no IOAS (errno 2)"
    );
}
