use super::*;
use crate::vtd::{ContextCache, DeviceTlb, PasidCache};
use crate::{CostModel, InvalidateError, Nanos};

const COALESCE: Policy = Policy::Coalesce(CostModel::ASSUMED);
const WHOLE: VtdS1Invalidate = VtdS1Invalidate::WHOLE;

/// Leaf entries of this page only.
const fn leaf(page: u64) -> [u64; 2] {
    [PAGE_OF_4[0], page << 12 | 1 << 6]
}

/// 2^`order` pages from this one on.
const fn block(page: u64, order: u64) -> [u64; 2] {
    [PAGE_OF_4[0], page << 12 | order]
}

const fn range(first: u64, pages: u64) -> VtdS1Invalidate {
    VtdS1Invalidate::new(first << 12, pages, 0)
}

/// What `descriptors` and a wait become under the policy.
fn entries_under(policy: Policy, descriptors: &[[u64; 2]]) -> Vec<VtdS1Invalidate> {
    let mut rig = Rig::under(policy);
    let mut all = descriptors.to_vec();
    all.push(wait_at(0));
    let requests = rig.submit(&all);
    assert_eq!(rig.statuses(), [1]);
    let [only] = &requests[..] else {
        panic!("not one request: {requests:?}");
    };
    match only.entries.as_entries() {
        Entries::VtdS1(entries) => entries.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn coalesced(descriptors: &[[u64; 2]]) -> Vec<VtdS1Invalidate> {
    entries_under(COALESCE, descriptors)
}

#[test]
fn single_sends_one_entry_per_request_in_queue_order() {
    let mut rig = Rig::under(Policy::Single);
    let requests = rig.submit(&[
        page_of_4(1),
        PAGE_OF_5,
        page_of_4(1),
        page_of_4(2),
        wait_at(0),
    ]);
    assert_eq!(
        requests,
        [
            request(1, &[range(1, 1)]),
            request(2, &[range(7, 1)]),
            request(1, &[range(1, 1)]),
            request(1, &[range(2, 1)]),
        ]
    );
    assert_eq!(rig.statuses(), [1]);
}

#[test]
fn array_sends_everything_up_to_a_wait_in_one_request_per_target() {
    let mut rig = Rig::under(Policy::Array);
    let requests = rig.submit(&[
        page_of_4(1),
        PAGE_OF_5,
        page_of_4(2),
        wait_at(0),
        page_of_4(3),
        wait_at(1),
    ]);
    assert_eq!(
        requests,
        [
            request(1, &[range(1, 1), range(2, 1)]),
            request(2, &[range(7, 1)]),
            request(1, &[range(3, 1)]),
        ]
    );
}

#[test]
fn coalesce_makes_one_entry_of_ranges_that_touch_overlap_or_repeat() {
    for (pages, expected) in [
        (vec![1, 2, 3], range(1, 3)),
        (vec![3, 2, 1], range(1, 3)),
        (vec![5, 5, 5], range(5, 1)),
        (vec![4, 1, 3, 2], range(1, 4)),
        (vec![1, 3, 2, 3, 1], range(1, 3)),
    ] {
        let descriptors: Vec<_> = pages.iter().map(|&page| page_of_4(page)).collect();
        assert_eq!(coalesced(&descriptors), [expected], "{pages:?}");
    }
    assert_eq!(coalesced(&[block(0, 2), block(2, 1)]), [range(0, 4)]);
    assert_eq!(coalesced(&[block(8, 3), page_of_4(7)]), [range(7, 9)]);
}

#[test]
fn coalesce_leaves_ranges_apart_that_do_not_touch() {
    assert_eq!(
        coalesced(&[page_of_4(3), page_of_4(1)]),
        [range(3, 1), range(1, 1)]
    );
    assert_eq!(
        coalesced(&[page_of_4(9), page_of_4(1), page_of_4(8)]),
        [range(1, 1), range(8, 2)]
    );
}

#[test]
fn coalesce_keeps_leaf_and_other_invalidations_apart() {
    assert_eq!(
        coalesced(&[leaf(1), page_of_4(3), leaf(2)]),
        [range(3, 1), VtdS1Invalidate::new(0x1000, 2, 1)]
    );
}

#[test]
fn ranges_move_past_ranges_only() {
    // What is behind an entry for everything is covered by it.
    assert_eq!(
        coalesced(&[page_of_4(2), page_of_4(1), ALL_OF_4, page_of_4(3)]),
        [range(1, 2), WHOLE]
    );
}

#[test]
fn the_two_halves_of_the_space_become_everything() {
    // 2^52 pages have no size in 64 bits.
    assert_eq!(coalesced(&[block(0, 51), block(1 << 51, 51)]), [WHOLE]);
}

#[test]
fn many_ranges_become_everything_when_the_costs_say_so() {
    let apart = |count: u64| (0..count).map(|at| page_of_4(2 * at)).collect::<Vec<_>>();
    assert_eq!(coalesced(&apart(26)).len(), 26);
    assert_eq!(coalesced(&apart(27)), [WHOLE]);
    // The costs are of what is left to send.
    let adjacent: Vec<_> = (0..27).map(page_of_4).collect();
    assert_eq!(coalesced(&adjacent), [range(0, 27)]);
    // Only coalesce promotes.
    assert_eq!(entries_under(Policy::Array, &apart(27)).len(), 27);
}

#[test]
fn one_range_is_never_replaced_by_everything() {
    let eager = Policy::Coalesce(CostModel {
        refill: Nanos(0),
        ..CostModel::ASSUMED
    });
    assert_eq!(entries_under(eager, &[page_of_4(1)]), [range(1, 1)]);
    assert_eq!(
        entries_under(eager, &[page_of_4(1), page_of_4(2)]),
        [range(1, 2)]
    );
    assert_eq!(entries_under(eager, &[page_of_4(1), page_of_4(3)]), [WHOLE]);
}

#[test]
fn coalesce_sends_one_request_for_several_waits_and_completes_them_in_order_behind_it() {
    let memory = memory();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let statuses = |memory: &GuestMemoryMmap| {
        [0, 4, 8].map(|at| -> u32 {
            let addr = GuestAddress(STATUS + at);
            memory.load(addr, Ordering::Acquire).unwrap()
        })
    };
    let (inside, observed) = (memory.clone(), Arc::clone(&seen));
    let backend = RecordingBackend::observing(move |_| {
        observed.lock().unwrap().push(statuses(&inside));
    });
    let (inside, observed) = (memory.clone(), Arc::clone(&seen));
    let mut rig = Rig::with(backend, memory);
    rig.front_end.set_policy(COALESCE);
    rig.front_end
        .on_interrupt(move || observed.lock().unwrap().push(statuses(&inside)));
    let with_interrupt = |at| {
        let [lo, hi] = wait_at(at);
        [lo | 0x10, hi]
    };
    let requests = rig.submit(&[
        page_of_4(1),
        with_interrupt(0),
        page_of_4(2),
        with_interrupt(1),
        page_of_4(3),
        with_interrupt(2),
    ]);
    assert_eq!(requests, [request(1, &[range(1, 3)])]);
    assert_eq!(
        *seen.lock().unwrap(),
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    );
}

#[test]
fn a_merged_request_that_fails_is_sent_again_unmerged_to_find_the_command() {
    let mut rig = Rig::under(COALESCE);
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 1));
    let requests = rig.submit(&[
        page_of_4(1),
        wait_at(0),
        page_of_4(2),
        wait_at(1),
        page_of_4(3),
        wait_at(2),
    ]);
    assert_eq!(
        requests,
        [
            request(1, &[range(1, 3)]),
            request(1, &[range(1, 1), range(2, 1), range(3, 1)])
        ]
    );
    let fault = rig.fault();
    assert_eq!(fault.index, 2);
    assert_eq!(fault.words, Some([PAGE_OF_4[0], 0x2000, 0, 0]));
    assert_eq!(rig.statuses(), [1, 0, 0]);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.consumed(), counts.waits), (2, 1));
    assert_eq!((counts.entries, counts.handled), (4, 1));

    rig.front_end.write_fsts(IQE);
    assert_eq!(rig.backend.take(), [request(1, &[range(2, 2)])]);
    assert_eq!(rig.statuses(), [1, 1, 1]);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.consumed(), counts.waits), (6, 3));
}

