//! A window, divided where its parts differ most, as long as they do.

use super::Moments;

/// A division that may be one.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// The first value of the second part.
    pub(super) index: usize,
    /// The energy statistic Q̂ of both parts.
    pub(super) q: f64,
}

/// A part of the window and where it divides best.
struct Part {
    begin: usize,
    end: usize,
    candidate: Option<Candidate>,
}

impl Part {
    fn of(window: &[f64], begin: usize, end: usize) -> Self {
        let inside = candidate(&window[begin..end], 1);
        Self {
            begin,
            end,
            candidate: inside.map(|inside| Candidate {
                index: begin + inside.index,
                ..inside
            }),
        }
    }
}

/// Where `window` divides, in order: always the part next that divides best, until one does at a
/// p-value above `p_max`.
pub(super) fn divisions(window: &[f64], p_max: f64) -> Vec<usize> {
    let mut parts = vec![Part::of(window, 0, window.len())];
    loop {
        let candidates = parts.iter().enumerate();
        let candidates = candidates.filter_map(|(at, part)| Some((at, part.candidate?)));
        // The first of those that are alike.
        let best = candidates.min_by(|(_, one), (_, other)| other.q.total_cmp(&one.q));
        let Some((at, Candidate { index, .. })) = best else {
            break;
        };
        let Part { begin, end, .. } = parts[at];
        let sides = [&window[begin..index], &window[index..end]].map(Moments::of);
        let significant = sides[0].p_of_same_mean(&sides[1]) <= p_max;
        if !significant {
            break;
        }
        let halves = [(begin, index), (index, end)];
        parts.splice(
            at..=at,
            halves.map(|(begin, end)| Part::of(window, begin, end)),
        );
    }
    parts.iter().skip(1).map(|part| part.begin).collect()
}

/// Where `values` divide best into a first part and one that follows it, each of at least `least`
/// values (Matteson and James, section 2.2, with α = 1; the second may end before the values do):
/// the two whose energy distance is largest. `None` where all are equal or there are too few.
///
/// Quadratic time; what adds up over the first part and over the second is kept as both grow.
pub(super) fn candidate(values: &[f64], least: usize) -> Option<Candidate> {
    let apart = |one: usize, other: usize| (values[one] - values[other]).abs();
    // By value, the sum of its distances from all before it, and from those in the first part.
    let from_before: Vec<f64> = (0..values.len())
        .map(|at| (0..at).map(|one| apart(one, at)).sum())
        .collect();
    let mut from_first = vec![0.0; values.len()];
    let mut inside_first = 0.0;
    let mut best: Option<Candidate> = None;
    for first in 1..values.len() {
        inside_first += from_before[first - 1];
        for (at, sum) in from_first.iter_mut().enumerate().skip(first) {
            *sum += apart(first - 1, at);
        }
        let (mut between, mut inside_second) = (0.0, 0.0);
        for at in first..values.len() {
            between += from_first[at];
            inside_second += from_before[at] - from_first[at];
            let second = at + 1 - first;
            if first < least || second < least {
                continue;
            }
            let q = energy(first, second, between, [inside_first, inside_second]);
            if q > best.map_or(0.0, |best| best.q) {
                best = Some(Candidate { index: first, q });
            }
        }
    }
    best
}

/// Q̂ of parts of n and m values from the sums of the distances between and inside them.
fn energy(n: usize, m: usize, between: f64, inside: [f64; 2]) -> f64 {
    let [n, m] = [n as f64, m as f64];
    let mean = |sum: f64, count: f64| {
        if count > 1.0 {
            2.0 * sum / (count * (count - 1.0))
        } else {
            0.0
        }
    };
    n * m / (n + m) * (2.0 * between / (n * m) - mean(inside[0], n) - mean(inside[1], m))
}
