//! How small a change a gate catches, played on pairs that were measured.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::{Gate, Next, Rules};
use crate::metric::Metric;
use crate::{
    compare::Verdict,
    metric::Better,
    run_file::{Figure, Point, ProcessRun},
};

/// The slow-downs that are tried, as parts.
const EFFECTS: [f64; 12] = [
    0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07, 0.1, 0.2, 0.5,
];
/// How often one has to be caught.
const CAUGHT: f64 = 0.95;

/// How many of the gates that were played on a slow-down caught it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// The slow-down, as a part.
    pub effect: f64,
    /// Gates that said FAIL.
    pub caught: u32,
    /// Gates that were played.
    pub gates: u32,
}

impl Played {
    /// Whether 95 % of them caught it.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        f64::from(self.caught) >= CAUGHT * f64::from(self.gates)
    }

    /// As it is in a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        Point::at([("slower", format!("{:.1} %", self.effect * 100.0))])
            .with("gate_effect", Some(self.effect))
            .with("gates_caught", Some(u64::from(self.caught)))
            .with("gates_played", Some(u64::from(self.gates)))
    }

    /// What [`Self::point`] made that point of; none where it is another.
    #[must_use]
    pub fn of(point: &Point) -> Option<Self> {
        let count = |metric: &str| {
            let value = point.value(metric)?;
            let is_count = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and within a u32"
            )]
            is_count.then_some(value as u32)
        };
        Some(Self {
            effect: point.value("gate_effect")?,
            caught: count("gates_caught")?,
            gates: count("gates_played")?,
        })
    }
}

/// Plays `gates` gates on `pairs`, drawn with replacement, as many pairs to each as there are: with
/// one slow-down after the other until 95 % of the gates catch it. The last that is answered is the
/// smallest, where it [is caught](Played::is_caught). `progress` is told each.
#[must_use]
pub fn smallest(
    (base, new): (&[ProcessRun], &[ProcessRun]),
    rules: &Rules,
    gates: u32,
    mut progress: impl FnMut(f64),
) -> Vec<Played> {
    let figures = |runs: &[ProcessRun]| runs.iter().map(without_latencies).collect::<Vec<_>>();
    let (base, new) = (figures(base), figures(new));
    let pairs = base.len().min(new.len());
    let mut random = Pcg64Mcg::seed_from_u64(0);
    let mut all = Vec::new();
    if pairs == 0 {
        return all;
    }
    for effect in EFFECTS {
        progress(effect);
        let slower: Vec<ProcessRun> = new.iter().map(|run| slowed(run, effect)).collect();
        let caught = (0..gates).filter(|_| {
            let drawn: Vec<usize> = (0..pairs).map(|_| random.random_range(0..pairs)).collect();
            let of = |runs: &[ProcessRun]| -> Vec<ProcessRun> {
                drawn.iter().map(|&index| runs[index].clone()).collect()
            };
            play(&of(&base), &of(&slower), rules) == Verdict::Fail
        });
        let played = Played {
            effect,
            caught: u32::try_from(caught.count()).unwrap_or(u32::MAX),
            gates,
        };
        all.push(played);
        if played.is_caught() {
            break;
        }
    }
    all
}

/// What a gate says that has these pairs and no more.
fn play(base: &[ProcessRun], new: &[ProcessRun], rules: &Rules) -> Verdict {
    let mut gate = Gate::new(rules.clone(), true);
    let mut until = gate.first();
    loop {
        let now = until.min(new.len());
        match gate.look(&base[..now], &new[..now], now == new.len()) {
            Next::Until(more) => until = more,
            Next::Done(judged) => return judged.verdict,
        }
    }
}

/// Distributions would be decoded at every look, and no gate fails by them.
fn without_latencies(run: &ProcessRun) -> ProcessRun {
    let mut run = run.clone();
    for point in &mut run.points {
        point.latencies.clear();
    }
    run
}

/// The run where all that has a better is worse by `effect`.
fn slowed(run: &ProcessRun, effect: f64) -> ProcessRun {
    let mut run = run.clone();
    for point in &mut run.points {
        for (name, figure) in &mut point.figures {
            let better = Metric::named(name).and_then(|metric| metric.better);
            let factor = match better {
                Some(Better::Lower) => 1.0 + effect,
                Some(Better::Higher) => 1.0 / (1.0 + effect),
                None => 1.0,
            };
            *figure = Figure::from(figure.value * factor);
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(seed: u64, spread: f64) -> Vec<ProcessRun> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut run = || {
            let cost = 100.0 * (1.0 + spread * (random.random::<f64>() - 0.5));
            ProcessRun {
                points: vec![Point::default().with("ns_per_entry", Some(cost))],
                ..ProcessRun::default()
            }
        };
        (0..60).map(|_| run()).collect()
    }

    #[test]
    fn the_smallest_change_that_is_caught_is_larger_where_there_is_more_noise() {
        let rules: Rules = toml::from_str("confidence = 0.95").expect("rules");
        let smallest = |spread| {
            let (base, new) = (runs(1, spread), runs(2, spread));
            let all = smallest((&base, &new), &rules, 20, |_| {});
            let (last, before) = all.split_last().expect("some");
            assert!(
                last.is_caught() && !before.iter().any(Played::is_caught),
                "{all:?}"
            );
            last.effect
        };
        let (quiet, noisy) = (smallest(0.002), smallest(0.1));
        // Above the floor of 1 %.
        assert!(quiet > 0.01 && quiet < noisy, "{quiet} {noisy}");
    }

    #[test]
    fn what_was_played_is_read_from_its_point() {
        let played = Played {
            effect: 0.015,
            caught: 57,
            gates: 59,
        };
        let point = played.point();
        assert_eq!(point.labels["slower"], "1.5 %");
        assert_eq!(Played::of(&point), Some(played));
        assert_eq!(Played::of(&Point::default()), None);
        assert_eq!(Played::of(&point.with("gates_caught", Some(0.5))), None);
    }

    #[test]
    fn without_pairs_nothing_is_played() {
        assert!(smallest((&[], &[]), &Rules::default(), 5, |_| {}).is_empty());
    }
}
