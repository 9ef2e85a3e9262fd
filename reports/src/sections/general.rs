//! Any suite: tables of all that it measured, and pictures of what has a better and a worse.

use std::path::Path;

use hwptop_bench::{
    metric::{Better, METRICS, Metric},
    run_file::RunFile,
};

use super::{
    places::{Place, groups, latencies, metrics},
    split,
};
use crate::{
    ReportError,
    chart::Picture,
    document::{Block, Document, Section, Table},
    figure::{figure, grouped},
    inputs::word,
};

mod pictures;

use pictures::pictures;

/// The most pictures of a suite's places.
const PICTURES: usize = 6;
/// A longer table is folded.
const LONG: usize = 30;

/// What sets a suite's places apart that is compared: each of its values has a mark.
fn compared_by(suite: &str) -> Option<&'static str> {
    match suite {
        "policies" => Some("delivery"),
        "front-end" | "replay" => Some("policy"),
        _ => None,
    }
}

/// The name of a suite's section.
fn title(suite: &str) -> String {
    match suite {
        "policies" => "Policy comparison".to_owned(),
        "front-end" => "Front end".to_owned(),
        "scaling" => "Scaling".to_owned(),
        "stages" => "Stage breakdown".to_owned(),
        "replay" => "Replay".to_owned(),
        other => format!("Suite {other}"),
    }
}

/// Adds what `run`, the `index`th, measured.
///
/// # Errors
/// [`ReportError`] where it has no points, or a histogram cannot be read.
pub(crate) fn add(
    document: &mut Document,
    index: usize,
    (path, name): (&Path, Option<&str>),
    run: &RunFile,
    subtitle: &str,
) -> Result<(), ReportError> {
    let groups = groups(path, run)?;
    let name = name.map_or_else(String::new, |name| format!(", {name}"));
    let mut section = Section::new(format!("{}{name}{}", title(&run.suite), word(run.kind)));
    let by = compared_by(&run.suite);
    let splits = split::splits(groups.first().map_or(&[], Vec::as_slice));
    if let Some(words) = split::answer(&splits) {
        let suite = format!("{}{}", run.suite, word(run.kind));
        document.answers.push(format!("{suite}: {words}."));
        let picture = Picture {
            title: format!("Stage breakdown{}", word(run.kind)),
            subtitle: subtitle.to_owned(),
            body: split::bars(&splits),
        };
        section.figure(
            format!("stages-{index}-split"),
            split::in_words(&splits),
            picture,
        );
    } else {
        document.answers.extend(answer(&groups, by, run));
    }
    let mut left = PICTURES;
    for (number, group) in groups.iter().enumerate() {
        if groups.len() > 1 {
            let labels: Vec<&str> = group[0].labels.keys().map(String::as_str).collect();
            section.heading(match labels[..] {
                [] => "As a whole".to_owned(),
                _ => format!("By {}", labels.join(", ")),
            });
        }
        let stem = format!("{}-{index}-{number}", stem(&run.suite));
        let pictures = pictures(group, by, run, subtitle);
        for (metric, alt, picture) in pictures.into_iter().take(left) {
            left -= 1;
            section.figure(format!("{stem}-{}", stem_of(&metric)), alt, picture);
        }
        let table = table(group);
        if table.rows.len() > LONG {
            let folded = format!("All {} places as a table", table.rows.len());
            section
                .blocks
                .push(Block::Folded(folded, vec![Block::Table(table)]));
        } else {
            section.table(table);
        }
    }
    document.sections.push(section);
    Ok(())
}

/// A file's name of what may be any text.
pub(crate) fn stem(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    text.chars().take(40).map(plain).collect()
}

fn stem_of(metric: &str) -> String {
    stem(metric)
}

/// The first metric with a better and a worse, and its values in the group.
fn headline(group: &[Place]) -> Option<(Metric, Vec<(&Place, f64)>)> {
    let metric = metrics(group)
        .iter()
        .filter_map(|name| Metric::named(name))
        .find(|metric| metric.better.is_some())?;
    let values = group.iter().filter_map(|place| {
        let figure = place.figures.get(metric.name)?;
        Some((place, figure.value))
    });
    Some((metric, values.collect()))
}

