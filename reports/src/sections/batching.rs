//! What a batch costs, per entry.

use std::path::PathBuf;

use hwptop_bench::{
    run_file::{self, BatchPoint, BatchingRun},
    statistics::{Estimate, fit::Line as Fit},
};

use super::{
    percentiles::{self, Distributions},
    series::{Series, collect},
};
use crate::{
    ReportError,
    chart::{Axis, Body, Chart, Line, Panel, Picture},
    chosen::Chosen,
    document::{Block, Document, Section, Table},
    figure::{figure, grouped},
    inputs::{Origin, word},
};

/// What is said where hardware counters are absent: why is not known.
pub(crate) const NO_COUNTERS: &str =
    "absent: this machine has no hardware counters, or they may not be used";

/// Pieces of a fitted line.
const STEPS: u8 = 80;

/// More instances than this have their tables folded.
const OPEN: usize = 4;

/// Adds the sweeps to `document`.
///
/// # Errors
/// [`ReportError`] where a run has no points, or a histogram cannot be read.
pub(crate) fn add(
    document: &mut Document,
    runs: &[(PathBuf, BatchingRun)],
    subtitle: &str,
) -> Result<(), ReportError> {
    if runs.is_empty() {
        return Ok(());
    }
    let series = collect(runs)?;
    let origin = Origin::of(runs.iter().map(|(_, run)| run.kind));
    document.answers.extend(answers(&series));
    let fits: Vec<Option<Fit>> = series.iter().map(fitted).collect();
    let mut section = Section::new("Batching");
    let names: Vec<String> = series.iter().map(|one| one.label.clone()).collect();
    let picture = Picture {
        title: origin.titled("Time per entry against batch size"),
        subtitle: subtitle.to_owned(),
        body: costs(&names, &series, &fits),
    };
    let words = answers(&series).join(" ");
    section.figure(
        "ns-per-entry",
        format!("Time per entry against batch size, both logarithmic. {words}"),
        picture,
    );
    let panels = ends(&series);
    section.figure(
        "latency-percentiles",
        percentiles::in_words(&names, &panels),
        Picture {
            title: origin.titled("Request latency by percentile"),
            subtitle: subtitle.to_owned(),
            body: percentiles::chart(&names, &panels, "request latency (ns, log scale)"),
        },
    );
    section.heading("What a request and an entry cost");
    section.text(
        "Fitted to the times of batches of n entries: t(n) = a + b·n, with 95 % intervals; where batches took \
         different numbers of submissions to the hardware queue, each after the first adds s. In the picture the \
         lines are the fit, the bands where one more batch would be, and the marks what was measured. A batch of n½ \
         entries has half of the rate of ever larger ones.",
    );
    section.table(fits_table(&series, &fits));
    let tables = series.iter().flat_map(|one| {
        let heading = Block::Heading(one.name());
        [heading].into_iter().chain(table(one))
    });
    let tables: Vec<Block> = tables.collect();
    if series.len() <= OPEN {
        section.blocks.extend(tables);
    } else {
        let title = format!("The tables of all {} instances", series.len());
        section.blocks.push(Block::Folded(title, tables));
    }
    document.sections.push(section);
    Ok(())
}

/// What batching does to the cost of an entry, in a sentence for each, or in one for many.
fn answers(series: &[Series]) -> Vec<String> {
    if series.len() <= OPEN {
        return series.iter().map(answer).collect();
    }
    let gain = |one: &Series| {
        let costs = one.points.iter().map(|point| point.measured.ns_per_entry());
        one.points[0].measured.ns_per_entry() / costs.fold(f64::MAX, f64::min)
    };
    let mut gains: Vec<f64> = series.iter().map(gain).collect();
    gains.sort_by(f64::total_cmp);
    let kind = series[0].kind;
    let word = if series.iter().all(|one| one.kind == kind) {
        word(kind)
    } else {
        " (not all of hardware)".to_owned()
    };
    vec![format!(
        "On {} instances{word}, batching costs {}× to {}× less per entry than batch {} (median {}×).",
        series.len(),
        figure(gains[0]),
        figure(gains[gains.len() - 1]),
        series[0].points[0].measured.batch,
        figure(gains[gains.len() / 2]),
    )]
}

