use std::io::{self, Write};

use hdrhistogram::Histogram;
use hwptop_agent::{nanos, snapshot::Snapshot};
use hwptop_bench::{
    Interval,
    suite::{Beside, DashboardCost, ScreenCost, Scroll, Shows},
};
use serde_json::{Value, json};

use super::{json_line, spread, verdict};
use crate::cli::Format;

/// What was drawn.
pub(in crate::command::bench) struct Drawn<'a> {
    pub(in crate::command::bench) of: &'a [Snapshot],
    /// Columns and rows.
    pub(in crate::command::bench) size: (u16, u16),
}

pub(in crate::command::bench) fn dashboard(
    out: &mut impl Write,
    cost: &DashboardCost,
    drawn: &Drawn,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, cost, drawn),
        Format::Json => json_line(out, &document(cost, drawn)),
        Format::Csv => csv(out, cost),
    }
}

fn text(out: &mut impl Write, cost: &DashboardCost, drawn: &Drawn) -> io::Result<()> {
    let (columns, rows) = drawn.size;
    writeln!(out, "{columns}×{rows}, drawn from {}\n", source(drawn))?;
    writeln!(
        out,
        "frame: drawn from a new snapshot, and what has changed found; diff: the second part alone, \
         in such a frame's\ntwo buffers (ratatui's Buffer::diff), in turns with it; update: taking in the \
         snapshot, right before either.\nCPU time of the thread. ratio: frame to diff, at most {} at p50 and at p99; \
         bytes: written to the terminal, at most {} on the average\n",
        ScreenCost::FRAME_GOAL,
        ScreenCost::BYTES_GOAL
    )?;
    writeln!(
        out,
        "{:<10} {:>13} {:>13} {:>11}          {:>13} {:>7} {:>13}",
        "µs", "frame", "diff", "ratio", "update", "cells", "bytes"
    )?;
    writeln!(
        out,
        "{:<10} {:>13} {:>13} {:>11}          {:>13} {:>7} {:>13}",
        "", "p50     p99", "p50     p99", "p50   p99", "p50     p99", "changed", "mean     max"
    )?;
    for screen in &cost.screens {
        screen_text(out, screen)?;
    }
    for (name, why) in &cost.absent {
        writeln!(out, "{name:<10} absent: {}", why.0)?;
    }
    if let Some(scroll) = &cost.scroll {
        scroll_text(out, scroll)?;
    }
    if let Some(beside) = &cost.beside {
        beside_text(out, beside)?;
    }
    Ok(())
}

/// What the snapshots are of, and whether that is a model.
fn source(drawn: &Drawn) -> String {
    let Some(last) = drawn.of.last() else {
        return "nothing".to_owned();
    };
    let modelled = if last.is_modelled() { ", modelled" } else { "" };
    let instances = last.instances.len();
    format!(
        "{} snapshots of {}: {instances} instances{modelled}",
        drawn.of.len(),
        last.target
    )
}

fn screen_text(out: &mut impl Write, screen: &ScreenCost) -> io::Result<()> {
    let both = |of: &Histogram<u64>| {
        let [p50, p99] = [0.5, 0.99].map(|at| of.value_at_quantile(at) as f64 / 1e3);
        format!("{p50:.0} {p99:>7.0}")
    };
    let ratio = [0.5, 0.99].map(|at| screen.ratio(at));
    writeln!(
        out,
        "{:<10} {:>13} {:>13} {:>5.2} {:>5.2} {:<8} {:>13} {:>7.0} {:>5.0} {:>7} {}",
        screen.screen,
        both(&screen.frame),
        both(&screen.diff),
        ratio[0],
        ratio[1],
        verdict(is_quick(screen)),
        both(&screen.update),
        screen.cells,
        mean(&screen.bytes),
        most(&screen.bytes),
        verdict(mean(&screen.bytes) <= ScreenCost::BYTES_GOAL as f64),
    )
}

fn is_quick(screen: &ScreenCost) -> bool {
    [0.5, 0.99]
        .into_iter()
        .all(|at| screen.ratio(at) <= ScreenCost::FRAME_GOAL)
}

fn scroll_text(out: &mut impl Write, scroll: &Scroll) -> io::Result<()> {
    writeln!(
        out,
        "\n{} rows that scroll, from the cause to the last byte of its frame",
        scroll.rows
    )?;
    for (what, frames, goal) in paces(scroll) {
        let ms = |ns: u64| ns as f64 / 1e6;
        let p99 = frames.value_at_quantile(0.99);
        writeln!(
            out,
            "{what:<10} p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms; {} of {} missed; p99 at most \
             {:.1} ms: {}",
            ms(frames.value_at_quantile(0.5)),
            ms(p99),
            ms(frames.max()),
            Scroll::missed(frames, goal),
            frames.len(),
            ms(nanos(goal)),
            verdict(p99 <= nanos(goal))
        )?;
    }
    Ok(())
}

