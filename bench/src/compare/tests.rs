use super::*;
use crate::run_file::Point;

fn run(figures: &[(&str, f64)]) -> ProcessRun {
    let point = figures
        .iter()
        .fold(Point::default(), |point, (name, value)| {
            point.with(name, Some(*value))
        });
    ProcessRun {
        points: vec![point],
        ..ProcessRun::default()
    }
}

fn runs(metric: &str, values: &[f64]) -> Vec<ProcessRun> {
    values
        .iter()
        .map(|value| run(&[(metric, *value)]))
        .collect()
}

const BASE: [f64; 8] = [100.0, 101.0, 99.0, 100.5, 99.5, 100.2, 99.8, 100.1];

fn only(comparison: Comparison) -> Row {
    let mut rows = comparison.rows;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[test]
fn what_is_worse_is_above_one_whichever_way_is_better() {
    let worse = |metric: &str, factor: f64| {
        let new = BASE.map(|value| value * factor);
        let comparison = Comparison::of(
            &runs(metric, &BASE),
            &runs(metric, &new),
            true,
            Confidence::P99,
        );
        only(comparison).worse().expect("a ratio").value
    };
    assert!((worse("ns_per_entry", 1.25) - 1.25).abs() < 1e-9);
    assert!((worse("guest_commands_per_s", 0.8) - 1.25).abs() < 1e-9);
}

#[test]
fn the_verdict_needs_the_interval_beyond_the_floor_and_the_ranks() {
    let new = BASE.map(|value| value * 1.05);
    let row = only(Comparison::of(
        &runs("ns_per_entry", &BASE),
        &runs("ns_per_entry", &new),
        true,
        Confidence::P99,
    ));
    assert_eq!(row.verdict(0.01, Confidence::P99), Verdict::Fail);
    assert_eq!(row.verdict(0.10, Confidence::P99), Verdict::Pass);
    // It is 1.05 exactly: neither beyond 5 % nor within.
    let p = row.p.expect("pairs");
    assert!((p - 2.0 / 256.0).abs() < 1e-12, "all of 8 pairs: {p}");
    // Five pairs can never be as uneven as the confidence wants.
    let few = only(Comparison::of(
        &runs("ns_per_entry", &BASE[..5]),
        &runs("ns_per_entry", &new[..5]),
        true,
        Confidence::P99,
    ));
    assert_eq!(few.verdict(0.01, Confidence::P99), Verdict::Indeterminate);
}

#[test]
fn pairs_take_out_what_both_runs_of_them_share() {
    let drift: Vec<f64> = (0..20)
        .map(|index| 100.0 + 10.0 * f64::from(index))
        .collect();
    let new: Vec<f64> = drift.iter().map(|value| value * 1.02).collect();
    let (base, new) = (runs("ns_per_entry", &drift), runs("ns_per_entry", &new));
    let width = |is_paired| {
        let row = only(Comparison::of(&base, &new, is_paired, Confidence::P95));
        let ratio = row.ratio.expect("a ratio");
        ratio.high - ratio.low
    };
    assert!(width(true) < 0.001 && width(false) > 0.1);
}

#[test]
fn metrics_of_one_side_are_told_and_those_without_a_better_are_not_compared() {
    let base = [run(&[
        ("ns_per_entry", 1.0),
        ("cycles_per_entry", 2.0),
        ("entries", 7.0),
    ])];
    let new = [run(&[
        ("ns_per_entry", 1.0),
        ("instructions_per_entry", 2.0),
        ("entries", 7.0),
    ])];
    let comparison = Comparison::of(&base, &new, true, Confidence::P95);
    let names = |keys: &[Key]| {
        keys.iter()
            .map(|key| key.metric.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&comparison.only_base), ["cycles_per_entry"]);
    assert_eq!(names(&comparison.only_new), ["instructions_per_entry"]);
    let row = only(comparison);
    assert_eq!(row.key.metric, "ns_per_entry");
    assert!(matches!(row.ratio, Err(NoRatio::Few { there: 1 })));
    assert_eq!(row.verdict(0.01, Confidence::P95), Verdict::Indeterminate);
}

#[test]
fn a_run_of_a_pair_without_the_figure_takes_the_other_with_it() {
    let mut base = runs("ns_per_entry", &BASE);
    let new = runs("ns_per_entry", &BASE);
    base[3] = run(&[("cycles_per_entry", 1.0)]);
    let paired = Comparison::of(&base, &new, true, Confidence::P95);
    assert_eq!(paired.rows[0].new.len(), 7);
    let unpaired = Comparison::of(&base, &new, false, Confidence::P95);
    assert_eq!(
        (unpaired.rows[0].base.len(), unpaired.rows[0].new.len()),
        (7, 8)
    );
}

#[test]
fn what_cannot_be_told_is_indeterminate() {
    for values in [[0.0; 8], [f64::MAX; 8]] {
        let same = runs("ns_per_entry", &values);
        let row = only(Comparison::of(&same, &same, true, Confidence::P95));
        let verdict = row.verdict(0.01, Confidence::P95);
        let expected = if values[0] == 0.0 {
            Verdict::Indeterminate
        } else {
            Verdict::Pass
        };
        assert_eq!(verdict, expected);
    }
    assert!(
        Comparison::of(&[], &[], true, Confidence::P95)
            .rows
            .is_empty()
    );
}
