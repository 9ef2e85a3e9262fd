use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::statistics::reference::REFERENCE;

fn pairs(base: &[f64], new: &[f64]) -> Vec<Pair> {
    let both = base.iter().zip(new);
    both.map(|(base, new)| Pair {
        base: *base,
        new: *new,
    })
    .collect()
}

/// The reference has 200,000 draws of its own: the ends of 2,000 are within a few per cent of the
/// interval's width from there.
#[track_caller]
fn as_scipy_has_it(estimate: Estimate, [value, low, high]: [f64; 3]) {
    let width = high.ln() - low.ln();
    for (told, expected, part) in [
        (estimate.value, value, 1e-12),
        (estimate.low, low, 0.05),
        (estimate.high, high, 0.05),
    ] {
        let apart = (told.ln() - expected.ln()).abs();
        assert!(apart <= part * width, "{told} is not {expected}");
    }
}

#[test]
fn ratios_and_their_intervals_are_as_scipy_draws_them() {
    assert!(!REFERENCE.ratio.is_empty());
    for case in &REFERENCE.ratio {
        println!("{} at {}", case.name, case.confidence);
        let confidence = Confidence::new(case.confidence).expect("it can be drawn");
        let told = unpaired(&case.base, &case.new, confidence).expect("there are runs");
        as_scipy_has_it(told, case.unpaired);
        let told = paired(&pairs(&case.base, &case.new), confidence).expect("there are pairs");
        as_scipy_has_it(told, case.paired);
    }
}

#[test]
fn the_same_data_give_the_same_interval() {
    let case = &REFERENCE.ratio[0];
    let once = unpaired(&case.base, &case.new, Confidence::P95);
    assert_eq!(once, unpaired(&case.base, &case.new, Confidence::P95));
    let mut turned = case.base.clone();
    turned.reverse();
    assert_eq!(once, unpaired(&turned, &case.new, Confidence::P95));
}

#[test]
fn runs_that_do_not_vary_have_an_interval_of_no_width() {
    let [base, new] = [vec![0.1; 7], vec![0.3; 9]];
    let told = unpaired(&base, &new, Confidence::P99).expect("there are runs");
    assert!((told.value - 3.0).abs() < 1e-12);
    let exactly = |value| Estimate {
        value,
        low: value,
        high: value,
    };
    assert_eq!(told, exactly(told.value));
    let told = paired(&pairs(&base, &base), Confidence::P99).expect("there are pairs");
    assert_eq!(told, exactly(1.0));
}

#[test]
fn an_outlier_does_not_move_the_ratio() {
    let base: Vec<f64> = (100..120).map(f64::from).collect();
    let mut new: Vec<f64> = base.iter().map(|figure| figure * 1.05).collect();
    let without = unpaired(&base, &new, Confidence::P95).expect("there are runs");
    new[3] *= 50.0;
    let told = unpaired(&base, &new, Confidence::P95).expect("there are runs");
    assert!((told.value / without.value - 1.0).abs() < 0.01);
    assert!(told.high < 1.2, "{told:?}");
}

#[test]
fn a_pair_cancels_what_both_of_it_share() {
    let base: Vec<f64> = (0..20).map(|run| 100.0 * f64::from(run % 5 + 1)).collect();
    let new: Vec<f64> = base
        .iter()
        .enumerate()
        .map(|(run, base)| base * 1.03 * (1.0 + 0.001 * (run % 3) as f64))
        .collect();
    let told = paired(&pairs(&base, &new), Confidence::P95).expect("there are pairs");
    assert!(told.low > 1.03 && told.high < 1.033, "{told:?}");
    let apart = unpaired(&base, &new, Confidence::P95).expect("there are runs");
    assert!(apart.low < 0.8 && apart.high > 1.3, "{apart:?}");
}

