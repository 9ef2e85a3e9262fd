//! Metrics over a store's runs, with the places where they changed.

use hwptop_bench::{
    metric::Metric,
    run_file::Key,
    store::{Change, History, Median, Segment, rule},
    utc,
};

use super::general::stem;
use crate::{
    ReportError,
    chart::{Axis, Body, Chart, Line, Panel, Picture},
    document::{Block, Document, Section, Table},
    figure::{counted, figure, percent},
    inputs::{Histories, file_name, word},
};

/// The most pictures of a suite; the table has the others.
const PICTURES: usize = 40;

/// Adds the histories.
///
/// # Errors
/// [`ReportError::History`] where one cannot be looked at.
pub(crate) fn add(document: &mut Document, histories: &Histories) -> Result<(), ReportError> {
    let store = file_name(&histories.store);
    let branch = histories.branch.as_str();
    if histories.suites.is_empty() {
        document.answers.push(format!(
            "History of branch {branch} in {store}: no run is stored."
        ));
    }
    for history in &histories.suites {
        let mut section = Section::new(format!(
            "History of {} on branch {branch}",
            history.suite.as_str()
        ));
        unread(document, history);
        let mut left = PICTURES;
        for (index, segment) in history.segments.iter().enumerate() {
            let changes = segment
                .changes(&rule())
                .map_err(|error| ReportError::History {
                    store: histories.store.clone(),
                    suite: history.suite.as_str().to_owned(),
                    error,
                })?;
            document
                .answers
                .push(answer(history, index, segment, &changes));
            about(&mut section, index, segment);
            drawn(&mut section, (history, index), segment, &changes, &mut left);
        }
        document.sections.push(section);
    }
    Ok(())
}

fn unread(document: &mut Document, history: &History) {
    let suite = history.suite.as_str();
    for skipped in &history.unread.skipped {
        document
            .warnings
            .push(format!("History of {suite}: skipped {}", skipped.why));
    }
    if history.unread.left_out > 0 {
        let count = history.unread.left_out;
        document.warnings.push(format!(
            "History of {suite}: {count} older runs are left out."
        ));
    }
}

fn answer(history: &History, index: usize, segment: &Segment, changes: &[Change]) -> String {
    let suite = history.suite.as_str();
    let which = match history.segments.len() {
        1 => String::new(),
        _ => format!(" (segment {})", index + 1),
    };
    let word = word(segment.first.kind);
    let runs = counted(segment.runs.len() as u64, "run");
    let metrics = segment.medians.len();
    match changes.last() {
        None => {
            format!("History of {suite}{word}{which}: no change in {metrics} metrics over {runs}.")
        }
        Some(last) => {
            let latest = changes
                .iter()
                .filter(|change| change.after == last.after)
                .count();
            let at = segment
                .runs
                .get(last.after)
                .map_or_else(String::new, |run| utc(run.started_unix_s));
            format!(
                "History of {suite}{word}{which}: {} in {metrics} metrics over {runs}; the latest, of {latest}, at {at}: {}.",
                counted(changes.len() as u64, "change"),
                in_words(last)
            )
        }
    }
}

fn in_words(change: &Change) -> String {
    let better = match change.is_better() {
        Some(true) => ", better",
        Some(false) => ", worse",
        None => "",
    };
    let by = change.ratio().map_or_else(String::new, |ratio| {
        format!(" ({}×{better})", figure(ratio))
    });
    format!(
        "{} from {} to {}{by}",
        change.key,
        figure(change.from),
        figure(change.to)
    )
}

fn about(section: &mut Section, index: usize, segment: &Segment) {
    if index > 0 {
        section.heading(format!("Segment {}", index + 1));
        let differences: Vec<String> = segment
            .differences
            .iter()
            .map(ToString::to_string)
            .collect();
        section.text(format!(
            "Runs that cannot be compared with those before: {}.",
            differences.join("; ")
        ));
    }
    let environment = &segment.first.environment;
    section.text(format!(
        "{} on {}, Linux {}, {}. A change is at least {} and has a p of at most {} (energy statistic, Student's t).",
        counted(segment.runs.len() as u64, "run"),
        environment.cpu,
        environment.kernel,
        segment.first.kind.name(),
        percent(rule().magnitude_min),
        rule().p_max
    ));
}

