use std::time::UNIX_EPOCH;

use super::*;
use crate::{
    InstanceKind,
    snapshot::{Activity, InstanceSnapshot, ObjectScope, ObjectSnapshot, Owner, Process, Snapshot},
};

/// An interval of a second in which the instances did what is said of them.
pub(super) fn interval(did: &[(&str, Activity)]) -> Snapshot {
    let text = r#"{"taken_at_unix_ns":5000000000,"interval_ns":1000000000,"since_start_ns":1,
        "target":"model:vtd,instances=2","measured_by":"ebpf","policy":"array",
        "timing_profile":null,"probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],
        "diagnostics":[],"events":{"seen":0,"recorded":0,"lost":0,"slow_dropped":0},
        "instances":[],"objects":[],"objects_left_out":0,"failures":[],
        "failures_dropped":0,"hw_queues":null}"#;
    let mut snapshot: Snapshot = serde_json::from_str(text).unwrap();
    for (number, (name, activity)) in (0..).zip(did) {
        snapshot.instances.push(InstanceSnapshot {
            number,
            name: (*name).to_owned(),
            kind: InstanceKind::Modelled,
            interval: activity.clone(),
            total: Activity::default(),
            driver: None,
            fault: None,
        });
    }
    snapshot
}

/// Requests of four entries that took so long.
pub(super) fn requests(latencies: impl IntoIterator<Item = u64>) -> Activity {
    let mut activity = Activity::default();
    for ns in latencies {
        activity.request.seen += 1;
        activity.request.recorded += 1;
        activity.request.items += 4;
        activity.request.total_ns += ns;
        activity.request.latency += ns;
    }
    activity
}

fn kept(intervals: impl IntoIterator<Item = Activity>) -> Blocks {
    let mut blocks = Blocks::default();
    for one in intervals {
        blocks.push(&interval(&[("dmar0", one)]));
    }
    blocks
}

fn compared(base: &Blocks, new: &Blocks) -> Comparison {
    let scope = Scope::Instance("dmar0".to_owned());
    Comparison::of(base, new, &scope, Stage::Request)
}

fn ratio(comparison: &Comparison, statistic: Statistic) -> Ratio {
    let mut ratios = comparison.ratios.iter();
    *ratios.find(|one| one.statistic == statistic).unwrap()
}

#[test]
fn figures_are_those_that_the_histograms_themselves_tell() {
    let latencies = |seed: u64| (0..997).map(move |n| 300 + n * n % (1009 + seed) * 7);
    let intervals: Vec<Activity> = (0..9).map(|seed| requests(latencies(seed))).collect();
    let mut whole = Activity::default();
    for one in &intervals {
        whole.add(one);
    }
    let both = kept(intervals);
    let told = compared(&both, &both);
    for (statistic, quantile) in [
        (Statistic::P50, 0.5),
        (Statistic::P90, 0.9),
        (Statistic::P99, 0.99),
        (Statistic::P999, 0.999),
        (Statistic::Max, 1.0),
    ] {
        let wanted = whole.request.latency_ns(quantile).unwrap();
        assert_eq!(ratio(&told, statistic).new_ns, Some(wanted as f64));
    }
    let mean = ratio(&told, Statistic::Mean).base_ns.unwrap();
    assert!((mean - whole.request.latency_ns_mean().unwrap()).abs() < 1e-6);
    assert_eq!(told.new.work.batch_factor(), Some(4.0));
    assert_eq!(told.new.per_second(), Some(997.0));
}

#[test]
fn both_sides_the_same_and_all_equal_is_a_ratio_of_one() {
    let same = kept((0..8).map(|_| requests([1000; 40])));
    let told = ratio(&compared(&same, &same), Statistic::P50);
    assert_eq!(told.value(), Some(1.0));
    assert!(told.range.unwrap().contains(1.0) && !told.is_apart());
}

#[test]
fn a_shift_by_half_is_found_and_leads_away_from_one() {
    let spread = |times: u64| {
        let latencies = move |seed: u64| {
            (0..200_u64).map(move |n| (1000 + (n * 37 + seed * 11) % 300) * times / 2)
        };
        kept((0..10).map(move |seed| requests(latencies(seed))))
    };
    let told = compared(&spread(2), &spread(3));
    for statistic in [Statistic::P50, Statistic::P90, Statistic::Mean] {
        let told = ratio(&told, statistic);
        let range = told.range.unwrap();
        assert!(told.is_apart() && range.contains(1.5), "{told:?}");
        assert!(range.low > 1.3 && range.high < 1.7, "{told:?}");
    }
}