/// What causes frames, and how long they may take.
fn paces(scroll: &Scroll) -> [(&'static str, &Histogram<u64>, std::time::Duration); 2] {
    [
        ("key", &scroll.key, Scroll::KEY_GOAL),
        ("snapshot", &scroll.snapshot, Scroll::SNAPSHOT_GOAL),
    ]
}

fn beside_text(out: &mut impl Write, beside: &Beside) -> io::Result<()> {
    if beside.rounds.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nCPU time of a process with {} snapshots a second of {} modelled instances, {};\n{} rounds, \
         median (95 % interval); ratio: the dashboard's to this one, round by round\n",
        Beside::FRAMES_PER_SECOND,
        beside.instances,
        if beside.watches_another {
            "which are in another process"
        } else {
            "which are within it: their work is part of it"
        },
        beside.rounds.len(),
    )?;
    for shows in Shows::ALL {
        let rounds = beside.rounds.iter();
        let shares: Vec<f64> = rounds
            .map(|round| round.of(shows).core_share() * 100.0)
            .collect();
        let (Some(share), Some(ratio)) = (Interval::median_of(&shares), beside.ratio_to(shows))
        else {
            continue;
        };
        let ratio = match (shows, shows.goal()) {
            (Shows::Dashboard, _) => String::new(),
            (_, None) => format!("   ratio {}", spread(ratio, 3)),
            (_, Some(goal)) => format!(
                "   ratio {}, at most {goal}: {}",
                spread(ratio, 3),
                verdict(ratio.median <= goal)
            ),
        };
        writeln!(
            out,
            "{:<10} {} % of a core{ratio}",
            shows.name(),
            spread(share, 2)
        )?;
    }
    let frames = frames(beside);
    writeln!(
        out,
        "terminal   {} frames, bytes in each: mean {:.0}, most {}",
        frames.len(),
        mean(&frames),
        most(&frames)
    )
}

/// Bytes of each frame in all rounds.
fn frames(beside: &Beside) -> Vec<u64> {
    let rounds = beside.rounds.iter();
    rounds
        .flat_map(|round| round.frames.iter().copied())
        .collect()
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len().max(1) as f64
}

fn most(values: &[u64]) -> u64 {
    values.iter().copied().max().unwrap_or(0)
}

fn document(cost: &DashboardCost, drawn: &Drawn) -> Value {
    let quantiles = |of: &Histogram<u64>| json!({"p50": of.value_at_quantile(0.5), "p99": of.value_at_quantile(0.99), "max": of.max()});
    let screens = cost.screens.iter().map(|screen| {
        json!({
            "screen": screen.screen,
            "frame_ns": quantiles(&screen.frame),
            "diff_ns": quantiles(&screen.diff),
            "update_ns": quantiles(&screen.update),
            "ratio": {"p50": screen.ratio(0.5), "p99": screen.ratio(0.99)},
            "ratio_goal": ScreenCost::FRAME_GOAL,
            "cells_changed": screen.cells,
            "bytes": {"mean": mean(&screen.bytes), "max": most(&screen.bytes)},
            "bytes_goal": ScreenCost::BYTES_GOAL,
        })
    });
    let absent = cost
        .absent
        .iter()
        .map(|(name, why)| json!({"screen": name, "why": why.0}));
    let scroll = cost.scroll.as_ref().map(|scroll| {
        let paces = paces(scroll).map(|(what, frames, goal)| {
            json!({
                "by": what,
                "frames": frames.len(),
                "ns": quantiles(frames),
                "missed": Scroll::missed(frames, goal),
                "goal_ns": nanos(goal),
            })
        });
        json!({"rows": scroll.rows, "paces": paces})
    });
    let beside = cost.beside.as_ref().map(|beside| {
        let rounds = beside.rounds.iter().map(|round| {
            json!({
                "core_share": by_name(|shows| round.of(shows).core_share()),
                "bytes_per_frame": {"mean": mean(&round.frames), "max": most(&round.frames)},
                "frames": round.frames.len(),
            })
        });
        json!({
            "instances": beside.instances,
            "modelled": true,
            "in_another_process": beside.watches_another,
            "rounds": rounds.collect::<Vec<_>>(),
            "ratio": by_name(|shows| beside.ratio_to(shows).map(|ratio| ratio.median)),
            "goal": by_name(Shows::goal),
        })
    });
    json!({
        "schema": "hwptop.dashboard/1",
        "columns": drawn.size.0,
        "rows": drawn.size.1,
        "target": drawn.of.last().map(|last| &last.target),
        "modelled": drawn.of.last().map(Snapshot::is_modelled),
        "screens": screens.collect::<Vec<_>>(),
        "absent": absent.collect::<Vec<_>>(),
        "scroll": scroll,
        "beside": beside,
        "whole": cost.is_whole,
    })
}

/// An object with a figure of each.
fn by_name<T: serde::Serialize>(figure: impl Fn(Shows) -> T) -> Value {
    let all = Shows::ALL.map(|shows| (shows.name().to_owned(), json!(figure(shows))));
    all.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// One figure per line: what was measured of what, its unit, and the round where there are
/// several.
fn csv(out: &mut impl Write, cost: &DashboardCost) -> io::Result<()> {
    writeln!(out, "figure,of,round,value,unit")?;
    for screen in &cost.screens {
        let of = &screen.screen;
        for (what, ns) in [
            ("frame", &screen.frame),
            ("diff", &screen.diff),
            ("update", &screen.update),
        ] {
            for (quantile, at) in [("p50", 0.5), ("p99", 0.99)] {
                writeln!(
                    out,
                    "{what} {quantile},{of},,{},ns",
                    ns.value_at_quantile(at)
                )?;
            }
        }
        writeln!(out, "bytes mean,{of},,{},B", mean(&screen.bytes))?;
        writeln!(out, "bytes max,{of},,{},B", most(&screen.bytes))?;
    }
    if let Some(scroll) = &cost.scroll {
        for (what, frames, _) in paces(scroll) {
            for (quantile, at) in [("p50", 0.5), ("p99", 0.99)] {
                let ns = frames.value_at_quantile(at);
                writeln!(
                    out,
                    "scroll {quantile},{what} of {} rows,,{ns},ns",
                    scroll.rows
                )?;
            }
        }
    }
    if let Some(beside) = &cost.beside {
        for (number, round) in beside.rounds.iter().enumerate() {
            for shows in Shows::ALL {
                let share = round.of(shows).core_share();
                writeln!(out, "core share,{},{number},{share},", shows.name())?;
            }
        }
    }
    Ok(())
}