/// A sentence on the suite: which is best by its first metric, and how far from the others.
fn answer(groups: &[Vec<Place>], by: Option<&str>, run: &RunFile) -> Option<String> {
    let (metric, values) = groups.iter().find_map(|group| headline(group))?;
    let is_lower = metric.better == Some(Better::Lower);
    let suite = format!("{}{}", run.suite, word(run.kind));
    let mut order = values;
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    if !is_lower {
        order.reverse();
    }
    let ((best, first), (worst, last)) = (*order.first()?, *order.last()?);
    let said = |value: f64| format!("{} {}", figure(value), metric.unit);
    if let Some((label, (winner, won, of, factor))) =
        by.and_then(|by| Some((by, wins(&order, by, is_lower)?)))
    {
        return Some(format!(
            "{suite}: by {}, {label} {winner} is best in {won} of {of} places, up to {}× the worst of its place.",
            metric.name,
            figure(factor)
        ));
    }
    Some(if order.len() == 1 {
        format!(
            "{suite}: {} is {} ({}).",
            metric.name,
            said(first),
            best.name(&[])
        )
    } else {
        format!(
            "{suite}: {} is best with {} at {}, and worst with {} at {}.",
            metric.name,
            best.name(&[]),
            said(first),
            worst.name(&[]),
            said(last)
        )
    })
}

/// Who is best most often where all else is the same: name, how often, of how many, and by which
/// factor at most.
fn wins(order: &[(&Place, f64)], by: &str, is_lower: bool) -> Option<(String, usize, usize, f64)> {
    // In order: the first of a place is its best.
    let mut places: Vec<(String, &str, f64, f64)> = Vec::new();
    for (place, value) in order {
        let name = place.name(&[by]);
        match places.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., worst)) => *worst = *value,
            None => places.push((name, place.label(by), *value, *value)),
        }
    }
    let mut names: Vec<&str> = places.iter().map(|(_, winner, ..)| *winner).collect();
    names.sort_unstable();
    let count = |name: &str| names.iter().filter(|other| **other == name).count();
    let winner = *names.iter().max_by_key(|name| count(name))?;
    let factor = |(_, _, best, worst): &(String, &str, f64, f64)| {
        if is_lower { worst / best } else { best / worst }
    };
    let own = places.iter().filter(|(_, name, ..)| *name == winner);
    let most = own
        .map(factor)
        .filter(|of| of.is_finite())
        .fold(1.0, f64::max);
    Some((winner.to_owned(), count(winner), places.len(), most))
}

/// Everything that was measured.
fn table(group: &[Place]) -> Table {
    let labels: Vec<String> = group[0].labels.keys().cloned().collect();
    let (metrics, latencies) = (metrics(group), latencies(group));
    let unit = |name: &String| {
        let known = METRICS.iter().find(|metric| metric.name == name);
        known.map_or_else(
            || name.clone(),
            |metric| match metric.unit {
                unit if name.starts_with(unit) => name.clone(),
                unit => format!("{name} ({unit})"),
            },
        )
    };
    let of_latency = latencies
        .iter()
        .flat_map(|name| [format!("{name} p50 (ns)"), format!("{name} p99 (ns)")]);
    let numbers: Vec<String> = metrics.iter().map(unit).chain(of_latency).collect();
    let mut table = Table::of(labels.iter().cloned(), numbers);
    for place in group {
        let words = labels.iter().map(|label| place.label(label).to_owned());
        let absent = || "absent".to_owned();
        let figures = metrics.iter().map(|name| {
            let of = place.figures.get(name);
            of.map_or_else(absent, |of| match of.interval() {
                Some(range) => format!(
                    "{} ({} to {})",
                    figure(of.value),
                    figure(range.low),
                    figure(range.high)
                ),
                None => figure(of.value),
            })
        });
        let times = latencies.iter().flat_map(|name| {
            let of = place.latencies.get(name);
            [0.5, 0.99].map(|quantile| {
                of.map_or_else(absent, |of| grouped(of.value_at_quantile(quantile) as f64))
            })
        });
        table.row(words.chain(figures).chain(times));
    }
    table
}
