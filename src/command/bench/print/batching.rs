use std::{
    fmt::Write as _,
    io::{self, Write},
};

use hwptop_bench::{
    Interval,
    run_file::{BatchPoint, BatchingRun, Beside, Kind, RunFile, Work},
    steadiness::Steadiness,
};

use super::{field, fit::fit, json_line, never_steady, tenth, whole};
use crate::cli::Format;

/// What the entries/s must be as a ratio of a bare loop's, at least.
const BARE_GOAL: f64 = 0.95;
/// What batch 64 must be worth against batch 1, at least.
const BATCH_64_GOAL: f64 = 12.0;

pub(in crate::command::bench) fn batching(
    out: &mut impl Write,
    run: &RunFile,
    format: Format,
) -> io::Result<()> {
    if format == Format::Json {
        return json_line(out, &serde_json::to_value(run)?);
    }
    let Some(sweep) = run.batching() else {
        return Ok(());
    };
    match format {
        Format::Csv => csv(out, &sweep),
        _ => text(out, &sweep),
    }
}

fn text(out: &mut impl Write, run: &BatchingRun) -> io::Result<()> {
    writeln!(out, "batching on {}{}", run.target, label(run))?;
    if let Some(profile) = &run.timing_profile {
        writeln!(out, "{profile}")?;
    }
    if run.work != Work::Requests {
        writeln!(out, "a batch of n: {}", run.work.describe())?;
    }
    let width = run.points.iter().map(|point| point.instance.len()).max();
    let width = width.unwrap_or(0).max(14);
    let beside = run.points.iter().any(|point| point.bare.is_some());
    let titles = if beside {
        format!(" {:>12} {:>7} {:>12}", "bare/s", "ratio", "guest/s")
    } else {
        String::new()
    };
    writeln!(
        out,
        "\n{:<width$} {:>6} {:>12} {:>10}{titles} {:>10} {:>10} {:>10} {:>12} {:>10}",
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
        row(out, point, width, beside)?;
    }
    if run.points.iter().all(|point| point.counters.is_none()) {
        writeln!(
            out,
            "\ninstructions and cycles: absent, this machine has no hardware counters or this process no \
             right to them"
        )?;
    }
    let timed = match run.work {
        Work::Requests => "a request",
        Work::Unmap => "an unmap",
    };
    writeln!(out, "p50, p99: latency of {timed}")?;
    disturbed(out, run)?;
    let points = run.points.iter();
    let never = points.filter(|point| point.steadiness == Some(Steadiness::Never));
    never_steady(
        out,
        never.map(|point| format!("{} batch {}", point.instance, point.batch)),
    )?;
    if beside {
        compared(out, run)?;
    }
    fit(out, run)
}

/// How far the machine's other work was in the way.
fn disturbed(out: &mut impl Write, run: &BatchingRun) -> io::Result<()> {
    let shares = run.points.iter().filter_map(|point| point.off_cpu_share);
    match shares.max_by(f64::total_cmp) {
        Some(most) => writeln!(
            out,
            "ns/entry: median of rounds of 0.1 ms; the thread that submits had no CPU for {:.1} % of a batch \
             size's time at most",
            most * 100.0
        ),
        None => Ok(()),
    }
}

/// Behind the target: what the figures are of, where that is no hardware.
fn label(run: &BatchingRun) -> String {
    let kind = run.kind;
    match kind.meaning() {
        // Its timing profile says more.
        Some(_) if run.kind == Kind::Modelled => format!(" ({})", kind.name()),
        Some(meaning) => format!(" ({}: {meaning})", kind.name()),
        None => String::new(),
    }
}

fn row(out: &mut impl Write, point: &BatchPoint, width: usize, beside: bool) -> io::Result<()> {
    let latency = point.request_latency.decode().ok();
    let at = |quantile| {
        let at = |latency: &hdrhistogram::Histogram<u64>| latency.value_at_quantile(quantile);
        latency.as_ref().map(at)
    };
    let mut compared = String::new();
    if beside {
        let per_s = |way: Option<&Beside>| {
            way.map_or("-".to_owned(), |way| format!("{:.0}", way.entries_per_s()))
        };
        let ratio = ratio(point).map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median));
        let (bare, guest) = (per_s(point.bare.as_ref()), per_s(point.guest.as_ref()));
        // Writing to a String cannot fail.
        let _ = write!(compared, " {bare:>12} {ratio:>7} {guest:>12}");
    }
    writeln!(
        out,
        "{:<width$} {:>6} {:>12.0} {:>10.1}{compared} {:>10} {:>10} {:>10} {:>12} {:>10}",
        point.instance,
        point.batch,
        point.entries_per_s(),
        point.ns_per_entry(),
        tenth(point.commands_per_sync()),
        whole(at(0.5)),
        whole(at(0.99)),
        tenth(point.instructions_per_entry()),
        tenth(point.cycles_per_entry()),
    )
}