#[test]
fn a_merged_request_that_fails_and_succeeds_unmerged_is_no_fault() {
    let mut rig = Rig::under(COALESCE);
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
    rig.submit(&[page_of_4(1), page_of_4(2), wait_at(0)]);
    assert_eq!((rig.front_end.fault(), rig.statuses()), (None, [1]));
    assert_eq!(rig.front_end.counters().snapshot().request_errors, 1);
}

#[test]
fn a_joined_wait_that_cannot_be_written_is_a_fault_at_its_place() {
    let mut rig = Rig::under(COALESCE);
    let outside = wait(MEMORY as u64, 1);
    rig.submit(&[page_of_4(1), wait_at(0), outside, page_of_4(2), wait_at(1)]);
    assert_eq!(rig.fault().index, 2);
    assert_eq!(rig.statuses(), [1, 0]);
    assert_eq!(rig.front_end.counters().snapshot().consumed(), 2);
}

#[test]
fn the_policy_can_change_between_doorbells_also_while_the_queue_is_frozen() {
    let descriptors = [page_of_4(1), wait_at(0), page_of_4(2), wait_at(1)];
    for first in Policy::ALL {
        for second in Policy::ALL {
            let mut rig = Rig::under(first);
            // A merged request fails, and so does what is sent unmerged.
            rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
            rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
            rig.submit(&descriptors);
            assert_eq!((rig.fault().index, rig.statuses()), (0, [0, 0]));
            rig.front_end.set_policy(second);
            while rig.front_end.fault().is_some() {
                rig.front_end.write_fsts(IQE);
            }
            assert_eq!(rig.statuses(), [1, 1], "{first}, then {second}");
            drop(rig.backend.take());
            let requests = rig.submit(&descriptors);
            let expected = if second == COALESCE { 1 } else { 2 };
            assert_eq!(requests.len(), expected, "{first}, then {second}");
            let counts = rig.front_end.counters().snapshot();
            assert_eq!((counts.consumed(), counts.waits), (8, 4));
        }
    }
}

