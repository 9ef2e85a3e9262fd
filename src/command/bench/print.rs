//! The suites' figures as text, JSON and CSV.

use std::io::{self, Write};

use hwptop_bench::{Interval, run_file::Kind};
use hwptop_driver::{TimingProfile, Vendor};
use serde_json::{Value, json};

mod agent;
mod attach;
mod batching;
mod dashboard;
mod fit;
mod front_end;
mod integrity;
mod kernel_cost;
mod points;
mod policies;
mod power;
mod replay;
mod scaling;
mod several;
mod stages;

pub(super) use agent::agent_cost;
pub(super) use attach::attach_cost;
pub(super) use batching::batching;
pub(super) use dashboard::{Drawn, dashboard};
pub(super) use front_end::front_end;
pub(super) use integrity::{integrity, unproven};
pub(super) use kernel_cost::kernel_cost;
pub(super) use policies::policies;
pub(super) use power::{Power, gates, power};
pub(super) use replay::replay;
pub(super) use scaling::scaling;
pub(super) use several::several;
pub(super) use stages::stages;

use super::{Format, ProbeCost, Variant};

pub(super) fn probe_cost(out: &mut impl Write, cost: &ProbeCost, format: Format) -> io::Result<()> {
    match format {
        Format::Text => probe_cost_text(out, cost),
        Format::Json => {
            let variants: Vec<Value> = cost
                .measured
                .iter()
                .map(|measured| {
                    json!({
                        "variant": measured.variant.name(),
                        "ns_per_pair": measured.ns_per_pair,
                        "hwptop_ratio": cost.ratio_to(measured.variant).map(|ratio| ratio.median),
                        "goal": measured.variant.goal(),
                    })
                })
                .collect();
            let absent: Vec<Value> = cost
                .absent
                .iter()
                .map(|(variant, reason)| json!({"variant": variant.name(), "why": reason.0}))
                .collect();
            json_line(
                out,
                &json!({"schema": "hwptop.probe-cost/1", "variants": variants, "absent": absent}),
            )
        }
        Format::Csv => {
            writeln!(out, "variant,round,ns_per_pair")?;
            for measured in &cost.measured {
                for (round, ns) in measured.ns_per_pair.iter().enumerate() {
                    writeln!(out, "\"{}\",{round},{ns}", measured.variant.name())?;
                }
            }
            Ok(())
        }
    }
}

fn probe_cost_text(out: &mut impl Write, cost: &ProbeCost) -> io::Result<()> {
    writeln!(
        out,
        "one begin/end pair, ns: median (smallest to largest) of the rounds"
    )?;
    writeln!(out, "ratio: hwptop's pair to this one, round by round\n")?;
    writeln!(out, "{:<44} {:>24}   ratio, goal", "variant", "ns per pair")?;
    for measured in &cost.measured {
        let Some(ns) = measured.spread() else {
            continue;
        };
        let figures = spread(ns, 0);
        let ratio = match (cost.ratio_to(measured.variant), measured.variant.goal()) {
            (Some(ratio), Some(goal)) => {
                let verdict = verdict(ratio.median <= goal);
                format!("{}, at most {goal}: {verdict}", spread(ratio, 2))
            }
            _ => String::new(),
        };
        writeln!(
            out,
            "{:<44} {figures:>24}   {ratio}",
            measured.variant.name()
        )?;
    }
    for (variant, reason) in &cost.absent {
        writeln!(out, "{:<44} absent: {}", variant.name(), reason.0)?;
    }
    if cost.of(Variant::Hwptop).is_none() {
        writeln!(out, "hwptop's own pair could not be measured")?;
    }
    Ok(())
}

fn json_line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// `median (low to high)`.
fn spread(of: Interval, decimals: usize) -> String {
    let Interval { median, low, high } = of;
    format!("{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}

const fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "MISSED" }
}

fn whole(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn tenth(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

fn rate(per_s: Option<f64>) -> String {
    per_s.map_or_else(|| "-".to_owned(), |per_s| format!("{per_s:.0}"))
}

fn hundredth(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What was measured where: of the model also its timing.
fn place(
    out: &mut impl Write,
    what: &str,
    (kind, target): (Kind, &str),
    vendor: Vendor,
) -> io::Result<()> {
    match kind {
        Kind::Modelled => {
            writeln!(out, "{what} on a modelled {}", vendor.name())?;
            writeln!(out, "{}", TimingProfile::of(vendor).describe(vendor))
        }
        _ => match kind.meaning() {
            Some(meaning) => writeln!(out, "{what} on {target} ({}: {meaning})", kind.name()),
            None => writeln!(out, "{what} on {target}"),
        },
    }
}

/// Names the points that never became steady, if any.
fn never_steady(out: &mut impl Write, points: impl Iterator<Item = String>) -> io::Result<()> {
    let points: Vec<String> = points.collect();
    if points.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "never steady, so that a longer --time may tell otherwise: {}",
        points.join("; ")
    )
}

fn field<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
