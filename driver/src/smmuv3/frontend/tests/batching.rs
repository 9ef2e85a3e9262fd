//! Grouping and policies.

use super::*;
use crate::smmuv3::Granules;

/// A TLBI of a page of 4 KiB, with level hint or plain.
const fn page(number: u64) -> [u64; 2] {
    [PAGE[0], number << 12 | 0x701]
}

const fn plain(number: u64) -> [u64; 2] {
    [PAGE[0], number << 12 | 1]
}

const fn atc(number: u64, size: u64) -> [u64; 2] {
    [ATC_PAGE[0], number << 12 | size]
}

/// A rig whose queue has 2^14 commands.
fn large_rig() -> Rig {
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x8_0000)]).unwrap();
    let mut rig = Rig::with(RecordingBackend::new(), memory, Features::ALL_4K);
    rig.front_end.write_cr0(0);
    rig.front_end.write_cmdq_base(LARGE | 0xe);
    rig.front_end.write_cr0(CMDQEN);
    rig
}

const LARGE: u64 = 0x4_0000;

fn submit_large(rig: &mut Rig, commands: impl Iterator<Item = [u64; 2]>) -> Vec<Vec<[u64; 2]>> {
    let bytes: Vec<u8> = commands.flatten().flat_map(u64::to_le_bytes).collect();
    rig.memory.write_slice(&bytes, GuestAddress(LARGE)).unwrap();
    rig.front_end
        .write_cmdq_prod(u32::try_from(bytes.len() / 16).unwrap());
    rig.take()
}

#[test]
fn the_vmid_is_the_kernels() {
    let mut rig = Rig::new();
    let with_vmid = |words: [u64; 2]| [words[0] | 0x1234 << 32, words[1]];
    let commands = [PAGE, NH_ASID, [0x13, 0x7001], NH_ALL];
    let requests = rig.submit(&commands.map(with_vmid));
    assert_eq!(requests, [commands.to_vec()]);
}

#[test]
fn single_sends_a_request_per_entry_and_array_one_per_sync() {
    let commands = [CFGI_CD, PAGE, PAGE, NH_ASID, SYNC, NEXT_PAGE, SYNC];
    let mut rig = Rig::new();
    rig.front_end.set_policy(Policy::Single);
    assert_eq!(
        rig.submit(&commands),
        [[CFGI_CD], [PAGE], [PAGE], [NH_ASID], [NEXT_PAGE]]
    );
    let mut rig = Rig::new();
    assert_eq!(
        rig.submit(&commands),
        [vec![CFGI_CD, PAGE, PAGE, NH_ASID], vec![NEXT_PAGE]]
    );
}

#[test]
fn pages_of_2_mib_before_one_sync_become_one_entry() {
    for one in [page, plain] {
        let mut rig = large_rig();
        rig.front_end
            .set_policy(Policy::from_name("coalesce").unwrap());
        let pages = (0x4_0000..0x4_0200).map(one);
        let requests = submit_large(&mut rig, pages.chain([msi(STATUS, 1)]));
        // NUM 31, SCALE 4, TG 1.
        assert_eq!(requests, [[[0x0003_0000_0041_f012, 0x4000_0401]]]);
        assert_eq!(rig.status(), 1);
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.requests, counts.entries, counts.waits), (1, 1, 1));
        assert_eq!(counts.consumed(), 513);
    }
}

#[test]
fn addresses_of_unknown_page_size_are_not_merged() {
    let ril = Features::ALL_4K;
    let several = Features {
        granules: Granules::Several,
        ..ril
    };
    for features in [several, Features { ril: false, ..ril }] {
        let mut rig = Rig::with(RecordingBackend::new(), memory(), features);
        rig.front_end
            .set_policy(Policy::from_name("coalesce").unwrap());
        let commands = [plain(0x10), plain(0x11), plain(0x12)];
        assert_eq!(rig.submit(&commands), [commands.to_vec()]);
    }
}

#[test]
fn atc_invalidations_merge_into_aligned_powers_of_two() {
    let mut rig = Rig::coalescing();
    let other_stream = [0x0000_0200_0000_0040, 0x1_5000];
    let requests = rig.submit(&[
        atc(0x13, 0),
        atc(0x10, 0),
        atc(0x12, 0),
        atc(0x11, 0),
        atc(0x14, 0),
        other_stream,
        SYNC,
    ]);
    assert_eq!(requests, [[atc(0x10, 2), atc(0x14, 0), other_stream]]);
}

#[test]
fn scattered_pages_become_everything_where_that_is_cheaper() {
    let mut rig = Rig::coalescing();
    let mut commands: Vec<_> = (0..64).map(|at| page(at * 8)).collect();
    commands.push(SYNC);
    assert_eq!(rig.submit(&commands), [[NH_ALL]]);
    let mut commands: Vec<_> = (0..64).map(|at| atc(at * 8, 0)).collect();
    commands.push(SYNC);
    assert_eq!(rig.submit(&commands), [[[ATC_PAGE[0], 52]]]);
}