fn ratio(point: &BatchPoint) -> Option<Interval> {
    Some(point.bare.as_ref()?.ratio)
}

/// What the ways beside the own are, and whether the goals are reached.
fn compared(out: &mut impl Write, run: &BatchingRun) -> io::Result<()> {
    writeln!(
        out,
        "entries/s: requests of the driver's; every 64th is timed\n\
         bare/s: the same requests in a bare ioctl loop with a prepared array, in turns with them (ABBA)\n\
         guest/s: the same pages from a guest's queue: the guest writes commands, the front end decodes, \
         groups and sends them"
    )?;
    let missed: Vec<String> = run
        .points
        .iter()
        .filter_map(|point| Some((point.batch, ratio(point)?)))
        .filter(|(_, ratio)| ratio.median < BARE_GOAL)
        .map(|(batch, ratio)| {
            format!(
                "batch {batch} {:.3} ({:.3} to {:.3})",
                ratio.median, ratio.low, ratio.high
            )
        })
        .collect();
    let verdict = if missed.is_empty() {
        "reached".to_owned()
    } else {
        format!("MISSED: {}", missed.join(", "))
    };
    writeln!(
        out,
        "ratio: entries/s to bare/s, median of the rounds (with its 95 % interval); goal at least {BARE_GOAL} at every batch: \
         {verdict}"
    )?;
    if let Some(worth) = worth_of_64(run) {
        let verdict = if worth >= BATCH_64_GOAL {
            "reached"
        } else {
            "MISSED"
        };
        writeln!(
            out,
            "batch 64 to batch 1: {worth:.1}x the entries/s, by the medians of the rounds; goal at least {BATCH_64_GOAL}: {verdict}"
        )?;
    }
    Ok(())
}

/// By the medians of the rounds: what disturbs some of them changes nothing.
fn worth_of_64(run: &BatchingRun) -> Option<f64> {
    let ns_at = |batch| {
        let point = run.points.iter().find(|point| point.batch == batch)?;
        Some(point.round_ns_per_entry?.median)
    };
    Some(ns_at(1)? / ns_at(64)?)
}

fn csv(out: &mut impl Write, run: &BatchingRun) -> io::Result<()> {
    writeln!(
        out,
        "instance,modelled,batch,entries,requests,submissions,commands,elapsed_ns,entries_per_s,\
         ns_per_entry,commands_per_sync,request_latency_ns_p50,request_latency_ns_p99,\
         instructions_per_entry,cycles_per_entry,kind,work,bare_entries_per_s,bare_ratio,\
         guest_entries_per_s"
    )?;
    let (kind, work) = (run.kind.name(), run.work.name());
    for point in &run.points {
        let latency = point.request_latency.decode().ok();
        let at = |quantile| {
            let at = |latency: &hdrhistogram::Histogram<u64>| latency.value_at_quantile(quantile);
            field(latency.as_ref().map(at))
        };
        let per_s = |way: Option<&Beside>| field(way.map(Beside::entries_per_s));
        writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{kind},{work},{},{},{}",
            point.instance,
            run.kind == Kind::Modelled,
            point.batch,
            point.entries,
            point.requests,
            field(point.submissions),
            field(point.commands),
            point.elapsed_ns,
            point.entries_per_s(),
            point.ns_per_entry(),
            field(point.commands_per_sync()),
            at(0.5),
            at(0.99),
            field(point.instructions_per_entry()),
            field(point.cycles_per_entry()),
            per_s(point.bare.as_ref()),
            field(ratio(point).map(|ratio| ratio.median)),
            per_s(point.guest.as_ref()),
        )?;
    }
    Ok(())
}
