use hwptop_abi::{Bucket, Vendor};

use super::*;

fn aggregator(start: Instant) -> Aggregator {
    let origin = Origin {
        target: "model:vtd,instances=1".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        slow_threshold: Duration::from_millis(1),
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
    };
    let totals = Totals {
        slow: vec![record; SLOW_SHOWN + 7],
        slow_dropped: 2,
        ..Totals::default()
    };
    let snapshot = aggregator(start).snapshot(totals, start);
    assert_eq!(snapshot.slow.len(), SLOW_SHOWN);
    assert_eq!(snapshot.events.slow_dropped, 9);
    assert_eq!(snapshot.slow[0].tid, None);
}