#[test]
fn a_full_batch_goes_out_and_completes_what_waits_for_it() {
    let mut rig = Rig::under(COALESCE);
    for pasid in 0..1000 {
        rig.front_end
            .attach(DomainId(8), Pasid(pasid), ObjectId(100 + pasid));
    }
    let page_of_domain_8 = |page: u64| [0x8_00f2, page << 12];
    let mut descriptors = Vec::new();
    for at in 0..10 {
        descriptors.push(page_of_domain_8(at));
        descriptors.push(wait_at(at));
    }
    let requests = rig.submit(&descriptors);
    // Five commands make 5,000 entries, of which coalescing leaves one per target.
    assert_eq!(requests.len(), 2000);
    for (at, request) in requests.iter().enumerate() {
        let first = if at < 1000 { 0 } else { 5 };
        assert_eq!(
            request.entries.as_entries(),
            Entries::VtdS1(&[range(first, 5)])
        );
    }
    assert_eq!(rig.statuses(), [1; 10]);
}

#[test]
fn coalesce_sends_one_entry_for_2_mib_that_a_guest_unmaps_page_by_page() {
    let orders: [fn(u64) -> u64; 3] = [|at| at, |at| 511 - at, |at| at * 167 % 512];
    for order in orders {
        let mut rig = Rig::under(COALESCE);
        rig.size = 0x4000;
        rig.front_end.write_iqa(QUEUE | 2);
        let mut descriptors: Vec<_> = (0..512).map(|at| page_of_4(0x200 + order(at))).collect();
        descriptors.push(wait_at(0));
        assert_eq!(rig.submit(&descriptors), [request(1, &[range(0x200, 512)])]);
        assert_eq!(rig.statuses(), [1]);
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.requests, counts.entries, counts.waits), (1, 1, 1));
    }
}

#[test]
fn the_vmm_learns_of_what_ends_there_with_its_fields() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        let told = Arc::new(Mutex::new(Vec::new()));
        let told_inside = Arc::clone(&told);
        rig.front_end
            .on_absorbed(move |descriptor, _| told_inside.lock().unwrap().push(descriptor));
        rig.submit(&[
            [0xbeef_0021, 0],
            PAGE_OF_4,
            [0x0000_0042_0000_0003, 0x5000],
            [0x0000_0009_0005_0017, 0],
            wait_at(0),
        ]);
        let told = told.lock().unwrap();
        assert_eq!(
            told[0],
            Descriptor::ContextCache(ContextCache::Domain(DomainId(0xbeef)))
        );
        assert!(matches!(
            told[1],
            Descriptor::DeviceTlb(DeviceTlb { device, pages, .. })
                if device.0 == 0x42 && pages.addr == 0x5000
        ));
        assert_eq!(
            told[2..],
            [Descriptor::PasidCache(PasidCache::Pasid(
                DomainId(5),
                Pasid(9)
            ))]
        );
    }
}