#[test]
fn what_cannot_be_told_is_not_told_and_says_why() {
    let blocks = |count: u64, events: usize| kept((0..count).map(|_| requests(vec![1000; events])));
    let why = |base: &Blocks, new: &Blocks, statistic| {
        ratio(&compared(base, new), statistic).range.unwrap_err()
    };
    let enough = blocks(9, 40);
    assert_eq!(
        why(&enough, &Blocks::default(), Statistic::P50),
        NoRange::Nothing
    );
    assert_eq!(
        why(&Blocks::default(), &Blocks::default(), Statistic::Max),
        NoRange::Nothing
    );
    assert_eq!(
        why(&enough, &blocks(1, 400), Statistic::P50),
        NoRange::Blocks { there: 1 }
    );
    assert_eq!(
        why(&blocks(4, 400), &enough, Statistic::Mean),
        NoRange::Blocks { there: 4 }
    );
    assert_eq!(
        why(&enough, &enough, Statistic::P999),
        NoRange::Events {
            there: 360,
            needed: 10_000
        }
    );
    assert_eq!(why(&enough, &enough, Statistic::Max), NoRange::OneEvent);

    let one = compared(&Blocks::default(), &enough);
    assert_eq!(ratio(&one, Statistic::P50).base_ns, None);
    assert_eq!(ratio(&one, Statistic::P50).value(), None);
    assert!(one.differences.is_empty());
}

#[test]
fn intervals_in_which_nothing_happened_are_no_blocks() {
    let mut idle = kept((0..4).map(|_| requests([1000; 40])));
    for _ in 0..9 {
        idle.push(&interval(&[("dmar0", Activity::default())]));
    }
    let told = compared(&idle, &idle);
    assert_eq!(
        ratio(&told, Statistic::P50).range,
        Err(NoRange::Blocks { there: 4 })
    );
    assert_eq!(told.base.intervals, 13);
    assert_eq!(told.base.columns.len(), 13);
}

#[test]
fn no_figure_is_too_large_or_too_small() {
    let huge = |ns: u64| {
        let mut activity = requests([ns; 30]);
        activity.request.seen = u64::MAX - 1;
        activity.request.recorded = u64::MAX - 1;
        activity.request.items = u64::MAX;
        activity.request.total_ns = u64::MAX;
        kept((0..7).map(|_| activity.clone()))
    };
    let told = compared(&huge(0), &huge((1 << 36) - 1));
    for one in &told.ratios {
        assert!(one.value().is_some_and(f64::is_finite), "{one:?}");
        assert!(one.range.is_err() || one.range.is_ok_and(|range| range.high.is_finite()));
    }
}

#[test]
fn blocks_are_bounded_and_no_event_is_lost_or_counted_twice() {
    let mut blocks = Blocks::default();
    for seed in 0..1000 {
        blocks.push(&interval(&[("dmar0", requests([500 + seed; 3]))]));
    }
    let side = blocks.side(&Scope::Everything, Stage::Request);
    assert_eq!((side.intervals, side.work.recorded), (1000, 3000));
    assert_eq!(side.length, Duration::from_secs(1000));
    assert!(
        (64..=128).contains(&side.columns.len()),
        "{}",
        side.columns.len()
    );
    let lengths: Vec<u64> = side
        .columns
        .iter()
        .map(|one| one.length.as_secs())
        .collect();
    let (last, whole) = lengths.split_last().unwrap();
    assert!(
        whole.iter().all(|length| *length == 8) && *last <= 8,
        "{lengths:?}"
    );
    let counts = side.columns.iter().flat_map(|one| &one.work.latencies);
    assert_eq!(counts.map(|(_, count)| count).sum::<u64>(), 3000);
    assert_eq!(side.columns[0].begin, UNIX_EPOCH + Duration::from_secs(4));
}

#[test]
fn memory_is_bounded_however_many_instances_there_are() {
    let names: Vec<String> = (0..64).map(|number| format!("dmar{number}")).collect();
    let did = requests((0..500).map(|n| 100 + n * n));
    let all: Vec<_> = names.iter().map(|name| (&**name, did.clone())).collect();
    let mut blocks = Blocks::within(1 << 20);
    for _ in 0..100 {
        blocks.push(&interval(&all));
    }
    assert!(!blocks.is_too_large() && !blocks.is_empty());
    let side = blocks.side(&Scope::Instance("dmar63".to_owned()), Stage::Request);
    assert_eq!(side.work.recorded, 100 * 500);
}

