use std::time::UNIX_EPOCH;

use hwptop_abi::{InstanceArg, Vendor};

use super::*;
use crate::{
    Aggregator, InstanceTotals, Origin, Totals,
    snapshot::{MeasuredBy, ObjectSnapshot, Owner, Process, StageActivity},
};

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

fn instance(number: u16) -> Scope {
    Scope::Instance(format!("model-vtd{number}"))
}

fn columns(series: &Series, at_most: usize) -> Vec<HeatColumn> {
    series
        .columns(&instance(0), Stage::Request, at_most)
        .to_vec()
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
    let others = series.columns(&instance(0), Stage::Submission, 9);
    assert!(others.iter().all(|column| column.recorded == 0));
}

#[test]
fn merged_columns_have_the_sum_of_the_counts_and_of_the_time() {
    let mut series = Series::default();
    for at in 0..100 {
        series.push(&requests(at, &[100 + at, 1_000_000]));
    }
    assert_eq!(columns(&series, 100).len(), 100);
    for at_most in [1, 2, 3, 7, 50, 99] {
        let merged = columns(&series, at_most);
        assert!(
            (at_most.div_ceil(2)..=at_most).contains(&merged.len()),
            "{at_most}: {}",
            merged.len()
        );
        assert_eq!(merged.iter().map(|one| one.recorded).sum::<u64>(), 200);
        let covered: Duration = merged.iter().map(|one| one.length).sum();
        assert_eq!(covered, 100 * SECOND);
        for column in &merged {
            let slowest = column.counts.last().expect("it has counts");
            assert_eq!(*slowest, (Band::of(1_000_000), column.recorded / 2));
        }
        // All but those at both ends cover the same time, and the last is the newest interval.
        let inner = merged.get(1..merged.len().max(3) - 2).unwrap_or_default();
        assert!(inner.iter().all(|one| one.length == inner[0].length));
        if at_most > 1 {
            assert_eq!(merged[merged.len() - 1].length, SECOND);
        }
    }
    assert_eq!(columns(&Series::default(), 5), []);
    assert_eq!(columns(&series, 0), []);
}

#[test]
fn an_interval_more_changes_the_last_columns_only() {
    let mut series = Series::new(900 * SECOND, BYTES_MAX);
    let mut squeezed = 0;
    let mut before = columns(&series, 50);
    for at in 0..2000 {
        let mut next = requests(at, &[100 + at]);
        // As the clocks of a busy machine have it.
        next.interval += Duration::from_micros(at * 37 % 500);
        series.push(&next);
        let now = columns(&series, 50);
        assert!(now.len() <= 50);
        // The newest joins the one before it, and a part of the oldest is forgotten.
        let settled = before.len().saturating_sub(2).max(2);
        let settled = before.get(2..settled).unwrap_or_default();
        squeezed += usize::from(!settled.iter().all(|one| now.contains(one)));
        before = now;
    }
    // Only while it fills up: to 2 intervals a column, 3, 4, …, 20.
    assert!((15..=20).contains(&squeezed), "{squeezed}");
}

/// What the processes 10 and 11 did with their HWPTs on two instances, and one that is not told.
fn objects(at: u64) -> Snapshot {
    let mut snapshot = snapshot(2, at);
    let request = |latencies_ns: &[u64]| {
        let mut request = StageActivity::default();
        for &ns in latencies_ns {
            request.latency += ns;
            request.recorded += 1;
        }
        Activity {
            request,
            ..Activity::default()
        }
    };
    snapshot.instances[0].interval = request(&[100, 100, 200, 300, 9_000]);
    snapshot.instances[1].interval = request(&[100, 400]);
    for (instance, process, latencies_ns) in [
        (Some(0), Some(10), &[100, 200][..]),
        (Some(0), Some(11), &[300, 9_000]),
        (Some(1), Some(10), &[100, 400]),
        (Some(0), None, &[100]),
        // As a process that closed its context and opened another.
        (Some(1), Some(10), &[500]),
    ] {
        snapshot.objects.push(ObjectSnapshot {
            instance,
            owner: process.map(|id| Owner {
                process: Process { id, name: None },
                context: None,
                hwpt: 4,
            }),
            interval: request(latencies_ns),
            total: Activity::default(),
        });
    }
    snapshot
}