#[test]
fn what_an_earlier_entry_covers_is_left_out() {
    let mut rig = Rig::new();
    let other_asid = [0x0004_0000_0000_0011, 0];
    let requests = rig.submit(&[
        NH_ASID,
        NH_ASID,
        PAGE,
        other_asid,
        NH_ASID,
        NH_ALL,
        PAGE,
        NH_ASID,
        [0x30, 0],
        ATC_PAGE,
        SYNC,
    ]);
    assert_eq!(
        requests,
        [[NH_ASID, PAGE, other_asid, NH_ASID, NH_ALL, ATC_PAGE]]
    );
}

#[test]
fn queued_syncs_about_translations_complete_together() {
    let mut rig = Rig::coalescing();
    let raised = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&raised);
    rig.front_end
        .on_interrupt(move || _ = count.fetch_add(1, Ordering::Relaxed));
    let requests = rig.submit(&[PAGE, msi(STATUS, 1), NEXT_PAGE, msi(STATUS, 2), SYNC]);
    assert_eq!(requests, [[[PAGE[0] | 0x1000, 0xfffb_e401]]]);
    rig.is_idle();
    assert_eq!((rig.status(), raised.load(Ordering::Relaxed)), (2, 2));
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.requests, counts.waits), (1, 3));
}

#[test]
fn no_policy_lets_a_request_reach_over_a_sync_between_tlb_and_atc() {
    for policy in Policy::ALL {
        let memory = memory();
        let seen = Log::new();
        let (inside, observed) = (memory.clone(), seen.clone());
        let backend = RecordingBackend::observing(move |request| {
            observed.push((words_of(request), status_in(&inside)));
        });
        let mut rig = Rig::with(backend, memory, Features::ALL_4K);
        rig.front_end.set_policy(policy);
        rig.submit(&[
            PAGE,
            msi(STATUS, 1),
            ATC_PAGE,
            msi(STATUS, 2),
            CFGI_CD,
            msi(STATUS, 3),
            NH_ASID,
            msi(STATUS, 4),
        ]);
        assert_eq!(
            seen.take(),
            [
                (vec![PAGE], 0),
                (vec![ATC_PAGE], 1),
                (vec![CFGI_CD], 2),
                (vec![NH_ASID], 3)
            ],
            "{policy}"
        );
        assert_eq!(rig.status(), 4);
    }
}

#[test]
fn an_atc_invalidation_never_goes_out_before_a_translation_that_precedes_it() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        let commands = [PAGE, ATC_PAGE, NEXT_PAGE, ATC_PAGE];
        let mut requests = rig.submit(&commands);
        requests.extend(rig.submit(&[SYNC]));
        assert_eq!(requests.concat(), commands, "{policy}");
    }
}

#[test]
fn merging_keeps_atc_invalidations_behind_those_of_the_tlb() {
    let mut rig = Rig::coalescing();
    // An ASID that is larger than the StreamID.
    let high_asid = |number: u64| [0xffff_0000_0000_0012, number << 12 | 0x701];
    let requests = rig.submit(&[
        high_asid(0x10),
        high_asid(0x11),
        atc(0x10, 0),
        atc(0x11, 0),
        SYNC,
    ]);
    assert_eq!(
        requests,
        [[[0xffff_0000_0000_1012, 0x1_0401], atc(0x10, 1)]]
    );
}

#[test]
fn without_a_viommu_there_is_nothing_to_invalidate() {
    let mut rig = Rig::new();
    assert_eq!(rig.front_end.detach(), Some(VIOMMU));
    assert_eq!(rig.front_end.detach(), None);
    assert!(rig.submit(&[PAGE, CFGI_CD, ATC_PAGE, SYNC]).is_empty());
    rig.is_idle();
    assert_eq!(rig.front_end.counters().snapshot().untargeted, 3);
    assert_eq!(rig.front_end.attach(VIOMMU), None);
    assert_eq!(rig.front_end.attach(VIOMMU), Some(VIOMMU));
    assert_eq!(rig.submit(&[PAGE]), [[PAGE]]);
}

#[test]
fn entries_that_cover_their_like_are_bounded_too() {
    let mut rig = large_rig();
    let asids = (0..10_000).map(|at| [(at % 7) << 48 | 0x11, 0]);
    let requests = submit_large(&mut rig, asids);
    assert_eq!(requests.iter().map(Vec::len).sum::<usize>(), 10_000);
    assert!(requests.iter().all(|request| request.len() <= 4097));
}

#[test]
fn any_number_of_queued_syncs_completes_in_order() {
    let mut rig = large_rig();
    rig.front_end
        .set_policy(Policy::from_name("coalesce").unwrap());
    let (memory, seen) = (rig.memory.clone(), Log::new());
    let observed = seen.clone();
    rig.front_end
        .on_interrupt(move || observed.push(status_in(&memory)));
    let requests = submit_large(&mut rig, (1..=10_000).map(|data| msi(STATUS, data)));
    assert!(requests.is_empty());
    assert!(seen.take().into_iter().eq(1..=10_000));
}
