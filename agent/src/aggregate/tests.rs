use hwptop_abi::{Bucket, Vendor};

use super::*;
use crate::{
    nanos,
    snapshot::ObjectSnapshot,
    totals::{ObjectKey, ObjectTotals},
};

fn aggregator(start: Instant) -> Aggregator {
    let origin = Origin {
        target: "model:vtd,instances=1".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        stages: Vec::new(),
        slow_threshold: Some(Duration::from_millis(1)),
        instances: Vec::new(),
    };
    Aggregator::new(origin, start)
}

fn totals(latencies_ns: &[u64], lost: u64) -> Totals {
    let mut instance = InstanceTotals::new(InstanceArg::new(0, Vendor::Vtd, true));
    let cell = &mut instance.stages[Stage::Request as usize].0;
    for &ns in latencies_ns {
        cell.buckets[Bucket::of(ns).index()] += 1;
        cell.seen += 1;
        cell.items += 2;
    }
    cell.seen += lost;
    cell.lost_no_start = lost;
    Totals {
        instances: vec![instance],
        ..Totals::default()
    }
}

#[test]
fn an_interval_holds_what_came_since_the_last_snapshot() {
    let start = Instant::now();
    let mut aggregator = aggregator(start);
    aggregator.snapshot(totals(&[100, 100], 0), start + Duration::from_secs(1));
    let snapshot = aggregator.snapshot(
        totals(&[100, 100, 100, 9_000], 0),
        start + Duration::from_secs(3),
    );
    assert_eq!(snapshot.interval, Duration::from_secs(2));
    assert_eq!(snapshot.since_start, Duration::from_secs(3));
    let instance = &snapshot.instances[0];
    assert_eq!(
        (
            instance.interval.request.recorded,
            instance.total.request.recorded
        ),
        (2, 4)
    );
    assert_eq!(instance.interval.request.batch_factor(), Some(2.0));
}

#[test]
fn seen_is_recorded_plus_lost() {
    let start = Instant::now();
    let mut totals = totals(&[100, 200], 3);
    totals.unattributed = 5;
    let events = aggregator(start).snapshot(totals, start).events;
    assert_eq!((events.seen, events.recorded, events.lost), (10, 2, 8));
}

#[test]
fn what_is_left_of_a_request_is_no_event() {
    let start = Instant::now();
    let mut totals = totals(&[100, 200], 0);
    let requests = totals.instances[0].stages[Stage::Request as usize].clone();
    totals.instances[0].stages[Stage::Unattributed as usize] = requests;
    let snapshot = aggregator(start).snapshot(totals, start);
    assert_eq!((snapshot.events.seen, snapshot.events.recorded), (2, 2));
    assert_eq!(snapshot.instances[0].total.unattributed.seen, 2);
}

#[test]
fn percentiles_stay_within_the_stated_relative_error() {
    let exact: Vec<u64> = (0..10_000u64).map(|i| 300 + i * i / 50).collect();
    let start = Instant::now();
    let snapshot = aggregator(start).snapshot(totals(&exact, 0), start);
    let request = &snapshot.instances[0].total.request;
    for (quantile, at) in [
        (0.01, 99),
        (0.5, 4_999),
        (0.9, 8_999),
        (0.99, 9_899),
        (0.999, 9_989),
    ] {
        let (truth, found) = (
            exact[at] as f64,
            request.latency_ns(quantile).unwrap() as f64,
        );
        assert!(
            (found / truth - 1.0).abs() <= 0.032,
            "q{quantile}: {truth} ns, found {found} ns"
        );
    }
}

#[test]
fn an_instance_says_whether_it_is_modelled() {
    assert_eq!(
        instance_name(InstanceArg::new(1, Vendor::Vtd, true)),
        "model-vtd1"
    );
    assert_eq!(
        instance_name(InstanceArg::new(0, Vendor::AmdVi, false)),
        "amdvi0"
    );
    assert_eq!(
        instance_name(InstanceArg::from_raw(0x0009_0002)),
        "vendor0x9-2"
    );
}

