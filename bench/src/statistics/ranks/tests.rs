use super::*;
use crate::statistics::reference::{REFERENCE, Ranks, near};

fn pairs(case: &Ranks) -> Vec<Pair> {
    let both = case.base.iter().zip(&case.new);
    both.map(|(base, new)| Pair {
        base: *base,
        new: *new,
    })
    .collect()
}

#[test]
fn u_and_its_probability_are_as_scipy_has_them() {
    let mut methods = [0, 0];
    for case in &REFERENCE.mann_whitney {
        println!("{}", case.name);
        let test = mann_whitney_u(&case.base, &case.new).expect("there are runs");
        near(test.statistic, case.statistic, 1e-12);
        let expected = match test.method {
            Method::Exact => case.exact.expect("there are no ties"),
            Method::Normal => case.normal,
        };
        near(test.p, expected, 1e-9);
        methods[usize::from(test.method == Method::Exact)] += 1;
    }
    assert!(methods.iter().all(|count| *count > 1), "both are asked");
}

#[test]
fn the_other_way_round_is_as_likely() {
    for case in &REFERENCE.mann_whitney {
        let one = mann_whitney_u(&case.base, &case.new).expect("there are runs");
        let other = mann_whitney_u(&case.new, &case.base).expect("there are runs");
        near(one.p, other.p, 1e-12);
    }
}

#[test]
fn signed_ranks_and_their_probability_are_as_scipy_has_them() {
    let mut methods = [0, 0];
    for case in &REFERENCE.wilcoxon {
        println!("{}", case.name);
        let test = wilcoxon_signed_rank(&pairs(case)).expect("there are pairs");
        near(test.statistic, case.statistic, 1e-12);
        let expected = match test.method {
            Method::Exact => case.exact.expect("there are no ties"),
            Method::Normal => case.normal,
        };
        near(test.p, expected, 1e-9);
        methods[usize::from(test.method == Method::Exact)] += 1;
    }
    assert!(methods.iter().all(|count| *count > 1), "both are asked");
}

/// M. Hollander and D. Wolfe, "Nonparametric Statistical Methods", table 3.1: depression of nine
/// patients before and after a tranquilliser; V is 40, p is 0.0391.
#[expect(clippy::approx_constant, reason = "a patient's 3.14")]
#[test]
fn the_published_example_of_signed_ranks_is_found() {
    let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    let pairs: Vec<Pair> = before
        .into_iter()
        .zip(after)
        .map(|(base, new)| Pair { base, new })
        .collect();
    let test = wilcoxon_signed_rank(&pairs).expect("there are pairs");
    assert_eq!((test.statistic, test.method), (5.0, Method::Exact));
    near(test.p, 0.039_062_5, 1e-12);
}

/// Of 62 runs a side there are 1.5·10³⁶ orders, and two of them are as far apart as can be.
#[test]
fn all_orders_are_counted_of_as_many_runs_as_can_be() {
    let side = |from: u8| -> Vec<f64> { (from..from + 62).map(f64::from).collect() };
    let test = mann_whitney_u(&side(0), &side(62)).expect("there are runs");
    assert_eq!(test.method, Method::Exact);
    near(test.p, 2.0 / 1.520_803_477_811_874_5e36, 1e-12);
    let [few, many] = [&side(0)[..1], &[side(1), side(63), side(125)].concat()];
    let test = mann_whitney_u(few, many).expect("there are runs");
    assert_eq!(test.method, Method::Exact);
    near(test.p, 2.0 / 187.0, 1e-12);
}

#[test]
fn what_tells_nothing_has_probability_one() {
    let same = [5.0; 8];
    let test = mann_whitney_u(&same, &same).expect("there are runs");
    assert_eq!((test.p, test.method), (1.0, Method::Normal));
    let pairs = [Pair {
        base: 5.0,
        new: 5.0,
    }; 8];
    let test = wilcoxon_signed_rank(&pairs).expect("there are pairs");
    assert_eq!((test.statistic, test.p), (0.0, 1.0));
    let one = mann_whitney_u(&[1.0], &[2.0]).expect("there are runs");
    assert_eq!((one.statistic, one.p), (1.0, 1.0));
}

#[test]
fn what_is_very_unlikely_is_not_impossible() {
    let base: Vec<f64> = (0..5000).map(f64::from).collect();
    let new: Vec<f64> = (5000..10_000).map(f64::from).collect();
    let test = mann_whitney_u(&base, &new).expect("there are runs");
    assert!(test.p > 0.0 && test.p < 1e-300);
}

#[test]
fn nothing_is_told_of_no_runs_or_of_what_is_no_number() {
    assert_eq!(mann_whitney_u(&[], &[1.0]), None);
    assert_eq!(mann_whitney_u(&[1.0], &[]), None);
    assert_eq!(mann_whitney_u(&[1.0, f64::NAN], &[1.0]), None);
    assert_eq!(mann_whitney_u(&[1.0], &[f64::INFINITY]), None);
    assert_eq!(wilcoxon_signed_rank(&[]), None);
    let bad = Pair {
        base: f64::NAN,
        new: 1.0,
    };
    assert_eq!(wilcoxon_signed_rank(&[bad]), None);
}