#[test]
fn the_vmm_learns_of_a_changed_pasid_entry_when_everything_before_it_is_done() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        let memory = rig.memory.clone();
        let backend = Arc::clone(&rig.backend);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let inside = Arc::clone(&seen);
        rig.front_end.on_absorbed(move |_, _| {
            let seen = (backend.take().len(), status_in(&memory));
            inside.lock().unwrap().push(seen);
        });
        let behind = rig.submit(&[PAGE_OF_4, wait_at(0), PAGE_OF_5, [0x37, 0], PAGE_OF_4]);
        assert_eq!(*seen.lock().unwrap(), [(2, 1)], "{policy}");
        assert_eq!(behind.len(), 1, "{policy}");
    }
}

#[test]
fn what_the_vmm_attaches_at_a_changed_pasid_entry_is_the_target_from_there_on() {
    for policy in Policy::ALL {
        let mut rig = Rig::under(policy);
        let backend = Arc::clone(&rig.backend);
        let before = Arc::new(Mutex::new(Vec::new()));
        let inside = Arc::clone(&before);
        rig.front_end.on_absorbed(move |descriptor, targets| {
            inside.lock().unwrap().extend(backend.take());
            let replaced = match descriptor {
                Descriptor::PasidCache(_) => targets.attach(DomainId(4), Pasid(0), ObjectId(8)),
                Descriptor::ContextCache(_) => targets.detach(DomainId(5), Pasid(0)),
                other => panic!("{other:?}"),
            };
            assert!(replaced.is_some());
        });
        let pasid_global = [0x37, 0];
        let behind = rig.submit(&[
            page_of_4(1),
            pasid_global,
            page_of_4(1),
            PAGE_OF_5,
            CONTEXT_GLOBAL,
            page_of_4(1),
            PAGE_OF_5,
            wait_at(0),
        ]);
        let one = |hwpt| request(hwpt, &[range(1, 1)]);
        let told = before.lock().unwrap();
        assert_eq!(
            *told,
            [one(1), one(8), request(2, &[range(7, 1)])],
            "{policy}"
        );
        assert_eq!(behind, [one(8)], "{policy}");
        assert_eq!(rig.statuses(), [1], "{policy}");
        assert_eq!(rig.front_end.counters().snapshot().untargeted, 1);
    }
}

#[test]
fn a_wait_with_a_fence_is_not_joined_with_invalidations_behind_it() {
    let [lo, hi] = wait_at(1);
    let fence = [lo | 1 << 6, hi];
    let mut rig = Rig::under(COALESCE);
    // Without FN all three pages are one request.
    let joined = [
        page_of_4(1),
        wait_at(0),
        page_of_4(2),
        wait_at(1),
        page_of_4(3),
        wait_at(2),
    ];
    assert_eq!(rig.submit(&joined), [request(1, &[range(1, 3)])]);

    let mut rig = Rig::under(COALESCE);
    let fenced = [
        page_of_4(1),
        wait_at(0),
        page_of_4(2),
        fence,
        page_of_4(3),
        wait_at(2),
    ];
    let expected = [request(1, &[range(1, 2)]), request(1, &[range(3, 1)])];
    assert_eq!(rig.submit(&fenced), expected);
    assert_eq!(rig.statuses(), [1, 1, 1]);
}

#[test]
fn a_merged_request_that_hangs_is_not_sent_again_unmerged() {
    let mut rig = Rig::under(COALESCE);
    rig.backend.fail(ObjectId(1), InvalidateError::new(110, 0));
    let all = [page_of_4(1), page_of_4(2), wait_at(0)];
    assert_eq!(rig.submit(&all), [request(1, &[range(1, 2)])]);
    assert_eq!((rig.fault().index, rig.statuses()), (0, [0]));
    rig.front_end.write_fsts(IQE);
    assert_eq!(rig.backend.take(), [request(1, &[range(1, 2)])]);
    assert_eq!(rig.statuses(), [1]);
}
