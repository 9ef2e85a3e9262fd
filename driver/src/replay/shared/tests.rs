use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::double::{NullBackend, RecordingBackend};
use crate::replay::vcpu_ring::VCPUS_MAX;
use crate::{Counts, DomainId, ObjectId, Pasid, Policy, Vendor};

const VENDORS: [Vendor; 3] = [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi];

fn guest<B: Backend>(vendor: Vendor, backend: B) -> SharedGuest<B> {
    let stream = Stream::synthetic(vendor, [(DomainId(1), Pasid::RID)]);
    let instance = InstanceArg::new(0, vendor, true);
    let counters = Arc::new(Counters::new(vendor));
    let mut guest = SharedGuest::new(stream.clone(), instance, backend, counters).unwrap();
    guest.iommu_mut().attach_numbered(&stream);
    guest
}

fn counts<B: Backend>(guest: &mut SharedGuest<B>) -> Counts {
    guest.iommu_mut().counters().snapshot()
}

fn pages(stream: &Stream, count: u64) -> Vec<[u64; 2]> {
    (0..count)
        .map(|page| stream.unmap_page(page << 12))
        .collect()
}

#[test]
fn every_vcpu_sees_its_own_syncs_complete_around_the_end_of_the_ring() {
    const ROUNDS: u32 = 400;
    for vendor in VENDORS {
        for policy in Policy::ALL {
            let mut guest = guest(vendor, NullBackend);
            guest.iommu_mut().set_policy(policy);
            let batch = pages(guest.stream(), 5);
            let shared = &guest;
            std::thread::scope(|scope| {
                for vcpu in 0..4 {
                    let batch = &batch;
                    scope.spawn(move || {
                        (0..ROUNDS).for_each(|round| shared.submit(vcpu, round, batch).unwrap());
                    });
                }
            });
            let counts = counts(&mut guest);
            // More than two rings full with every vendor.
            assert_eq!(
                counts.consumed(),
                4 * u64::from(ROUNDS) * 6,
                "{vendor:?} {policy}"
            );
            assert_eq!(counts.waits, 4 * u64::from(ROUNDS));
            assert_eq!((counts.faults, counts.request_errors), (0, 0));
        }
    }
}

#[test]
fn a_ring_without_room_is_emptied_before_more_is_queued() {
    for vendor in VENDORS {
        let mut guest = guest(vendor, NullBackend);
        let most = guest.ring.layout.entries() as usize - 2;
        let batch = pages(guest.stream(), most as u64);
        std::thread::scope(|scope| {
            for vcpu in 0..3 {
                let (guest, batch) = (&guest, &batch);
                scope.spawn(move || {
                    (0..5).for_each(|round| guest.submit(vcpu, round, batch).unwrap());
                });
            }
        });
        let expected = 15 * (most as u64 + 1);
        assert_eq!(counts(&mut guest).consumed(), expected, "{vendor:?}");
        let more = pages(guest.stream(), most as u64 + 1);
        let error = guest.submit(0, 9, &more).unwrap_err();
        assert!(
            matches!(error, ReplayError::TooManyCommands { got, max } if got == most + 1 && max == most),
            "{error}"
        );
        assert_eq!(
            counts(&mut guest).consumed(),
            expected,
            "nothing was queued"
        );
    }
}

#[test]
fn a_frozen_queue_is_told_to_every_vcpu_also_where_the_ring_has_no_room_left() {
    for (vendor, invalid) in [
        (Vendor::Vtd, [0xf, 0]),
        (Vendor::SmmuV3, [0xee, 0]),
        (Vendor::AmdVi, [0xf << 60, 0]),
    ] {
        let guest = guest(vendor, NullBackend);
        let frozen = |vcpu, commands: &[[u64; 2]]| {
            let error = guest.submit(vcpu, 1, commands).unwrap_err();
            assert!(
                matches!(error, ReplayError::Frozen { fault, .. } if fault.index == 0),
                "{vendor:?}: {error}"
            );
        };
        frozen(0, &[invalid]);
        let batch = pages(guest.stream(), u64::from(guest.ring.layout.entries()) / 3);
        for vcpu in 1..8 {
            frozen(vcpu, &batch);
        }
    }
}

#[test]
fn status_words_of_vcpus_are_apart_and_hold_the_round() {
    for vendor in VENDORS {
        let guest = guest(vendor, RecordingBackend::new());
        for vcpu in 0..VCPUS_MAX {
            guest
                .submit(vcpu, 7 + u32::try_from(vcpu).unwrap(), &[])
                .unwrap();
        }
        // Also one that repeats what is there.
        guest.submit(3, 10, &[]).unwrap();
        for vcpu in 0..VCPUS_MAX {
            let addr = GuestAddress(guest.ring.status_address(vcpu));
            let found: u32 = guest.ring.memory.read_obj(addr).unwrap();
            assert_eq!(found as usize, 7 + vcpu, "{vendor:?}");
        }
    }
}

#[test]
fn a_sync_that_is_passed_without_completing_is_told() {
    // AMD-Vi: a device does not answer, and the sync behind it stays incomplete.
    let backend = Arc::new(RecordingBackend::new());
    let guest = guest(Vendor::AmdVi, Arc::clone(&backend));
    let device = crate::DeviceId(0x18);
    let error = crate::InvalidateError {
        errno: crate::errno::EIO,
        handled: 0,
        hardware: Some(crate::HardwareError::AtcTimeout(device)),
    };
    backend.fail(ObjectId(1), error);
    let command = crate::amdvi::command::iotlb_pages(device, 0, None, 0x1000, 0);
    let error = guest.submit(2, 5, &[command.words()]).unwrap_err();
    assert!(
        matches!(error, ReplayError::NotCompleted { expected: 5, found, .. } if found != 5),
        "{error}"
    );
}
