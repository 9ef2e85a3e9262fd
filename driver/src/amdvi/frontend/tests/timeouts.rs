//! Devices that do not answer, or answer wrong.

use super::*;
use crate::{EntryResult, HardwareError};

fn timeout(device: u32, handled: u32) -> InvalidateError {
    InvalidateError {
        hardware: Some(HardwareError::AtcTimeout(DeviceId(device))),
        ..InvalidateError::new(110, handled)
    }
}

#[test]
fn a_timeout_is_logged_and_its_sync_never_completes_but_the_buffer_runs_on() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 0));
        if matches!(policy, Policy::Coalesce(_)) {
            // The merged request, and the one that says which entry it was.
            rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 0));
        }
        rig.submit(&[
            IOTLB_PAGE,
            IOTLB_PAGE,
            wait(STATUS, 1),
            PAGE_OF_4,
            [0x1000_0000_0000_8009, 2],
        ]);
        assert_eq!(rig.front_end.fault(), None);
        assert_eq!(rig.front_end.command_head(), rig.tail);
        assert_eq!((rig.stored(), word_at(&rig.memory, 0x8008)), (0, 2));
        // Code 7, the device, and the address of the command.
        assert_eq!(rig.event(0), [0x7000_0000_0000_0018, 0x4000]);
        assert_eq!(rig.front_end.event_tail(), 0x10);
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.waits, counts.faults), (1, 0));
        assert_eq!(counts.consumed(), 5);
    }
}

#[test]
fn what_is_behind_a_timeout_in_its_request_is_sent_again() {
    let mut rig = Rig::new();
    rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 1));
    rig.backend.fail(ObjectId(VIOMMU), timeout(0x19, 0));
    let requests = rig.submit(&[IOTLB_PAGE_2, IOTLB_PAGE, IOTLB_PAGE_2, IOTLB_PAGE]);
    assert_eq!(
        requests,
        [
            request(
                VIOMMU,
                &[IOTLB_PAGE_2, IOTLB_PAGE, IOTLB_PAGE_2, IOTLB_PAGE]
            ),
            request(VIOMMU, &[IOTLB_PAGE_2, IOTLB_PAGE]),
            request(VIOMMU, &[IOTLB_PAGE]),
        ]
    );
    assert_eq!(rig.event(0), [0x7000_0000_0000_0018, 0x4010]);
    assert_eq!(rig.event(1), [0x7000_0000_0000_0019, 0x4020]);
    // The sync comes with the next doorbell; only that one is lost.
    rig.submit(&[wait(STATUS, 1)]);
    assert_eq!(rig.stored(), 0);
    rig.submit(&[wait(STATUS, 2)]);
    assert_eq!(rig.stored(), 2);
}

#[test]
fn a_timeout_of_what_is_not_for_devices_stops_the_buffer() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        rig.backend.fail(ObjectId(1), timeout(0x18, 0));
        rig.submit(&[ALL_OF_4, wait(STATUS, 1), PAGE_OF_4, wait(STATUS, 2)]);
        assert_eq!(rig.fault().index, 0);
        assert_eq!(rig.event(0), [0x6600_0000_0000_0000, 0x4000]);
        assert_eq!(rig.stored(), 0);
        rig.restart();
        assert_eq!(rig.stored(), 2);
    }
}

#[test]
fn a_timeout_of_a_domain_stops_the_buffer_also_where_devices_follow_in_the_batch() {
    let mut rig = Rig::new();
    rig.backend.fail(ObjectId(1), timeout(0x18, 0));
    rig.submit(&[ALL_OF_4, IOTLB_PAGE, wait(STATUS, 1)]);
    assert_eq!(rig.fault().index, 0);
    assert_eq!(rig.event(0), [0x6600_0000_0000_0000, 0x4000]);
    assert_eq!(rig.stored(), 0);
}

#[test]
fn a_wrong_answer_is_an_invalid_device_request() {
    let mut rig = Rig::new();
    let error = InvalidateError {
        hardware: Some(HardwareError::UnexpectedCompletion(DeviceId(0x1_abcd))),
        ..InvalidateError::new(5, 0)
    };
    rig.backend.fail(ObjectId(VIOMMU), error);
    rig.submit(&[IOTLB_PAGE, wait(STATUS, 1), wait(STATUS, 2)]);
    assert_eq!(rig.event(0), [0x8000_0000_0000_abcd, 0x4000]);
    assert_eq!((rig.front_end.fault(), rig.stored()), (None, 2));
}

#[test]
fn a_restart_keeps_what_is_owed_to_the_sync_unless_the_guest_moves_the_head() {
    for moves in [false, true] {
        let mut rig = Rig::new();
        rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 0));
        rig.submit(&[IOTLB_PAGE]);
        rig.front_end.write_command_head(0);
        rig.front_end.write_control(CONTROL);
        if moves {
            rig.front_end.write_command_head(0x10);
        }
        rig.front_end.write_control(CONTROL | CMD_BUF_EN);
        rig.submit(&[wait(STATUS, 1)]);
        assert_eq!(rig.stored(), u64::from(moves));
    }
}

#[test]
fn a_timeout_before_a_failure_that_stops_the_buffer_still_costs_the_sync() {
    let mut rig = Rig::new();
    rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 0));
    rig.backend
        .fail(ObjectId(VIOMMU), InvalidateError::new(5, 0));
    rig.submit(&[IOTLB_PAGE, IOTLB_PAGE_2, wait(STATUS, 1)]);
    assert_eq!(rig.fault().index, 1);
    assert_eq!(rig.event(1), [0x6600_0000_0000_0000, 0x4010]);
    assert_eq!(rig.stored(), 0);
    assert_eq!(rig.restart(), [request(VIOMMU, &[IOTLB_PAGE_2])]);
    assert_eq!(rig.stored(), 0);
    rig.submit(&[wait(STATUS, 2)]);
    assert_eq!(rig.stored(), 2);
}

#[test]
fn every_entry_of_a_failed_request_is_told_with_its_place_in_the_queue() {
    let mut rig = Rig::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&told);
    rig.front_end
        .on_entry_result(move |index, result| inside.lock().unwrap().push((index, result)));
    let timed_out = HardwareError::AtcTimeout(DeviceId(0x18));
    for _ in 0..2 {
        rig.backend.fail(ObjectId(VIOMMU), timeout(0x18, 1));
    }
    rig.submit(&[
        DEVTAB,
        IOTLB_PAGE,
        IOTLB_PAGE_2,
        PREFETCH,
        IOTLB_PAGE,
        IOTLB_PAGE_2,
        IOTLB_PAGE,
        wait(STATUS, 1),
    ]);
    let failed = EntryResult::Failed {
        errno: 110,
        code: timed_out.code(),
        data: timed_out.data(),
    };
    let expected = [
        (1, EntryResult::Done),
        (2, failed),
        (4, EntryResult::NotReached),
        (5, EntryResult::NotReached),
        (6, EntryResult::NotReached),
        // The rest of the request, sent again; its own rest then succeeds.
        (4, EntryResult::Done),
        (5, failed),
        (6, EntryResult::NotReached),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}