#[test]
fn the_columns_of_every_scope_add_up_to_what_it_did_in_the_interval() {
    let mut series = Series::default();
    let snapshot = objects(1);
    series.push(&snapshot);
    series.push(&objects(2));
    series.push(&super::tests::snapshot(2, 3));
    let mut scopes = vec![
        Scope::Everything,
        instance(0),
        instance(1),
        Scope::Process(10),
        Scope::Process(11),
    ];
    let objects = snapshot.objects.iter();
    scopes.extend(objects.filter_map(|one| Scope::of_object(&snapshot, one)));
    assert_eq!(scopes.len(), 9);
    for scope in scopes {
        let did = scope.interval(&snapshot).expect("it is there");
        let columns = series.columns(&scope, Stage::Request, 100);
        let sums = columns.iter().map(|column| {
            let sum: u64 = column.counts.iter().map(|(_, count)| count).sum();
            assert_eq!(sum, column.recorded);
            sum
        });
        let recorded = did.request.recorded;
        assert_eq!(
            sums.collect::<Vec<_>>(),
            [recorded, recorded, 0],
            "{scope:?}"
        );
        for (band, count) in &columns[0].counts {
            let in_band = did
                .request
                .latency
                .count_between(band.low_ns(), band.high_ns());
            assert_eq!(*count, in_band, "{scope:?} {band:?}");
        }
    }
    for unknown in [instance(2), Scope::Process(12)] {
        let columns = series.columns(&unknown, Stage::Request, 100);
        assert!(columns.iter().all(|one| one.recorded == 0));
    }
}

#[test]
fn many_objects_for_an_hour_stay_within_their_memory() {
    let mut busy = objects(0);
    let object = busy.objects[0].clone();
    busy.objects = (0..256)
        .map(|number| {
            let mut one = object.clone();
            if let Some(owner) = &mut one.owner {
                owner.process.id = number / 4;
                owner.hwpt = number;
            }
            one
        })
        .collect();
    let mut of_one = Series::default();
    of_one.push(&busy);
    let mut series = Series::default();
    for at in 1..=3600 {
        let mut column = Column::clone(&of_one.columns[0]);
        column.begin += SECOND * at;
        column.end += SECOND * at;
        series.add(column);
        assert!(series.bytes() <= BYTES_MAX, "{} bytes", series.bytes());
    }
    let whole = series.columns(&Scope::Process(63), Stage::Request, 1);
    assert_eq!(whole.iter().map(|one| one.recorded).sum::<u64>(), 3600 * 8);
}

#[test]
fn what_came_after_a_moment_can_be_left_out() {
    let mut series = Series::default();
    for second in 0..5 {
        series.push(&requests(second, &[1000, 2000]));
    }
    let earlier = series.until(requests(2, &[]).taken_at);
    assert_eq!(columns(&earlier, 9), columns(&series, 9)[..3]);
    assert!(earlier.bytes() < series.bytes());
    assert!(columns(&series.until(UNIX_EPOCH), 9).is_empty());
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
    for number in [0, 63] {
        let all = series.columns(&instance(number), Stage::HostSubmission, usize::MAX);
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

#[test]
fn an_interval_that_goes_is_taken_out_and_nothing_else_is_told_anew() {
    let mut series = Series::new(40 * SECOND, BYTES_MAX);
    for at in 0..60 {
        series.push(&requests(at, &[100 + at, 9_000]));
    }
    for at_most in [1, 2, 7, 30, 100] {
        let mut heat = series.columns(&instance(0), Stage::Request, at_most);
        let mut later = series.clone();
        later.push(&requests(60, &[100]));
        assert_eq!((later.forgot, later.rearranged), (21, 0));
        assert!(later.forget_in(&mut heat.clone()), "{at_most}");
        // So many at once are not known any more.
        for at in 61..=60 + GONE as u64 {
            later.push(&requests(at, &[]));
        }
        assert!(!later.forget_in(&mut heat.clone()), "{at_most}");
        later.refresh(&mut heat);
        assert_eq!(*heat, *later.columns(&instance(0), Stage::Request, at_most));
    }
}

#[test]
fn columns_that_are_gone_on_with_are_those_that_are_told_anew() {
    // Once so that columns are forgotten, once so that they become one.
    for (keep, bytes_max) in [(40 * SECOND, BYTES_MAX), (KEPT, 6000)] {
        let mut series = Series::new(keep, bytes_max);
        let sizes = [0, 1, 2, 3, 7, 30, 100];
        let told = |series: &Series, at_most| series.columns(&instance(0), Stage::Request, at_most);
        let mut grown = sizes.map(|at_most| told(&series, at_most));
        for at in 1..150_u64 {
            let latencies: Vec<u64> = (0..at % 7).map(|n| 100 + at * n * 37 % 9_000).collect();
            let mut snapshot = requests(at, &latencies);
            snapshot.interval = SECOND;
            if at % 31 == 0 {
                snapshot.interval *= 2;
            }
            series.push(&snapshot);
            for one in &mut grown {
                // Some are not asked for in every interval.
                if one.at_most % 3 != 0 || at % 4 == 0 {
                    series.refresh(one);
                    assert_eq!(**one, *told(&series, one.at_most), "{at}");
                }
            }
        }
        assert!(series.rearranged + series.forgot > 0);
    }
}
