//! What figures of process runs tell, and how surely.
//!
//! ```text
//! runs of two binaries ─▶ ratio, ranks ─▶ holm (all metrics at once) ─▶ verdicts
//! a sweep of batches   ─▶ fit              one run's slices ─▶ steady
//! a metric's history   ─▶ change_points    the same two samples ─▶ criterion_rule
//! ```
//!
//! The unit of observation is a process run: what is measured inside of one shares its layout in
//! memory, its CPU and its neighbours, and tells too little of the next (T. Kalibera and R. Jones,
//! "Rigorous Benchmarking in Reasonable Time", ISMM 2013). All functions are pure: what is random
//! in them is seeded, so the same data are answered the same. What cannot be told is an answer of
//! its own, never a NaN.

mod draws;
mod quantiles;

pub mod change_points;
pub mod criterion_rule;
pub mod fit;
pub mod holm;
pub mod ranks;
pub mod ratio;
pub mod steady;

#[cfg(test)]
mod reference;

/// How often an interval holds the true value, where it is taken again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence(f64);

impl Confidence {
    /// 95 %.
    pub const P95: Self = Self(0.95);
    /// 99 %.
    pub const P99: Self = Self(0.99);

    /// `part` of 1, from 0.5 to 0.999; `None` beyond: what is drawn does not reach that far.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        (0.5..=0.999).contains(&part).then_some(Self(part))
    }

    /// As a part of 1.
    #[must_use]
    pub fn part(self) -> f64 {
        self.0
    }

    /// The part that is left out at either end of an interval.
    fn beyond(self) -> f64 {
        (1.0 - self.0) / 2.0
    }
}

/// A figure and the interval that the true one is in, as surely as was asked.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Where the interval begins; at most `value`.
    pub low: f64,
    /// Where it ends; at least `value`.
    pub high: f64,
}

/// A metric of two runs that were next to each other in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Of the run of the base.
    pub base: f64,
    /// Of the run of what is compared with it.
    pub new: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_one_that_can_be_drawn() {
        assert_eq!(Confidence::new(0.95), Some(Confidence::P95));
        assert_eq!(Confidence::new(0.999).map(Confidence::part), Some(0.999));
        for part in [0.0, 0.4, 1.0, 1.5, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Confidence::new(part), None);
        }
    }
}
