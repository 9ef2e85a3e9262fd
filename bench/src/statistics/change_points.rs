//! Where a metric's history changed for good.
//!
//! M. Fleming, P. Kolaczkowski et al., "Hunter: Using Change Point Detection to Hunt for
//! Performance Regressions", ICPE 2023 (Apache Otava's method): each window of the history is
//! divided where the energy statistic of E-divisive is largest (D. Matteson and N. James, JASA 109,
//! 2014), as long as Student's t-test tells both sides apart; of all points so found, the weakest
//! are then taken back one by one, those left being tested again, until all are significant.
//!
//! Chosen over E-divisive's own permutation test, which takes hundreds of times the work, answers
//! with chance in it, and finds nothing in fewer than a handful of values; and over E-divisive with
//! medians (N. James et al., 2014), which must be told the least distance of two changes.
//!
//! The t-test is of the division that divides best and has not that in its p: of 300 simulated
//! histories of 1,000 values without a change, a third had a point at Hunter's p of 0.001, and 3 %
//! at 0.0001, which is the default here; a step of three standard deviations is found at either.
//!
//! A window of w values takes w² steps for every part it has, and there are at most 2 windows for
//! each w values: 1,000 values take a few milliseconds.

use super::quantiles;

mod divide;

/// The longest history that is looked at, in values.
pub const HISTORY_MAX: usize = 1000;

/// The windows that are of use: below, no test tells anything; above, the time is not bounded.
const WINDOW: std::ops::RangeInclusive<usize> = 4..=200;

/// What counts as a change; nothing does by a rule with a NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// How many values are looked at together; from 4 to 200, and made so.
    pub window: usize,
    /// How likely a difference of the means may be where nothing changed.
    pub p_max: f64,
    /// The least change of the mean, relative to either side, e.g. 0.01.
    pub magnitude_min: f64,
}

impl Default for Rule {
    /// Hunter's window, a tenth of its p, changes of any size.
    fn default() -> Self {
        Self {
            window: 50,
            p_max: 0.0001,
            magnitude_min: 0.0,
        }
    }
}

/// Where a history changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first value after the change, from 0.
    pub index: usize,
    /// How likely the difference is where nothing changed, by Student's t-test; 0 where neither
    /// side varies.
    pub p: f64,
    /// The mean from the change before, or from the beginning.
    pub before: f64,
    /// The mean to the next change, or to the end.
    pub after: f64,
}

impl ChangePoint {
    /// The change of the mean, relative to the side where it is larger; 0 where a side is 0.
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        let relative = |from: f64, to: f64| {
            if from == 0.0 {
                0.0
            } else {
                (to / from - 1.0).abs()
            }
        };
        relative(self.before, self.after).max(relative(self.after, self.before))
    }
}

/// Why no change points can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHistory {
    /// More than [`HISTORY_MAX`] values.
    #[error("{there} values; the last {HISTORY_MAX} of a history are looked at")]
    Long {
        /// The values that there are.
        there: usize,
    },
    /// A value that is none.
    #[error("value {index} of the history is infinite or missing")]
    NotFinite {
        /// The first such, from 0.
        index: usize,
    },
}

/// The change points of `history`, the oldest first; none in fewer than three values.
///
/// # Errors
///
/// Where the history is too long or a value of it is not finite.
pub fn change_points(history: &[f64], rule: &Rule) -> Result<Vec<ChangePoint>, NoHistory> {
    if history.len() > HISTORY_MAX {
        return Err(NoHistory::Long {
            there: history.len(),
        });
    }
    if let Some(index) = history.iter().position(|value| !value.is_finite()) {
        return Err(NoHistory::NotFinite { index });
    }
    Ok(taken_back(history, weak(history, rule), rule))
}

/// Where any window is divided, at ten times the p that is asked for in the end (as Otava does it,
/// twice where that is much already): what is weak in a window may be strong in the whole.
fn weak(history: &[f64], rule: &Rule) -> Vec<usize> {
    let p_max = match rule.p_max {
        strict if strict < 0.05 => strict * 10.0,
        loose if loose < 0.5 => loose * 2.0,
        any => any,
    };
    let window = rule.window.clamp(*WINDOW.start(), *WINDOW.end());
    let mut found = Vec::new();
    let mut start = 0;
    while start < history.len() {
        let end = history.len().min(start + window);
        let inside = divide::divisions(&history[start..end], p_max);
        let last = inside.last().map_or(0, |index| start + index);
        found.extend(inside.into_iter().map(|index| start + index));
        // The next window begins at the change, so that it has one level as long as can be.
        start = last.max(start + window / 2);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What is left of `found` when the weakest are taken back, until all hold.
fn taken_back(history: &[f64], found: Vec<usize>, rule: &Rule) -> Vec<ChangePoint> {
    let mut points: Vec<ChangePoint> = Vec::with_capacity(found.len());
    let begin = |points: &[usize], at: usize| at.checked_sub(1).map_or(0, |one| points[one]);
    let end = |points: &[usize], at: usize| *points.get(at + 1).unwrap_or(&history.len());
    for (at, index) in found.iter().enumerate() {
        points.push(tested(history, begin(&found, at), *index, end(&found, at)));
    }
    let mut indexes = found;
    while let Some(at) = weakest(&points, rule) {
        points.remove(at);
        indexes.remove(at);
        // Both neighbours have a longer side now.
        for at in at.saturating_sub(1)..(at + 1).min(points.len()) {
            points[at] = tested(history, begin(&indexes, at), indexes[at], end(&indexes, at));
        }
    }
    points
}

/// The least likely of `points` to be a change, where there is one that is not enough of it.
fn weakest(points: &[ChangePoint], rule: &Rule) -> Option<usize> {
    let all = || points.iter().enumerate();
    let (at, unlikely) = all().min_by(|one, other| other.1.p.total_cmp(&one.1.p))?;
    let all_significant = unlikely.p < rule.p_max;
    if !all_significant {
        return Some(at);
    }
    let (at, small) =
        all().min_by(|one, other| one.1.magnitude().total_cmp(&other.1.magnitude()))?;
    let all_large = small.magnitude() > rule.magnitude_min;
    (!all_large).then_some(at)
}

fn tested(history: &[f64], begin: usize, index: usize, end: usize) -> ChangePoint {
    let [before, after] = [&history[begin..index], &history[index..end]].map(Moments::of);
    ChangePoint {
        index,
        p: before.p_of_same_mean(&after),
        before: before.mean,
        after: after.mean,
    }
}

/// How many values there are, their mean, and the squares of the distances from it.
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// By B. Welford (Technometrics 4, 1962): equal values have exactly their mean, and no squares.
    fn of(values: &[f64]) -> Self {
        let mut moments = Self {
            count: 0.0,
            mean: 0.0,
            squares: 0.0,
        };
        for value in values {
            moments.count += 1.0;
            let away = value - moments.mean;
            moments.mean += away / moments.count;
            moments.squares += away * (value - moments.mean);
        }
        moments
    }

    /// Student's t-test of two samples, two-sided; 1 where there are not three values.
    fn p_of_same_mean(&self, other: &Self) -> f64 {
        let freedom = self.count + other.count - 2.0;
        let apart = self.mean - other.mean;
        if freedom < 1.0 || apart == 0.0 {
            return 1.0;
        }
        let variance = (self.squares + other.squares) / freedom;
        let error = (variance * (1.0 / self.count + 1.0 / other.count)).sqrt();
        if error > 0.0 && error.is_finite() {
            quantiles::student_beyond(apart / error, freedom)
        } else if error == 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests;
