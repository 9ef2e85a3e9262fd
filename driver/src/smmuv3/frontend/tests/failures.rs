//! Requests that the backend fails.

use super::*;
use crate::{EntryResult, HardwareError, errno};

const OTHER_ATC: [u64; 2] = [0x0000_0200_0000_0040, 0xfffb_e000];

fn timeout(handled: u32) -> InvalidateError {
    InvalidateError {
        errno: 110,
        handled,
        hardware: Some(HardwareError::AtcTimeout(DeviceId(0x100))),
    }
}

#[test]
fn cons_goes_back_to_the_command_that_failed_and_resumes_there() {
    let mut rig = Rig::new();
    let error = InvalidateError::new(5, 2);
    rig.backend.fail(VIOMMU, error);
    let requests = rig.submit(&[PAGE, PREFETCH, NH_ASID, ATC_PAGE, OTHER_ATC, msi(STATUS, 1)]);
    assert_eq!(requests, [[PAGE, NH_ASID, ATC_PAGE, OTHER_ATC]]);
    assert_eq!(rig.error(), (1, 3));
    assert_eq!(rig.status(), 0);
    let fault = rig.front_end.fault().unwrap();
    assert_eq!(fault.words, Some([ATC_PAGE[0], ATC_PAGE[1], 0, 0]));
    assert_eq!(
        fault.reason,
        FaultReason::Request {
            target: VIOMMU,
            error
        }
    );
    assert_eq!(rig.acknowledge(), [[ATC_PAGE, OTHER_ATC]]);
    rig.is_idle();
    assert_eq!(rig.status(), 1);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.consumed(), counts.of("atc-inv")), (6, 2));
}

#[test]
fn a_merged_request_that_fails_is_sent_again_to_find_the_command() {
    let mut rig = Rig::coalescing();
    rig.backend.fail(VIOMMU, InvalidateError::new(5, 0));
    rig.backend.fail(VIOMMU, InvalidateError::new(5, 1));
    let requests = rig.submit(&[PAGE, SYNC, NEXT_PAGE, msi(STATUS, 1)]);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1], [PAGE, NEXT_PAGE]);
    assert_eq!(rig.error(), (1, 2));
    let waits = rig.front_end.counters().snapshot().waits;
    assert_eq!(waits, 1, "the sync before it completed");
    assert_eq!(rig.acknowledge(), [[NEXT_PAGE]]);
    assert_eq!(rig.status(), 1);
}

#[test]
fn an_abort_of_the_hardware_is_one_for_the_guest() {
    let mut rig = Rig::new();
    let error = InvalidateError {
        errno: 5,
        handled: 0,
        hardware: Some(HardwareError::Abort),
    };
    rig.backend.fail(VIOMMU, error);
    rig.submit(&[PAGE, SYNC]);
    assert_eq!(rig.error(), (2, 0));
    assert_eq!(rig.acknowledge(), [[PAGE]]);
    rig.is_idle();
}

#[test]
fn an_atc_time_out_is_reported_at_the_sync_which_completes_when_it_is_acknowledged() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        rig.backend.fail(VIOMMU, timeout(0));
        rig.submit(&[ATC_PAGE, PREFETCH, msi(STATUS, 1), PAGE, msi(STATUS, 2)]);
        assert_eq!(rig.error(), (3, 2), "{policy}");
        assert_eq!(rig.status(), 0);
        let fault = rig.front_end.fault().unwrap();
        assert_eq!(fault.words, Some([msi(STATUS, 1)[0], STATUS, 0, 0]));
        assert_eq!(rig.acknowledge(), [[PAGE]], "{policy}");
        assert_eq!(rig.status(), 2);
        rig.is_idle();
        assert_eq!(rig.front_end.counters().snapshot().consumed(), 5);
    }
}

