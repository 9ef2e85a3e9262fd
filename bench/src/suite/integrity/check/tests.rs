use std::time::Duration;

use hwptop_abi::{Bucket, StageCell, Vendor};

use super::super::Integrity;
use super::*;
use crate::load::Seen;

const CONFIG: LoadConfig = LoadConfig {
    vendor: Vendor::Vtd,
    threads: 2,
    requests: 4,
    batch: 8,
    migrate: true,
};

fn load() -> LoadReport {
    LoadReport {
        seen: Seen {
            walls: stage(&[1_400, 1_400, 1_400, 2_000], 32),
            longest: Duration::from_micros(2),
            moved_within: 1,
        },
        moves: 9,
        elapsed: Duration::from_micros(7),
    }
}

fn stage(intervals: &[u64], items: u64) -> StageTotals {
    let mut cell = StageCell::ZERO;
    for &ns in intervals {
        cell.seen += 1;
        cell.total_ns += ns;
        cell.buckets[Bucket::of(ns).index()] += 1;
    }
    cell.items = items;
    StageTotals(cell)
}

fn counted() -> Counted {
    Counted {
        requests: stage(&[1_000, 1_100, 1_200, 1_900], 32),
        driver_ops: stage(&[600, 700, 800, 900], 32),
        unattributed: stage(&[400, 400, 400, 1_000], 0),
        without_instance: 0,
    }
}

/// The names of the checks that do not hold.
fn failing(config: &LoadConfig, load: &LoadReport, counted: &Counted) -> Vec<&'static str> {
    let checks = checks(config, load, counted);
    let failing = checks
        .iter()
        .filter(|check| check.finding != Finding::Holds);
    failing.map(|check| check.name).collect()
}

#[test]
fn figures_that_agree_pass_every_check() {
    assert_eq!(failing(&CONFIG, &load(), &counted()), [""; 0]);
}

#[test]
fn a_lost_request_is_found() {
    let mut counted = counted();
    counted.requests.0.seen -= 1;
    counted.requests.0.buckets[Bucket::of(1_000).index()] -= 1;
    assert_eq!(failing(&CONFIG, &load(), &counted), ["requests"]);
}

#[test]
fn an_end_without_its_begin_is_found() {
    let mut counted = counted();
    counted.driver_ops.0.lost_no_start = 1;
    counted.driver_ops.0.buckets[Bucket::of(600).index()] -= 1;
    assert_eq!(failing(&CONFIG, &load(), &counted), ["matched driver ops"]);
}

#[test]
fn an_interval_longer_than_what_the_threads_saw_or_of_nothing_is_impossible() {
    // Two are longer than 1.4 us, but the threads saw one such.
    for ns in [3_000, 1_600, 0] {
        let mut counted = counted();
        counted.requests.0.buckets[Bucket::of(1_000).index()] -= 1;
        counted.requests.0.buckets[Bucket::of(ns).index()] += 1;
        let failing = failing(&CONFIG, &load(), &counted);
        assert_eq!(failing, ["impossible requests"], "{ns} ns");
    }
}

#[test]
fn parts_that_do_not_add_up_are_found() {
    let mut counted = counted();
    counted.unattributed.0.total_ns += 1;
    assert_eq!(failing(&CONFIG, &load(), &counted), ["sum of parts"]);
}

#[test]
fn a_run_in_which_nothing_moved_proves_nothing() {
    let mut still = load();
    still.seen.moved_within = 0;
    assert_eq!(failing(&CONFIG, &still, &counted()), ["migration"]);
    let finding = |counted: &Counted| {
        let (load, checks) = (still.clone(), checks(&CONFIG, &still, counted));
        let [requests, driver_ops] = [&counted.requests, &counted.driver_ops].map(Clone::clone);
        let integrity = Integrity {
            load,
            requests,
            driver_ops,
            checks,
        };
        integrity.finding()
    };
    assert_eq!(finding(&counted()), Finding::ProvesNothing);
    let mut wrong = counted();
    wrong.unattributed.0.total_ns += 1;
    assert_eq!(finding(&wrong), Finding::Fails, "what is wrong goes first");
    let not_asked = LoadConfig {
        migrate: false,
        ..CONFIG
    };
    assert_eq!(failing(&not_asked, &still, &counted()), [""; 0]);
}
