use std::{fmt::Write as _, path::PathBuf};

use hwptop_bench::{
    run_file::{BatchPoint, BatchingRun, Work},
    utc,
};

use crate::{
    escape::{markdown, markdown_code},
    figure::{figure, grouped},
    series::{Series, file_name},
    write::{BATCH_SVG, PERCENTILES_SVG},
};

/// What is said where hardware counters are absent: why is not known.
const NO_COUNTERS: &str = "absent: this machine has no hardware counters, or they may not be used";

/// The report's text. It opens with the answer.
pub(crate) fn text(runs: &[(PathBuf, BatchingRun)], series: &[Series]) -> String {
    let mut text = String::from("# hwptop report\n\n");
    let answers: Vec<String> = series.iter().map(answer).collect();
    match &answers[..] {
        [only] => line(&mut text, only),
        several => several
            .iter()
            .for_each(|answer| line(&mut text, &format!("- {answer}"))),
    }
    for (path, _) in runs.iter().filter(|(_, run)| !run.complete) {
        let name = markdown(&file_name(path));
        line(
            &mut text,
            &format!("\n{name} was stopped before its end: points are missing."),
        );
    }
    line(
        &mut text,
        &format!("\n![Time per entry against batch size]({BATCH_SVG})"),
    );
    line(
        &mut text,
        &format!("\n![Request latency by percentile]({PERCENTILES_SVG})"),
    );
    for one in series {
        table(&mut text, one);
    }
    line(&mut text, "\n## How it was measured");
    for (index, (path, run)) in runs.iter().enumerate() {
        how(&mut text, index, &file_name(path), run);
    }
    text
}

fn line(text: &mut String, what: &str) {
    text.push_str(what);
    text.push('\n');
}

/// What batching does to the cost of an entry, in one sentence.
fn answer(series: &Series) -> String {
    let cost = |index: usize| series.points[index].measured.ns_per_entry();
    let batch = |index: usize| series.points[index].measured.batch;
    let name = markdown(&series.name());
    let best = (0..series.points.len())
        .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
        .unwrap_or(0);
    let (alone, least) = (figure(cost(0)), figure(cost(best)));
    match series.points.len() {
        1 => format!("On {name}, batch {} costs {alone} ns per entry.", batch(0)),
        _ if best == 0 => format!(
            "On {name}, no batch size costs less per entry than batch {} ({alone} ns).",
            batch(0)
        ),
        _ => format!(
            "On {name}, batch {} costs {}× less per entry than batch {}: {least} ns instead of \
             {alone} ns.",
            batch(best),
            figure(cost(0) / cost(best)),
            batch(0)
        ),
    }
}

fn table(text: &mut String, series: &Series) {
    line(text, &format!("\n## {}\n", markdown(&series.name())));
    let counted_parts = counted_parts(series.points.iter().map(|point| point.measured));
    let counted = counted_parts.is_some();
    let (titles, rule) = if counted {
        (" instructions/entry | cycles/entry |", "---:|---:|")
    } else {
        ("", "")
    };
    line(
        text,
        &format!(
            "| batch | entries/s | ns/entry | commands/sync | request p50 (ns) | request p99 (ns) \
             |{titles}"
        ),
    );
    line(text, &format!("|---:|---:|---:|---:|---:|---:|{rule}"));
    for point in &series.points {
        let measured = point.measured;
        let percentile = |quantile| grouped(point.latency.value_at_quantile(quantile) as f64);
        let mut row = format!(
            "| {} | {} | {} | {} | {} | {} |",
            measured.batch,
            grouped(measured.entries_per_s()),
            figure(measured.ns_per_entry()),
            measured
                .commands_per_sync()
                .map_or_else(|| "absent".to_owned(), figure),
            percentile(0.5),
            percentile(0.99),
        );
        if counted {
            let absent = || "absent".to_owned();
            let instructions = measured
                .instructions_per_entry()
                .map_or_else(absent, figure);
            let cycles = measured.cycles_per_entry().map_or_else(absent, figure);
            write!(row, " {instructions} | {cycles} |").expect("writing to a String cannot fail");
        }
        line(text, &row);
    }
    line(
        text,
        &match counted_parts {
            Some(parts) => format!("\nInstructions and cycles per entry: {parts}."),
            None => format!("\nInstructions and cycles per entry are {NO_COUNTERS}."),
        },
    );
}

/// What the hardware counters of `points` counted; `None` where there are none.
fn counted_parts<'a>(points: impl Iterator<Item = &'a BatchPoint>) -> Option<&'static str> {
    let (mut kernel_too, mut user_only) = (false, false);
    for counters in points.filter_map(|point| point.counters) {
        kernel_too |= !counters.user_only;
        user_only |= counters.user_only;
    }
    match (kernel_too, user_only) {
        (false, false) => None,
        (true, false) => Some("user and kernel"),
        (false, true) => Some("user only (the kernel's part needs more rights)"),
        (true, true) => Some(
            "user and kernel, but at some points user only (the kernel's part needs more rights)",
        ),
    }
}

fn how(text: &mut String, index: usize, file: &str, run: &BatchingRun) {
    let environment = &run.environment;
    line(
        text,
        &format!("\n### Run {}: {}\n", index + 1, markdown(file)),
    );
    line(text, "| | |");
    line(text, "|---|---|");
    let kind = run.kind;
    let source = match kind.meaning() {
        Some(meaning) => format!("{}: {meaning}", kind.name()),
        None => kind.name().to_owned(),
    };
    let mut rows = vec![
        ("figures", source),
        ("suite", "batching".to_owned()),
        ("target", markdown(&run.target)),
    ];
    if run.work != Work::Requests {
        rows.push(("a batch of n", run.work.describe().to_owned()));
    }
    if let Some(profile) = &run.timing_profile {
        // The models' own words name what the row is called, and say `modelled`.
        let profile = profile.strip_prefix("timing profile ").unwrap_or(profile);
        rows.push(("timing profile", markdown(profile)));
    }
    let counters = counted_parts(run.points.iter()).map_or_else(
        || NO_COUNTERS.to_owned(),
        |parts| format!("{parts}, on the thread that submits"),
    );
    rows.extend([
        ("command", markdown_code(&shell_line(&run.command))),
        ("started", utc(run.started_unix_s)),
        ("hwptop", markdown(&environment.hwptop)),
        ("kernel", markdown(&environment.kernel)),
        (
            "CPU",
            format!(
                "{}, {} logical",
                markdown(&environment.cpu),
                environment.cpus
            ),
        ),
        ("instructions, cycles", counters),
        (
            "latency",
            "request stage, from call to return, in ns".to_owned(),
        ),
    ]);
    for (name, value) in rows {
        line(text, &format!("| {name} | {value} |"));
    }
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

#[cfg(test)]
mod tests;
