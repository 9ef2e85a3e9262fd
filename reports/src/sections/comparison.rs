//! One side against another: ratios with their intervals, and no verdict.

use std::path::Path;

use hwptop_agent::{
    compare::{Blocks, Comparison as OfRecordings, NoRange, Ratio},
    snapshot::Scope,
};
use hwptop_bench::{
    compare::{Comparison, Row as Compared},
    metric::Better,
    run_file::{ProcessRun, RunFile},
    statistics::{Confidence, Estimate},
};

use crate::{
    ReportError,
    chart::{Axis, Body, Dots, Mark, Picture, Row},
    document::{Block, Document, Section, Table},
    figure::{clock, counted, figure},
    inputs::{file_name, word},
};

/// The most rows of the picture; the table has all.
const ROWS: usize = 40;
/// A longer table is folded.
const LONG: usize = 30;

/// Adds `run`, the `index`th, against the other binary in its file.
pub(crate) fn within(document: &mut Document, index: usize, name: &str, run: &RunFile) {
    if let Some(base) = &run.base {
        let names = [base.program.as_str(), name];
        runs(document, index, names, run, (&base.runs, true));
    }
}

/// Adds `run`, the `index`th, against another file's.
///
/// # Errors
/// [`ReportError::Incomparable`] where they are not of the same.
pub(crate) fn with(
    document: &mut Document,
    index: usize,
    (base_path, base): (&Path, &RunFile),
    (path, name, run): (&Path, &str, &RunFile),
) -> Result<(), ReportError> {
    let differences = run.differences(base);
    if !differences.is_empty() {
        let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
        return Err(ReportError::Incomparable {
            path: path.to_owned(),
            base: base_path.to_owned(),
            why: differences.join("; "),
        });
    }
    let names = [file_name(base_path), name.to_owned()];
    let names = [names[0].as_str(), names[1].as_str()];
    runs(document, index, names, run, (&base.runs, false));
    Ok(())
}

fn runs(
    document: &mut Document,
    index: usize,
    [base_name, name]: [&str; 2],
    run: &RunFile,
    (base, is_paired): (&[ProcessRun], bool),
) {
    let told = Comparison::of(base, &run.runs, is_paired, Confidence::P95);
    let title = format!("{name} against {base_name}{}", word(run.kind));
    let mut section = Section::new(title.clone());
    // The ratio furthest from 1 whose interval does not hold it.
    let far = |of: &Estimate| of.value.ln().abs();
    let beyond = |of: &&(&Compared, Estimate)| of.1.low > 1.0 || of.1.high < 1.0;
    let mut rows: Vec<(&Compared, Estimate)> = told
        .rows
        .iter()
        .filter_map(|row| Some((row, *row.ratio.as_ref().ok()?)))
        .collect();
    rows.sort_by(|a, b| far(&b.1).total_cmp(&far(&a.1)));
    let apart = rows.iter().filter(beyond).count();
    let answer = match rows.iter().find(beyond) {
        Some((row, ratio)) => format!(
            "{title}: of {}, {apart} have a 95 % interval that leaves out 1; the furthest is {} at {}.",
            counted(told.rows.len() as u64, "metric"),
            row.key,
            ratio_words(*ratio, row.better)
        ),
        None => format!(
            "{title}: no metric of {} has a 95 % interval that leaves out 1.",
            told.rows.len()
        ),
    };
    document.answers.push(answer.clone());
    section.text(format!(
        "Ratios of {} of {name} to {} of {base_name}, {}: trimmed means of logarithms with 95 % intervals by bootstrap. \
         The p of a rank test is adjusted for all metrics together (Holm). This judges nothing: `hwptop gate` does.",
        counted(run.runs.len() as u64, "process run"),
        base.len(),
        if is_paired { "in pairs that were measured in turns" } else { "not in pairs" }
    ));
    let of_picture = rows
        .iter()
        .take(ROWS)
        .map(|(row, ratio)| (row.key.to_string(), *ratio));
    if !rows.is_empty() {
        let body = forest(of_picture.collect(), rows.len().saturating_sub(ROWS));
        section.figure(
            format!("difference-{index}"),
            format!("Ratios to the base with their intervals, the furthest from 1 first. {answer}"),
            Picture {
                title,
                subtitle: "ratio of new to base; left of 1 is less".to_owned(),
                body,
            },
        );
    }
    folded(&mut section, table(&told));
    for (keys, side) in [(&told.only_base, "base"), (&told.only_new, "new side")] {
        if !keys.is_empty() {
            let count = counted(keys.len() as u64, "metric");
            section.text(format!("{count} of the {side} alone are not compared."));
        }
    }
    document.sections.push(section);
}

fn ratio_words(ratio: Estimate, better: Better) -> String {
    let is_less = ratio.value < 1.0;
    let is_better = is_less == (better == Better::Lower);
    format!(
        "{}× ({} to {}), {}",
        digits(ratio.value),
        digits(ratio.low),
        digits(ratio.high),
        if is_better {
            "which is better"
        } else {
            "which is worse"
        }
    )
}

/// A ratio near 1 is told by its third digit behind the point.
fn digits(ratio: f64) -> String {
    if (0.1..10.0).contains(&ratio) {
        format!("{ratio:.3}")
    } else {
        figure(ratio)
    }
}

