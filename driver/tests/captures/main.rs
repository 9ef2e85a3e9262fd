//! The captured streams of real guests through the whole of the model: front end,
//! iommufd, exact unit. The unit's caches are warm, the guest's tables change as they
//! must have in front of each invalidation, and devices go on translating meanwhile.

mod host;
mod meaning;
mod replay;

use hwptop_driver::model::unit::{CacheLine, CacheState, Cached, Tag};
use hwptop_driver::{Capture, CostModel, Nanos, Policy, Stream, TimingProfile, modelled_guest};

use self::replay::{Outcome, replay, replay_ahead};

/// Promotes whatever can be: two ranges are more than everything.
const EAGER: Policy = Policy::Coalesce(CostModel {
    entry: Nanos(1),
    cached: 0,
    refill: Nanos(0),
});

fn policies() -> impl Iterator<Item = Policy> {
    Policy::ALL.into_iter().chain([EAGER])
}

fn captures() -> impl Iterator<Item = Capture> {
    Capture::builtin_names().map(|name| Capture::builtin(name).unwrap())
}

/// What devices have of the guests' addresses, in IOTLB and ATC.
fn translations(state: &CacheState) -> Vec<CacheLine> {
    let of_a_guest = |line: &&CacheLine| {
        !matches!(line.tag, Tag::Stage2(_)) && matches!(line.content, Cached::Leaf(_))
    };
    state.lines.iter().filter(of_a_guest).copied().collect()
}

fn assert_complete(capture: &Capture, policy: Policy, outcome: &Outcome) {
    let name = capture.name();
    let counts = &outcome.counts;
    assert_eq!((counts.faults, counts.fault), (0, None), "{name} {policy}");
    assert_eq!(counts.request_errors, 0, "{name} {policy}");
    assert_eq!(counts.entries, counts.handled, "{name} {policy}");
    assert_eq!(counts.untargeted, 0, "{name} {policy}");
    let queue = &outcome.hardware;
    assert_eq!(queue.submission_errors, 0, "{name} {policy}");
    assert_ne!(queue.commands, 0, "{name} {policy}");
    assert_eq!(counts.waits, outcome.syncs, "{name} {policy}");
    let commands = u64::try_from(capture.commands().len()).unwrap();
    assert_eq!(counts.consumed(), commands, "{name} {policy}");
    assert_eq!(outcome.stale, [], "{name} {policy}");
}

#[test]
fn every_capture_replays_whole_and_leaves_the_same_in_the_caches_under_every_policy() {
    for capture in captures() {
        let mut first: Option<CacheState> = None;
        for policy in policies() {
            let outcome = replay(&capture, policy);
            assert_complete(&capture, policy, &outcome);
            assert_eq!(
                outcome.doorbells,
                outcome.syncs,
                "{} {policy}",
                capture.name()
            );
            assert!(!outcome.after.lines.is_empty());
            assert_ne!(outcome.after, outcome.before, "{} {policy}", capture.name());
            let first = first.get_or_insert_with(|| outcome.after.clone());
            assert!(*first == outcome.after, "{} {policy}", capture.name());
        }
    }
}

#[test]
fn with_many_syncs_in_a_doorbell_coalescing_keeps_less_in_the_caches_and_nothing_stale() {
    let mut has_promoted = false;
    for capture in captures() {
        let name = capture.name();
        let outcomes = policies().map(|policy| {
            let outcome = replay_ahead(&capture, policy);
            assert_complete(&capture, policy, &outcome);
            assert!(outcome.doorbells < outcome.syncs, "{name} {policy}");
            outcome
        });
        let outcomes: Vec<_> = outcomes.collect();
        let [single, array, coalesce, eager] = outcomes.as_slice() else {
            panic!("four policies");
        };
        assert!(single.after == array.after, "{name}");
        let of_array = translations(&array.after);
        for merged in [coalesce, eager] {
            // What devices used next to an invalidated range may have gone with it.
            let kept = translations(&merged.after);
            assert_ne!(kept, []);
            let more = kept
                .iter()
                .find(|line| of_array.binary_search(line).is_err());
            assert_eq!(more, None, "{name}");
        }
        assert!(coalesce.counts.entries < array.counts.entries, "{name}");
        assert!(eager.counts.entries <= coalesce.counts.entries, "{name}");
        has_promoted |= translations(&eager.after).len() < of_array.len();
    }
    assert!(has_promoted, "else nothing was merged or promoted here");
}

#[test]
fn every_capture_replays_whole_through_the_rings_of_its_vendor() {
    for capture in captures() {
        let stream = Stream::from_capture(&capture).unwrap();
        for policy in policies() {
            let mut guest = modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap();
            guest.iommu_mut().set_policy(policy);
            while !guest.step().unwrap().last {}
            let counts = guest.counters().snapshot();
            let name = capture.name();
            assert_eq!(counts.waits, meaning::syncs(&capture), "{name} {policy}");
            assert_eq!(counts.submission_errors, 0, "{name} {policy}");
            assert_eq!(
                (counts.request_errors, counts.faults),
                (0, 0),
                "{name} {policy}"
            );
            assert_eq!(counts.untargeted, 0, "{name} {policy}");
        }
    }
}
