use super::*;
use crate::vtd::DescriptorType;
use crate::{FaultReason, InvalidateError};

#[test]
fn an_unknown_type_freezes_the_queue_until_the_guest_clears_the_fault() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[PAGE_OF_4, UNKNOWN_TYPE, PAGE_OF_5, wait(STATUS, 1)]);
    assert_eq!(
        requests,
        [request(1, &[page(0xffff_d000, 1)])],
        "what is before it is not lost"
    );
    let fault = rig.fault();
    assert_eq!(
        (fault.error, fault.index, fault.reason),
        (IqError::InvalidType.into(), 1, FaultReason::Guest)
    );
    assert_eq!(fault.words, Some([0xf, 0, 0, 0]));
    assert_eq!(rig.status(), 0);

    assert!(
        rig.submit(&[PAGE_OF_4]).is_empty(),
        "a frozen queue only stores the tail"
    );
    assert_eq!(rig.front_end.iqt(), rig.tail);
    rig.front_end.write_fsts(!IQE);
    assert_eq!(rig.fault().index, 1, "only IQE itself clears it");

    // The guest replaces the descriptor, as Linux does, and clears the fault.
    let tail = std::mem::replace(&mut rig.tail, 16);
    rig.put(CONTEXT_GLOBAL);
    rig.tail = tail;
    rig.front_end.write_fsts(IQE);
    assert_eq!((rig.front_end.fsts(), rig.front_end.iqercd()), (0, 0));
    assert_eq!(rig.front_end.counters().fault(), None);
    assert_eq!(
        rig.backend.take(),
        [
            request(2, &[page(0x7000, 0)]),
            request(1, &[page(0xffff_d000, 1)])
        ]
    );
    assert_eq!(rig.status(), 1);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.faults, counts.doorbells, counts.waits), (1, 2, 1));
    assert_eq!(counts.of(DescriptorType::PasidIotlb.name()), 3);
}

#[test]
fn a_fault_that_is_cleared_without_a_remedy_comes_back() {
    let mut rig = Rig::new();
    rig.submit(&[UNKNOWN_TYPE]);
    rig.front_end.write_fsts(IQE);
    assert_eq!(rig.fault().error, IqError::InvalidType.into());
    assert_eq!(rig.front_end.counters().snapshot().faults, 2);
}

#[test]
fn the_head_goes_back_to_the_first_entry_that_was_not_handled() {
    let mut rig = Rig::new();
    let error = InvalidateError::new(5, 1);
    rig.backend.fail(ObjectId(1), error);
    let requests = rig.submit(&[PAGE_OF_4, PAGE_OF_5, ALL_OF_4, PAGE_OF_5, wait(STATUS, 1)]);
    assert_eq!(
        requests.len(),
        2,
        "the other target's request is issued all the same"
    );
    let fault = rig.fault();
    assert_eq!(
        (fault.error, fault.index),
        (IqError::NotAvailable.into(), 2)
    );
    assert_eq!(fault.words, Some([ALL_OF_4[0], 0, 0, 0]));
    assert_eq!(
        fault.reason,
        FaultReason::Request {
            target: ObjectId(1),
            error
        }
    );
    assert_eq!(rig.status(), 0, "the wait did not complete");
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.requests, counts.request_errors), (2, 1));
    assert_eq!((counts.entries, counts.handled), (4, 3));
    assert_eq!(counts.of(DescriptorType::PasidIotlb.name()), 2);

    rig.front_end.write_fsts(IQE);
    assert_eq!(
        rig.backend.take(),
        [
            request(1, &[VtdS1Invalidate::WHOLE]),
            request(2, &[page(0x7000, 0)])
        ]
    );
    assert_eq!(rig.status(), 1);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(
        counts.of(DescriptorType::PasidIotlb.name()),
        4,
        "what is executed again counts once"
    );
}

