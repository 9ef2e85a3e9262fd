use std::{fs, path::Path};

use hwptop_abi::Stage;

use super::*;
use crate::recording::{
    Replay, log_of,
    tests::{snapshots, written},
};

/// The last snapshot of the recording, with totals of all, as the general reader has it.
fn replayed(path: &Path) -> Snapshot {
    let mut replay = Replay::open(path).unwrap();
    let mut last = None;
    while let Some(snapshot) = replay.next_snapshot().unwrap() {
        last = Some(snapshot);
    }
    last.unwrap()
}

#[test]
fn it_says_what_a_replay_sums() {
    let all = snapshots();
    let (_folder, path) = written(&all);
    let (summary, replayed) = (Summary::read(&path).unwrap(), replayed(&path));
    assert_eq!((summary.intervals, summary.missing), (all.len() as u64, 0));
    assert!(!summary.is_cut);
    assert_eq!(summary.length, replayed.since_start);
    assert_eq!(summary.last.events, replayed.events);
    assert_eq!(summary.instances.len(), replayed.instances.len());
    for (sum, expected) in summary.instances.iter().zip(&replayed.instances) {
        assert_eq!((&sum.name, sum.kind), (&expected.name, expected.kind));
        assert_eq!(sum.activity.guest, expected.total.guest);
        for stage in Stage::ALL {
            let (sum, expected) = (sum.activity.stage(stage), expected.total.stage(stage));
            assert_eq!(
                (
                    sum.seen,
                    sum.recorded,
                    sum.lost,
                    sum.items,
                    sum.errors,
                    sum.total_ns
                ),
                (
                    expected.seen,
                    expected.recorded,
                    expected.lost,
                    expected.items,
                    expected.errors,
                    expected.total_ns
                )
            );
            assert!(sum.latency == expected.latency, "{stage:?}");
        }
    }
}

#[test]
fn what_is_over_time_adds_up_to_the_whole_and_is_where_it_happened() {
    let (_folder, path) = written(&snapshots());
    let summary = Summary::read(&path).unwrap();
    assert_eq!((summary.columns, summary.intervals_per_column), (8, 1));
    let instance = &summary.instances[0];
    let heat = instance.heat(Stage::Request).unwrap();
    let column = |at| heat.column(at).iter().copied().map(u64::from).sum::<u64>();
    let sum: u64 = (0..summary.columns).map(column).sum();
    assert_eq!(sum, instance.activity.request.recorded);
    // The fixture counts as much more in each interval.
    assert_eq!((column(0), column(7)), (30, 30));
    let slowest = heat.quantile_ns(7, 1.0).unwrap();
    let max = instance.activity.request.latency.max() as f64;
    assert!((max..max * 1.3).contains(&slowest), "{slowest} {max}");
    assert!(instance.heat(Stage::Submission).is_none());
}

#[test]
fn a_long_recording_has_no_more_columns_than_can_be_shown() {
    let mut heat = Heat::default();
    for column in 0..10 {
        heat.add(column, [(5, 1_u64)].into_iter());
    }
    heat.halve();
    let counts: Vec<u32> = (0..5).map(|column| heat.column(column)[5]).collect();
    assert_eq!((counts, heat.column(5)), (vec![2; 5], &[][..]));
    assert_eq!([1, 240, 241, 3600].map(heat::width), [1, 1, 2, 16]);
}

#[test]
fn a_cut_recording_ends_with_a_whole_interval_and_says_so() {
    let (_folder, path) = written(&snapshots());
    let log = fs::read(log_of(&path)).unwrap();
    fs::write(log_of(&path), &log[..log.len() - 10]).unwrap();
    let summary = Summary::read(&path).unwrap();
    assert_eq!((summary.intervals, summary.is_cut), (7, true));
}

#[test]
fn missing_intervals_have_a_place_on_the_time_axis() {
    let mut all = snapshots();
    all.drain(3..5);
    let (_folder, path) = written(&all);
    let summary = Summary::read(&path).unwrap();
    assert_eq!(
        (summary.intervals, summary.missing, summary.columns),
        (6, 2, 8)
    );
    let heat = summary.instances[0].heat(Stage::Request).unwrap();
    assert_eq!(heat.quantile_ns(3, 0.5), None);
    assert!(heat.quantile_ns(5, 0.5).is_some());
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let (_folder, path) = written(&snapshots());
    let log = fs::read_to_string(log_of(&path)).unwrap();
    let told = |log: &str| {
        fs::write(log_of(&path), log).unwrap();
        Summary::read(&path).unwrap_err().to_string()
    };
    let error = told(&log.replacen("Tag=dmar0/request", "Tag=dmar1/request", 1));
    assert!(
        error.contains("run.hlog:6: not of \"Tag=dmar0/request,\""),
        "{error}"
    );
    let (before, payload) = log.split_once("HISTF").unwrap();
    let error = told(&format!("{before}HIST!{payload}"));
    assert!(error.contains("run.hlog:6: not base64"), "{error}");
    // Another's histogram: as many latencies as it must have it has not.
    let lines: Vec<&str> = log.lines().collect();
    let host = lines
        .iter()
        .find(|line| line.contains("/host-sub"))
        .unwrap();
    let (_, other) = host.rsplit_once(',').unwrap();
    let (start, _) = lines[5].rsplit_once(',').unwrap();
    let error = told(&log.replacen(lines[5], &format!("{start},{other}"), 1));
    assert!(error.contains("run.hlog:6: 1 latencies, where"), "{error}");
}
