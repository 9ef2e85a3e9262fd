//! A VFIO device on any IOMMU.

use std::path::Path;

use hwptop_driver::iommufd::{Context, HwKind, Nesting, Step, VfioDevice};
use vm_memory::MmapRegion;

use crate::function::{cdev, device};

const PAGE: usize = 4096;
const IOVA: u64 = 0x4000_0000;

#[test]
#[ignore = "needs a VFIO device, and root"]
fn memory_is_mapped_and_unmapped_in_the_ioas_of_an_attached_device() {
    let (context, device) = device();
    let ioas = context.ioas().unwrap();
    let attachment = device.attach(ioas.object()).unwrap();
    let memory: MmapRegion = MmapRegion::new(64 * PAGE).unwrap();
    for round in 0..100_u64 {
        for page in 0..64 {
            let iova = IOVA + (page * PAGE) as u64;
            ioas.map(iova, &memory, page * PAGE, PAGE).unwrap();
        }
        let again = ioas.map(IOVA, &memory, 0, PAGE).unwrap_err();
        assert_eq!((again.step, again.errno), (Step::Map, 17), "round {round}");
        assert_eq!(ioas.unmap(IOVA, PAGE as u64), Ok(PAGE as u64));
        assert_eq!(ioas.unmap(IOVA + 0x1000, 63 << 12), Ok(63 << 12));
        let nothing = ioas.unmap(IOVA, PAGE as u64).unwrap_err();
        assert_eq!((nothing.step, nothing.errno), (Step::Unmap, 2));
    }
    let beyond = ioas.map(IOVA, &memory, PAGE, 64 * PAGE).unwrap_err();
    assert_eq!((beyond.step, beyond.errno), (Step::Map, 22));
    drop(attachment);
}

#[test]
#[ignore = "needs a VFIO device, and root"]
fn a_device_can_be_bound_attached_and_given_back_again_and_again() {
    for _ in 0..20 {
        let (context, device) = device();
        let ioas = context.ioas().unwrap();
        let attachment = device.attach(ioas.object()).unwrap();
        // What is dropped first does not matter.
        drop((ioas, device, context));
        drop(attachment);
    }
}

#[test]
#[ignore = "needs a VFIO device, and root"]
fn a_device_in_use_is_refused_with_the_remedy() {
    let (_context, _device) = device();
    let second = Context::open().unwrap();
    let error = VfioDevice::bind(&second, &cdev()).unwrap_err();
    println!("{error}");
    assert_eq!(error.step, Step::Bind);
    assert!(matches!(error.errno, 16 | 22), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
}

#[test]
#[ignore = "needs /dev/iommu, and root"]
fn a_device_that_is_not_there_is_refused_with_the_remedy() {
    let context = Context::open().unwrap();
    let path = Path::new("/dev/vfio/devices/vfio99");
    let error = VfioDevice::bind(&context, path).unwrap_err();
    println!("{error}");
    assert_eq!((error.step, error.errno), (Step::OpenDevice, 2));
    assert!(error.to_string().contains("driver_override"), "{error}");
}

#[test]
#[ignore = "needs a VFIO device, and root"]
fn the_iommu_says_whose_it_is_and_nesting_that_is_not_offered_says_why() {
    let (_context, device) = device();
    let info = device.device().hw_info().unwrap();
    println!("{info:x?}");
    match device.nesting().unwrap() {
        Nesting::Offered(vendor) => {
            println!("nesting: {vendor:?}");
            assert!(info.promises_nesting());
        }
        Nesting::NotOffered(error) => {
            println!("{error}");
            assert!(error.remedy().is_some(), "{error}");
        }
    }
    if let HwKind::Vtd { ecap, .. } = info.kind {
        // QEMU's has none.
        let offered = matches!(device.nesting(), Ok(Nesting::Offered(_)));
        assert_eq!(offered, ecap & 1 << 26 != 0);
    }
}
