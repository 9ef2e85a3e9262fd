use super::*;
use crate::{AmdGuestInvalidate, ArmSmmuV3Invalidate, Backend, Entries, VtdS1Invalidate};

/// A rig with two instances under one nest parent, with a nested HWPT on each.
fn two() -> impl Iterator<Item = (Rig, [(ObjectId, ObjectId); 2])> {
    VENDORS.into_iter().map(|vendor| {
        let rig = Rig::with_instances(vendor, 2);
        let ioas = rig.ioas();
        let (a, b) = (rig.device(0, 0x10, ATS), rig.device(1, 0x20, ATS));
        let parent = rig.nest_parent(a, ioas);
        let nested = [a, b].map(|device| {
            let (nested, on) = rig.nested(device, parent);
            rig.fd.attach(device, nested, None).unwrap();
            (nested, on)
        });
        for queue in &rig.queues {
            let _ = queue.take();
        }
        (rig, nested)
    })
}

fn invalidate(rig: &Rig, (nested, viommu): (ObjectId, ObjectId)) {
    let fd = &rig.fd;
    match rig.vendor {
        Vendor::Vtd => fd.invalidate(nested, Entries::VtdS1(&[VtdS1Invalidate::WHOLE])),
        Vendor::SmmuV3 => {
            let all = ArmSmmuV3Invalidate { cmd: [0x30, 0] };
            fd.invalidate(viommu, Entries::ArmSmmuV3(&[all]))
        }
        Vendor::AmdVi => {
            let cmd = [0x4000_0099_0000_0099, 0x7fff_ffff_ffff_f001];
            let device = [AmdGuestInvalidate { cmd }];
            fd.invalidate(viommu, Entries::AmdGuest(&device)).unwrap();
            let cmd = [0x3000_0007_0000_0000, 0x7fff_ffff_ffff_f003];
            let domain = [AmdGuestInvalidate { cmd }];
            fd.invalidate(nested, Entries::AmdGuest(&domain))
        }
    }
    .unwrap();
}

#[test]
fn an_invalidation_touches_the_instance_of_its_target_only() {
    for (rig, nested) in two() {
        for (at, &target) in nested.iter().enumerate() {
            invalidate(&rig, target);
            let sent = [0, 1].map(|queue| rig.queues[queue].take().len());
            assert!(sent[at] > 0, "{:?}", rig.vendor);
            assert_eq!(sent[1 - at], 0, "{:?}", rig.vendor);
        }
    }
}

#[test]
fn an_unmap_touches_all_that_the_parent_is_used_on() {
    for (rig, nested) in two() {
        let ioas = ObjectId(1);
        let page = Gpa(0x100_0000);
        let map = || {
            let rw = Prot::READ_WRITE;
            rig.fd.ioas_map(ioas, page, Pa(GUEST), 0x1000, rw).unwrap();
            rig.fd.ioas_unmap(ioas, page, 0x1000).unwrap();
            [0, 1].map(|queue| !rig.queues[queue].take().is_empty())
        };
        assert_eq!(map(), [true, true]);
        let device = rig.fd.objects.get(ObjectId(3));
        assert!(matches!(device, Some(Object::Device(_))));
        rig.fd.detach(ObjectId(3), None).unwrap();
        let _ = rig.queues[1].take();
        assert_eq!(map(), [true, false]);
        rig.fd.destroy(nested[1].0).unwrap();
    }
}
