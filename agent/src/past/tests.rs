use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::snapshot::{Activity, InstanceSnapshot, Stage, StageActivity, csv_rows};

fn stage(events: u64) -> StageActivity {
    let mut stage = StageActivity {
        seen: events,
        recorded: events,
        items: events * 16,
        batches: [(16, events)].into_iter().collect(),
        ..StageActivity::default()
    };
    for event in 0..events {
        // As in practice, from some hundred nanoseconds to some milliseconds, most of them early.
        let ns = 700 + event * 7 + if event % 50 == 0 { event * event } else { 0 };
        stage.latency += ns;
        stage.total_ns += ns;
    }
    stage
}

/// Interval `number` of `instances` at work.
fn snapshot(instances: u16, number: u64) -> Snapshot {
    let text = r#"{"taken_at_unix_ns":1,"interval_ns":1000000000,"since_start_ns":1,
        "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
        "probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
        "events":{"seen":0,"recorded":0,"lost":0,"slow_dropped":0},
        "instances":[],"objects":[],"objects_left_out":0,"failures":[],
        "failures_dropped":0,"hw_queues":null}"#;
    let mut snapshot: Snapshot = serde_json::from_str(text).unwrap();
    snapshot.taken_at = UNIX_EPOCH + Duration::from_secs(number);
    for instance in 0..instances {
        let events = 900 + number % 7 * 20 + u64::from(instance);
        let did = Activity {
            request: stage(events),
            submission: stage(events * 2),
            ..Activity::default()
        };
        snapshot.instances.push(InstanceSnapshot {
            number: instance,
            name: format!("dmar{instance}"),
            kind: crate::InstanceKind::Hardware,
            interval: did.clone(),
            total: did,
            driver: None,
            fault: None,
        });
    }
    snapshot
}

#[test]
fn an_interval_comes_back_as_it_was_and_a_total_without_its_latencies() {
    let mut past = Past::default();
    for number in 0..5 {
        past.push(&snapshot(2, number));
    }
    let (kept, was) = (past.get(3).unwrap(), snapshot(2, 3));
    assert_eq!(csv_rows(&kept), csv_rows(&was));
    assert_eq!(kept.taken_at, was.taken_at);
    for (kept, was) in kept.instances.iter().zip(&was.instances) {
        assert_eq!(kept.interval.request.latency, was.interval.request.latency);
        let (kept, was) = (&kept.total.request, &was.total.request);
        assert_eq!((kept.seen, kept.total_ns), (was.seen, was.total_ns));
        assert!(kept.latency.is_empty());
    }
    assert_eq!(past.len(), 5);
    assert!(past.get(5).is_none() && Past::default().is_empty());
}

#[test]
fn the_oldest_go_where_there_are_too_many_or_too_large_ones() {
    let mut past = Past::new(usize::MAX, 3);
    for number in 0..10 {
        past.push(&snapshot(1, number));
    }
    let first = past.get(0).unwrap();
    assert_eq!((past.len(), first.taken_at), (3, snapshot(0, 7).taken_at));

    let bytes_max = past.bytes();
    let mut past = Past::new(bytes_max, usize::MAX);
    for number in 0..50 {
        past.push(&snapshot(1, number));
        assert!(past.bytes() <= bytes_max);
    }
    assert!((2..=4).contains(&past.len()), "{}", past.len());
}

#[test]
fn one_interval_is_kept_however_large_it_is() {
    let mut past = Past::new(1, 10);
    past.push(&snapshot(2, 1));
    past.push(&snapshot(2, 2));
    let kept = past.get(0).unwrap();
    assert_eq!((past.len(), kept.taken_at), (1, snapshot(0, 2).taken_at));
}

#[test]
fn a_clone_stays_as_it_is_and_shares_what_is_kept() {
    let mut past = Past::default();
    past.push(&snapshot(1, 1));
    let held = past.clone();
    past.push(&snapshot(1, 2));
    assert_eq!((held.len(), past.len()), (1, 2));
    assert!(Arc::ptr_eq(&held.intervals[0], &past.intervals[0]));
}

/// Of this thread: other work on the machine does not count.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

#[test]
#[ignore = "measures: cargo test --release -p hwptop-agent --lib past -- --ignored --nocapture"]
fn what_it_costs_to_keep_an_interval() {
    for instances in [2, 64] {
        let snapshots: Vec<Snapshot> = (0..8).map(|number| snapshot(instances, number)).collect();
        let mut past = Past::default();
        let mut took = Vec::new();
        for snapshot in snapshots.iter().cycle().take(200) {
            let start = cpu_time();
            past.push(snapshot);
            took.push(cpu_time().saturating_sub(start));
        }
        took.sort();
        let start = cpu_time();
        let stages = past.get(0).unwrap().instances.len() * Stage::ALL.len();
        println!(
            "{instances} instances, CPU time: push {:?} (median), {:?} (p99); get {:?}; {} bytes an interval of {stages} stages",
            took[took.len() / 2],
            took[took.len() * 99 / 100],
            cpu_time().saturating_sub(start),
            past.bytes() / past.len(),
        );
    }
}
