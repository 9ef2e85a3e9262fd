use hwptop_agent::snapshot::{GuestCounts, StageActivity};

use super::*;
use crate::fixture::{self, kernel};

/// Pseudo-random numbers from 0 to 1, the same ones every time.
fn random(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    for shift in [30, 27, 31] {
        x = (x ^ (x >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// `count` intervals of a stream with these costs; the batch factor goes from `least` to `most`,
/// the times are off by up to `noise` of themselves.
fn stream(count: u64, [a, b]: [f64; 2], [least, most]: [f64; 2], noise: f64) -> Vec<Sample> {
    let intervals = 0..count;
    let sample = |n| {
        let requests = 500 + n * 37 % 900;
        let factor = least + (most - least) * random(n);
        let entries = (requests as f64 * factor).round();
        let time = a * requests as f64 + b * entries;
        let off = 1.0 + noise * (2.0 * random(n + 10_000) - 1.0);
        Sample {
            over_ns: 1_000_000_000,
            requests,
            entries: whole(entries),
            request_ns: whole(time * off),
            fewest: requests / 4,
            ..Sample::default()
        }
    };
    intervals.map(sample).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures of a test"
)]
fn whole(figure: f64) -> u64 {
    figure.round() as u64
}

fn is_near(found: f64, wanted: f64, part: f64) -> bool {
    (found - wanted).abs() <= wanted * part
}

#[test]
fn known_costs_are_found_within_5_percent() {
    for (a, b) in [(1900.0, 210.0), (300.0, 250.0), (12_000.0, 40.0)] {
        for noise in [0.0, 0.02] {
            let cost = of(&stream(60, [a, b], [1.0, 16.0], noise)).unwrap();
            let told = cost.told_ns.unwrap();
            if noise == 0.0 || a > b * 8.0 {
                assert!(is_near(told, a, 0.05), "{a} {b} {noise}: {cost:?}");
            }
            // Entries and times are whole numbers.
            let range = cost.least_ns - 1.0..=cost.most_ns + 1.0;
            assert!(range.contains(&a), "{cost:?}");
            assert!(
                is_near(cost.entry_ns(told), b, 0.05) || b < 50.0,
                "{cost:?}"
            );
        }
    }
}

#[test]
fn one_batch_factor_tells_nothing_apart() {
    for factor in [1.0, 3.3, 16.0] {
        let cost = of(&stream(60, [1900.0, 210.0], [factor, factor], 0.0)).unwrap();
        assert_eq!(cost.told_ns, None, "{cost:?}");
        assert_eq!((cost.least_ns, cost.most_ns), (0.0, cost.mean_ns));
    }
}

#[test]
fn times_that_follow_something_else_tell_nothing_apart() {
    let cost = of(&stream(60, [1900.0, 210.0], [1.0, 16.0], 0.9)).unwrap();
    assert_eq!(cost.told_ns, None, "{cost:?}");
    // Larger batches that take less: no cost of an entry explains that.
    let mut samples = stream(60, [9000.0, 0.0], [1.0, 16.0], 0.0);
    for one in &mut samples {
        one.request_ns -= one.entries * 500;
    }
    assert_eq!(of(&samples).unwrap().told_ns, None);
}

#[test]
fn intervals_in_which_the_machine_was_busy_do_not_move_the_costs() {
    let mut samples = stream(60, [12_000.0, 250.0], [1.0, 12.0], 0.02);
    for one in samples.iter_mut().step_by(7) {
        one.request_ns *= 12;
    }
    let cost = of(&samples).unwrap();
    assert!(is_near(cost.told_ns.unwrap(), 12_000.0, 0.05), "{cost:?}");
    assert_eq!((cost.intervals, cost.of_intervals), (51, 60));
    // Where they are more than a few, nobody knows what is usual.
    for one in samples.iter_mut().skip(1).step_by(5) {
        one.request_ns *= 30;
    }
    let cost = of(&samples).unwrap();
    assert_eq!((cost.told_ns, cost.intervals), (None, 60));
}

#[test]
fn a_few_intervals_tell_nothing_apart() {
    assert_eq!(
        of(&stream(7, [1900.0, 210.0], [1.0, 16.0], 0.0))
            .unwrap()
            .told_ns,
        None
    );
    assert!(
        of(&stream(8, [1900.0, 210.0], [1.0, 16.0], 0.0))
            .unwrap()
            .told_ns
            .is_some()
    );
}

#[test]
fn costs_are_not_negative() {
    // All of it per entry, and all of it per request.
    let per_entry = of(&stream(60, [0.0, 210.0], [1.0, 16.0], 0.01)).unwrap();
    assert!(per_entry.told_ns.unwrap() >= 0.0 && per_entry.least_ns >= 0.0);
    let per_request = of(&stream(60, [1900.0, 0.0], [1.0, 16.0], 0.01)).unwrap();
    let told = per_request.told_ns.unwrap();
    assert!(told <= per_request.mean_ns && per_request.entry_ns(told) >= 0.0);
}

#[test]
fn what_is_outside_the_driver_op_is_the_least_that_a_request_costs() {
    let mut samples = stream(20, [1900.0, 210.0], [1.0, 1.0], 0.0);
    for one in &mut samples {
        one.outside_ns = Some(one.requests * 400);
    }
    let cost = of(&samples).unwrap();
    assert_eq!((cost.told_ns, cost.least_ns), (None, 400.0));
}

#[test]
fn intervals_with_failures_and_without_requests_are_left_out() {
    let mut samples = stream(20, [1900.0, 210.0], [1.0, 16.0], 0.0);
    let before = of(&samples).unwrap();
    let failed = Sample {
        requests: 900,
        entries: 900,
        request_ns: u64::MAX,
        failed: 1,
        ..Sample::default()
    };
    samples.extend([failed, Sample::default()]);
    assert_eq!(of(&samples), Some(before));
    assert_eq!(of(&[failed, Sample::default()]), None);
    assert_eq!(of(&[]), None);
}

#[test]
fn huge_figures_are_no_overflow() {
    let huge = Sample {
        over_ns: u64::MAX,
        requests: u64::MAX,
        entries: u64::MAX,
        request_ns: u64::MAX,
        outside_ns: Some(u64::MAX),
        failed: 0,
        syncs: Some(u64::MAX),
        fewest: u64::MAX,
    };
    let mut sum = huge;
    sum.add(&huge);
    assert!(of(&[sum; 20]).unwrap().told_ns.is_none());
}

#[test]
fn the_fewest_requests_are_one_per_sync_where_those_are_seen() {
    let mut activity = fixture::activity(1600, 900);
    activity.guest = GuestCounts {
        waits: 100,
        ..activity.guest
    };
    let sample = Sample::of(&fixture::snapshot(), &activity);
    assert_eq!((sample.syncs, sample.fewest), (Some(100), 100));
    activity.guest.waits = 5000;
    assert_eq!(Sample::of(&fixture::snapshot(), &activity).fewest, 1600);
}

#[test]
fn the_fewest_requests_are_full_ones_where_syncs_are_not_seen() {
    let mut activity = Activity {
        request: StageActivity {
            batches: [(1, 128), (16, 4), (64, 1), (1024, 2)]
                .into_iter()
                .collect(),
            ..fixture::stage(135, 2304, 900)
        },
        ..Activity::default()
    };
    let sample = Sample::of(&kernel::quiet_kernel(), &activity);
    // 192 loose entries fill three, and three were full.
    assert_eq!((sample.syncs, sample.fewest), (None, 6));
    activity.request.batches = [].into_iter().collect();
    assert_eq!(Sample::of(&kernel::quiet_kernel(), &activity).fewest, 36);
}

#[test]
fn entries_are_those_of_the_requests_whose_time_is_known() {
    let mut activity = fixture::activity(100, 900);
    activity.request.seen = 200;
    activity.request.items = 3200;
    let sample = Sample::of(&fixture::snapshot(), &activity);
    assert_eq!((sample.requests, sample.entries), (100, 1600));
}