#[test]
fn of_several_failed_requests_the_earliest_descriptor_is_the_fault_also_across_the_wrap() {
    let mut rig = Rig::new();
    rig.submit(&[CONTEXT_GLOBAL; 254]);
    rig.backend.fail(ObjectId(2), InvalidateError::new(5, 1));
    rig.backend.fail(ObjectId(1), InvalidateError::new(6, 0));
    // Descriptors 254, 255, 0, 1: target 2 fails at 0, target 1 at 255.
    rig.submit(&[PAGE_OF_5, PAGE_OF_4, PAGE_OF_5, wait(STATUS, 1)]);
    let fault = rig.fault();
    assert_eq!(fault.index, 255);
    assert!(matches!(
        fault.reason,
        FaultReason::Request {
            target: ObjectId(1),
            ..
        }
    ));
}

#[test]
fn a_handled_count_that_the_backend_did_not_write_is_taken_for_none() {
    for handled in [2, 3, u32::MAX] {
        let mut rig = Rig::new();
        rig.backend
            .fail(ObjectId(1), InvalidateError::new(2, handled));
        rig.submit(&[PAGE_OF_4, PAGE_OF_4, wait(STATUS, 1)]);
        assert_eq!(rig.fault().index, 0);
        assert_eq!(rig.front_end.counters().snapshot().handled, 0);
    }
}

#[test]
fn a_failed_request_is_the_earlier_fault_of_two() {
    let mut rig = Rig::new();
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
    rig.submit(&[PAGE_OF_4, UNKNOWN_TYPE]);
    assert_eq!(rig.fault().index, 0);
    rig.front_end.write_fsts(IQE);
    assert_eq!(
        (rig.fault().index, rig.fault().error),
        (1, IqError::InvalidType.into())
    );
}

#[test]
fn a_status_address_outside_of_guest_memory_is_a_fault() {
    for addr in [MEMORY as u64, 0xffff_ffff_ffff_fffc] {
        let mut rig = Rig::new();
        let requests = rig.submit(&[PAGE_OF_4, wait(addr, 1)]);
        assert_eq!(requests.len(), 1);
        let fault = rig.fault();
        assert_eq!(
            (fault.error, fault.index),
            (IqError::NotAvailable.into(), 1)
        );
        assert_eq!(fault.reason, FaultReason::StatusAddress(addr));
        assert_eq!(rig.front_end.counters().snapshot().waits, 0);
    }
}

#[test]
fn a_tail_outside_of_the_queue_or_between_descriptors_is_a_fault() {
    let mut rig = Rig::new();
    rig.front_end.write_iqt(0x1000);
    assert_eq!(rig.fault().error, IqError::InvalidTail.into());
    let mut rig = Rig::new();
    rig.front_end.write_iqa(QUEUE | 1 << 11);
    assert_eq!(rig.front_end.width(), Width::Bits256);
    rig.front_end.write_iqt(0x30);
    assert_eq!(rig.fault().error, IqError::TailUnaligned.into());
    // Bits outside of the register's field are not there.
    let mut rig = Rig::new();
    rig.front_end.write_iqt(0xffff_ffff_fff8_000f);
    assert_eq!((rig.front_end.iqt(), rig.front_end.fault()), (0, None));
}

#[test]
fn a_queue_outside_of_guest_memory_is_a_failed_fetch() {
    for base in [MEMORY as u64, 0xffff_ffff_ffff_f000] {
        let mut rig = Rig::new();
        rig.front_end.write_iqa(base);
        rig.front_end.write_iqt(0x10);
        let fault = rig.fault();
        assert_eq!(
            (fault.error, fault.words),
            (IqError::FetchFailed.into(), None)
        );
    }
    // The second page of this queue is missing: what is on the first is handled.
    let mut rig = Rig::new();
    rig.front_end.write_iqa((MEMORY as u64 - 0x1000) | 1);
    for at in (0xf000..MEMORY as u64).step_by(16) {
        rig.memory
            .write_slice(&0x11_u64.to_le_bytes(), GuestAddress(at))
            .unwrap();
    }
    rig.front_end.write_iqt(0x1010);
    assert_eq!(
        (rig.fault().error, rig.fault().index),
        (IqError::FetchFailed.into(), 256)
    );
    assert_eq!(rig.front_end.counters().snapshot().absorbed, 256);
}
