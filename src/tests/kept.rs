//! The long runs that are kept in `bench/results`: that they hold what the gate and the benchmarks
//! are held to, and that the README says of them what they say.

use std::path::{Path, PathBuf};

use hwptop_bench::{
    Interval,
    gate::Played,
    run_file::{BatchPoint, BatchingRun, Fitted, Kind, Point, RunFile},
};

const README: &str = include_str!("../../README.md");
/// Where the figures of these files are told.
const SECTION: &str = "## What the gate is held to";

/// `hwptop bench power --effect 0 --gates 200 -o bench/results/same.json`
const ALIKE: usize = 200;
/// `hwptop bench power --effect 3 --gates 59 -o bench/results/slower.json`
const SLOWER: usize = 59;
/// What each of these gates may take, in seconds.
const BUDGET: f64 = 60.0;
/// How far off what small batches foretell of a larger one may be.
const OFF_MAX: f64 = 0.05;
/// Entries/s of the harness to those of a bare loop.
const OVERHEAD: f64 = 0.95;

fn kept(name: &str) -> RunFile {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("bench/results")
        .join(name);
    let run = RunFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(run.complete, "{name}: it was stopped before it was done");
    assert_eq!(run.dropped, 0, "{name}: a process of it failed");
    run
}

/// That the README's section has the sentence, however its lines are broken.
fn told(sentence: &str) {
    let section = README.split_once(SECTION).map_or("", |(_, behind)| behind);
    let section = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(section).contains(&words(sentence)),
        "README.md, {SECTION:?}, is to say:\n\n{sentence}\n"
    );
}

/// The gates of a file of `hwptop bench power --effect`.
struct Gates {
    points: Vec<Point>,
}

impl Gates {
    fn of(name: &str, effect: &str, gates: usize) -> Self {
        let run = kept(name);
        assert_eq!(run.suite, "power", "{name}");
        assert_eq!(run.kind, Kind::Modelled, "{name}");
        for (setting, value) in [("effect", effect), ("budget", "60 s")] {
            assert_eq!(
                run.settings.get(setting).map(String::as_str),
                Some(value),
                "{name}: {setting}"
            );
        }
        let points: Vec<Point> = run.runs.into_iter().flat_map(|run| run.points).collect();
        assert_eq!(points.len(), gates, "{name}: gates");
        Self { points }
    }

    /// The figure of every gate.
    fn values(&self, metric: &str) -> Vec<f64> {
        let value = |point: &Point| {
            let value = point.value(metric);
            value.unwrap_or_else(|| panic!("{metric} is not in {:?}", point.labels))
        };
        self.points.iter().map(value).collect()
    }

    /// How many have something of it.
    fn with(&self, metric: &str) -> usize {
        self.values(metric)
            .iter()
            .filter(|value| **value > 0.0)
            .count()
    }

    fn range(&self, metric: &str) -> Interval {
        Interval::range_of(&self.values(metric)).expect("there are gates")
    }
}

#[test]
fn no_gate_of_a_binary_against_itself_says_fail() {
    let gates = Gates::of("same.json", "0 %", ALIKE);
    assert_eq!(gates.with("gate_failed"), 0, "false alarms");
    told(&format!(
        "Of {ALIKE} gates of a binary against itself (modelled) 0 said FAIL, {} could not tell; in {} of them \
         criterion's default rule called a metric regressed, on the same runs.",
        gates.with("gate_indeterminate"),
        gates.with("criterion_regressed"),
    ));
}

#[test]
fn every_gate_catches_what_is_3_percent_slower_within_its_budget() {
    let gates = Gates::of("slower.json", "3 %", SLOWER);
    let seconds = gates.range("gate_seconds");
    assert_eq!(gates.with("gate_failed"), SLOWER, "those that caught it");
    assert!(seconds.high <= BUDGET, "one took {} s", seconds.high);
    told(&format!(
        "Of {SLOWER} gates against requests that are slower by 3 % (modelled) {SLOWER} said FAIL, in the median \
         after {:.1} s and {:.0} pairs of processes, at the latest after {:.1} s.",
        seconds.median,
        gates.range("gate_pairs").median,
        seconds.high,
    ));
}

