//! How everything was measured, and what about that is not known.

use std::path::PathBuf;

use hwptop_agent::{
    Summary, nanos,
    snapshot::{MeasuredBy, Stage},
};
use hwptop_bench::{
    run_file::{BatchingRun, Environment, RunFile, Work},
    utc,
};

use super::batching::{NO_COUNTERS, counted_parts};
use crate::{
    document::{Cell, Document, Section, Table},
    figure::{clock, counted, figure, grouped, percent},
    inputs::{Inputs, file_name, kinds_of},
};

type Pair = (&'static str, Cell);

/// Adds a table for each input.
pub(crate) fn add(document: &mut Document, inputs: &Inputs) {
    let mut section = Section::new("How it was measured");
    for (index, (path, run)) in inputs.runs.iter().enumerate() {
        section.heading(format!("Run {}: {}", index + 1, file_name(path)));
        section.table(Table::pairs(of_run(run)));
        if let Some(base) = &run.base {
            section.heading(format!("Its base: {}", base.program));
            section.table(Table::pairs(machine(&base.environment)));
        }
    }
    for (index, recording) in inputs.recordings.iter().enumerate() {
        let (path, summary): &(PathBuf, Summary) = recording;
        section.heading(format!("Recording {}: {}", index + 1, file_name(path)));
        section.table(Table::pairs(of_recording(summary)));
    }
    if let Some(history) = &inputs.history {
        section.heading("The store");
        section.text(format!(
            "{}, branch {}. Each run file there says how it was measured; only runs that can be compared share a \
             segment. Probe costs and losses of its runs are not part of the history.",
            file_name(&history.store),
            history.branch.as_str()
        ));
    }
    if !section.blocks.is_empty() {
        document.sections.push(section);
    }
}

fn of_run(run: &RunFile) -> Vec<Pair> {
    let kind = run.kind;
    let source = match kind.meaning() {
        Some(meaning) => format!("{}: {meaning}", kind.name()),
        None => kind.name().to_owned(),
    };
    let target = run.target.clone();
    let mut rows: Vec<Pair> = vec![
        ("figures", source.into()),
        ("suite", run.suite.clone().into()),
        (
            "target",
            target
                .unwrap_or_else(|| "absent: the suite has none".to_owned())
                .into(),
        ),
    ];
    let sweep = run.batching();
    if let Some(sweep) = sweep.as_ref().filter(|sweep| sweep.work != Work::Requests) {
        rows.push(("a batch of n", sweep.work.describe().into()));
    }
    for (name, value) in &run.settings {
        rows.push(("setting", format!("{name}: {value}").into()));
    }
    if let Some(profile) = &run.timing_profile {
        rows.push(("timing profile", of_profile(profile)));
    }
    rows.extend([
        ("command", Cell::Code(shell_line(&run.command))),
        ("started", utc(run.started_unix_s).into()),
        ("processes", counted(run.runs.len() as u64, "run").into()),
    ]);
    if run.dropped > 0 {
        let dropped = counted(u64::from(run.dropped), "turn");
        rows.push((
            "dropped",
            format!("{dropped}: a process of it failed").into(),
        ));
    }
    rows.extend(machine(&run.environment));
    if let Some(sweep) = &sweep {
        rows.extend(of_sweep(sweep));
    }
    rows.extend([
        (
            "probe cost",
            "absent: a benchmark reads clocks around what it calls, and attaches a probe only where its suite is about that"
                .into(),
        ),
        ("losses", "none can be: what is timed by clocks is counted where it happens".into()),
    ]);
    rows
}

fn of_sweep(sweep: &BatchingRun) -> [Pair; 2] {
    let counters = counted_parts(sweep.points.iter()).map_or_else(
        || NO_COUNTERS.to_owned(),
        |parts| format!("{parts}, on the thread that submits"),
    );
    [
        ("instructions, cycles", counters.into()),
        (
            "latency",
            "request stage, from call to return, in ns".into(),
        ),
    ]
}

fn machine(environment: &Environment) -> Vec<Pair> {
    let or_absent = |of: Option<&String>, why: &str| -> Cell {
        of.cloned()
            .unwrap_or_else(|| format!("absent: {why}"))
            .into()
    };
    let held = environment.ebpf_programs;
    vec![
        ("hwptop", environment.hwptop.clone().into()),
        (
            "revision",
            or_absent(environment.revision.as_ref(), "not built from a repository"),
        ),
        ("kernel", environment.kernel.clone().into()),
        (
            "CPU",
            format!("{}, {} logical", environment.cpu, environment.cpus).into(),
        ),
        (
            "governor",
            or_absent(
                environment.governor.as_ref(),
                "nothing sets the CPUs' frequency",
            ),
        ),
        (
            "virtualisation",
            or_absent(environment.virtualisation.as_ref(), "none was found"),
        ),
        (
            "eBPF programs at the start",
            held.map_or_else(
                || "absent: not to be seen without the right to".to_owned(),
                |count| count.to_string(),
            )
            .into(),
        ),
    ]
}

fn of_recording(of: &Summary) -> Vec<Pair> {
    let last = &of.last;
    let kinds: Vec<String> = {
        let mut kinds: Vec<_> = kinds_of(of).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let said = kinds.iter().map(|kind| match kind.meaning() {
            Some(meaning) => format!("{}: {meaning}", kind.name()),
            None => kind.name().to_owned(),
        });
        said.collect()
    };
    let by = match &last.measured_by {
        MeasuredBy::Ebpf => "eBPF".to_owned(),
        MeasuredBy::InProcess { why } => format!("clocks in the measured process, since: {why}"),
    };
    let absent = || "absent".to_owned();
    let mut rows: Vec<Pair> = vec![
        ("figures", kinds.join("; ").into()),
        ("target", last.target.clone().into()),
        ("began", utc(of.began_unix_ns / 1_000_000_000).into()),
        (
            "length",
            format!(
                "{} in {}",
                clock(of.length.as_secs_f64()),
                counted(of.intervals, "interval")
            )
            .into(),
        ),
        ("missing", counted(of.missing, "interval").into()),
        ("hwptop", of.hwptop.clone().into()),
        (
            "policy",
            last.policy
                .as_deref()
                .map_or_else(absent, str::to_owned)
                .into(),
        ),
        (
            "timing profile",
            last.timing_profile
                .as_deref()
                .map_or_else(|| absent().into(), of_profile),
        ),
        ("measured by", by.into()),
    ];
    for probe in &last.probes {
        rows.push(("probe", probe.name.clone().into()));
    }
    for stage in &last.stages {
        let how = stage
            .how
            .map_or("not timed", hwptop_agent::snapshot::How::name);
        let why = stage.why_not_better.as_ref();
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        let text = format!("{} at {}: {how}{why}", stage.stage.name(), stage.site);
        rows.push(("stage", text.into()));
    }
    rows.extend(losses(of));
    rows.extend(looking(of));
    rows.push((
        "environment",
        "absent: a recording does not say kernel, CPU or governor".into(),
    ));
    rows
}

fn losses(of: &Summary) -> Vec<Pair> {
    let events = of.last.events;
    let part = percent(events.lost as f64 / events.seen.max(1) as f64);
    let of_stages = Stage::ALL.into_iter().filter_map(|stage| {
        let lost = of
            .instances
            .iter()
            .map(|one| one.activity.stage(stage).lost);
        let lost = lost.fold(0, u64::saturating_add);
        (lost > 0).then(|| format!("{} {}", grouped(lost as f64), stage.name()))
    });
    let of_stages: Vec<String> = of_stages.collect();
    let by_stage = if of_stages.is_empty() {
        String::new()
    } else {
        format!(": {}", of_stages.join(", "))
    };
    vec![
        (
            "events",
            format!(
                "{} seen = {} recorded + {} lost ({part}{by_stage})",
                grouped(events.seen as f64),
                grouped(events.recorded as f64),
                grouped(events.lost as f64)
            )
            .into(),
        ),
        (
            "slow events",
            format!(
                "{} beyond the threshold, of which {} were not kept one by one",
                grouped(events.slow_seen as f64),
                grouped(events.slow_dropped as f64)
            )
            .into(),
        ),
        ("blind", counted(of.blind, "interval").into()),
        (
            "queue frozen",
            format!("in {}", counted(of.faulted, "interval")).into(),
        ),
        (
            "failed requests",
            format!(
                "{} told one by one, {} not",
                grouped(of.failures as f64),
                grouped(of.last.failures_dropped as f64)
            )
            .into(),
        ),
    ]
}

/// What looking cost.
fn looking(of: &Summary) -> Vec<Pair> {
    let Some(looking) = &of.last.looking else {
        let why = "absent: no programs of hwptop's ran, or it was not measured";
        return vec![("probe cost", why.into())];
    };
    let ns =
        |of: Option<f64>| of.map_or_else(|| "absent".to_owned(), |ns| format!("{} ns", figure(ns)));
    let share = of
        .looking
        .map(|(took, of)| took as f64 / nanos(of).max(1) as f64);
    let source = looking.clock_source.as_ref();
    let source = source.map_or_else(String::new, |of| format!(", from {of}"));
    vec![
        (
            "probe cost",
            format!(
                "{} per request, {} per event, the way into the programs included where it is known; the programs took {} of one core",
                ns(looking.ns_per_request()),
                ns(looking.ns_per_event()),
                share.map_or_else(|| "an unknown part".to_owned(), percent)
            )
            .into(),
        ),
        (
            "way into a program and back",
            format!("{} per begin/end pair, {}", ns(looking.dispatch.pair_ns), looking.dispatch.how).into(),
        ),
        ("clock", format!("{}{source}", looking.clock).into()),
        (
            "programs timed",
            match (&looking.not_timed, looking.timed) {
                (Some(why), _) => format!("not: {why}").into(),
                (None, true) => "all the time".into(),
                (None, false) => "now and then".into(),
            },
        ),
    ]
}

/// The models' own words name what the row is called, and say `modelled`.
fn of_profile(profile: &str) -> Cell {
    let name = "timing profile ";
    profile.strip_prefix(name).unwrap_or(profile).into()
}

/// A command line that a shell reads back as the same words.
fn shell_line(words: &[String]) -> String {
    let plain = |word: &str| {
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
        !word.is_empty() && word.chars().all(safe)
    };
    let quoted: Vec<String> = words
        .iter()
        .map(|word| {
            if plain(word) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        })
        .collect();
    quoted.join(" ")
}
