//! The suites' figures as text, JSON and CSV.

use std::io::{self, Write};

use hwptop_agent::nanos;
use serde_json::{Value, json};

mod front_end;
mod policies;

pub(super) use front_end::front_end;
pub(super) use policies::policies;

use super::{AgentCost, BatchPoint, Format, ProbeCost, RunFile, Variant};

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn batching(out: &mut impl Write, run: &RunFile, format: Format) -> io::Result<()> {
    match format {
        Format::Text => batching_text(out, run),
        Format::Json => json_line(out, &serde_json::to_value(run)?),
        Format::Csv => batching_csv(out, run),
    }
}

fn batching_text(out: &mut impl Write, run: &RunFile) -> io::Result<()> {
    let modelled = if run.modelled { " (modelled)" } else { "" };
    writeln!(out, "batching on {}{modelled}", run.target)?;
    if let Some(profile) = &run.timing_profile {
        writeln!(out, "{profile}")?;
    }
    writeln!(
        out,
        "\n{:<14} {:>6} {:>12} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10}",
        "instance",
        "batch",
        "entries/s",
        "ns/entry",
        "cmds/sync",
        "p50 ns",
        "p99 ns",
        "instr/entry",
        "cyc/entry"
    )?;
    for point in &run.points {
        let latency = point.request_latency.decode().ok();
        let at = |quantile| {
            latency
                .as_ref()
                .map(|latency| latency.value_at_quantile(quantile))
        };
        writeln!(
            out,
            "{:<14} {:>6} {:>12.0} {:>10.1} {:>10.1} {:>10} {:>10} {:>12} {:>10}",
            point.instance,
            point.batch,
            point.entries_per_s(),
            point.ns_per_entry(),
            point.commands_per_sync(),
            whole(at(0.5)),
            whole(at(0.99)),
            tenth(point.instructions_per_entry()),
            tenth(point.cycles_per_entry()),
        )?;
    }
    if run.points.iter().all(|point| point.counters.is_none()) {
        writeln!(
            out,
            "\ninstructions and cycles: absent, this machine has no hardware counters or this process no \
             right to them"
        )?;
    }
    writeln!(out, "p50, p99: latency of a request")
}

fn batching_csv(out: &mut impl Write, run: &RunFile) -> io::Result<()> {
    writeln!(
        out,
        "instance,modelled,batch,entries,requests,submissions,commands,elapsed_ns,entries_per_s,\
         ns_per_entry,commands_per_sync,request_latency_ns_p50,request_latency_ns_p99,\
         instructions_per_entry,cycles_per_entry"
    )?;
    for point in &run.points {
        let BatchPoint {
            instance,
            batch,
            entries,
            requests,
            submissions,
            commands,
            elapsed_ns,
            ..
        } = point;
        let latency = point.request_latency.decode().ok();
        let at = |quantile| {
            field(
                latency
                    .as_ref()
                    .map(|latency| latency.value_at_quantile(quantile)),
            )
        };
        writeln!(
            out,
            "{instance},{},{batch},{entries},{requests},{submissions},{commands},{elapsed_ns},{},{},{},{},{},{},{}",
            run.modelled,
            point.entries_per_s(),
            point.ns_per_entry(),
            point.commands_per_sync(),
            at(0.5),
            at(0.99),
            field(point.instructions_per_entry()),
            field(point.cycles_per_entry()),
        )?;
    }
    Ok(())
}

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
                        "hwptop_ratio": cost.ratio_to(measured.variant).map(|(median, _, _)| median),
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
        let Some((median, low, high)) = measured.spread() else {
            continue;
        };
        let figures = format!("{median:.0} ({low:.0} to {high:.0})");
        let ratio = match (cost.ratio_to(measured.variant), measured.variant.goal()) {
            (Some((median, low, high)), Some(goal)) => {
                let verdict = if median <= goal { "reached" } else { "MISSED" };
                format!("{median:.2} ({low:.2} to {high:.2}), at most {goal}: {verdict}")
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

pub(super) fn agent_cost(out: &mut impl Write, cost: &AgentCost, format: Format) -> io::Result<()> {
    let AgentCost {
        instances,
        watched,
        cpu,
        peak_resident_bytes,
        snapshots,
    } = *cost;
    match format {
        Format::Text => {
            writeln!(
                out,
                "headless agent, 1 s interval, {instances} idle instances (modelled), {snapshots} snapshots in {:.1} s",
                watched.as_secs_f64()
            )?;
            writeln!(
                out,
                "  CPU       {:.3} % of one core (goal: at most 1 %)",
                cost.core_share() * 100.0
            )?;
            writeln!(
                out,
                "  resident  {:.1} MiB at most (goal: at most 64 MiB)",
                peak_resident_bytes as f64 / MIB
            )
        }
        Format::Json => json_line(
            out,
            &json!({
                "schema": "hwptop.agent-cost/1",
                "instances": instances,
                "modelled": true,
                "watched_ns": nanos(watched),
                "cpu_ns": nanos(cpu),
                "core_share": cost.core_share(),
                "peak_resident_bytes": peak_resident_bytes,
                "snapshots": snapshots,
            }),
        ),
        Format::Csv => {
            writeln!(
                out,
                "instances,modelled,watched_ns,cpu_ns,core_share,peak_resident_bytes,snapshots"
            )?;
            writeln!(
                out,
                "{instances},true,{},{},{},{peak_resident_bytes},{snapshots}",
                watched.as_nanos(),
                cpu.as_nanos(),
                cost.core_share()
            )
        }
    }
}

fn json_line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

fn whole(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn tenth(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

fn field<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