fn answer(series: &Series) -> String {
    let cost = |index: usize| series.points[index].measured.ns_per_entry();
    let batch = |index: usize| series.points[index].measured.batch;
    let name = series.name();
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

/// The line through the times of batches, where they tell one whose entries cost something.
fn fitted(series: &Series) -> Option<Fit> {
    let fit = run_file::line(series.points.iter().map(|point| point.measured)).ok()?;
    fit.asymptote_ns().map(|_| fit)
}

/// Time per entry against batch size, both logarithmic.
fn costs(names: &[String], series: &[Series], fits: &[Option<Fit>]) -> Body {
    let last = |one: &Series| one.points.last().map(|point| point.measured.ns_per_entry());
    let values: Vec<f64> = series.iter().map(|one| last(one).unwrap_or(0.0)).collect();
    let chosen = Chosen::of(names, &values);
    let all = || series.iter().flat_map(|one| &one.points);
    let lines = series.iter().zip(fits).zip(&chosen.styles);
    // Bands of many lines would cover each other.
    let with_bands = chosen.legend.len() <= 4;
    let lines = lines.map(|((one, fit), style)| line(one, fit.as_ref(), *style, with_bands));
    Body::Lines(Chart {
        x_label: "batch size (entries per request, log scale)".to_owned(),
        y_label: "time per entry (ns, log scale)".to_owned(),
        y: Axis::log10(all().map(|point| point.measured.ns_per_entry())),
        panels: vec![Panel {
            heading: None,
            x: batch_axis(all().map(|point| point.measured.batch)),
            lines: lines.collect(),
            events: Vec::new(),
        }],
        legend: chosen.legend,
        unnamed: chosen.unnamed,
        is_low: false,
    })
}

fn line(series: &Series, fit: Option<&Fit>, style: Option<usize>, with_band: bool) -> Line {
    let log = |ns: f64| ns.max(0.1).log10();
    let marks: Vec<(f64, f64)> = series
        .points
        .iter()
        .map(|point| {
            let batch = f64::from(point.measured.batch);
            (batch.log2(), log(point.measured.ns_per_entry()))
        })
        .collect();
    let (Some(fit), Some(first), Some(last)) = (fit, marks.first(), marks.last()) else {
        return Line {
            style,
            path: marks.clone(),
            marks,
            band: Vec::new(),
        };
    };
    let at = |step: u8| {
        let x = first.0 + (last.0 - first.0) * f64::from(step) / f64::from(STEPS);
        let entries = x.exp2();
        let Estimate { value, low, high } = fit.predict(entries);
        (x, [value, low, high].map(|ns| log(ns / entries)))
    };
    let steps: Vec<_> = (0..=STEPS).map(at).collect();
    let band = steps.iter().map(|(x, [_, low, high])| (*x, *low, *high));
    Line {
        style,
        path: steps.iter().map(|(x, [value, ..])| (*x, *value)).collect(),
        marks,
        band: if with_band {
            band.collect()
        } else {
            Vec::new()
        },
    }
}

/// Powers of two around `batches`; positions are log2.
fn batch_axis(batches: impl Iterator<Item = u32> + Clone) -> Axis {
    const ROOM: f64 = 0.3;
    /// Labels beside each other without crowding.
    const LABELS: u32 = 12;
    let low = batches.clone().min().unwrap_or(1);
    let high = batches.max().unwrap_or(1);
    let (first, last) = (low.max(1).ilog2(), high.max(1).ilog2());
    let step = (last - first) / LABELS + 1;
    let ticks = (first..=last)
        .step_by(step as usize)
        .map(|power| (f64::from(power), (1_u64 << power).to_string()))
        .collect();
    Axis {
        low: f64::from(low).log2() - ROOM,
        high: f64::from(high).log2() + ROOM,
        ticks,
        minor: Vec::new(),
    }
}

/// Request latencies at the smallest and at the largest batch size: the two ends of what batching
/// does to a single request.
fn ends<'a>(series: &'a [Series]) -> Vec<Distributions<'a>> {
    let all = series.iter().flat_map(|one| &one.points);
    let batches: Vec<u32> = all.map(|point| point.measured.batch).collect();
    let end = |batch: Option<&u32>| batch.copied().unwrap_or(1);
    let mut ends = vec![end(batches.iter().min()), end(batches.iter().max())];
    ends.dedup();
    let panel = |batch: u32| Distributions {
        heading: Some(match batch {
            1 => "batch 1: one entry per request".to_owned(),
            _ => format!("batch {batch}: {batch} entries per request"),
        }),
        of: series
            .iter()
            .map(|one| one.at(batch).map(|point| &point.latency))
            .collect(),
    };
    ends.into_iter().map(panel).collect()
}

