use std::time::UNIX_EPOCH;

use hwptop_abi::{InstanceArg, Vendor};

use super::*;
use crate::{Aggregator, InstanceTotals, Origin, Totals, snapshot::MeasuredBy};

const SECOND: Duration = Duration::from_secs(1);

/// An idle snapshot of `instances`, whose interval ended `at` seconds after the beginning.
fn snapshot(instances: u16, at: u64) -> Snapshot {
    let origin = Origin {
        target: "model".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        stages: Vec::new(),
        slow_threshold: Some(SECOND),
        instances: Vec::new(),
    };
    let number = |number| InstanceTotals::new(InstanceArg::new(number, Vendor::Vtd, true));
    let totals = Totals {
        instances: (0..instances).map(number).collect(),
        ..Totals::default()
    };
    let now = std::time::Instant::now();
    let mut snapshot = Aggregator::new(origin, now).snapshot(totals, now + SECOND);
    snapshot.taken_at = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + at);
    snapshot
}

/// As [`snapshot`], with these latencies of requests of the first instance.
fn requests(at: u64, latencies_ns: &[u64]) -> Snapshot {
    let mut snapshot = snapshot(1, at);
    let request = &mut snapshot.instances[0].interval.request;
    *request = StageActivity {
        recorded: latencies_ns.len() as u64,
        ..StageActivity::default()
    };
    for &ns in latencies_ns {
        request.latency += ns;
    }
    snapshot
}

fn columns(series: &Series, at_most: usize) -> Vec<HeatColumn> {
    series.columns("model-vtd0", Stage::Request, at_most)
}

#[test]
fn bands_tile_the_range_and_are_at_most_an_eighth_wide() {
    let mut next = 0;
    for index in 0..u16::try_from(Band::COUNT).expect("there are few") {
        let band = Band(index);
        assert_eq!(band.low_ns(), next);
        assert_eq!(
            (Band::of(band.low_ns()), Band::of(band.high_ns())),
            (band, band)
        );
        let width = band.high_ns() - band.low_ns() + 1;
        assert!(band.low_ns() < 64 || width * 8 <= band.low_ns());
        next = band.high_ns() + 1;
    }
}

#[test]
fn the_counts_of_a_column_add_up_to_what_its_interval_recorded() {
    let mut series = Series::default();
    let snapshot = requests(1, &[100, 101, 900, 50_000, 50_000]);
    series.push(&snapshot);
    series.push(&requests(2, &[]));
    let [first, second] = &columns(&series, 100)[..] else {
        panic!("two intervals");
    };
    assert_eq!(
        first.recorded,
        snapshot.instances[0].interval.request.recorded
    );
    assert_eq!(first.counts.iter().map(|(_, count)| count).sum::<u64>(), 5);
    let of_slow = first.counts.last().expect("it has counts");
    assert_eq!(*of_slow, (Band::of(50_000), 2));
    assert_eq!((first.length, first.begin + SECOND), (SECOND, second.begin));
    // An interval without events is there, and empty.
    assert_eq!((second.recorded, second.counts.len()), (0, 0));
    let others = series.columns("model-vtd0", Stage::Submission, 9);
    assert!(others.iter().all(|column| column.recorded == 0));
}

#[test]
fn merged_columns_have_the_sum_of_the_counts_and_of_the_time() {
    let mut series = Series::default();
    for at in 0..100 {
        series.push(&requests(at, &[100 + at, 1_000_000]));
    }
    assert_eq!(columns(&series, 100).len(), 100);
    let merged = columns(&series, 7);
    assert_eq!(merged.len(), 7);
    assert_eq!(merged.iter().map(|one| one.recorded).sum::<u64>(), 200);
    let covered: Duration = merged.iter().map(|one| one.length).sum();
    assert_eq!(covered, 100 * SECOND);
    for column in &merged {
        assert!((13..=16).contains(&column.length.as_secs()), "{column:?}");
        let slowest = column.counts.last().expect("it has counts");
        assert_eq!(*slowest, (Band::of(1_000_000), column.recorded / 2));
    }
    assert_eq!(columns(&series, 1).len(), 1);
    assert_eq!(columns(&Series::default(), 5), []);
    columns(&series, 0);
}

#[test]
fn what_is_older_than_the_time_that_is_kept_goes() {
    let mut series = Series::new(10 * SECOND, BYTES_MAX);
    for at in 0..100 {
        series.push(&requests(at, &[at]));
    }
    let kept = columns(&series, 1000);
    assert_eq!(kept.len(), 10);
    assert_eq!(kept.iter().map(|one| one.recorded).sum::<u64>(), 10);
    let before = series.clone();
    // An instance that is gone is forgotten with its last column.
    for at in 100..111 {
        series.push(&snapshot(0, at));
    }
    assert!(columns(&series, 1000).iter().all(|one| one.recorded == 0));
    assert_eq!(columns(&before, 1000).len(), 10);
}

#[test]
fn an_hour_of_64_instances_and_5_stages_stays_within_its_memory_and_loses_no_count() {
    // Sixteen latencies each, elsewhere from one interval to the next.
    const LATENCIES: u64 = 16;
    let of_place = |place: u32| {
        let mut busy = snapshot(64, 0);
        for (number, instance) in (0..).zip(&mut busy.instances) {
            for (_, activity) in instance.interval.stages_mut() {
                *activity = StageActivity::default();
                let base = 1_000 << ((place + number) % 3);
                for latency in 0..LATENCIES {
                    activity.latency += base + base * latency / 6;
                }
            }
        }
        let mut one = Series::default();
        one.push(&busy);
        one.columns[0].clone()
    };
    let places = [0, 1, 2].map(of_place);
    let mut series = Series::default();
    for (at, place) in (1..=3600).zip(places.iter().cycle()) {
        let mut column = Column::clone(place);
        column.begin += SECOND * at;
        column.end += SECOND * at;
        series.add(column);
        assert!(series.bytes() <= BYTES_MAX, "{} bytes", series.bytes());
    }
    for name in ["model-vtd0", "model-vtd63"] {
        let all = series.columns(name, Stage::HostSubmission, usize::MAX);
        let recorded: u64 = all.iter().map(|one| one.recorded).sum();
        assert_eq!(recorded, 3600 * LATENCIES, "all of the hour is there");
        let last_minute = &all[all.len() - 60..];
        assert!(last_minute.iter().all(|one| one.length == SECOND));
        let longest = all.iter().map(|one| one.length).max();
        assert!(longest <= Some(Duration::from_mins(2)), "{longest:?}");
    }
}

#[test]
fn what_never_fits_is_bounded_all_the_same() {
    let mut series = Series::new(KEPT, 1000);
    for at in 0..50 {
        let mut long = requests(at, &[5]);
        long.instances[0].name = "x".repeat(2000);
        series.push(&long);
        assert!(series.bytes() <= 1000);
    }
    let mut many = Series::new(Duration::MAX, usize::MAX);
    let mut idle = snapshot(0, 0);
    for _ in 0..COLUMNS_MAX * 2 {
        idle.taken_at += SECOND;
        many.push(&idle);
    }
    assert!(many.columns.len() <= COLUMNS_MAX);
}
