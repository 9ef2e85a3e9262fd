use super::*;
use crate::{
    gate::Action,
    run_file::{Figure, Point},
};

/// Small, the same every time, and of no pattern that the tests could hit.
struct Noise(u64);

impl Noise {
    /// Between -1 and 1, evenly.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// Processes whose figures are one number with some noise, the new one's by a factor.
struct Sides {
    noise: Noise,
    spread: f64,
    base: Vec<ProcessRun>,
    new: Vec<ProcessRun>,
}

impl Sides {
    fn new(seed: u64, spread: f64) -> Self {
        Self {
            noise: Noise(seed),
            spread,
            base: Vec::new(),
            new: Vec::new(),
        }
    }

    fn measure(&mut self, runs: usize, factor: impl Fn(usize) -> f64) {
        while self.new.len() < runs {
            let index = self.new.len();
            let mut run = |factor: f64| {
                let figure = |noise: &mut Noise, mean: f64| {
                    mean * factor * (1.0 + self.spread * noise.next())
                };
                let cost = figure(&mut self.noise, 100.0);
                let latency = figure(&mut self.noise, 5000.0);
                ProcessRun {
                    points: vec![
                        Point::at([("batch", "1".to_owned())])
                            .with("ns_per_entry", Some(cost))
                            .with("ratio_to_bare", Some(Figure::from(latency))),
                    ],
                    ..ProcessRun::default()
                }
            };
            let new = run(factor(index));
            self.base.push(run(1.0));
            self.new.push(new);
        }
    }
}

fn rules(text: &str) -> Rules {
    toml::from_str(text).expect("rules")
}

/// As the command does it, with the time up at `most` pairs.
fn judge(seed: u64, spread: f64, factor: impl Fn(usize) -> f64 + Copy, most: usize) -> Judged {
    let mut gate = Gate::new(rules("least = 10"), true);
    let mut sides = Sides::new(seed, spread);
    let mut until = gate.first();
    loop {
        sides.measure(until.min(most), factor);
        match gate.look(&sides.base, &sides.new, sides.new.len() >= most) {
            Next::Done(judged) => return judged,
            Next::Until(more) => {
                assert!(more > until, "it goes on for ever");
                until = more;
            }
        }
    }
}

#[test]
fn what_is_not_slower_passes_at_the_first_look_where_it_is_quiet() {
    let judged = judge(1, 0.002, |_| 1.0, 1000);
    assert_eq!(
        (judged.verdict, judged.runs, judged.looks, judged.fresh),
        (Verdict::Pass, 10, 1, 0)
    );
    let faster = judge(2, 0.002, |_| 0.8, 1000);
    assert_eq!(faster.verdict, Verdict::Pass);
}

#[test]
fn what_is_slower_fails_when_fresh_runs_say_the_same() {
    let judged = judge(3, 0.005, |_| 1.03, 1000);
    assert_eq!(
        (judged.verdict, judged.runs, judged.looks, judged.fresh),
        (Verdict::Fail, 20, 2, 10)
    );
    // The figures are those of the fresh runs.
    let cost = judged
        .rows
        .iter()
        .find(|row| row.row.key.metric == "ns_per_entry");
    assert_eq!(cost.expect("a row").row.new.len(), 10);
}

#[test]
fn a_fail_is_confirmed_by_a_few_fresh_runs_however_many_it_was_found_in() {
    let mut sides = Sides::new(10, 0.005);
    sides.measure(70, |_| 1.03);
    let mut gate = Gate::new(rules("least = 10"), true);
    let Next::Until(first) = gate.look(&sides.base[..60], &sides.new[..60], false) else {
        panic!("it is to be confirmed");
    };
    assert_eq!(first, 70);
    let Next::Done(judged) = gate.look(&sides.base, &sides.new, false) else {
        panic!("it is confirmed");
    };
    assert_eq!((judged.verdict, judged.fresh), (Verdict::Fail, 10));
}

#[test]
fn where_a_few_fresh_runs_do_not_tell_more_are_asked_for() {
    let factor = |index| if index < 60 { 1.1 } else { 1.025 };
    let mut sides = Sides::new(12, 0.05);
    sides.measure(60, factor);
    let mut gate = Gate::new(rules("least = 10"), true);
    let mut asked = Vec::new();
    let judged = loop {
        match gate.look(&sides.base, &sides.new, false) {
            Next::Until(more) => asked.push(more),
            Next::Done(judged) => break judged,
        }
        sides.measure(asked[asked.len() - 1], factor);
    };
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(asked.get(..2), Some(&[70, 76][..]), "{judged:?}");
}

#[test]
fn what_was_slower_by_chance_passes_when_fresh_runs_say_otherwise() {
    let judged = judge(
        4,
        0.005,
        |index| if index < 10 { 1.04 } else { 1.0 },
        10_000,
    );
    assert_eq!(judged.verdict, Verdict::Pass);
    assert!(judged.looks > 2, "{judged:?}");
}

#[test]
fn noise_is_answered_with_more_runs_and_then_with_indeterminate() {
    let judged = judge(5, 0.2, |_| 1.0, 60);
    assert_eq!(judged.verdict, Verdict::Indeterminate);
    assert_eq!(judged.runs, 60);
    assert!(judged.looks > 3);
    // The same, with as many runs as it takes.
    let patient = judge(5, 0.03, |_| 1.0, 1000);
    assert_eq!(patient.verdict, Verdict::Pass);
    assert!((11..1000).contains(&patient.runs));
}

#[test]
fn a_fail_that_the_time_leaves_no_fresh_runs_for_is_none() {
    let judged = judge(6, 0.005, |_| 1.03, 10);
    assert_eq!(
        (judged.verdict, judged.runs, judged.fresh),
        (Verdict::Indeterminate, 10, 0)
    );
}

#[test]
fn what_is_only_reported_fails_nothing_and_what_has_no_rule_is_not_there() {
    let mut sides = Sides::new(7, 0.005);
    sides.measure(20, |_| 1.5);
    let report = "[[metric]]\nname = \"ns_per_entry\"\nfloor = 0.1\naction = \"report\"";
    let mut gate = Gate::new(rules(report), true);
    let Next::Done(judged) = gate.look(&sides.base, &sides.new, true) else {
        panic!("the time is up");
    };
    // Nothing that counts was measured, so nothing can be said of it.
    assert_eq!(judged.verdict, Verdict::Indeterminate);
    let rows: Vec<_> = judged
        .rows
        .iter()
        .map(|row| (row.verdict, row.action))
        .collect();
    assert_eq!(rows, [(Verdict::Fail, Action::Report)]);
}

#[test]
fn a_better_that_a_rule_turns_round_is_the_rules() {
    let turned = "[[metric]]\nname = \"ratio_to_bare\"\nfloor = 0.1\nbetter = \"lower\"";
    let mut sides = Sides::new(8, 0.005);
    sides.measure(10, |_| 1.5);
    let mut gate = Gate::new(rules(turned), true);
    assert!(matches!(
        gate.look(&sides.base, &sides.new, false),
        Next::Until(20)
    ));
    assert!(
        matches!(gate.phase(), Phase::Confirming { from: 10, suspects } if suspects.len() == 1)
    );
    sides.measure(20, |_| 1.5);
    let Next::Done(judged) = gate.look(&sides.base, &sides.new, false) else {
        panic!("it is confirmed");
    };
    assert_eq!(judged.verdict, Verdict::Fail);
}

#[test]
fn without_pairs_fresh_runs_are_held_against_all_of_the_file() {
    let mut sides = Sides::new(9, 0.005);
    sides.measure(40, |_| 1.03);
    let mut gate = Gate::new(rules("least = 10"), false);
    assert!(matches!(
        gate.look(&sides.base, &sides.new[..10], false),
        Next::Until(20)
    ));
    let Next::Done(judged) = gate.look(&sides.base, &sides.new[..20], false) else {
        panic!("it is confirmed");
    };
    assert_eq!((judged.verdict, judged.runs), (Verdict::Fail, 20));
    let row = &judged.rows[0].row;
    assert_eq!((row.base.len(), row.new.len()), (40, 10));
}

#[test]
fn runs_without_a_figure_tell_nothing_and_break_nothing() {
    let mut gate = Gate::new(rules("least = 10"), true);
    let none = vec![ProcessRun::default(); 10];
    let Next::Done(judged) = gate.look(&none, &none, true) else {
        panic!("the time is up");
    };
    assert_eq!(
        (judged.verdict, judged.rows.len()),
        (Verdict::Indeterminate, 0)
    );
    let Next::Done(judged) = gate.look(&[], &[], true) else {
        panic!("the time is up");
    };
    assert_eq!((judged.verdict, judged.runs), (Verdict::Indeterminate, 0));
}

/// The short form of what `hwptop bench power` does with processes; the noise is that of a busy
/// machine.
#[test]
fn gates_on_the_same_binary_do_not_fail_and_those_on_a_slower_one_do() {
    let alike = (0..40).map(|seed| judge(1000 + seed, 0.03, |_| 1.0, 100).verdict);
    assert_eq!(alike.filter(|of| *of == Verdict::Fail).count(), 0);
    let slower = (0..20).map(|seed| judge(5000 + seed, 0.03, |_| 1.03, 100).verdict);
    assert_eq!(slower.filter(|of| *of == Verdict::Fail).count(), 20);
}