fn fits_table(series: &[Series], fits: &[Option<Fit>]) -> Table {
    let mut table = Table::of(
        ["instance"],
        [
            "a: ns/request",
            "b: ns/entry",
            "s: ns/submission",
            "n½: entries",
            "R²",
        ],
    );
    let estimate = |of: Estimate| {
        let low = of.low.max(0.0);
        format!(
            "{} ({} to {})",
            figure(of.value.max(0.0)),
            figure(low),
            figure(of.high)
        )
    };
    for (one, fit) in series.iter().zip(fits) {
        let absent = || "absent".to_owned();
        table.row([
            one.name(),
            fit.map_or_else(absent, |fit| estimate(fit.intercept)),
            fit.map_or_else(absent, |fit| estimate(fit.slope)),
            fit.and_then(|fit| fit.further)
                .map_or_else(absent, |further| estimate(further.ns)),
            fit.and_then(|fit| fit.half_batch())
                .map_or_else(absent, figure),
            fit.map_or_else(absent, |fit| format!("{:.4}", fit.r_squared)),
        ]);
    }
    table
}

fn table(series: &Series) -> Vec<Block> {
    let parts = counted_parts(series.points.iter().map(|point| point.measured));
    let columns = [
        "batch",
        "entries/s",
        "ns/entry",
        "commands/sync",
        "request p50 (ns)",
        "request p99 (ns)",
        "instructions/entry",
        "cycles/entry",
    ];
    let shown = if parts.is_some() { 8 } else { 6 };
    let mut table = Table::of([], columns[..shown].iter().copied());
    for point in &series.points {
        let measured = point.measured;
        let percentile = |quantile| grouped(point.latency.value_at_quantile(quantile) as f64);
        let or_absent = |of: Option<f64>| of.map_or_else(|| "absent".to_owned(), figure);
        let cells = [
            measured.batch.to_string(),
            grouped(measured.entries_per_s()),
            figure(measured.ns_per_entry()),
            or_absent(measured.commands_per_sync()),
            percentile(0.5),
            percentile(0.99),
            or_absent(measured.instructions_per_entry()),
            or_absent(measured.cycles_per_entry()),
        ];
        table.row(cells.into_iter().take(shown));
    }
    let counters = match parts {
        Some(parts) => format!("Instructions and cycles per entry: {parts}."),
        None => format!("Instructions and cycles per entry are {NO_COUNTERS}."),
    };
    vec![Block::Table(table), Block::Text(counters)]
}

/// What the hardware counters of `points` counted; `None` where there are none.
pub(crate) fn counted_parts<'a>(
    points: impl Iterator<Item = &'a BatchPoint>,
) -> Option<&'static str> {
    let mut counters = points.filter_map(|point| point.counters);
    // A run counts all of its points alike.
    Some(if counters.next()?.user_only {
        "user only (the kernel's part needs more rights)"
    } else {
        "user and kernel"
    })
}
