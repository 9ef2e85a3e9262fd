//! The mock of a kernel with `CONFIG_IOMMUFD_TEST`.

use std::fs;

use hwptop_driver::iommufd::{
    Context, HwKind, HwptInvalidateSelftest, Prepared, Selftest, SelftestBackend,
    ViommuInvalidateSelftest,
};
use hwptop_driver::{
    Backend, Capture, DomainId, Entries, InvalidateError, ObjectId, Pasid, Policy, Stream,
    TimingProfile, Vendor, VtdS1Invalidate, modelled_guest, selftest_guest,
};

use crate::same::compare;

const VDEV: u32 = 7;
/// No words.
const NONE: [u32; 0] = [];

fn selftest() -> Selftest {
    Selftest::new(&Context::open().unwrap()).unwrap()
}

const fn hwpt_entry(iotlb_id: u32) -> HwptInvalidateSelftest {
    HwptInvalidateSelftest { flags: 0, iotlb_id }
}

const fn viommu_entry(cache_id: u32) -> ViommuInvalidateSelftest {
    ViommuInvalidateSelftest {
        flags: 0,
        vdev_id: VDEV,
        cache_id,
    }
}

/// Which words of an IOTLB are invalidated; the others are as they were.
fn invalidated(selftest: &Selftest, hwpt: ObjectId) -> Vec<u32> {
    let lines = (0..Selftest::LINES).filter(|&line| {
        let is_gone = selftest.iotlb_is(hwpt, line, 0).unwrap();
        let is_there = selftest.iotlb_is(hwpt, line, Selftest::IOTLB_DEFAULT);
        assert_ne!(is_gone, is_there.unwrap(), "word {line}");
        is_gone
    });
    lines.collect()
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn an_entry_for_a_nested_hwpt_invalidates_its_word_and_no_other() {
    let selftest = selftest();
    let (hwpt, other) = (selftest.nested().unwrap(), selftest.nested().unwrap());
    let context = selftest.context();
    assert_eq!(invalidated(&selftest, hwpt.id()), NONE);
    context
        .invalidate_entries(hwpt.id(), &[hwpt_entry(2)])
        .unwrap();
    assert_eq!(invalidated(&selftest, hwpt.id()), [2]);
    let all = HwptInvalidateSelftest {
        flags: HwptInvalidateSelftest::ALL,
        iotlb_id: 0,
    };
    context.invalidate_entries(hwpt.id(), &[all]).unwrap();
    assert_eq!(invalidated(&selftest, hwpt.id()), [0, 1, 2, 3]);
    assert_eq!(invalidated(&selftest, other.id()), NONE);
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn an_entry_for_a_viommu_invalidates_the_cache_of_the_device_that_it_names() {
    let selftest = selftest();
    let viommu = selftest.viommu().unwrap();
    let device = selftest.device();
    let other = selftest.new_device().unwrap();
    let _vdevices = [
        device.device().vdevice(&viommu, u64::from(VDEV)).unwrap(),
        other.device().vdevice(&viommu, 8).unwrap(),
    ];
    let is_there = |device, line| {
        selftest
            .cache_is(device, line, Selftest::CACHE_DEFAULT)
            .unwrap()
    };
    assert!(is_there(device, 1));
    let context = selftest.context();
    context
        .invalidate_entries(viommu.id(), &[viommu_entry(1)])
        .unwrap();
    assert!(selftest.cache_is(device, 1, 0).unwrap());
    assert!(is_there(device, 0) && is_there(device, 2) && is_there(device, 3));
    assert!((0..Selftest::LINES).all(|line| is_there(&other, line)));
    let unknown = ViommuInvalidateSelftest {
        vdev_id: 9,
        ..viommu_entry(0)
    };
    let result = context.invalidate_entries(viommu.id(), &[viommu_entry(3), unknown]);
    assert_eq!(result, Err(InvalidateError::new(22, 1)));
    assert!(selftest.cache_is(device, 3, 0).unwrap());
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn a_hundred_thousand_entries_go_out_in_batches_of_every_size() {
    let selftest = selftest();
    let hwpt = selftest.nested().unwrap();
    let viommu = selftest.viommu().unwrap();
    let device = selftest.device().device();
    let _vdevice = device.vdevice(&viommu, u64::from(VDEV)).unwrap();
    let by_hwpt: Vec<_> = (0..100_000).map(|at| hwpt_entry(at % 4)).collect();
    let by_viommu: Vec<_> = (0..100_000).map(|at| viommu_entry(at % 4)).collect();
    let context = selftest.context();
    for size in [1, 4, 16, 64, 256, 1024] {
        for batch in by_hwpt.chunks(size) {
            context.invalidate_entries(hwpt.id(), batch).unwrap();
        }
        for batch in by_viommu.chunks(size) {
            context.invalidate_entries(viommu.id(), batch).unwrap();
        }
    }
    assert_eq!(invalidated(&selftest, hwpt.id()), [0, 1, 2, 3]);
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn more_entries_than_a_request_may_have_are_sent_with_several() {
    let selftest = selftest();
    let hwpt = selftest.nested().unwrap();
    let context = selftest.context();
    let mut entries = vec![hwpt_entry(0); (1 << 19) + 2];
    let whole = Prepared::new(context, hwpt.id(), &entries).send();
    assert_eq!(whole, Err(InvalidateError::new(22, 0)));
    *entries.last_mut().unwrap() = hwpt_entry(3);
    assert_eq!(context.invalidate_entries(hwpt.id(), &entries), Ok(()));
    assert_eq!(invalidated(&selftest, hwpt.id()), [0, 3]);
    entries.last_mut().unwrap().flags = 1 << 5;
    let result = context.invalidate_entries(hwpt.id(), &entries);
    assert_eq!(result, Err(InvalidateError::new(95, (1 << 19) + 1)));

    let viommu = selftest.viommu().unwrap();
    let device = selftest.device().device();
    let _vdevice = device.vdevice(&viommu, u64::from(VDEV)).unwrap();
    let entries = vec![viommu_entry(0); 1 << 19];
    assert_eq!(context.invalidate_entries(viommu.id(), &entries), Ok(()));
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn an_entry_that_fails_ends_the_request_where_it_is() {
    let selftest = selftest();
    let context = selftest.context();
    for at in [0_u32, 1, 5, 63, 99] {
        let hwpt = selftest.nested().unwrap();
        let mut entries = vec![hwpt_entry(1); 100];
        entries[at as usize].flags = 1 << 5;
        let result = context.invalidate_entries(hwpt.id(), &entries);
        assert_eq!(result, Err(InvalidateError::new(95, at)));
        let expected: &[u32] = if at == 0 { &[] } else { &[1] };
        assert_eq!(invalidated(&selftest, hwpt.id()), expected);
        entries[at as usize] = hwpt_entry(4);
        let result = context.invalidate_entries(hwpt.id(), &entries);
        assert_eq!(result, Err(InvalidateError::new(22, at)));
    }
    let none = context.invalidate_entries(ObjectId(0x7fff), &[hwpt_entry(0)]);
    assert_eq!(none, Err(InvalidateError::new(2, 0)));
    let hwpt = selftest.nested().unwrap();
    let result = context.invalidate(hwpt.id(), Entries::VtdS1(&[VtdS1Invalidate::WHOLE]));
    assert_eq!(
        result,
        Err(InvalidateError::new(22, 0)),
        "the mock is no VT-d"
    );
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn a_vendors_entries_reach_the_mock_one_to_one() {
    let selftest = selftest();
    let hwpt = selftest.nested().unwrap();
    let backend = SelftestBackend::new(selftest.context(), None, Vec::new());
    let mut entries: Vec<_> = [1, 3]
        .map(|page| VtdS1Invalidate::new(page << 12, 1, VtdS1Invalidate::LEAF))
        .to_vec();
    assert_eq!(
        backend.invalidate(hwpt.id(), Entries::VtdS1(&entries)),
        Ok(())
    );
    assert_eq!(invalidated(&selftest, hwpt.id()), [1, 3]);
    entries.push(VtdS1Invalidate::new(0, 1, 1 << 7));
    let result = backend.invalidate(hwpt.id(), Entries::VtdS1(&entries));
    assert_eq!(result, Err(InvalidateError::new(95, 2)));
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn every_capture_replays_on_the_mock_with_the_models_counts() {
    let context = Context::open().unwrap();
    for name in Capture::builtin_names() {
        let capture = Capture::builtin(name).unwrap();
        let stream = Stream::from_capture(&capture).unwrap();
        for policy in Policy::ALL {
            let mut mock = selftest_guest(&context, &stream, 0).unwrap();
            let mut model = modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap();
            println!("{name}");
            compare(&mut mock, &mut model, policy);
        }
    }
    assert_eq!(mock_devices(), 0, "each guest's objects went with it");
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn objects_go_with_their_last_owner_in_whatever_order_they_are_dropped() {
    let context = Context::open().unwrap();
    let before = mock_devices();
    for round in 0..50 {
        let selftest = Selftest::new(&context).unwrap();
        let device = selftest.device().device().clone();
        let viommu = selftest.viommu().unwrap();
        let vdevice = device.vdevice(&viommu, round).unwrap();
        let hwpt = selftest.nested().unwrap();
        drop((selftest, viommu));
        drop((device, vdevice));
        drop(hwpt);
    }
    assert_eq!(mock_devices(), before);
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn the_mock_says_what_it_is() {
    let selftest = selftest();
    let info = selftest.device().device().hw_info().unwrap();
    assert_eq!(info.kind, HwKind::Selftest);
    assert!(info.promises_nesting());
    let error = selftest
        .device()
        .device()
        .viommu_arm_smmuv3(&selftest.nested().unwrap());
    println!("{}", error.unwrap_err());
}

#[test]
#[ignore = "needs a kernel with CONFIG_IOMMUFD_TEST, and root"]
fn thousands_of_targets_get_objects_each() {
    let targets = (1..=2000).map(|domain| (DomainId(domain), Pasid::RID));
    let stream = Stream::synthetic(Vendor::Vtd, targets);
    let context = Context::open().unwrap();
    let mut guest = selftest_guest(&context, &stream, 0).unwrap();
    // The IOTLB of every domain (VT-d 6.5.2.3, G = 1).
    let sync = stream.sync(guest.status_address(), 5);
    guest.submit(&[[2 | 1 << 4, 0], sync]).unwrap();
    assert_eq!(guest.counters().snapshot().requests, 2000);
}

/// Devices of the mock that there are, of any process.
fn mock_devices() -> usize {
    let devices = fs::read_dir("/sys/bus/iommufd_mock/devices");
    devices.map_or(0, Iterator::count)
}