/// A picture of each metric, those that changed first; then a table of all.
fn drawn(
    section: &mut Section,
    (history, index): (&History, usize),
    segment: &Segment,
    changes: &[Change],
    left: &mut usize,
) {
    let of = |key: &Key| {
        changes
            .iter()
            .filter(|change| change.key == *key)
            .collect::<Vec<_>>()
    };
    let mut all: Vec<(&Key, &Vec<Median>)> = segment.medians.iter().collect();
    all.sort_by_key(|(key, _)| of(key).is_empty());
    let suite = stem(history.suite.as_str());
    let mut table = Table::of(["metric"], ["runs", "first", "last", "changes"]);
    for (number, (key, medians)) in all.into_iter().enumerate() {
        let changes = of(key);
        if *left > 0 && medians.len() > 1 {
            *left -= 1;
            let file = format!("history-{suite}-{index}-{number}");
            let alt = alt(key, medians, &changes);
            section.figure(file, alt, picture(key, segment, medians, &changes));
        }
        let value = |median: Option<&Median>| {
            median.map_or_else(|| "absent".to_owned(), |one| figure(one.value))
        };
        table.row([
            key.to_string(),
            medians.len().to_string(),
            value(medians.first()),
            value(medians.last()),
            changes.len().to_string(),
        ]);
    }
    let title = format!("All {} metrics as a table", table.rows.len());
    section
        .blocks
        .push(Block::Folded(title, vec![Block::Table(table)]));
}

fn alt(key: &Key, medians: &[Median], changes: &[&Change]) -> String {
    let ends = match medians {
        [first, .., last] => format!(
            "{} at first, {} at last",
            figure(first.value),
            figure(last.value)
        ),
        _ => String::new(),
    };
    let changes: Vec<String> = changes.iter().map(|change| in_words(change)).collect();
    let changes = if changes.is_empty() {
        "no change".to_owned()
    } else {
        changes.join("; ")
    };
    format!(
        "Trend of {key} over {}: {ends}; {changes}.",
        counted(medians.len() as u64, "run")
    )
}

fn picture(key: &Key, segment: &Segment, medians: &[Median], changes: &[&Change]) -> Picture {
    let path: Vec<(f64, f64)> = medians
        .iter()
        .map(|one| (one.run as f64, one.value))
        .collect();
    let dates = segment.runs.iter().map(|run| {
        let revision = run
            .revision
            .as_deref()
            .map(|of| of.chars().take(7).collect::<String>());
        let date: String = utc(run.started_unix_s).chars().take(10).collect();
        revision.unwrap_or(date)
    });
    let metric = Metric::named(&key.metric);
    let unit = metric.map_or("", |metric| metric.unit);
    let events = changes
        .iter()
        .map(|change| f64::midpoint(change.before as f64, change.after as f64));
    Picture {
        title: format!("{key}{}", word(segment.first.kind)),
        subtitle: match changes.len() {
            0 => "no change".to_owned(),
            count => format!("{}, marked ▼", counted(count as u64, "change")),
        },
        body: Body::Lines(Chart {
            x_label: "run (revision, or date)".to_owned(),
            y_label: unit.to_owned(),
            y: Axis::linear(medians.iter().map(|one| one.value)),
            panels: vec![Panel {
                heading: None,
                x: Axis::named(dates.collect::<Vec<_>>().into_iter(), 10),
                lines: vec![Line {
                    style: Some(0),
                    // Where there are many, marks would cover the line.
                    marks: if path.len() <= 60 {
                        path.clone()
                    } else {
                        Vec::new()
                    },
                    path,
                    band: Vec::new(),
                }],
                events: events.collect(),
            }],
            legend: Vec::new(),
            unnamed: 0,
            is_low: true,
        }),
    }
}
