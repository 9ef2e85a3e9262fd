use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use hdrhistogram::Histogram;
use hwptop_bench::run_file::{Point, RunFile};

use super::{field, json_line};
use crate::cli::Format;

/// What of a distribution is in CSV.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("max", 1.0),
];

/// A run in its `format`: by `text`, or all of it.
pub(super) fn formatted<W: Write>(
    out: &mut W,
    run: &RunFile,
    format: Format,
    text: impl FnOnce(&mut W) -> io::Result<()>,
) -> io::Result<()> {
    match format {
        Format::Text => text(out),
        Format::Json => json(out, run),
        Format::Csv => csv(out, run),
    }
}

/// The run file itself.
pub(super) fn json(out: &mut impl Write, run: &RunFile) -> io::Result<()> {
    json_line(out, &serde_json::to_value(run)?)
}

/// A line for each point of the process: what tells it from the others, its figures, percentiles
/// of its distributions in nanoseconds. What a point does not have is empty.
pub(super) fn csv(out: &mut impl Write, run: &RunFile) -> io::Result<()> {
    let points: Vec<&Point> = run.runs.iter().flat_map(|run| &run.points).collect();
    let labels = names(points.iter().flat_map(|point| point.labels.keys()));
    let figures = names(points.iter().flat_map(|point| point.figures.keys()));
    let latencies = names(points.iter().flat_map(|point| point.latencies.keys()));
    let percentiles = latencies
        .iter()
        .flat_map(|name| QUANTILES.map(|(part, _)| format!("{name}_ns_{part}")));
    let header: Vec<String> = ["suite", "kind"]
        .map(str::to_owned)
        .into_iter()
        .chain(labels.iter().chain(&figures).map(ToString::to_string))
        .chain(percentiles)
        .collect();
    writeln!(out, "{}", header.join(","))?;
    for point in points {
        let mut line = vec![run.suite.clone(), run.kind.name().to_owned()];
        let label = |name: &&String| field(point.labels.get(*name).map(|text| quoted(text)));
        line.extend(labels.iter().map(label));
        line.extend(figures.iter().map(|name| field(point.value(name))));
        for name in &latencies {
            let latency = point.latencies.get(*name);
            let latency = latency.and_then(|latency| latency.decode().ok());
            let of = |quantile| latency.as_ref().map(|one| at(one, quantile));
            line.extend(QUANTILES.map(|(_, quantile)| field(of(quantile))));
        }
        writeln!(out, "{}", line.join(","))?;
    }
    Ok(())
}

/// Each once, in order.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> BTreeSet<&'a String> {
    all.collect()
}

/// The latency at a quantile, in nanoseconds.
fn at(latency: &Histogram<u64>, quantile: f64) -> u64 {
    latency.value_at_quantile(quantile)
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
