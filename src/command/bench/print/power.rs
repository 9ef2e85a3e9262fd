use std::{
    io::{self, Write},
    time::Duration,
};

use hwptop_bench::{Interval, gate::Played, run_file::Point};
use serde_json::json;

use super::json_line;
use crate::cli::Format;

/// Gates that were run, with requests slower by `percent`.
pub(in crate::command::bench) fn gates(
    out: &mut impl Write,
    points: &[Point],
    percent: f64,
    format: Format,
) -> io::Result<()> {
    let values = |metric: &str| -> Vec<f64> {
        let values = points.iter().filter_map(|point| point.value(metric));
        values.collect()
    };
    let is = |metric: &str| values(metric).iter().filter(|value| **value > 0.0).count();
    let (all, failed) = (points.len(), is("gate_failed"));
    let (untold, criterion) = (is("gate_indeterminate"), is("criterion_regressed"));
    match format {
        Format::Json => {
            return json_line(
                out,
                &json!({
                    "schema": "hwptop.power/1", "effect": percent / 100.0, "gates": all,
                    "failed": failed, "indeterminate": untold, "criterion_regressed": criterion,
                    "points": points,
                }),
            );
        }
        Format::Csv => return csv(out, points),
        Format::Text => {}
    }
    let (what, whose) = if percent > 0.0 {
        ("caught", "caught by")
    } else {
        ("false alarms", "false alarms of")
    };
    writeln!(out, "{all} gates, requests slower by {percent} %")?;
    writeln!(out, "FAIL           {failed:>5}  {what}")?;
    writeln!(out, "PASS           {:>5}", all - failed - untold)?;
    writeln!(out, "INDETERMINATE  {untold:>5}")?;
    writeln!(
        out,
        "criterion      {criterion:>5}  {whose} its default rule: a metric that it calls regressed, on the same runs"
    )?;
    for (metric, what) in [("gate_seconds", "s a gate"), ("gate_pairs", "pairs a gate")] {
        if let Some(Interval { median, low, high }) = Interval::range_of(&values(metric)) {
            writeln!(out, "{median:.1} {what} ({low:.1} to {high:.1})")?;
        }
    }
    Ok(())
}

const COLUMNS: [&str; 6] = [
    "gate_failed",
    "gate_indeterminate",
    "gate_pairs",
    "gate_seconds",
    "gate_worse",
    "criterion_regressed",
];

fn csv(out: &mut impl Write, points: &[Point]) -> io::Result<()> {
    writeln!(out, "gate,{}", COLUMNS.join(","))?;
    for (gate, point) in points.iter().enumerate() {
        let values = COLUMNS.map(|metric| super::field(point.value(metric)));
        writeln!(out, "{gate},{}", values.join(","))?;
    }
    Ok(())
}

/// Gates that were played on measured pairs.
pub(in crate::command::bench) struct Power {
    pub(in crate::command::bench) pairs: usize,
    pub(in crate::command::bench) budget: Duration,
    pub(in crate::command::bench) narrowing: Option<f64>,
    pub(in crate::command::bench) played: Vec<Played>,
}

pub(in crate::command::bench) fn power(
    out: &mut impl Write,
    power: &Power,
    format: Format,
) -> io::Result<()> {
    let smallest = power.played.last().filter(|last| last.is_caught());
    let percent = |of: &Played| format!("{:.1}", of.effect * 100.0);
    match format {
        Format::Json => {
            let played = power.played.iter();
            let played = played
                .map(|of| json!({"effect": of.effect, "caught": of.caught, "gates": of.gates}));
            return json_line(
                out,
                &json!({
                    "schema": "hwptop.power/1", "pairs": power.pairs,
                    "budget_s": power.budget.as_secs_f64(),
                    "smallest_effect": smallest.map(|of| of.effect),
                    "narrowing": power.narrowing, "played": played.collect::<Vec<_>>(),
                }),
            );
        }
        Format::Csv => {
            writeln!(out, "effect,caught,gates")?;
            for of in &power.played {
                writeln!(out, "{},{},{}", of.effect, of.caught, of.gates)?;
            }
            return Ok(());
        }
        Format::Text => {}
    }
    writeln!(
        out,
        "{} pairs of processes in {} s, drawn again and again; slow-downs are put into their figures\n",
        power.pairs,
        power.budget.as_secs()
    )?;
    writeln!(out, "{:>10} {:>8}", "slower by", "caught")?;
    for of in &power.played {
        writeln!(out, "{:>8} % {:>4}/{}", percent(of), of.caught, of.gates)?;
    }
    match smallest {
        Some(of) => writeln!(
            out,
            "\n{} % is the smallest that 95 % of the gates catch here",
            percent(of)
        )?,
        None => writeln!(
            out,
            "\nnone of them is caught by 95 % of the gates: give --budget more time"
        )?,
    }
    if let Some(narrowing) = power.narrowing {
        writeln!(
            out,
            "pairs make the intervals {narrowing:.1} times as narrow as the same runs without"
        )?;
    }
    Ok(())
}