#[test]
fn nothing_recorded_has_no_percentile_instead_of_zero() {
    let start = Instant::now();
    let snapshot = aggregator(start).snapshot(totals(&[], 0), start);
    assert_eq!(snapshot.instances[0].total.request.latency_ns(0.5), None);
    assert_eq!(snapshot.instances[0].total.request.batch_factor(), None);
}

#[test]
fn an_announced_instance_is_shown_before_it_does_anything() {
    let start = Instant::now();
    let mut aggregator = aggregator(start);
    aggregator.origin.instances = (0..3)
        .map(|number| InstanceArg::new(number, Vendor::Vtd, true))
        .collect();
    // Only instance 1 has done something.
    let mut totals = totals(&[100], 0);
    totals.instances[0].instance = InstanceArg::new(1, Vendor::Vtd, true);
    let snapshot = aggregator.snapshot(totals, start);
    let seen: Vec<_> = snapshot
        .instances
        .iter()
        .map(|instance| (instance.number, instance.total.request.seen))
        .collect();
    assert_eq!(seen, [(0, 0), (1, 1), (2, 0)]);
}

#[test]
fn slow_events_beyond_what_a_snapshot_carries_are_counted() {
    let start = Instant::now();
    let record = SlowRecord {
        latency_ns: 5,
        instance: InstanceArg::new(0, Vendor::Vtd, true).raw(),
        stage: 0,
        hwpt: 1,
        items: 1,
        tid: 0,
        errno: 0,
        tgid: 0,
        asked: 0,
        ..SlowRecord::UNKNOWN
    };
    let totals = Totals {
        slow: vec![record.into(); SLOW_SHOWN + 7],
        slow_dropped: 2,
        ..Totals::default()
    };
    let snapshot = aggregator(start).snapshot(totals, start);
    assert_eq!(snapshot.slow.len(), SLOW_SHOWN);
    assert_eq!(snapshot.events.slow_dropped, 9);
    assert_eq!(snapshot.slow[0].tid, None);
}

#[test]
fn of_too_many_slow_events_the_slowest_stay_oldest_first() {
    let start = Instant::now();
    let most = SLOW_SHOWN as u64 + 7;
    // Those that end later are faster; two CPUs' records come one after the other.
    let record = |n: u64| SlowRecord {
        end_ns: 1_000 + n,
        latency_ns: 10_000 - n,
        ..SlowRecord::UNKNOWN
    };
    let (even, odd): (Vec<u64>, Vec<u64>) = (0..most).partition(|n| n % 2 == 0);
    let slow: Vec<SlowCall> = even
        .into_iter()
        .chain(odd)
        .map(|n| record(n).into())
        .collect();
    let totals = Totals {
        slow_seen: most,
        slow,
        ..Totals::default()
    };
    let snapshot = aggregator(start).snapshot(totals, start);
    let kept: Vec<u64> = snapshot.slow.iter().map(|one| nanos(one.latency)).collect();
    let slowest = (0..SLOW_SHOWN as u64).map(|n| 10_000 - n);
    assert!(kept.into_iter().eq(slowest));
    assert_eq!(
        (snapshot.events.slow_seen, snapshot.events.slow_dropped),
        (most, 7)
    );
}

