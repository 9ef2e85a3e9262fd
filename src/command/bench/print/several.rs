use std::io::{self, Write};

use hwptop_bench::{
    Interval,
    metric::Metric,
    run_file::{Key, ProcessRun, RunFile},
};

use super::json_line;
use crate::{
    cli::Format,
    command::compare::{by_place, figure, heading, metric_width, quoted},
};

/// Every metric over the processes of a run file: median, 95 % interval, and how many there are.
pub(in crate::command::bench) fn several(
    out: &mut impl Write,
    run: &RunFile,
    format: Format,
) -> io::Result<()> {
    let rows = rows(&run.runs);
    match format {
        Format::Json => json_line(out, &serde_json::to_value(run)?),
        Format::Csv => {
            writeln!(out, "metric,unit,median,low,high,processes")?;
            for Row { key, of, processes } in &rows {
                let Interval { median, low, high } = *of;
                let (key, unit) = (quoted(key), unit(key));
                writeln!(out, "{key},{unit},{median},{low},{high},{processes}")?;
            }
            Ok(())
        }
        Format::Text => text(out, run, &rows),
    }
}

struct Row {
    key: Key,
    of: Interval,
    processes: usize,
}

/// In the order of the first process that has each.
fn rows(runs: &[ProcessRun]) -> Vec<Row> {
    let mut all: Vec<(Key, Vec<f64>)> = Vec::new();
    for (key, value) in runs.iter().flat_map(ProcessRun::comparable) {
        match all.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => all.push((key, vec![value])),
        }
    }
    let rows = all.into_iter().filter_map(|(key, values)| {
        Some(Row {
            of: Interval::median_of(&values)?,
            processes: values.len(),
            key,
        })
    });
    rows.collect()
}

fn text(out: &mut impl Write, run: &RunFile, rows: &[Row]) -> io::Result<()> {
    write!(out, "{}", run.suite)?;
    if let Some(target) = &run.target {
        write!(out, " on {target}")?;
    }
    if let Some(meaning) = run.kind.meaning() {
        write!(out, " ({}: {meaning})", run.kind.name())?;
    }
    writeln!(
        out,
        "\n{} processes: median of theirs, and its 95 % interval\n",
        run.runs.len()
    )?;
    let width = metric_width(rows.iter().map(|row| &row.key));
    writeln!(
        out,
        "{:<width$} {:>12} {:>12} {:>12}  unit",
        "metric", "median", "low", "high"
    )?;
    let mut place = None;
    for Row { key, of, processes } in by_place(rows, |row| &row.key) {
        heading(out, &mut place, key)?;
        let [median, low, high] = [of.median, of.low, of.high].map(figure);
        write!(
            out,
            "{:<width$} {median:>12} {low:>12} {high:>12}  {}",
            format!("  {}", key.metric),
            unit(key)
        )?;
        if *processes < run.runs.len() {
            write!(out, " ({processes} processes)")?;
        }
        writeln!(out)?;
    }
    if run.dropped > 0 {
        writeln!(out, "\ndropped, as they failed: processes: {}", run.dropped)?;
    }
    Ok(())
}

fn unit(key: &Key) -> &'static str {
    Metric::named(&key.metric).map_or("", |metric| metric.unit)
}