#[test]
fn invalidations_behind_an_atc_time_out_are_executed() {
    let third_atc = [0x0000_0300_0000_0040, 0xfffb_e000];
    let commands = [ATC_PAGE, OTHER_ATC, third_atc, SYNC];
    for (policy, requests) in [
        (
            Policy::Single,
            vec![vec![ATC_PAGE], vec![OTHER_ATC], vec![third_atc]],
        ),
        (
            Policy::Array,
            vec![
                vec![ATC_PAGE, OTHER_ATC, third_atc],
                vec![OTHER_ATC, third_atc],
            ],
        ),
    ] {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        rig.backend.fail(VIOMMU, timeout(0));
        assert_eq!(rig.submit(&commands), requests, "{policy}");
        assert_eq!(rig.error(), (3, 3), "{policy}");
        assert!(rig.acknowledge().is_empty());
        rig.is_idle();
    }
}

#[test]
fn an_illegal_command_behind_an_atc_time_out_is_the_first_error_of_two() {
    let mut rig = Rig::new();
    rig.backend.fail(VIOMMU, timeout(0));
    rig.backend.fail(VIOMMU, InvalidateError::new(5, 0));
    let requests = rig.submit(&[ATC_PAGE, OTHER_ATC, SYNC]);
    assert_eq!(requests, [vec![ATC_PAGE, OTHER_ATC], vec![OTHER_ATC]]);
    assert_eq!(rig.error(), (1, 1));
    assert_eq!(rig.acknowledge(), [[OTHER_ATC]]);
    assert_eq!(rig.error(), (3, 2), "the sync tells of the other");
    assert!(rig.acknowledge().is_empty());
    rig.is_idle();
}

#[test]
fn an_atc_time_out_without_a_sync_waits_for_one() {
    let mut rig = Rig::new();
    rig.backend.fail(VIOMMU, timeout(0));
    rig.submit(&[ATC_PAGE]);
    rig.is_idle();
    rig.submit(&[PAGE, SYNC]);
    assert_eq!(rig.error(), (3, 2));
    rig.acknowledge();
    rig.is_idle();
}

#[test]
fn a_handled_count_beyond_the_request_is_not_believed() {
    let mut rig = Rig::new();
    rig.backend.fail(VIOMMU, InvalidateError::new(2, u32::MAX));
    rig.submit(&[PAGE, NEXT_PAGE, SYNC]);
    assert_eq!(rig.error(), (1, 0));
}

#[test]
fn every_entry_of_a_failed_request_is_told_with_its_place_in_the_queue() {
    let mut rig = Rig::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&told);
    rig.front_end
        .on_entry_result(move |index, result| inside.lock().unwrap().push((index, result)));
    // The last of them wrap.
    rig.submit(&[PREFETCH; 253]);
    let timed_out = HardwareError::AtcTimeout(DeviceId(0x100));
    for _ in 0..2 {
        rig.backend.fail(VIOMMU, timeout(1));
    }
    rig.submit(&[
        ATC_PAGE, OTHER_ATC, PREFETCH, ATC_PAGE, OTHER_ATC, ATC_PAGE, SYNC,
    ]);
    let failed = EntryResult::Failed {
        errno: 110,
        code: timed_out.code(),
        data: timed_out.data(),
    };
    let expected = [
        (253, EntryResult::Done),
        (254, failed),
        (0, EntryResult::NotReached),
        (1, EntryResult::NotReached),
        (2, EntryResult::NotReached),
        // The rest of the request, sent again; its own rest then succeeds.
        (0, EntryResult::Done),
        (1, failed),
        (2, EntryResult::NotReached),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn only_what_the_kernel_refuses_is_illegal_and_may_be_skipped() {
    let refused = [errno::EIO, errno::EINVAL, errno::ENOENT, errno::EOPNOTSUPP];
    let failed = [
        errno::ENOMEM,
        errno::EFAULT,
        errno::EBUSY,
        errno::ETIMEDOUT,
        4,
    ];
    let all = refused.map(|errno| (errno, 1)).into_iter();
    for (errno, code) in all.chain(failed.map(|errno| (errno, 2))) {
        let mut rig = Rig::new();
        rig.backend.fail(VIOMMU, InvalidateError::new(errno, 1));
        rig.submit(&[PAGE, NEXT_PAGE, msi(STATUS, 1)]);
        assert_eq!(rig.error(), (code, 1), "errno {errno}");
        assert_eq!(rig.acknowledge(), [[NEXT_PAGE]], "errno {errno}");
        assert_eq!(rig.status(), 1);
    }
}