#[test]
fn a_slow_request_is_told_whole_and_what_nobody_knows_is_absent() {
    let start = Instant::now();
    let record = SlowRecord {
        end_ns: crate::time::monotonic_ns() - 2_000_000_000,
        latency_ns: 9_000,
        op_ns: 8_000,
        submissions_ns: 7_000,
        instance: InstanceArg::new(0, Vendor::Vtd, true).raw(),
        items: 5,
        tgid: std::process::id(),
        asked: 6,
        submissions: 2,
        commands: 5,
        cpu: 3,
        ..SlowRecord::UNKNOWN
    };
    let whole = SlowCall {
        record,
        stack: vec!["outer+0x12".to_owned()],
    };
    let totals = Totals {
        slow: vec![SlowRecord::UNKNOWN.into(), whole],
        ..Totals::default()
    };
    let snapshot = aggregator(start).snapshot(totals, start);
    let [unknown, whole] = &snapshot.slow[..] else {
        panic!("{:?}", snapshot.slow)
    };
    assert_eq!(whole.asked, Some(6));
    assert_eq!(whole.driver_op, Some(Duration::from_micros(8)));
    let made = SlowSubmissions {
        count: 2,
        commands: 5,
        time: Duration::from_micros(7),
    };
    assert_eq!((whole.submissions, whole.cpu), (Some(made), Some(3)));
    assert!(whole.process.as_ref().is_some_and(|one| one.name.is_some()));
    assert_eq!(whole.stack.as_deref(), Some(&["outer+0x12".to_owned()][..]));
    let ago = snapshot
        .taken_at
        .duration_since(whole.ended_at.unwrap())
        .unwrap();
    assert!((2..60).contains(&ago.as_secs()), "{ago:?}");

    let told = (&unknown.asked, &unknown.driver_op, &unknown.submissions);
    assert_eq!(told, (&None, &None, &None));
    let told = (&unknown.process, &unknown.cpu, &unknown.ended_at);
    assert_eq!(told, (&None, &None, &None));
    assert_eq!(unknown.stack, None);
}

#[test]
fn a_record_without_an_instance_gets_none_and_what_it_asked_for_is_not_made_up() {
    let start = Instant::now();
    let record = SlowRecord {
        latency_ns: 5,
        instance: u32::from(NO_INSTANCE),
        stage: 0,
        hwpt: 1,
        items: 0,
        tid: 0,
        errno: 2,
        tgid: 0,
        asked: NOT_KNOWN,
        ..SlowRecord::UNKNOWN
    };
    let totals = Totals {
        slow: vec![record.into()],
        failures: vec![record],
        ..totals(&[100], 0)
    };
    let snapshot = aggregator(start).snapshot(totals, start);
    assert_eq!(snapshot.slow[0].instance, None);
    let failure = &snapshot.failures[0];
    assert_eq!((&failure.instance, failure.asked), (&None, None));
}

fn object(tgid: Option<u32>, hwpt: u32, instance: u16, requests: u64) -> ObjectTotals {
    let mut stages = Stages::default();
    let cell = &mut stages[Stage::Request as usize].0;
    cell.seen = requests;
    cell.total_ns = requests * 700;
    cell.buckets[Bucket::of(700).index()] = requests;
    ObjectTotals {
        key: ObjectKey {
            instance,
            tgid,
            context: 1,
            hwpt,
        },
        stages,
    }
}

fn with_objects(objects: Vec<ObjectTotals>) -> Totals {
    Totals {
        objects,
        ..totals(&[700], 0)
    }
}

#[test]
fn the_object_with_the_most_requests_in_the_interval_comes_first() {
    let start = Instant::now();
    let mut aggregator = aggregator(start);
    let before = vec![
        object(Some(u32::MAX), 1, 0, 100),
        object(Some(u32::MAX), 2, 0, 1),
    ];
    aggregator.snapshot(with_objects(before), start);
    let now = vec![
        object(Some(u32::MAX), 1, 0, 101),
        object(Some(u32::MAX), 2, 0, 6),
    ];
    let snapshot = aggregator.snapshot(with_objects(now), start);
    let seen: Vec<_> = snapshot
        .objects
        .iter()
        .map(|one| {
            let hwpt = one.owner.as_ref().map(|owner| owner.hwpt);
            (hwpt, one.interval.request.seen, one.total.request.seen)
        })
        .collect();
    assert_eq!(seen, [(Some(2), 5, 6), (Some(1), 1, 101)]);
    assert_eq!(
        snapshot.objects[0].total.request.latency_ns_mean(),
        Some(700.0)
    );
}

#[test]
fn an_object_without_an_instance_or_a_process_is_kept_and_said_to_be_so() {
    let start = Instant::now();
    let objects = vec![
        object(None, 0, 0, 2),
        object(Some(u32::MAX), 3, u16::MAX, 1),
    ];
    let snapshot = aggregator(start).snapshot(with_objects(objects), start);
    let [other, unreached] = &snapshot.objects[..] else {
        panic!("{:?}", snapshot.objects);
    };
    assert_eq!((other.instance, &other.owner), (Some(0), &None));
    assert_eq!(unreached.instance, None);
    let owner = unreached.owner.as_ref().unwrap();
    let process = &owner.process;
    assert_eq!((process.id, &process.name), (u32::MAX, &None));
    assert_eq!(owner.context, Some(0));
}

