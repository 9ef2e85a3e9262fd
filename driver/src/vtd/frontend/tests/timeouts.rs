use super::*;
use crate::{CostModel, DeviceId, EntryResult, FaultReason, HardwareError, InvalidateError};

const ICE: u32 = 1 << 5;
const ITE: u32 = 1 << 6;
const DEVICE: DeviceId = DeviceId(0x1a8);

const fn time_out(handled: u32) -> InvalidateError {
    InvalidateError {
        errno: 110,
        handled,
        hardware: Some(HardwareError::AtcTimeout(DEVICE)),
    }
}

/// Checks what the guest reads of a time-out that stopped the queue at `index`.
fn assert_timed_out(rig: &Rig, index: u64) {
    assert_eq!(rig.front_end.fsts(), ITE);
    assert_eq!(rig.front_end.iqercd(), 0x1a8 << 32);
    assert_eq!(rig.front_end.iqh(), index * 16);
    let fault = rig.front_end.fault().unwrap();
    assert_eq!((u64::from(fault.index), fault.words), (index, None));
    assert_eq!(fault.error.code(), 16);
    assert!(matches!(fault.reason, FaultReason::Request { .. }));
}

#[test]
fn a_wait_behind_a_device_that_does_not_answer_is_aborted() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(1), time_out(0));
        let requests = rig.submit(&[PAGE_OF_4, PAGE_OF_5, wait_at(0)]);
        assert_eq!(requests.len(), 2, "{policy}: the queue goes on up to it");
        assert_timed_out(&rig, 3);
        assert_eq!(rig.statuses(), [0], "{policy}");

        // Linux' qi_check_fault finds its wait behind the head, clears the bit and
        // submits again.
        rig.front_end.write_fsts(IQE | ICE);
        assert_timed_out(&rig, 3);
        rig.front_end.write_fsts(ITE);
        assert_eq!((rig.front_end.fsts(), rig.front_end.iqercd()), (0, 0));
        assert_eq!(rig.statuses(), [0], "{policy}: it is never written");
        rig.submit(&[PAGE_OF_4, PAGE_OF_5, wait_at(1)]);
        assert_eq!(rig.statuses(), [0, 1], "{policy}");
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.waits, counts.faults), (1, 1));
        assert_eq!((counts.consumed(), counts.of("wait")), (6, 2));
    }
}

#[test]
fn an_unexpected_answer_is_told_in_bits_of_its_own() {
    let mut rig = Rig::new();
    let error = InvalidateError {
        hardware: Some(HardwareError::UnexpectedCompletion(DEVICE)),
        ..InvalidateError::new(5, 0)
    };
    rig.backend.fail(ObjectId(1), error);
    rig.submit(&[PAGE_OF_4, wait_at(0)]);
    assert_eq!(rig.front_end.fault().unwrap().error.code(), 17);
    assert_eq!(rig.front_end.fsts(), ICE);
    assert_eq!(rig.front_end.iqercd(), 0x01a8_0000_0000_0000);
    assert_eq!((rig.front_end.iqh(), rig.statuses()), (32, [0]));
    rig.front_end.write_fsts(ICE);
    assert_eq!(rig.front_end.fault(), None);
}

#[test]
fn of_several_waits_the_one_behind_the_time_out_is_aborted_and_the_queue_goes_on_behind_it() {
    let descriptors = [
        PAGE_OF_4,
        wait_at(0),
        PAGE_OF_5,
        wait_at(1),
        PAGE_OF_4,
        wait_at(2),
    ];
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(2), time_out(0));
        rig.submit(&descriptors);
        assert_timed_out(&rig, 4);
        assert_eq!(rig.statuses(), [1, 0, 0], "{policy}");
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.waits, counts.consumed()), (1, 4), "{policy}");

        rig.front_end.write_fsts(ITE);
        assert_eq!(rig.backend.take(), [request(1, &[page(0xffff_d000, 1)])]);
        assert_eq!(rig.statuses(), [1, 0, 1], "{policy}");
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.waits, counts.consumed()), (2, 6), "{policy}");
    }
}

#[test]
fn a_time_out_without_a_wait_is_told_at_the_end_of_the_queue() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(1), time_out(0));
        rig.submit(&[PAGE_OF_4, PAGE_OF_5]);
        assert_timed_out(&rig, 2);
        rig.front_end.write_fsts(ITE);
        rig.submit(&[wait_at(0)]);
        assert_eq!(rig.statuses(), [1], "{policy}: it was not there then");
    }
}

