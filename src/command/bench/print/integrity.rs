use std::io::{self, Write};

use hwptop_agent::nanos;
use hwptop_bench::{
    load::LoadConfig,
    suite::{Check, Finding, Integrity},
};
use serde_json::{Value, json};

use super::json_line;
use crate::cli::Format;

pub(in crate::command::bench) fn integrity(
    out: &mut impl Write,
    (config, integrity): (&LoadConfig, &Integrity),
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, config, integrity),
        Format::Json => json_line(out, &document(config, integrity)),
        Format::Csv => {
            writeln!(out, "check,kind,holds,what")?;
            for check in &integrity.checks {
                let Check { name, what, .. } = check;
                // Empty where nothing was found.
                let holds = check.finding.holds();
                let holds = holds.map_or_else(String::new, |holds| holds.to_string());
                writeln!(out, "{name},mock,{holds},\"{what}\"")?;
            }
            Ok(())
        }
    }
}

const fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Holds => "holds",
        Finding::Fails => "FAILS",
        Finding::ProvesNothing => "-    ",
    }
}

/// What all checks together say, in a line.
fn verdict(integrity: &Integrity) -> String {
    match integrity.finding() {
        Finding::Holds => "every check holds".to_owned(),
        Finding::Fails => "the kernel probes' figures are NOT all true".to_owned(),
        Finding::ProvesNothing => format!("proves nothing: {}", unproven(integrity)),
    }
}

/// What did not happen that checks need.
pub(in crate::command::bench) fn unproven(integrity: &Integrity) -> String {
    let missing = integrity.with_finding(Finding::ProvesNothing);
    let missing: Vec<&str> = missing.map(|check| check.what.as_str()).collect();
    format!("{}; make more --requests", missing.join("; "))
}

fn text(out: &mut impl Write, config: &LoadConfig, integrity: &Integrity) -> io::Result<()> {
    let load = &integrity.load;
    writeln!(
        out,
        "{} requests of {} entries to the kernel's selftest mock (mock: no IOMMU behind it), {} threads, \
         {:.1} s\n",
        load.seen.walls.0.seen,
        config.batch,
        config.threads,
        load.elapsed.as_secs_f64()
    )?;
    for Check {
        name,
        what,
        finding,
    } in &integrity.checks
    {
        writeln!(out, "{}  {name:<24} {what}", word(*finding))?;
    }
    writeln!(out, "\nverdict: {}", verdict(integrity))
}

fn document(config: &LoadConfig, integrity: &Integrity) -> Value {
    let load = &integrity.load;
    let checks: Vec<Value> = integrity
        .checks
        .iter()
        .map(
            |check| json!({"name": check.name, "what": check.what, "holds": check.finding.holds()}),
        )
        .collect();
    let stage = |stage: &hwptop_agent::StageTotals| {
        json!({
            "seen": stage.0.seen,
            "recorded": stage.recorded(),
            "lost": stage.0.lost_no_start,
            "items": stage.0.items,
            "total_ns": stage.0.total_ns,
        })
    };
    json!({
        "schema": "hwptop.integrity/1",
        "kind": "mock",
        "threads": config.threads,
        "batch": config.batch,
        "requests": load.seen.walls.0.seen,
        "entries": load.seen.walls.0.items,
        "elapsed_ns": nanos(load.elapsed),
        "longest_ns": nanos(load.seen.longest),
        "moves": load.moves,
        "moved_within_a_request": load.seen.moved_within,
        "request": stage(&integrity.requests),
        "driver_op": stage(&integrity.driver_ops),
        "checks": checks,
        "holds": integrity.finding().holds(),
    })
}
