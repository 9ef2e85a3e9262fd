use super::*;
use crate::statistics::reference::{REFERENCE, near};

fn points(of: &[[f64; 2]]) -> Vec<Point> {
    let once = of.iter().map(|[entries, ns]| [*entries, 1.0, *ns]);
    submitted(&once.collect::<Vec<_>>())
}

fn submitted(of: &[[f64; 3]]) -> Vec<Point> {
    let point = |&[entries, submissions, ns]: &[f64; 3]| Point {
        entries,
        submissions,
        ns,
    };
    of.iter().map(point).collect()
}

/// To `tolerance` of the value: the ends of an interval of no width are as far apart as rounding.
#[track_caller]
fn as_expected(told: Estimate, [value, low, high]: [f64; 3]) {
    near(told.value, value, 1e-9);
    near(told.low, low, 1e-8);
    near(told.high, high, 1e-8);
}

#[test]
fn the_line_and_its_intervals_are_as_statsmodels_has_them() {
    assert!(!REFERENCE.fit.is_empty());
    for case in &REFERENCE.fit {
        println!("{}", case.name);
        let confidence = Confidence::new(case.confidence).expect("it can be told");
        let line = Line::fit(&submitted(&case.points), confidence).expect("there are points");
        as_expected(line.intercept, case.intercept);
        as_expected(line.slope, case.slope);
        assert_eq!(line.further.is_some(), case.further.is_some());
        if let Some((told, expected)) = line.further.zip(case.further) {
            as_expected(told.ns, expected);
        }
        as_expected(line.predict(case.at), case.predicted);
        near(line.r_squared, case.r_squared, 1e-9);
        assert!((line.spread - case.spread).abs() < 1e-9);
    }
}

#[test]
fn what_a_line_tells_of_batching() {
    let of = [1.0, 2.0, 4.0, 8.0].map(|n| [n, 900.0 + 120.0 * n]);
    let line = Line::fit(&points(&of), Confidence::P95).expect("there are points");
    near(line.asymptote_ns().expect("b is positive"), 120.0, 1e-9);
    near(line.half_batch().expect("both are positive"), 7.5, 1e-9);
    near(line.efficiency(7.5).expect("both are positive"), 0.5, 1e-9);
    near(
        line.efficiency(64.0).expect("both are positive"),
        7680.0 / 8580.0,
        1e-9,
    );
    assert_eq!(line.efficiency(0.0), None);
    assert_eq!(line.efficiency(f64::NAN), None);
}

#[test]
fn a_batch_of_several_submissions_costs_more_for_each() {
    let time = |n: f64| {
        [
            n,
            (n / 16.0).ceil(),
            900.0 + 120.0 * n + 640.0 * ((n / 16.0).ceil() - 1.0),
        ]
    };
    let of = [1.0, 4.0, 16.0, 32.0, 64.0].map(time);
    let line = Line::fit(&submitted(&of), Confidence::P95).expect("there are points");
    let further = line.further.expect("they are told apart");
    near(further.ns.value, 640.0, 1e-9);
    near(further.entries_max, 16.0, 1e-12);
    for n in [3.0, 16.0, 17.0, 1000.0] {
        near(line.predict(n).value, time(n)[2], 1e-9);
    }
    near(line.asymptote_ns().expect("it is positive"), 160.0, 1e-9);
    // Of 320 ns per entry: 4.5 · 120 + 900.
    near(line.half_batch().expect("it is positive"), 4.5, 1e-9);
    near(line.efficiency(4.5).expect("it is positive"), 0.5, 1e-9);
    near(
        line.efficiency(16.0).expect("it is positive"),
        2560.0 / 2820.0,
        1e-9,
    );
}

#[test]
fn half_of_the_rate_may_be_reached_after_several_submissions() {
    let time = |n: f64| {
        [
            n,
            (n / 4.0).ceil(),
            9_000.0 + 100.0 * n + 400.0 * ((n / 4.0).ceil() - 1.0),
        ]
    };
    let of = [1.0, 2.0, 4.0, 8.0, 16.0].map(time);
    let line = Line::fit(&submitted(&of), Confidence::P95).expect("there are points");
    let half = line.half_batch().expect("it is positive");
    near(half, 43.0, 1e-9);
    near(
        line.efficiency(44.0).expect("it is positive"),
        8_800.0 / 17_400.0,
        1e-9,
    );
}

#[test]
fn what_no_batch_can_have_is_absent() {
    let falling = [[1.0, 100.0], [2.0, 90.0], [3.0, 80.0]];
    let line = Line::fit(&points(&falling), Confidence::P95).expect("there are points");
    assert_eq!((line.asymptote_ns(), line.half_batch()), (None, None));
    assert_eq!(line.efficiency(4.0), None);
    let below = [[1.0, 1.0], [2.0, 12.0], [3.0, 23.0]];
    let line = Line::fit(&points(&below), Confidence::P95).expect("there are points");
    near(line.asymptote_ns().expect("b is positive"), 11.0, 1e-9);
    assert_eq!((line.half_batch(), line.efficiency(4.0)), (None, None));
}

#[test]
fn equal_times_are_a_flat_line() {
    let flat = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]];
    let line = Line::fit(&points(&flat), Confidence::P95).expect("there are points");
    assert_eq!(
        (line.slope.value, line.r_squared, line.spread),
        (0.0, 1.0, 0.0)
    );
    near(line.predict(64.0).value, 5.0, 1e-12);
    assert_eq!(line.asymptote_ns(), None);
}

#[test]
fn no_line_is_told_of_what_has_none() {
    let fit = |of: &[[f64; 2]]| Line::fit(&points(of), Confidence::P95);
    assert_eq!(fit(&[]), Err(NoFit::Few { there: 0 }));
    assert_eq!(fit(&[[1.0, 5.0]]), Err(NoFit::Few { there: 1 }));
    assert_eq!(fit(&[[1.0, 5.0], [2.0, 6.0]]), Err(NoFit::Few { there: 2 }));
    assert_eq!(fit(&[[4.0, 5.0]; 6]), Err(NoFit::OneSize));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let with = [[1.0, 5.0], [2.0, bad], [3.0, 7.0]];
        assert_eq!(fit(&with), Err(NoFit::NotPositive));
        let with = [[1.0, 5.0], [bad, 6.0], [3.0, 7.0]];
        assert_eq!(fit(&with), Err(NoFit::NotPositive));
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let with = [[1.0, 1.0, 5.0], [2.0, bad, 6.0], [3.0, 1.0, 7.0]];
        let fit = Line::fit(&submitted(&with), Confidence::P95);
        assert_eq!(fit, Err(NoFit::NotPositive));
    }
    let far = [[1.0, f64::MAX], [f64::MAX, f64::MIN_POSITIVE], [3.0, 7.0]];
    assert!(fit(&far).is_err());
}
