//! A VFIO device behind a real SMMUv3 that offers nesting.

use hwptop_driver::iommufd::{
    Context, Device, Ioas, Nesting, Object, Step, VfioBackend, VfioDevice,
};
use hwptop_driver::smmuv3::{Asid, command};
use hwptop_driver::{
    ArmSmmuV3, ArmSmmuV3Invalidate, Backend, Capture, DeviceId, Entries, InvalidateError, ObjectId,
    Pasid, Policy, Stream, TimingProfile, Vendor, modelled_guest, vfio_guest,
};

use crate::function::{cdev, device};
use crate::same::compare;

const SID: DeviceId = DeviceId(0x42);

fn vsmmu() -> (VfioBackend, ObjectId) {
    let (_context, device) = device();
    let backend = device.vsmmu(SID).unwrap();
    let viommu = backend.viommu().unwrap();
    (backend, viommu)
}

fn tlbi(page: u64) -> ArmSmmuV3Invalidate {
    let cmd = command::tlbi_nh_va(Asid(3), page << 12, true).words();
    ArmSmmuV3Invalidate { cmd }
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn a_vsmmu_takes_batches_of_every_size() {
    let (_context, device) = device();
    assert_eq!(device.nesting(), Ok(Nesting::Offered(Vendor::SmmuV3)));
    let backend = device.vsmmu(SID).unwrap();
    let viommu = backend.viommu().unwrap();
    let entries: Vec<_> = (0..1024).map(tlbi).collect();
    for size in [1, 2, 4, 16, 62, 63, 64, 65, 126, 127, 256, 1024] {
        for batch in entries.chunks(size) {
            let result = backend.invalidate(viommu, Entries::ArmSmmuV3(batch));
            assert_eq!(result, Ok(()), "batches of {size}");
        }
    }
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn commands_of_the_guests_device_are_taken_and_those_of_others_refused() {
    let (backend, viommu) = vsmmu();
    let send = |sid| {
        let cmd = command::cfgi_cd_all(sid).words();
        let entries = [ArmSmmuV3Invalidate { cmd }];
        backend.invalidate(viommu, Entries::ArmSmmuV3(&entries))
    };
    assert_eq!(send(SID), Ok(()));
    assert_eq!(send(DeviceId(0x43)), Err(InvalidateError::new(5, 0)));
    let cmd = command::cfgi_cd(SID, Pasid::RID, true).words();
    let entries = [ArmSmmuV3Invalidate { cmd }];
    let cd = backend.invalidate(viommu, Entries::ArmSmmuV3(&entries));
    assert_eq!(cd, Ok(()));
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn an_illegal_command_is_the_one_that_failed_wherever_it_is() {
    let (backend, viommu) = vsmmu();
    let illegal = ArmSmmuV3Invalidate {
        cmd: command::cfgi_all().words(),
    };
    for at in [0, 3, 62, 63, 64, 127, 199] {
        let mut entries: Vec<_> = (0..200).map(tlbi).collect();
        entries[at] = illegal;
        let error = backend
            .invalidate(viommu, Entries::ArmSmmuV3(&entries))
            .unwrap_err();
        let at = u32::try_from(at).unwrap();
        assert_eq!(error, InvalidateError::new(5, at));
        // What the kernel itself says.
        let context = backend.context();
        let plain = context.invalidate_entries(viommu, &entries).unwrap_err();
        assert_eq!(plain, InvalidateError::new(5, at));
    }
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn an_object_that_is_no_vsmmu_answers_an_error() {
    let (backend, _) = vsmmu();
    let entries = [tlbi(1)];
    let send = |id| backend.invalidate(ObjectId(id), Entries::ArmSmmuV3(&entries));
    assert_eq!(send(0x7fff), Err(InvalidateError::new(2, 0)));
    assert_eq!(send(0), Err(InvalidateError::new(2, 0)));
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn a_captured_stream_replays_through_the_front_end_into_the_vsmmu() {
    let capture = Capture::builtin("smmuv3-nvme-strict").unwrap();
    let stream = Stream::from_capture(&capture).unwrap();
    for policy in Policy::ALL {
        let (_context, device) = device();
        let mut real = vfio_guest(&device, &stream, 0).unwrap();
        let mut model = modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap();
        compare(&mut real, &mut model, policy);
    }
}

#[test]
#[ignore = "needs a VFIO device behind an SMMUv3 with nesting, and root"]
fn what_is_made_for_a_device_keeps_it_bound() {
    type Make = fn(&Device, &Ioas) -> Object;
    let parent: Make = |device, ioas| device.nest_parent(ioas).unwrap();
    let viommu: Make = |device, ioas| {
        let parent = device.nest_parent(ioas).unwrap();
        device.viommu_arm_smmuv3(&parent).unwrap()
    };
    let nested: Make = |device, ioas| {
        let parent = device.nest_parent(ioas).unwrap();
        let viommu = device.viommu_arm_smmuv3(&parent).unwrap();
        // An STE that is valid and bypasses stage 1: `STE.V` and `STE.Config`.
        let bypass = ArmSmmuV3 { ste: [0b1001, 0] };
        device.nested(&viommu, &bypass).unwrap()
    };
    for make in [parent, viommu, nested] {
        let (context, device) = device();
        let ioas = context.ioas().unwrap();
        let object = make(device.device(), &ioas);
        drop(device);
        let second = Context::open().unwrap();
        let error = VfioDevice::bind(&second, &cdev()).unwrap_err();
        assert_eq!(error.step, Step::Bind, "{error}");
        drop(object);
        VfioDevice::bind(&second, &cdev()).unwrap();
    }
}