#[test]
fn a_scope_is_the_sum_of_its_parts() {
    let mut snapshot = interval(&[("dmar0", requests([5; 3])), ("dmar1", requests([7; 4]))]);
    for (instance, process, hwpt) in [(0, 10, 4), (1, 10, 4), (1, 11, 5)] {
        snapshot.objects.push(ObjectSnapshot {
            instance: Some(instance),
            owner: Some(Owner {
                process: Process {
                    id: process,
                    name: None,
                },
                context: None,
                hwpt,
            }),
            interval: requests(vec![9; usize::from(instance) + 1]),
            total: Activity::default(),
        });
    }
    let mut blocks = Blocks::default();
    blocks.push(&snapshot);
    let seen = |scope: &Scope| blocks.side(scope, Stage::Request).work.seen;
    assert_eq!(seen(&Scope::Everything), 7);
    assert_eq!(seen(&Scope::Instance("dmar1".to_owned())), 4);
    assert_eq!(seen(&Scope::Process(10)), 3);
    assert_eq!(seen(&Scope::Process(12)), 0);
    let object = ObjectScope {
        instance: Some("dmar1".to_owned()),
        process: 11,
        context: None,
        hwpt: 5,
    };
    assert_eq!(seen(&Scope::Object(object)), 2);
    assert_eq!(
        blocks.stages().into_iter().collect::<Vec<_>>(),
        [Stage::Request]
    );
}

#[test]
fn what_sets_two_measurements_apart_is_named() {
    let of = |change: fn(&mut Snapshot)| {
        let mut snapshot = interval(&[("dmar0", requests([5; 3]))]);
        change(&mut snapshot);
        let mut blocks = Blocks::default();
        blocks.push(&snapshot);
        blocks
    };
    let told = |change: fn(&mut Snapshot)| {
        let differences = compared(&of(|_| {}), &of(change)).differences;
        let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
        lines.join("; ")
    };
    assert_eq!(told(|_| {}), "");
    // Another number of instances is no other kind of target.
    assert_eq!(told(|one| one.target = "model:vtd,instances=3".into()), "");
    assert_eq!(
        told(|one| one.target = "model:smmuv3,instances=2".into()),
        "kind of target: model:vtd against model:smmuv3"
    );
    assert_eq!(
        told(|one| {
            one.target = "kernel".into();
            one.policy = None;
            one.instances[0].kind = InstanceKind::Hardware;
        }),
        "kind of target: model:vtd against kernel; instances: modelled against hardware; \
         policy: array against unknown"
    );
    assert_eq!(
        told(|one| one.timing_profile = Some("strict".into())),
        "timing profile: unknown against strict"
    );
    assert_eq!(
        told(|one| {
            let attachment = r#"[{"stage":"request","site":"iommufd_fops_ioctl","how":"kprobe",
                "why_not_better":null},{"stage":"submission","site":"qi_submit_sync",
                "how":"fentry","why_not_better":null}]"#;
            one.stages = serde_json::from_str(attachment).unwrap();
        }),
        "the stage is timed by: nothing that is known against kprobe/kretprobe"
    );
}

#[test]
fn parts_that_there_is_no_room_for_are_counted() {
    let many = |count: u32| {
        let mut snapshot = interval(&[("dmar0", requests([1000]))]);
        snapshot.objects = (0..count)
            .map(|hwpt| ObjectSnapshot {
                instance: Some(0),
                owner: Some(Owner {
                    process: Process { id: 1, name: None },
                    context: None,
                    hwpt,
                }),
                interval: requests([1000]),
                total: Activity::default(),
            })
            .collect();
        snapshot
    };
    let mut blocks = Blocks::default();
    // All together and the instance are two of 1024.
    blocks.push(&many(1022));
    assert_eq!(blocks.left_out(), 0);
    blocks.push(&many(1025));
    assert_eq!(blocks.left_out(), 3);
    for _ in 0..300 {
        blocks.push(&many(1024));
    }
    let told = compared(&Blocks::default(), &blocks);
    assert_eq!((told.base.left_out, told.new.left_out), (0, 3));
}
