//! The mean latency of an interval's requests by their batch factor, as a straight line.

use super::Sample;

/// Standard errors that the beginning of a line may be off by.
const ERRORS: f64 = 3.0;
/// An interval farther from the line than so many times the median distance is unusual, ...
const FAR: f64 = 4.5;
/// ... but none that is nearer than this part of the mean.
const NEAR: f64 = 0.01;
/// How often the line is drawn anew without what is far from it.
const ROUNDS: usize = 5;

/// A line by least squares. An interval weighs as much as it has requests: the mean of more of
/// them is more certain. Where all batch factors are one, it has no figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// The latency of a request without entries, in nanoseconds.
    pub(super) begins: f64,
    /// By how much that may be off.
    pub(super) error: f64,
    /// Nanoseconds that an entry adds.
    slope: f64,
    /// The standard deviation of the batch factors.
    pub(super) spread: f64,
    /// The mean latency.
    mean: f64,
}

impl Line {
    pub(super) fn through(samples: &[&Sample]) -> Self {
        let sum = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(|one| of(one)).sum::<f64>();
        let weight = |one: &Sample| one.requests as f64;
        let all = sum(&weight);
        let factor = sum(&|one| one.entries as f64) / all;
        let mean = sum(&|one| one.request_ns as f64) / all;
        // From the means, which the line goes through.
        let x = |one: &Sample| one.batch_factor() - factor;
        let y = |one: &Sample| latency(one) - mean;
        let squares = sum(&|one| weight(one) * x(one).powi(2));
        let slope = sum(&|one| weight(one) * x(one) * y(one)) / squares;
        let left = sum(&|one| weight(one) * (y(one) - slope * x(one)).powi(2));
        let variance = left / (samples.len() as f64 - 2.0);
        Self {
            begins: mean - slope * factor,
            error: ERRORS * (variance * (1.0 / all + factor * factor / squares)).sqrt(),
            slope,
            spread: (squares / all).sqrt(),
            mean,
        }
    }

    fn distance(&self, one: &Sample) -> f64 {
        (latency(one) - self.begins - self.slope * one.batch_factor()).abs()
    }
}

fn latency(one: &Sample) -> f64 {
    one.request_ns as f64 / one.requests as f64
}

/// The intervals that are near a line: a few in which the machine was busy with something else
/// would move it far.
pub(super) fn usual<'a>(samples: &[&'a Sample]) -> Vec<&'a Sample> {
    let mut usual = samples.to_vec();
    for _ in 0..ROUNDS {
        let line = Line::through(&usual);
        let mut distances: Vec<f64> = usual.iter().map(|one| line.distance(one)).collect();
        distances.sort_by(f64::total_cmp);
        let Some(median) = distances.get(distances.len() / 2) else {
            break;
        };
        let far = (FAR * median).max(NEAR * line.mean);
        let before = usual.len();
        usual = samples.to_vec();
        usual.retain(|one| line.distance(one) <= far);
        if usual.len() == before {
            break;
        }
    }
    usual
}