/// What a file of `hwptop bench power` says of the smallest slow-down, as the README tells it.
fn smallest(name: &str) -> String {
    let run = kept(name);
    assert_eq!(run.suite, "power");
    let of = |name: &str| run.settings.get(name).map(String::as_str);
    assert_eq!((of("effect"), of("budget")), (Some("played"), Some("60 s")));
    let points = &run.runs[0].points;
    let played: Vec<Played> = points.iter().filter_map(Played::of).collect();
    let (smallest, smaller) = played.split_last().expect("gates that were played");
    assert!(smallest.is_caught(), "none is caught by 95 %: {played:?}");
    assert!(!smaller.iter().any(Played::is_caught), "{played:?}");
    let figure = |metric: &str| {
        let mut all = points.iter().filter_map(|point| point.value(metric));
        all.next()
            .unwrap_or_else(|| panic!("{metric} is not in the file"))
    };
    let width = figure("unpaired_width");
    assert!(width >= 1.0, "pairs make intervals wider: {width}");
    format!(
        "{:.1} % ({} of {}, played on {} pairs of processes; modelled), and intervals would be {width:.1} times as \
         wide if the same runs were not taken as pairs",
        smallest.effect * 100.0,
        smallest.caught,
        smallest.gates,
        figure("gate_pairs"),
    )
}

#[test]
fn the_smallest_slow_down_that_is_caught_is_the_one_that_is_told() {
    told(&format!(
        "The smallest slow-down that 95 % of the gates catch in 60 s is {}; with another program that takes one of \
         the two cores for 2 of every 4 s it is {}.",
        smallest("smallest.json"),
        smallest("smallest-neighbour.json"),
    ));
}

/// The sweep of a file of `hwptop bench batching`.
fn sweep(name: &str, kind: Kind) -> BatchingRun {
    let run = kept(name);
    assert_eq!(run.kind, kind, "{name}");
    run.batching()
        .unwrap_or_else(|| panic!("{name}: a run of {}", run.suite))
}

/// How far what small batches foretell of one of 64 is off, as a part; of all instances the one that is worst.
fn off(sweep: &BatchingRun) -> f64 {
    let off = |of: Fitted<'_>| {
        let prediction = of
            .prediction
            .unwrap_or_else(|| panic!("{}: no line", of.instance));
        prediction.error().abs()
    };
    sweep.fitted().into_iter().map(off).fold(0.0, f64::max)
}

#[test]
fn small_batches_predict_what_one_of_64_costs_on_the_model_and_on_the_mock() {
    let off = |name, kind| {
        let off = off(&sweep(name, kind));
        assert!(off <= OFF_MAX, "{name}: off by {:.1} %", off * 100.0);
        off * 100.0
    };
    told(&format!(
        "Fitted to batches of up to 32 entries, a + b·n is off by {:.1} % at 64 on the model and by \
         {:.1} % on the kernel's mock.",
        off("model.json", Kind::Modelled),
        off("selftest.json", Kind::Mock),
    ));
}

#[test]
fn the_harness_costs_no_more_than_a_twentieth_of_a_bare_loop() {
    let sweep = sweep("selftest.json", Kind::Mock);
    let ratio = |point: &BatchPoint| {
        let bare = point.bare.as_ref();
        let bare = bare.unwrap_or_else(|| panic!("batch {}: no bare loop beside it", point.batch));
        bare.ratio.median
    };
    let least = sweep.points.iter().map(ratio).fold(f64::INFINITY, f64::min);
    assert!(least.is_finite(), "there are no points");
    assert!(
        least >= OVERHEAD,
        "entries/s are {least} times those of a bare loop"
    );
    told(&format!(
        "On the kernel's mock the harness makes at least {least:.2} times as many entries/s as a bare loop of the \
         same requests, whatever the batch."
    ));
}
