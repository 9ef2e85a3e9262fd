//! The rows of a comparison, and what they are of.

use hwptop_agent::{
    compare::{Comparison, Side},
    nanos,
    snapshot::{Scope, Snapshot},
};
use serde_json::{Value, json};

use super::{of, taken_at};
use crate::{App, Baseline, compared};

/// Schema of a comparison in JSON.
const SCHEMA: &str = "hwptop.comparison/1";

/// `ratio_low` and `ratio_high` are the interval of the ratio at 95 %; `no_interval` says why there
/// is none.
pub(super) const COLUMNS: [&str; 13] = [
    "instance",
    "pid",
    "context",
    "hwpt",
    "stage",
    "figure",
    "unit",
    "base",
    "new",
    "ratio",
    "ratio_low",
    "ratio_high",
    "no_interval",
];

pub(super) fn rows(app: &App, scope: &Scope) -> Result<Vec<Value>, String> {
    let (_, comparison) = shown(app)?;
    let lines = compared::lines(comparison).into_iter();
    let rows = lines.map(|line| {
        let mut row = of(scope);
        row["stage"] = json!(app.comparing.stage.name());
        row["figure"] = json!(line.name);
        row["unit"] = json!(line.unit);
        row["base"] = json!(line.values[0]);
        row["new"] = json!(line.values[1]);
        row["ratio"] = json!(line.value);
        row["ratio_low"] = json!(line.between.map(|range| range.low));
        row["ratio_high"] = json!(line.between.map(|range| range.high));
        let why = line.between.is_none().then_some(line.range);
        row["no_interval"] = json!(why.filter(|why| !why.is_empty()));
        row
    });
    Ok(rows.collect())
}

pub(super) fn document(app: &App, scope: &Scope, snapshot: &Snapshot) -> Result<Value, String> {
    let (baseline, comparison) = shown(app)?;
    let differences = comparison.differences.iter();
    let differences =
        differences.map(|one| json!({"what": one.what, "base": one.base, "new": one.new}));
    Ok(json!({
        "schema": SCHEMA,
        "taken_at_unix_ns": taken_at(snapshot),
        "of": of(scope),
        "stage": app.comparing.stage.name(),
        "baseline": baseline.name,
        "base": side(&comparison.base),
        "new": side(&comparison.new),
        "not_taken_alike": differences.collect::<Vec<_>>(),
        "figures": rows(app, scope)?,
    }))
}

fn shown(app: &App) -> Result<(&Baseline, &Comparison), String> {
    let shown = app.comparing.comparison();
    shown.ok_or_else(|| "there is no baseline, and nothing is compared".to_owned())
}

fn side(side: &Side) -> Value {
    json!({
        "length_ns": nanos(side.length),
        "intervals": side.intervals,
        "events": side.work.seen,
        "parts_left_out_at_least": side.left_out,
    })
}
