use super::*;

#[test]
fn the_array_policy_makes_one_request_per_target_and_sync() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[
        PAGE_OF_7,
        PAGE_OF_4,
        PAGE_OF_7,
        IOTLB_PAGE,
        IOTLB_PAGE_2,
        wait(STATUS, 1),
        PAGE_OF_4,
    ]);
    assert_eq!(
        requests,
        [
            request(2, &[PAGE_OF_7, PAGE_OF_7]),
            request(3, &[PAGE_OF_7, PAGE_OF_7]),
            request(1, &[PAGE_OF_4]),
            request(VIOMMU, &[IOTLB_PAGE, IOTLB_PAGE_2]),
            request(1, &[PAGE_OF_4]),
        ]
    );
}

#[test]
fn the_single_policy_makes_one_request_per_entry() {
    let mut rig = Rig::new();
    rig.front_end.set_policy(Policy::Single);
    let requests = rig.submit(&[PAGE_OF_7, PAGE_OF_4, PAGE_OF_4, IOTLB_PAGE]);
    assert_eq!(
        requests,
        [
            request(2, &[PAGE_OF_7]),
            request(3, &[PAGE_OF_7]),
            request(1, &[PAGE_OF_4]),
            request(1, &[PAGE_OF_4]),
            request(VIOMMU, &[IOTLB_PAGE]),
        ]
    );
}

#[test]
fn translations_go_before_the_devices_that_would_refill_from_them() {
    let mut rig = Rig::coalescing();
    let requests = rig.submit(&[IOTLB_PAGE, PAGE_OF_4, IOTLB_PAGE, IOMMU_ALL, PAGE_OF_4]);
    assert_eq!(
        requests,
        [
            request(VIOMMU, &[IOTLB_PAGE]),
            request(1, &[PAGE_OF_4]),
            request(VIOMMU, &[IOTLB_PAGE]),
            request(1, &[ALL_OF_4]),
            request(2, &[ALL_OF_7]),
            request(3, &[ALL_OF_7]),
        ]
    );
}

#[test]
fn syncs_that_are_queued_together_complete_behind_one_request_unless_flush_forbids_it() {
    let flush = |data| [0x1000_0000_0000_8005, data];
    let next = [PAGE_OF_4[0], 0x100_1000];
    let mut rig = Rig::coalescing();
    let requests = rig.submit(&[PAGE_OF_4, wait(STATUS, 1), next, wait(STATUS, 2)]);
    assert_eq!(requests, [request(1, &[[PAGE_OF_4[0], 0x100_0001]])]);
    assert_eq!(rig.stored(), 2);

    let requests = rig.submit(&[PAGE_OF_4, flush(3), next, wait(STATUS, 4)]);
    assert_eq!(requests, [request(1, &[PAGE_OF_4]), request(1, &[next])]);
    let requests = rig.submit(&[PAGE_OF_4, wait(STATUS, 5), next, flush(6), PAGE_OF_4]);
    assert_eq!(requests.len(), 2, "earlier ones may join it");
    assert_eq!(rig.stored(), 6);
    assert_eq!(rig.front_end.counters().snapshot().waits, 6);
}

#[test]
fn a_flush_completes_before_anything_behind_it_begins() {
    for policy in Policy::ALL {
        let memory = memory();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (inside, observed) = (memory.clone(), Arc::clone(&seen));
        let backend =
            RecordingBackend::observing(move |_| observed.lock().unwrap().push(stored_in(&inside)));
        let mut rig = Rig::with(backend, memory);
        rig.front_end.set_policy(policy);
        rig.submit(&[PAGE_OF_4, [0x1000_0000_0000_8005, 1], PAGE_OF_4]);
        assert_eq!(*seen.lock().unwrap(), [0, 1]);
    }
}

#[test]
fn unmapping_2_mib_page_by_page_is_one_entry_when_coalesced() {
    let mut rig = Rig::coalescing();
    rig.front_end.write_command_base(0xa000 | 10 << 56);
    for page in 0..512 {
        let words = [PAGE_OF_4[0], 0x20_0000 + (page << 12)];
        put_at(&rig.memory, 0xa000 + page * 16, words);
    }
    put_at(&rig.memory, 0xc000, wait(STATUS, 1));
    rig.front_end.write_command_tail(0x2010);
    // 2 MiB: eight 1 bits below the 0 bit, bit 20.
    let entry = [PAGE_OF_4[0], 0x2f_f001];
    assert_eq!(rig.backend.take(), [request(1, &[entry])]);
    assert_eq!(rig.stored(), 1);
}

#[test]
fn a_merged_request_that_fails_is_sent_again_unmerged() {
    let mut rig = Rig::coalescing();
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 0));
    rig.backend.fail(ObjectId(1), InvalidateError::new(5, 1));
    let next = [PAGE_OF_4[0], 0x100_1000];
    let requests = rig.submit(&[PAGE_OF_4, next, wait(STATUS, 1)]);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1], request(1, &[PAGE_OF_4, next]));
    assert_eq!(rig.fault().index, 1);
}

#[test]
fn pages_of_devices_and_of_pasids_are_not_mixed() {
    let mut rig = Rig::coalescing();
    let pasid = |pasid: u64, addr: u64| [0x3000_0004_0000_0000 | pasid, addr | 4];
    let iotlb_next = [IOTLB_PAGE[0], 0x100_1000];
    let requests = rig.submit(&[
        pasid(1, 0x1000),
        pasid(2, 0x2000),
        pasid(1, 0x2000),
        pasid(2, 0x3000),
        IOTLB_PAGE,
        IOTLB_PAGE_2,
        iotlb_next,
    ]);
    assert_eq!(
        requests,
        [
            // Pages 1 and 2 lie in a block of four.
            request(1, &[pasid(1, 0x1001), pasid(2, 0x2001)]),
            request(VIOMMU, &[[IOTLB_PAGE[0], 0x100_0001], IOTLB_PAGE_2]),
        ]
    );
}

#[test]
fn everything_of_a_domain_absorbs_what_follows_and_costs_one_entry_per_hwpt() {
    let mut rig = Rig::new();
    for hwpt in 100..5100 {
        rig.front_end.attach(DomainId(7), ObjectId(hwpt));
    }
    let mut commands = vec![IOMMU_ALL];
    commands.extend([ALL_OF_7, PAGE_OF_7, PREFETCH_INVAL, PAGE_OF_4].repeat(50));
    commands.push(wait(STATUS, 1));
    let requests = rig.submit(&commands);
    let entries: usize = requests.iter().map(|request| request.entries.len()).sum();
    assert_eq!((requests.len(), entries), (5003, 5003));
}

#[test]
fn pending_entries_are_bounded_however_many_hwpts_a_domain_has() {
    let mut rig = Rig::new();
    for hwpt in 100..1100 {
        rig.front_end.attach(DomainId(8), ObjectId(hwpt));
    }
    // Everything of one PASID and then of another: neither covers the other.
    let all_of = |pasid: u64| [0x3000_0008_0000_0000 | pasid, 0x7fff_ffff_ffff_f005];
    let requests = rig.submit([[all_of(1), all_of(2)]; 10].as_flattened());
    let largest = requests.iter().map(|request| request.entries.len()).max();
    assert_eq!(largest, Some(6), "issued every 6 commands");
    assert_eq!(requests.len(), 4000);
}
