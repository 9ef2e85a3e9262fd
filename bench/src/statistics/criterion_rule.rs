//! What criterion.rs would have said of the same two samples, to print beside a gate's verdict.
//!
//! The rule is that of criterion 0.8.2 by default (`src/analysis/compare.rs`, `src/report.rs`): a
//! bootstrapped t-test below 0.05, and then the 95 % interval of the relative change of the means
//! beyond ±1 %. It has the draws of one benchmark for a sample, and so takes what changes from one
//! process run to the next for a change of the code.

use super::{Estimate, draws::Draws, quantiles};
use crate::interval::sorted;

/// How many draws criterion takes, and the most that are taken here.
pub const RESAMPLES: usize = 100_000;
/// `significance_level`.
const SIGNIFICANCE: f64 = 0.05;
/// `confidence_level`.
const CONFIDENCE: f64 = 0.95;
/// `noise_threshold`.
const NOISE: f64 = 0.01;

/// What criterion would print.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// In its words.
    pub decision: Decision,
    /// The p-value of the t-test, from 0 to 1.
    pub p: f64,
    /// new / base of the means, less 1.
    pub change: Estimate,
}

/// criterion's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// "Performance has improved."
    Improved,
    /// "Performance has regressed."
    Regressed,
    /// "Change within noise threshold."
    WithinNoise,
    /// "No change in performance detected."
    NoChange,
}

/// The verdict on times per iteration, in any one unit; the less the better.
///
/// `resamples` is criterion's [`RESAMPLES`] where the verdict is to be its own: two times as many
/// draws of all values of both samples. `None` where a sample has fewer than two values, one is not
/// positive and finite, or there are no `resamples`.
#[must_use]
pub fn verdict(base: &[f64], new: &[f64], resamples: usize) -> Option<Verdict> {
    let resamples = resamples.min(RESAMPLES);
    let time = |value: &f64| *value > 0.0 && value.is_finite();
    let enough = base.len().min(new.len()) > 1 && resamples > 0;
    if !enough || !base.iter().chain(new).all(time) {
        return None;
    }
    let mut random = Draws::new();
    let p = t_test(base, new, resamples, &mut random);
    let change = change(base, new, resamples, &mut random)?;
    let decision = if p >= SIGNIFICANCE {
        Decision::NoChange
    } else if change.high < -NOISE {
        Decision::Improved
    } else if change.low > NOISE {
        Decision::Regressed
    } else {
        Decision::WithinNoise
    };
    Some(Verdict {
        decision,
        p,
        change,
    })
}

/// The part of the draws from both samples together whose t is as far out, times two.
fn t_test(base: &[f64], new: &[f64], resamples: usize, random: &mut Draws) -> f64 {
    let both = [new, base].concat();
    let mut drawn = both.clone();
    let observed = t(new, base);
    let (mut count, mut below) = (0_usize, 0_usize);
    for _ in 0..resamples {
        random.fill(&both, &mut drawn);
        let (new, base) = drawn.split_at(new.len());
        let t = t(new, base);
        // criterion leaves those out too: a draw that does not vary has none.
        if t.is_finite() {
            count += 1;
            below += usize::from(t < observed);
        }
    }
    if count == 0 {
        return 1.0;
    }
    2.0 * below.min(count - below) as f64 / count as f64
}

/// Welch's t.
fn t(one: &[f64], other: &[f64]) -> f64 {
    let [(one, one_error), (other, other_error)] = [one, other].map(|sample| {
        let count = sample.len() as f64;
        let mean = mean(sample);
        let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (count - 1.0) / count)
    });
    (one - other) / (one_error + other_error).sqrt()
}

/// criterion draws √resamples times from the new sample, and for each as often from the base.
fn change(base: &[f64], new: &[f64], resamples: usize, random: &mut Draws) -> Option<Estimate> {
    let each = resamples.isqrt().max(1);
    let [mut base_drawn, mut new_drawn] = [base, new].map(<[f64]>::to_vec);
    let mut changes = Vec::with_capacity(resamples);
    while changes.len() < resamples {
        random.fill(new, &mut new_drawn);
        let new = mean(&new_drawn);
        for _ in 0..each.min(resamples - changes.len()) {
            random.fill(base, &mut base_drawn);
            changes.push(new / mean(&base_drawn) - 1.0);
        }
    }
    let changes = sorted(&changes);
    let beyond = (1.0 - CONFIDENCE) / 2.0;
    Some(Estimate {
        value: mean(new) / mean(base) - 1.0,
        low: quantiles::of_sample(&changes, beyond)?,
        high: quantiles::of_sample(&changes, 1.0 - beyond)?,
    })
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough for these, and quick without optimisation.
    const FEW: usize = 2000;

    fn times(level: f64) -> Vec<f64> {
        let noise = (0..50).map(|at| f64::from((at * 37) % 50) / 50.0 - 0.49);
        noise.map(|noise| level * (1.0 + 0.01 * noise)).collect()
    }

    fn decision(base: &[f64], new: &[f64]) -> Decision {
        let told = verdict(base, new, FEW).expect("there are samples");
        assert!((0.0..=1.0).contains(&told.p), "{told:?}");
        told.decision
    }

    #[test]
    fn the_words_are_those_of_criterion() {
        let base = times(100.0);
        assert_eq!(decision(&base, &times(103.0)), Decision::Regressed);
        assert_eq!(decision(&base, &times(97.0)), Decision::Improved);
        assert_eq!(decision(&base, &times(100.5)), Decision::WithinNoise);
        assert_eq!(decision(&base, &times(100.01)), Decision::NoChange);
    }

    #[test]
    fn the_change_is_that_of_the_means() {
        let told = verdict(&times(100.0), &times(103.0), FEW).expect("there are samples");
        assert!((told.change.value - 0.03).abs() < 1e-12);
        // The standard error of the difference is 0.06 %.
        assert!(told.change.low > 0.028 && told.change.low < told.change.value);
        assert!(told.change.high < 0.032 && told.change.high > told.change.value);
        assert!(told.p < 1e-12);
    }

    /// Means 2.5 apart, variances of 2.5 in five values each: a standard error of 1.
    #[test]
    fn t_is_welchs() {
        let one = [1.0, 2.0, 3.0, 4.0, 5.0];
        let other = [3.5, 4.5, 5.5, 6.5, 7.5];
        assert!((t(&one, &other) + 2.5).abs() < 1e-12);
    }

    #[test]
    fn p_is_of_either_direction() {
        let told = verdict(&times(100.0), &times(100.0), FEW).expect("there are samples");
        assert!(told.p > 0.9, "{told:?}");
    }

    #[test]
    fn samples_that_do_not_vary_are_judged_too() {
        assert_eq!(decision(&[5.0; 10], &[5.0; 10]), Decision::NoChange);
        assert_eq!(decision(&[5.0; 10], &[6.0; 10]), Decision::Regressed);
    }

    #[test]
    fn no_verdict_is_told_of_what_criterion_would_not_take() {
        let base = times(100.0);
        assert_eq!(verdict(&[], &base, FEW), None);
        assert_eq!(verdict(&base, &[1.0], FEW), None);
        assert_eq!(verdict(&base, &base, 0), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(verdict(&base, &[1.0, bad, 2.0], FEW), None);
        }
    }
}
