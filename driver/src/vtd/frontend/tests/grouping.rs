use super::*;
use crate::InvalidateError;
use crate::vtd::DescriptorType;

const WHOLE: VtdS1Invalidate = VtdS1Invalidate::WHOLE;
/// Domain 8, which has `rig_of` targets: everything, and one page.
const DOMAIN_8: [u64; 2] = [0x8_00e2, 0];
const PAGE_OF_DOMAIN_8: [u64; 2] = [0x8_00f2, 0x3000];

fn rig_of(targets: u32) -> Rig {
    let mut rig = Rig::new();
    for pasid in 0..targets {
        rig.front_end
            .attach(DomainId(8), Pasid(pasid), ObjectId(100 + pasid));
    }
    rig
}

fn entries(requests: &[Request]) -> usize {
    requests.iter().map(|request| request.entries.len()).sum()
}

#[test]
fn an_entry_for_everything_absorbs_later_ones_of_its_hwpt_up_to_the_next_request() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[
        PAGE_OF_4,
        ALL_OF_4,
        PAGE_OF_4,
        PAGE_OF_5,
        IOTLB_GLOBAL,
        ALL_OF_4,
        wait(STATUS, 1),
        PAGE_OF_4,
    ]);
    assert_eq!(
        requests,
        [
            request(1, &[page(0xffff_d000, 1), WHOLE]),
            request(2, &[page(0x7000, 0), WHOLE]),
            request(3, &[WHOLE]),
            request(1, &[page(0xffff_d000, 1)]),
        ]
    );
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(counts.of(DescriptorType::PasidIotlb.name()), 6);
    assert_eq!(counts.of(DescriptorType::Iotlb.name()), 1);
    assert_eq!((counts.requests, counts.entries), (4, 6));
    assert_eq!((counts.untargeted, counts.absorbed), (0, 0));
}

#[test]
fn an_hwpt_that_a_descriptor_reaches_in_two_ways_gets_one_entry() {
    let mut rig = Rig::new();
    for pasid in [0, 1] {
        rig.front_end
            .attach(DomainId(8), Pasid(pasid), ObjectId(100));
    }
    assert_eq!(
        rig.submit(&[PAGE_OF_DOMAIN_8, wait(STATUS, 1)]),
        [request(100, &[page(0x3000, 0)])]
    );
}

#[test]
fn what_was_absorbed_is_executed_again_when_the_absorbing_entry_failed() {
    let mut rig = Rig::new();
    let error = InvalidateError::new(5, 1);
    rig.backend.fail(ObjectId(1), error);
    rig.submit(&[PAGE_OF_4, ALL_OF_4, PAGE_OF_4, ALL_OF_4, wait(STATUS, 1)]);
    assert_eq!(rig.fault().index, 1);
    assert_eq!(rig.status(), 0);
    rig.front_end.write_fsts(IQE);
    assert_eq!(rig.backend.take(), [request(1, &[WHOLE])]);
    assert_eq!(rig.status(), 1);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(counts.of(DescriptorType::PasidIotlb.name()), 4);
}

#[test]
fn invalidating_everything_many_times_costs_one_entry_per_hwpt() {
    // More targets than entries may be pending.
    let mut rig = rig_of(5000);
    let mut descriptors = [[DOMAIN_8, IOTLB_GLOBAL, PAGE_OF_DOMAIN_8, PAGE_OF_4]; 50];
    descriptors[49][3] = wait(STATUS, 1);
    let requests = rig.submit(descriptors.as_flattened());
    // HWPT 1 to 3 are the rig's own, in domains 4 and 5.
    assert_eq!((requests.len(), entries(&requests)), (5003, 5003));
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(counts.consumed(), 200);
}

#[test]
fn pending_entries_are_bounded_however_many_targets_a_descriptor_has() {
    let mut rig = rig_of(1000);
    let requests = rig.submit(&[PAGE_OF_DOMAIN_8; 20]);
    let largest = requests.iter().map(|request| request.entries.len()).max();
    assert_eq!(entries(&requests), 20_000);
    assert_eq!(
        largest,
        Some(5),
        "issued every 5 descriptors, at 5,000 entries"
    );
}

#[test]
fn a_request_that_goes_out_early_and_fails_leaves_the_head_at_its_descriptor() {
    let mut rig = rig_of(2048);
    let error = InvalidateError::new(5, 1);
    rig.backend.fail(ObjectId(100), error);
    // The second descriptor makes 4,096 entries; the third is not looked at.
    rig.submit(&[PAGE_OF_DOMAIN_8, PAGE_OF_DOMAIN_8, UNKNOWN_TYPE]);
    assert_eq!((rig.fault().index, rig.fault().error.code()), (1, 0));
    let consumed = || {
        rig.front_end
            .counters()
            .snapshot()
            .of(DescriptorType::Iotlb.name())
    };
    assert_eq!(consumed(), 1);
}