#[test]
fn no_ratio_is_told_of_few_or_very_many_runs_or_of_what_has_none() {
    let five = [1.0, 2.0, 3.0, 4.0, 5.0];
    let few = |there| Err(NoRatio::Few { there });
    assert_eq!(unpaired(&[], &five, Confidence::P95), few(0));
    assert_eq!(unpaired(&five, &[1.0], Confidence::P95), few(1));
    assert_eq!(unpaired(&five[..4], &five, Confidence::P95), few(4));
    assert_eq!(paired(&[], Confidence::P95), few(0));
    let many = vec![1.0; RUNS_MAX + 1];
    let told = unpaired(&five, &many, Confidence::P95);
    assert_eq!(told, Err(NoRatio::Many { there: 1001 }));
    let told = paired(&pairs(&many, &many), Confidence::P95);
    assert_eq!(told, Err(NoRatio::Many { there: 1001 }));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut with = five;
        with[2] = bad;
        let told = unpaired(&five, &with, Confidence::P95);
        assert_eq!(told, Err(NoRatio::NotPositive));
        let told = paired(&pairs(&with, &five), Confidence::P95);
        assert_eq!(told, Err(NoRatio::NotPositive));
    }
}

#[test]
fn figures_at_the_ends_of_a_doubles_range_have_a_ratio_in_it() {
    let [small, large] = [[1e-308; 5], [1e308; 5]];
    let told = unpaired(&small, &large, Confidence::P95).expect("there are runs");
    assert!(told.value >= f64::MAX);
    let told = unpaired(&large, &small, Confidence::P95).expect("there are runs");
    assert!(told.value > 0.0);
}

/// What the runs' logarithms are drawn from.
#[derive(Clone, Copy, Debug)]
enum Noise {
    Normal,
    /// Log-normal: no run is faster than the fastest, some are much slower.
    Skewed,
    /// One run of ten is 20 % slower.
    Outliers,
    /// Two runs of five are on the slower of two layouts.
    Bimodal,
}

impl Noise {
    fn draw(self, random: &mut Pcg64Mcg) -> f64 {
        let uniform: f64 = random.random();
        let normal = quantiles::normal(uniform.clamp(1e-12, 1.0 - 1e-12));
        let now_and_then: f64 = random.random();
        match self {
            Self::Normal => 0.03 * normal,
            Self::Skewed => 0.03 * (0.8 * normal).exp(),
            Self::Outliers if now_and_then < 0.1 => 0.2 + 0.1 * normal,
            Self::Outliers => 0.02 * normal,
            Self::Bimodal if now_and_then < 0.4 => 0.05 + 0.01 * normal,
            Self::Bimodal => 0.01 * normal,
        }
    }
}

/// How often of `trials` the interval holds a true ratio of 1.02: unpaired, paired.
fn coverage(noise: Noise, runs: usize, confidence: Confidence, trials: usize) -> [f64; 2] {
    let mut random = Pcg64Mcg::seed_from_u64(runs as u64);
    let mut held = [0; 2];
    for _ in 0..trials {
        let mut side = |ratio: f64| -> Vec<f64> {
            (0..runs)
                .map(|_| ratio * noise.draw(&mut random).exp())
                .collect()
        };
        let [base, new] = [side(100.0), side(102.0)];
        let told = [
            unpaired(&base, &new, confidence),
            paired(&pairs(&base, &new), confidence),
        ];
        for (held, told) in held.iter_mut().zip(told) {
            let told = told.expect("there are runs");
            *held += usize::from(told.low <= 1.02 && 1.02 <= told.high);
        }
    }
    held.map(|held| held as f64 / trials as f64)
}

/// The bound is three standard errors of 200 trials below the confidence.
#[test]
fn the_interval_holds_the_true_ratio_as_often_as_it_says() {
    for noise in [Noise::Normal, Noise::Outliers, Noise::Bimodal] {
        for runs in [5, 12] {
            let held = coverage(noise, runs, Confidence::P95, 200);
            println!("{noise:?}, {runs} runs: {held:?}");
            assert!(held.iter().all(|part| *part > 0.90), "{noise:?}: {held:?}");
        }
    }
}

#[test]
#[ignore = "takes minutes: prints the table in the module's documentation"]
fn coverage_table() {
    for noise in [
        Noise::Normal,
        Noise::Skewed,
        Noise::Outliers,
        Noise::Bimodal,
    ] {
        for runs in [5, 8, 20, 100] {
            let told = [Confidence::P95, Confidence::P99]
                .map(|confidence| coverage(noise, runs, confidence, 2000));
            println!("{noise:?} {runs} {told:?}");
        }
    }
}
