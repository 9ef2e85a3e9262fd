use std::time::Duration;

use hwptop_agent::snapshot::{Activity, GuestCounts};

use super::*;
use crate::fixture::{self, kernel};

fn vtd0() -> Scope {
    Scope::Instance("model-vtd0".to_owned())
}

/// A snapshot in which the first instance made `requests` of so many entries, at 1.9 µs per
/// request and 210 ns per entry, with so many syncs.
fn at_work(policy: &'static str, requests: u64, entries: u64, waits: u64) -> Snapshot {
    let mut snapshot = fixture::snapshot();
    snapshot.policy = Some(policy.into());
    let did = &mut snapshot.instances[0].interval;
    did.guest.waits = waits;
    did.request.items = entries;
    (did.request.seen, did.request.recorded) = (requests, requests);
    did.request.total_ns = requests * 1900 + entries * 210;
    did.request.batches = [].into_iter().collect();
    snapshot
}

fn after(snapshots: impl IntoIterator<Item = Snapshot>) -> (History, Snapshot) {
    let mut history = History::default();
    let mut last = fixture::snapshot();
    for snapshot in snapshots {
        history.push(&snapshot);
        last = snapshot;
    }
    (history, last)
}

fn said(snapshots: impl IntoIterator<Item = Snapshot>) -> String {
    let (history, last) = after(snapshots);
    let lines = lines(&history, &vtd0(), &last);
    assert!(lines.len() <= 3);
    lines.join("\n")
}

#[test]
fn a_stream_of_single_entries_gets_a_range() {
    let said = said((0..20).map(|_| at_work("single", 12_000, 12_000, 1_500)));
    assert_eq!(
        said,
        "array: 12.0k → 1.50k requests/s, 0 to −88 % time in requests (at best: one request per sync)\n\
             20 intervals with 1.00 entries per request do not tell the cost of a request (0ns to 2.11µs) from that of its entries\n\
             coalesce: at most what array takes; how many ranges join is not in the counts"
    );
}

#[test]
fn batch_factors_that_vary_tell_the_cost_of_a_request() {
    let intervals = (0..58).map(|n| at_work("single", 12_000, 12_000 * (1 + n % 8), 1_500));
    assert_eq!(
        said(intervals),
        "array: 12.0k → 1.50k requests/s, −59 % time in requests (at best: one request per sync)\n\
             a = 1.90µs per request (1.90µs to 1.90µs), b = 210ns per entry, fitted to 58 intervals with 1.00 to 8.00 entries per request\n\
             coalesce: at most what array takes; how many ranges join is not in the counts"
    );
}

#[test]
fn syncs_as_often_as_requests_leave_nothing_to_batch() {
    let said = said((0..20).map(|_| at_work("single", 1123, 1123, 1125)));
    assert_eq!(
        said,
        "array: batching would not help here: syncs come as often as requests, 1.00 entries per sync"
    );
}

#[test]
fn requests_that_cost_next_to_nothing_themselves_are_not_worth_batching() {
    let intervals = (0..20).map(|n| {
        let mut snapshot = at_work("single", 1000, 1000 * (1 + n % 8), 100);
        let did = &mut snapshot.instances[0].interval.request;
        did.total_ns = did.items * 210 + did.seen;
        snapshot
    });
    assert_eq!(
        said(intervals),
        "array: batching would not help here: 1.00k → 100 requests/s take <1 % less time in requests\n\
             a = 1ns per request (1ns to 1ns), b = 210ns per entry, fitted to 20 intervals with 1.00 to 8.00 entries per request"
    );
}

#[test]
fn what_runs_already_is_measured_and_not_guessed() {
    let array = (0..20).map(|n| at_work("array", 1500, 1500 * (8 + n % 8), 1500));
    assert_eq!(
        said(array),
        "array is what runs: 1.50k requests/s, 11.1 entries per request\n\
             a = 1.90µs per request (1.90µs to 1.90µs), b = 210ns per entry, fitted to 20 intervals with 8.00 to 15.0 entries per request\n\
             coalesce: at most what array takes; how many ranges join is not in the counts"
    );
    let coalesce = (0..20).map(|n| at_work("coalesce", 1500, 1500 * (8 + n % 8), 1500));
    assert_eq!(
        said(coalesce),
        "coalesce is what runs: 1.50k requests/s, 11.1 entries per request\n\
             since the start 237k guest commands without syncs became 237k entries, and 14.8k syncs 14.8k requests\n\
             a = 1.90µs per request (1.90µs to 1.90µs), b = 210ns per entry, fitted to 20 intervals with 8.00 to 15.0 entries per request"
    );
}

#[test]
fn of_a_process_the_syncs_are_not_seen() {
    let (history, host) = after((0..20).map(|_| kernel::host()));
    let said = lines(&history, &Scope::Process(4712), &host).join("\n");
    assert_eq!(
        said,
        "array: 100 → 2.00 requests/s, −9 to −98 % time in requests (at best: 64 entries per request; guest syncs are not seen)\n\
             20 intervals with 1.00 entries per request do not tell the cost of a request (231ns to 2.57µs) from that of its entries\n\
             coalesce: at most what array takes; how many ranges join is not in the counts"
    );
    let full = lines(&history, &Scope::Process(4711), &host);
    assert!(full[0].contains("requests/s"), "{full:?}");
}

#[test]
fn requests_that_all_fail_tell_no_costs() {
    let intervals = (0..20).map(|_| {
        let mut snapshot = at_work("single", 1000, 1000, 100);
        snapshot.instances[0].interval.request.errors = 1;
        snapshot
    });
    assert_eq!(
        said(intervals),
        "array: 1.00k → 100 requests/s (at best: one request per sync); requests fail in every interval, so that their time tells nothing"
    );
}

#[test]
fn without_requests_nothing_is_said() {
    let (history, first) = after([fixture::first()]);
    assert!(lines(&history, &vtd0(), &first).is_empty());
    assert!(lines(&history, &Scope::Process(1), &first).is_empty());
    assert!(lines(&History::default(), &vtd0(), &first).is_empty());
    let mut no_time = fixture::snapshot();
    no_time.interval = Duration::ZERO;
    let (history, no_time) = after([no_time]);
    assert!(lines(&history, &vtd0(), &no_time).is_empty());
}

#[test]
fn extremes_are_no_panic() {
    let (history, extremes) = after([fixture::extremes()]);
    for instance in &extremes.instances {
        lines(&history, &Scope::Instance(instance.name.clone()), &extremes);
    }
    let mut huge = fixture::snapshot();
    huge.instances[0].interval = Activity {
        guest: GuestCounts {
            waits: u64::MAX,
            ..GuestCounts::default()
        },
        ..fixture::activity(10, 1)
    };
    huge.instances[0].interval.request.items = u64::MAX;
    huge.instances[0].interval.request.total_ns = u64::MAX;
    let (history, huge) = after((0..20).map(|_| huge.clone()));
    lines(&history, &vtd0(), &huge);
}
