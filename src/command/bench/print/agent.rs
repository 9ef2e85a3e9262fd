use std::io::{self, Write};

use hwptop_agent::nanos;
use hwptop_bench::suite::{AgentCost, Events, Looking, MillionEvents, Scaling, Took, Watched};
use serde_json::{Value, json};

use super::{json_line, spread, verdict};
use crate::cli::Format;

const MIB: f64 = 1024.0 * 1024.0;

pub(in crate::command::bench) fn agent_cost(
    out: &mut impl Write,
    cost: &AgentCost,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, cost),
        Format::Json => json_line(out, &document(cost)),
        Format::Csv => csv(out, cost),
    }
}

fn text(out: &mut impl Write, cost: &AgentCost) -> io::Result<()> {
    if let Some(events) = &cost.events {
        events_text(out, events)?;
    }
    if !cost.watched.is_empty() {
        writeln!(
            out,
            "\nheadless, a snapshot per second, modelled instances\n"
        )?;
    }
    for watched in &cost.watched {
        let share = watched.core_share();
        let goal = watched.doing.core_share_goal();
        let resident = watched.peak_resident_bytes;
        writeln!(
            out,
            "{:<4} {} instances, {:.1} s   CPU {:.3} % of a core, at most {} %: {}   resident \
             {:.1} MiB, at most {} MiB: {}",
            watched.doing.name(),
            watched.instances,
            watched.watched.as_secs_f64(),
            share * 100.0,
            goal * 100.0,
            verdict(share <= goal),
            resident as f64 / MIB,
            Watched::RESIDENT_GOAL >> 20,
            verdict(resident <= Watched::RESIDENT_GOAL),
        )?;
    }
    if !cost.took.is_empty() {
        writeln!(out)?;
    }
    for took in &cost.took {
        let [p50, p99] = [0.5, 0.99].map(|at| took.ns.value_at_quantile(at) as f64 / 1e6);
        let goal = took.goal.as_secs_f64() * 1e3;
        writeln!(
            out,
            "{}, {} {}: p50 {p50:.2} ms, p99 {p99:.2} ms; p50 at most {goal} ms: {}",
            took.what,
            took.of.0,
            took.of.1,
            verdict(p50 <= goal),
        )?;
    }
    if !cost.scaling.is_empty() {
        writeln!(
            out,
            "\nbegin/end pairs per second, as a ratio of one producer's\n"
        )?;
    }
    for scaling in &cost.scaling {
        let Some(ratio) = scaling.interval() else {
            continue;
        };
        writeln!(
            out,
            "{:<32} {}, at least {}: {}",
            scaling.on.name(),
            spread(ratio, 2),
            Scaling::GOAL,
            verdict(ratio.median >= Scaling::GOAL)
        )?;
    }
    Ok(())
}

fn events_text(out: &mut impl Write, events: &MillionEvents) -> io::Result<()> {
    writeln!(
        out,
        "a million begin/end pairs, CPU ms of the programs and of who reads them: median (smallest to \
         largest) of the rounds"
    )?;
    writeln!(out, "ratio: hwptop's to this one, round by round\n")?;
    for looking in Looking::ALL {
        let name = looking.name(events.events);
        if let Some((_, why)) = events.absent.iter().find(|(of, _)| *of == looking) {
            writeln!(out, "{name:<36} absent: {}", why.0)?;
            continue;
        }
        let ms: Option<Vec<f64>> = events
            .of(looking)
            .map(|all| all.iter().map(|s| s * 1e3).collect());
        let Some(ms) = ms.and_then(|ms| hwptop_bench::Interval::range_of(&ms)) else {
            continue;
        };
        let ratio = match (events.ratio_to(looking), looking.goal(events.events)) {
            (Some(ratio), Some(goal)) => format!(
                "   {}, at most {goal}: {}",
                spread(ratio, 2),
                verdict(ratio.median <= goal)
            ),
            _ => String::new(),
        };
        writeln!(out, "{name:<36} {:>24}{ratio}", spread(ms, 0))?;
    }
    Ok(())
}

fn document(cost: &AgentCost) -> Value {
    let events = cost.events.as_ref().map(|events| {
        let measured = events.measured.iter().map(|(looking, seconds)| {
            json!({
                "by": looking.name(events.events),
                "cpu_seconds_per_million": seconds,
                "hwptop_ratio": events.ratio_to(*looking).map(|ratio| ratio.median),
                "goal": looking.goal(events.events),
            })
        });
        let absent = events
            .absent
            .iter()
            .map(|(looking, why)| json!({"by": looking.name(events.events), "why": why.0}));
        json!({
            "at": match events.events {
                Events::Static => "static probes",
                Events::Selftest(_) => "selftest",
            },
            "measured": measured.collect::<Vec<_>>(),
            "absent": absent.collect::<Vec<_>>(),
        })
    });
    let watched = cost.watched.iter().map(|watched| {
        json!({
            "doing": watched.doing.name(),
            "instances": watched.instances,
            "modelled": true,
            "watched_ns": nanos(watched.watched),
            "cpu_ns": nanos(watched.cpu),
            "core_share": watched.core_share(),
            "peak_resident_bytes": watched.peak_resident_bytes,
            "snapshots": watched.snapshots,
        })
    });
    let took = cost.took.iter().map(|took| {
        json!({
            "what": took.what,
            took.of.1: took.of.0,
            "p50_ns": took.ns.value_at_quantile(0.5),
            "p99_ns": took.ns.value_at_quantile(0.99),
            "goal_ns": nanos(took.goal),
        })
    });
    let scaling = cost.scaling.iter().map(
        |scaling| json!({"on": scaling.on.name(), "ratio": scaling.ratio, "goal": Scaling::GOAL}),
    );
    json!({
        "schema": "hwptop.agent-cost/2",
        "million_events": events,
        "watched": watched.collect::<Vec<_>>(),
        "took": took.collect::<Vec<_>>(),
        "scaling": scaling.collect::<Vec<_>>(),
        "whole": cost.is_whole,
    })
}

/// One figure per line: what was measured of what, its unit, and the round where there are
/// several.
fn csv(out: &mut impl Write, cost: &AgentCost) -> io::Result<()> {
    writeln!(out, "figure,of,round,value,unit")?;
    if let Some(events) = &cost.events {
        for (looking, seconds) in &events.measured {
            let name = looking.name(events.events);
            for (round, seconds) in seconds.iter().enumerate() {
                writeln!(out, "million events,\"{name}\",{round},{seconds},s")?;
            }
        }
    }
    for watched in &cost.watched {
        let of = format!("{} modelled {}", watched.instances, watched.doing.name());
        writeln!(out, "core share,{of},,{},", watched.core_share())?;
        writeln!(out, "peak resident,{of},,{},B", watched.peak_resident_bytes)?;
    }
    for Took { what, of, ns, .. } in &cost.took {
        for (quantile, at) in [("p50", 0.5), ("p99", 0.99)] {
            let value = ns.value_at_quantile(at);
            writeln!(out, "{what} {quantile},{} {},,{value},ns", of.0, of.1)?;
        }
    }
    for scaling in &cost.scaling {
        for (round, ratio) in scaling.ratio.iter().enumerate() {
            writeln!(out, "scaling,\"{}\",{round},{ratio},", scaling.on.name())?;
        }
    }
    Ok(())
}