#[test]
fn what_is_behind_a_time_out_in_its_request_is_sent_all_the_same() {
    let mut rig = Rig::new();
    rig.backend.fail(ObjectId(1), time_out(1));
    let requests = rig.submit(&[
        page_of_4(1),
        page_of_4(3),
        page_of_4(5),
        PAGE_OF_5,
        wait_at(0),
    ]);
    let [one, three, five] = [1, 3, 5].map(|number| page(number << 12, 0));
    assert_eq!(
        requests,
        [
            request(1, &[one, three, five]),
            request(1, &[five]),
            request(2, &[page(0x7000, 0)])
        ]
    );
    assert_timed_out(&rig, 5);
}

#[test]
fn a_refused_command_between_a_time_out_and_its_wait_is_told_first() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(1), time_out(0));
        rig.backend.fail(ObjectId(2), InvalidateError::new(5, 0));
        rig.submit(&[PAGE_OF_4, PAGE_OF_5, wait_at(0), wait_at(1)]);
        assert_eq!(rig.fault().index, 1, "{policy}");
        rig.front_end.write_fsts(IQE);
        assert_eq!(rig.backend.take(), [request(2, &[page(0x7000, 0)])]);
        assert_timed_out(&rig, 3);
        rig.front_end.write_fsts(ITE);
        assert_eq!(rig.statuses(), [0, 1], "{policy}");
    }
}

#[test]
fn a_refused_command_behind_an_aborted_wait_is_executed_again() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(1), time_out(0));
        rig.backend.fail(ObjectId(2), InvalidateError::new(5, 0));
        rig.submit(&[PAGE_OF_4, wait_at(0), PAGE_OF_5, wait_at(1)]);
        assert_timed_out(&rig, 2);
        rig.front_end.write_fsts(ITE);
        // Requests to HWPT 2 fail once: here, or before the head went back.
        if rig.front_end.fault().is_some() {
            assert_eq!(rig.fault().index, 2);
            rig.front_end.write_fsts(IQE);
        }
        let last = rig.backend.take().pop();
        assert_eq!(last, Some(request(2, &[page(0x7000, 0)])), "{policy}");
        assert_eq!(rig.statuses(), [0, 1], "{policy}");
    }
}

#[test]
fn a_time_out_behind_a_refused_command_is_found_again_when_it_is_executed_again() {
    for policy in [Policy::Array, Policy::Coalesce(CostModel::ASSUMED)] {
        let mut rig = Rig::under(policy);
        rig.backend.fail(ObjectId(2), InvalidateError::new(5, 0));
        rig.backend.fail(ObjectId(1), time_out(0));
        rig.submit(&[PAGE_OF_5, PAGE_OF_4, wait_at(0)]);
        assert_eq!(rig.fault().index, 0, "{policy}");
        rig.front_end.write_fsts(IQE);
        assert_eq!(
            rig.front_end.fault(),
            None,
            "{policy}: the device answers now"
        );
        assert_eq!(rig.statuses(), [1], "{policy}");
    }
}

#[test]
fn a_time_out_across_the_wrap_aborts_the_wait_at_the_beginning_of_the_queue() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        rig.submit(&[CONTEXT_GLOBAL; 254]);
        rig.backend.fail(ObjectId(1), time_out(0));
        rig.submit(&[wait_at(0), PAGE_OF_4, wait_at(1), wait_at(2)]);
        assert_timed_out(&rig, 1);
        rig.front_end.write_fsts(ITE);
        assert_eq!(rig.statuses(), [1, 0, 1], "{policy}");
        assert_eq!(rig.front_end.counters().snapshot().consumed(), 258);
    }
}

#[test]
fn every_entry_of_a_failed_request_is_told_with_its_place_in_the_queue() {
    let mut rig = Rig::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&told);
    rig.front_end
        .on_entry_result(move |index, result| inside.lock().unwrap().push((index, result)));
    let timed_out = HardwareError::AtcTimeout(DEVICE);
    for _ in 0..2 {
        rig.backend.fail(ObjectId(1), time_out(1));
    }
    rig.submit(&[
        CONTEXT_GLOBAL,
        page_of_4(1),
        page_of_4(3),
        PAGE_OF_5,
        page_of_4(5),
        page_of_4(7),
        page_of_4(9),
        wait_at(0),
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
