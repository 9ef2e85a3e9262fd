//! Whether two binaries differ, by the ranks of their runs alone.
//!
//! Where the p-value is exact, no distribution is assumed and an outlier counts as any other
//! largest value does.

use super::{Pair, quantiles};

/// The most steps that counting all orders may take; some 60 runs of either side take half.
///
/// Beyond, the normal distribution stands in: of 63 runs a side it tells a p-value of 0.001 a tenth
/// too large, of 20 and 700 a quarter, and what is rarer than that still more so.
const UNPAIRED_STEPS_MAX: usize = 1 << 19;
/// The most pairs for which all signs are counted: 2¹⁰⁰ of them.
const PAIRED_EXACT_MAX: usize = 100;

/// What a test by ranks tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankTest {
    /// U of the new runs, or the lesser of the two sums of signed ranks.
    pub statistic: f64,
    /// How likely ranks at least as uneven are, in either direction, where nothing differs: above
    /// 0, at most 1.
    pub p: f64,
    /// How `p` was found.
    pub method: Method,
}

/// How a p-value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// All orders were counted.
    Exact,
    /// By the normal distribution, with corrections for ties and for continuity.
    Normal,
}

/// Whether runs of `new` tend to be larger or smaller than those of `base` (H. Mann and
/// D. Whitney, Annals of Mathematical Statistics 18, 1947); two-sided.
///
/// Exact for up to 62 runs of either side, or fewer and more, without ties. `None` where a side is
/// empty or a value is not finite.
#[must_use]
pub fn mann_whitney_u(base: &[f64], new: &[f64]) -> Option<RankTest> {
    let both: Vec<f64> = new.iter().chain(base).copied().collect();
    if base.is_empty() || new.is_empty() || !both.iter().all(|value| value.is_finite()) {
        return None;
    }
    let Ranked { ranks, ties } = ranked(&both);
    let [n, m] = [new.len() as f64, base.len() as f64];
    let u = ranks[..new.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let orders = || orders(base.len().min(new.len()), base.len().max(new.len()));
    let (p, method) = if ties == 0.0
        && let Some(orders) = orders()
    {
        (lower_tail_twice(&orders, u.min(n * m - u)), Method::Exact)
    } else {
        let all = n + m;
        let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        (normal_p(u - n * m / 2.0, variance), Method::Normal)
    };
    Some(RankTest {
        statistic: u,
        p,
        method,
    })
}

/// Whether the differences new − base of pairs lie around 0 (F. Wilcoxon, Biometrics Bulletin 1,
/// 1945); two-sided.
///
/// Pairs without a difference are left out, as by Wilcoxon (scipy's `zero_method="wilcox"`), and
/// where none is left p is 1. Exact for at most 100 differences without ties. `None` where there is
/// no pair or a value is not finite.
#[must_use]
pub fn wilcoxon_signed_rank(pairs: &[Pair]) -> Option<RankTest> {
    let finite = |pair: &Pair| pair.base.is_finite() && pair.new.is_finite();
    if pairs.is_empty() || !pairs.iter().all(finite) {
        return None;
    }
    let apart = pairs.iter().map(|pair| pair.new - pair.base);
    let apart: Vec<f64> = apart.filter(|apart| *apart != 0.0).collect();
    let Ranked { ranks, ties } = ranked(&apart.iter().map(|apart| apart.abs()).collect::<Vec<_>>());
    let positive = ranks.iter().zip(&apart).filter(|(_, apart)| **apart > 0.0);
    let positive: f64 = positive.map(|(rank, _)| rank).sum();
    let n = apart.len() as f64;
    let all = n * (n + 1.0) / 2.0;
    let lesser = positive.min(all - positive);
    let (p, method) = if ties == 0.0 && apart.len() <= PAIRED_EXACT_MAX {
        (lower_tail_twice(&signs(apart.len()), lesser), Method::Exact)
    } else {
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
        (normal_p(positive - all / 2.0, variance), Method::Normal)
    };
    Some(RankTest {
        statistic: lesser,
        p,
        method,
    })
}

struct Ranked {
    /// From 1, in the order of the values; those that tie share the mean of theirs.
    ranks: Vec<f64>,
    /// The sum of t³ − t over all groups of t that tie.
    ties: f64,
}

fn ranked(values: &[f64]) -> Ranked {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut before = 0;
    for group in order.chunk_by(|one, other| values[*one].eq(&values[*other])) {
        let t = group.len() as f64;
        ties += t * t * t - t;
        for index in group {
            ranks[*index] = before as f64 + f64::midpoint(1.0, t);
        }
        before += group.len();
    }
    Ranked { ranks, ties }
}

/// In how many orders of `few` and `many` runs each U comes: the coefficients of the Gaussian
/// binomial, ∏ (1 − qᵐ⁺ⁱ) / (1 − qⁱ). `None` where they take too long or are too large to count.
fn orders(few: usize, many: usize) -> Option<Vec<i128>> {
    let most = few.checked_mul(many)?;
    if few.checked_mul(most)? > UNPAIRED_STEPS_MAX {
        return None;
    }
    // No coefficient on the way is larger than the number of all orders.
    (1..=few).try_fold(1_i128, |orders, placed| {
        let factor = i128::try_from(many + placed).ok()?;
        Some(orders.checked_mul(factor)? / i128::try_from(placed).ok()?)
    })?;
    let mut counts = vec![0; most + 1];
    counts[0] = 1;
    for placed in 1..=few {
        for u in (many + placed..=most).rev() {
            counts[u] -= counts[u - many - placed];
        }
        for u in placed..=most {
            counts[u] += counts[u - placed];
        }
    }
    Some(counts)
}

/// With how many signs of `n` differences each sum of the positive ranks comes.
fn signs(n: usize) -> Vec<i128> {
    let mut counts = vec![0; n * (n + 1) / 2 + 1];
    counts[0] = 1;
    for rank in 1..=n {
        for sum in (rank..counts.len()).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}

/// The part of a symmetric distribution that is at `lesser` or below, and as far above.
fn lower_tail_twice(counts: &[i128], lesser: f64) -> f64 {
    let at_most = counts.iter().enumerate();
    let at_most = at_most.take_while(|(value, _)| *value as f64 <= lesser);
    let tail: i128 = at_most.map(|(_, count)| count).sum();
    (2.0 * tail as f64 / counts.iter().sum::<i128>() as f64).min(1.0)
}

/// Whole steps of the statistic are halved for continuity; the probability of what is very far is
/// never rounded to 0.
fn normal_p(from_mean: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (from_mean.abs() - 0.5).max(0.0) / variance.sqrt();
    quantiles::normal_beyond(z).clamp(f64::MIN_POSITIVE, 1.0)
}

#[cfg(test)]
mod tests;