fn table(told: &Comparison) -> Table {
    let mut table = Table::of(
        ["metric", "better"],
        ["base", "new", "ratio", "95 % interval", "p (Holm)"],
    );
    for row in &told.rows {
        let absent = || "absent".to_owned();
        let median = |of: &[f64]| Compared::median(of).map_or_else(absent, figure);
        let (ratio, interval) = match &row.ratio {
            Ok(of) => (
                digits(of.value),
                format!("{} to {}", digits(of.low), digits(of.high)),
            ),
            Err(why) => (absent(), format!("absent: {why}")),
        };
        let better = match row.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
        };
        table.row([
            row.key.to_string(),
            better.to_owned(),
            median(&row.base),
            median(&row.new),
            ratio,
            interval,
            format!("{:.3}", row.p_adjusted),
        ]);
    }
    table
}

fn folded(section: &mut Section, table: Table) {
    if table.rows.len() > LONG {
        let title = format!("All {} metrics as a table", table.rows.len());
        section
            .blocks
            .push(Block::Folded(title, vec![Block::Table(table)]));
    } else {
        section.table(table);
    }
}

/// Ratios with their intervals, a row each.
fn forest(rows: Vec<(String, Estimate)>, more: usize) -> Body {
    let log = |ratio: f64| ratio.max(1e-6).log10();
    let values = rows.iter().flat_map(|(_, of)| [of.low, of.value, of.high]);
    let x = Axis::ratios(values);
    let others = match more {
        0 => String::new(),
        more => format!("; {more} nearer to 1 are in the table"),
    };
    let rows = rows.into_iter().map(|(name, of)| Row {
        name,
        marks: vec![Mark {
            style: 0,
            at: log(of.value),
            interval: Some((log(of.low), log(of.high))),
        }],
    });
    Body::Dots(Dots {
        x_label: format!("ratio to the base (log scale{others})"),
        x,
        line_at: Some(0.0),
        rows: rows.collect(),
        legend: Vec::new(),
    })
}

/// Adds a recording, the `index`th, against another: all instances together, each stage.
pub(crate) fn recordings(
    document: &mut Document,
    index: usize,
    [base_name, name]: [&str; 2],
    [base, new]: [&Blocks; 2],
) {
    let title = format!("{name} against {base_name}");
    let mut section = Section::new(title.clone());
    let mut stages = base.stages();
    stages.extend(new.stages());
    let (mut rows, mut doubts) = (Vec::new(), Vec::new());
    let mut table = Table::of(
        ["stage", "figure"],
        ["base (ns)", "new (ns)", "ratio", "95 % interval"],
    );
    for stage in stages {
        let told = OfRecordings::of(base, new, &Scope::Everything, stage);
        for one in &told.differences {
            doubts.push(one.to_string());
        }
        for ratio in &told.ratios {
            row(&mut table, stage.name(), ratio);
            if let (Some(value), Ok(range)) = (ratio.value(), ratio.range) {
                let (low, high) = (range.low.min(value), range.high.max(value));
                let name = format!("{} {}", stage.name(), ratio.statistic.name());
                rows.push((name, Estimate { value, low, high }));
            }
        }
    }
    let beyond = |of: &&(String, Estimate)| of.1.low > 1.0 || of.1.high < 1.0;
    let apart = rows.iter().filter(beyond).count();
    let answer = format!(
        "{title}, all instances: {apart} of {} with an interval have one that leaves out 1.",
        counted(rows.len() as u64, "figure")
    );
    document.answers.push(answer.clone());
    doubts.sort();
    doubts.dedup();
    if !doubts.is_empty() {
        document.warnings.push(format!(
            "{title}: more than one thing sets them apart: {}.",
            doubts.join("; ")
        ));
    }
    section.text(format!(
        "All instances together, {} against {} of {base_name}. Intervals are of 95 %, by a block bootstrap of \
         intervals. This judges nothing.",
        clock(new.length().as_secs_f64()),
        clock(base.length().as_secs_f64())
    ));
    if rows.is_empty() {
        section.text("No figure has an interval: too few intervals or events on a side.");
    } else {
        let picture = Picture {
            title,
            subtitle: "ratio of new to base; left of 1 is less".to_owned(),
            body: forest(rows, 0),
        };
        let alt = format!("Ratios to the base with their intervals. {answer}");
        section.figure(format!("difference-recording-{index}"), alt, picture);
    }
    section.table(table);
    document.sections.push(section);
}

fn row(table: &mut Table, stage: &str, ratio: &Ratio) {
    let absent = || "absent".to_owned();
    let interval = match ratio.range {
        Ok(range) => format!("{} to {}", digits(range.low), digits(range.high)),
        Err(NoRange::Nothing) => "absent: nothing was recorded on a side".to_owned(),
        Err(NoRange::OneEvent) => "absent: one event makes it".to_owned(),
        Err(NoRange::Blocks { there }) => {
            format!("absent: only {there} blocks of intervals on a side")
        }
        Err(NoRange::Events { there, needed }) => {
            format!("absent: {there} events of {needed} on a side")
        }
    };
    table.row([
        stage.to_owned(),
        ratio.statistic.name().to_owned(),
        ratio.base_ns.map_or_else(absent, figure),
        ratio.new_ns.map_or_else(absent, figure),
        ratio.value().map_or_else(absent, digits),
        interval,
    ]);
}
