use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{ArmSmmuV3Invalidate, Backend, Entries};

/// A queue that, when told so, does not answer before it is let go.
#[derive(Default)]
struct Gate {
    closed: AtomicBool,
    barriers: Option<[Barrier; 2]>,
}

impl HardwareQueue for &Gate {
    fn submit_sync(&self, _: ObjectId, _: &[Command]) -> Result<(), SubmitError> {
        if let Some([entered, opened]) = &self.barriers
            && self.closed.swap(false, Ordering::Relaxed)
        {
            entered.wait();
            opened.wait();
        }
        Ok(())
    }
}

/// Lets the queue go, also when a test fails.
struct Open<'a>(&'a Barrier);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// A nested HWPT's vIOMMU behind an instance, with what else is needed for it.
fn viommu(fd: &Iommufd<&Gate>, number: u16) -> (ObjectId, ObjectId, ObjectId) {
    let vendor = Vendor::SmmuV3;
    let device = fd.add_device(arg(number, vendor), DeviceId(8), PLAIN);
    let (device, ioas) = (device.unwrap(), ioas(fd));
    let flags = HwptAllocFlags::NEST_PARENT;
    let parent = fd.hwpt_alloc(device, ioas, flags, HwptData::None).unwrap();
    let kind = ViommuType::ARM_SMMUV3;
    let viommu = fd.viommu_alloc(device, parent, kind).unwrap();
    (ioas, parent, viommu)
}

/// Runs `with` while an invalidation of the first instance is not answered.
fn while_the_first_waits(with: impl FnOnce(&Iommufd<&Gate>, ObjectId)) {
    let gate = Gate {
        barriers: Some([Barrier::new(2), Barrier::new(2)]),
        ..Gate::default()
    };
    let (other, memory) = (Gate::default(), memory());
    let fd = Iommufd::new(memory.clone(), PageAllocator::new(TABLES));
    let vendor = Vendor::SmmuV3;
    for (number, queue) in [(0, &gate), (1, &other)] {
        let unit = unit(vendor, memory.clone());
        fd.add_instance(arg(number, vendor), unit, queue).unwrap();
    }
    let (_, _, waiting) = viommu(&fd, 0);
    let entry = ArmSmmuV3Invalidate { cmd: [0x30, 0] };
    let invalidate = |target| fd.invalidate(target, Entries::ArmSmmuV3(&[entry]));
    gate.closed.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| invalidate(waiting));
        let [entered, opened] = gate.barriers.as_ref().unwrap();
        entered.wait();
        let open = Open(opened);
        with(&fd, waiting);
        drop(open);
        assert_eq!(first.join().unwrap(), Ok(()));
    });
}

#[test]
fn other_instances_and_objects_do_not_wait_for_a_slow_one() {
    while_the_first_waits(|fd, _| {
        let (ioas, parent, viommu) = viommu(fd, 1);
        let device = fd.add_device(arg(1, Vendor::SmmuV3), DeviceId(9), PLAIN);
        let device = device.unwrap();
        fd.attach(device, parent, None).unwrap();
        let entry = ArmSmmuV3Invalidate { cmd: [0x30, 0] };
        fd.invalidate(viommu, Entries::ArmSmmuV3(&[entry])).unwrap();
        fd.ioas_unmap(ioas, Gpa(0), u64::MAX).unwrap();
        fd.detach(device, None).unwrap();
        for id in [viommu, parent, ioas] {
            fd.destroy(id).unwrap();
        }
    });
}

#[test]
fn the_same_viommu_takes_another_request_meanwhile() {
    while_the_first_waits(|fd, waiting| {
        let entry = ArmSmmuV3Invalidate { cmd: [0x30, 0] };
        fd.invalidate(waiting, Entries::ArmSmmuV3(&[entry]))
            .unwrap();
    });
}