#[test]
fn a_context_that_nothing_tells_is_absent() {
    let start = Instant::now();
    let mut untold = object(Some(u32::MAX), 3, u16::MAX, 1);
    untold.key.context = 0;
    let snapshot = aggregator(start).snapshot(with_objects(vec![untold]), start);
    assert_eq!(snapshot.objects[0].owner.as_ref().unwrap().context, None);
}

#[test]
fn what_is_no_longer_kept_apart_was_not_done_again() {
    let start = Instant::now();
    let mut aggregator = aggregator(start);
    let mut other = object(None, 0, 0, 10);
    other.key.context = 0;
    let before = vec![other.clone(), object(Some(u32::MAX), 1, 0, 100)];
    aggregator.snapshot(with_objects(before), start);
    // The object's slot was taken back: `other` has its requests, and 3 more came.
    other.stages[Stage::Request as usize].0.seen = 113;
    let snapshot = aggregator.snapshot(with_objects(vec![other]), start);
    let [other] = &snapshot.objects[..] else {
        panic!("{:?}", snapshot.objects);
    };
    assert_eq!(
        (other.interval.request.seen, other.total.request.seen),
        (3, 113)
    );
}

#[test]
fn a_thousand_objects_are_cut_and_those_left_out_are_in_other() {
    let start = Instant::now();
    let objects = (0..1000).map(|hwpt| object(Some(1), hwpt, 0, u64::from(hwpt)));
    let mut objects: Vec<_> = objects.collect();
    objects.push(object(None, 0, 0, 5));
    let mut aggregator = aggregator(start);
    let snapshot = aggregator.snapshot(with_objects(objects.clone()), start);
    let shown = &snapshot.objects;
    assert!(shown.len() <= 256);
    assert_eq!(shown.len() - 1 + snapshot.objects_left_out, 1000);
    let sum: u64 = shown.iter().map(|one| one.total.request.seen).sum();
    assert_eq!(sum, (0..1000).sum::<u64>() + 5);
    let [other] = &shown
        .iter()
        .filter(|one| one.owner.is_none())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one row of others");
    };
    let left_out = snapshot.objects_left_out as u64;
    assert_eq!(other.total.request.seen, (0..left_out).sum::<u64>() + 5);
    assert_eq!(other.total.request.recorded, other.total.request.seen);

    // One of them does something: the interval of the others is that and no more.
    objects[3].stages[Stage::Request as usize].0.seen += 4;
    let snapshot = aggregator.snapshot(with_objects(objects), start);
    let interval = |one: &ObjectSnapshot| one.interval.request.seen;
    assert_eq!(snapshot.objects.iter().map(interval).sum::<u64>(), 4);
}

#[test]
fn failures_beyond_what_a_snapshot_carries_are_counted_and_the_newest_stay() {
    let start = Instant::now();
    let failure = |latency_ns| SlowRecord {
        latency_ns,
        instance: 0,
        stage: 0,
        hwpt: 4,
        items: 3,
        tid: 0,
        errno: 5,
        tgid: 0,
        asked: 64,
        ..SlowRecord::UNKNOWN
    };
    let mut failing = totals(&[700], 0);
    failing.instances[0].name = Some("dmar0".to_owned());
    failing.failures = (0..FAILURES_SHOWN as u64 + 3).map(failure).collect();
    let snapshot = aggregator(start).snapshot(failing, start);
    assert_eq!(
        (snapshot.failures.len(), snapshot.failures_dropped),
        (FAILURES_SHOWN, 3)
    );
    let last = snapshot.failures.last().unwrap();
    assert_eq!(
        last.latency,
        Duration::from_nanos(FAILURES_SHOWN as u64 + 2)
    );
    assert_eq!((last.asked, last.handled, last.errno), (Some(64), 3, 5));
    assert_eq!(last.instance.as_deref(), Some("dmar0"));
    assert_eq!(last.process, None);
}
