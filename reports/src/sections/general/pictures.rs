use hwptop_bench::{
    metric::{LATENCIES, Metric},
    run_file::{Figure, RunFile},
};

use crate::{
    chart::{Axis, Body, Chart, Dots, Line, Mark, Panel, Picture, Row},
    chosen::Chosen,
    figure::figure,
    inputs::word,
    sections::{
        percentiles::{self, Distributions},
        places::{Place, latencies, metrics, numeric},
    },
};

/// The most rows of a picture; the table has all.
const ROWS: usize = 40;

type Drawn = (String, String, Picture);

/// A picture of each metric that has a better and a worse, and of each latency: its name, what is seen in it, and it.
pub(super) fn pictures(
    group: &[Place],
    by: Option<&str>,
    run: &RunFile,
    subtitle: &str,
) -> Vec<Drawn> {
    let by = by.filter(|by| group[0].labels.contains_key(*by));
    let mut pictures = Vec::new();
    for name in metrics(group) {
        let Some(metric) = Metric::named(&name).filter(|metric| metric.better.is_some()) else {
            continue;
        };
        let positive = |place: &&Place| place.figures.get(&name).is_some_and(|of| of.value > 0.0);
        if group.iter().filter(positive).count() < 2 {
            continue;
        }
        let against = numeric(group).filter(|_| by.is_none());
        let body = match against {
            Some((label, values)) => lines(group, &name, metric, &label, &values),
            None => dots(group, &format!("{name} ({}", metric.unit), by, |place| {
                place.figures.get(&name).copied()
            }),
        };
        let title = format!("{name}: {}{}", metric.what, word(run.kind));
        let picture = Picture {
            title: title.clone(),
            subtitle: subtitle.to_owned(),
            body,
        };
        pictures.push((name, in_words(group, metric, &title), picture));
    }
    for name in latencies(group) {
        if by.is_some() {
            pictures.extend(tail(group, by, &name, (run, subtitle)));
            continue;
        }
        let there: Vec<&Place> = group
            .iter()
            .filter(|place| place.latencies.contains_key(&name))
            .collect();
        let names: Vec<String> = there.iter().map(|place| place.name(&[])).collect();
        let panels = [Distributions {
            heading: None,
            of: there
                .iter()
                .map(|place| place.latencies.get(&name))
                .collect(),
        }];
        let picture = Picture {
            title: format!("{name}:{}, by percentile{}", what(&name), word(run.kind)),
            subtitle: subtitle.to_owned(),
            body: percentiles::chart(&names, &panels, &format!("{name} (ns, log scale)")),
        };
        pictures.push((name, percentiles::in_words(&names, &panels), picture));
    }
    pictures
}

/// What a latency is of, behind a space.
fn what(name: &str) -> String {
    let known = LATENCIES.iter().find(|metric| metric.name == name);
    known.map_or_else(String::new, |metric| format!(" {}", metric.what))
}

/// The 99th percentile of a latency at each place, with a mark for each value of `by`.
fn tail(
    group: &[Place],
    by: Option<&str>,
    name: &str,
    (run, subtitle): (&RunFile, &str),
) -> Option<Drawn> {
    let p99 = |place: &Place| {
        let latency = place
            .latencies
            .get(name)
            .filter(|latency| !latency.is_empty())?;
        Some(Figure::from(latency.value_at_quantile(0.99) as f64))
    };
    if group.iter().filter_map(p99).count() < 2 {
        return None;
    }
    let title = format!("{name}, 99th percentile{}", word(run.kind));
    let mut values: Vec<(&Place, f64)> = group
        .iter()
        .filter_map(|place| Some((place, p99(place)?.value)))
        .collect();
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let alt = from_to(&format!("{title}:{}", what(name)), &values, "ns");
    let picture = Picture {
        title,
        subtitle: subtitle.to_owned(),
        body: dots(group, &format!("{name} p99 (ns"), by, p99),
    };
    Some((name.to_owned(), alt, picture))
}

fn in_words(group: &[Place], metric: Metric, title: &str) -> String {
    let values = group.iter().filter_map(|place| {
        let figure = place.figures.get(metric.name)?;
        Some((place, figure.value))
    });
    let mut values: Vec<(&Place, f64)> = values.collect();
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    from_to(title, &values, metric.unit)
}

/// The ends of `values`, which are in order.
fn from_to(title: &str, values: &[(&Place, f64)], unit: &str) -> String {
    let (Some((least, low)), Some((most, high))) = (values.first(), values.last()) else {
        return title.to_owned();
    };
    format!(
        "{title}. From {} {unit} ({}) to {} {unit} ({}).",
        figure(*low),
        least.name(&[]),
        figure(*high),
        most.name(&[])
    )
}

/// A line for each place but for the label whose values are numbers.
fn lines(group: &[Place], name: &str, metric: Metric, label: &str, values: &[f64]) -> Body {
    let mut all: Vec<(String, Line)> = Vec::new();
    for place in group {
        let Some(of) = place.figures.get(name).filter(|of| of.value > 0.0) else {
            continue;
        };
        let value: f64 = place.label(label).parse().unwrap_or(0.0);
        let index = values
            .iter()
            .position(|known| known.total_cmp(&value).is_eq());
        let point = (index.unwrap_or(0) as f64, of.value.log10());
        let of = place.name(&[label]);
        match all.iter_mut().find(|(known, _)| *known == of) {
            Some((_, line)) => line.path.push(point),
            None => all.push((
                of,
                Line {
                    path: vec![point],
                    ..Line::default()
                },
            )),
        }
    }
    for (_, line) in &mut all {
        line.path.sort_by(|a, b| a.0.total_cmp(&b.0));
        line.marks.clone_from(&line.path);
    }
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let last = |line: &Line| line.path.last().map_or(0.0, |(_, y)| *y);
    let chosen = Chosen::of(
        &names,
        &all.iter().map(|(_, line)| last(line)).collect::<Vec<_>>(),
    );
    let figures = group.iter().filter_map(|place| place.figures.get(name));
    let lines = all.into_iter().zip(&chosen.styles);
    Body::Lines(Chart {
        x_label: label.to_owned(),
        y_label: format!("{name} ({}, log scale)", metric.unit),
        y: Axis::log10(figures.map(|of| of.value).filter(|value| *value > 0.0)),
        panels: vec![Panel {
            heading: None,
            x: Axis::named(values.iter().map(ToString::to_string), 16),
            lines: lines
                .map(|((_, line), style)| Line {
                    style: *style,
                    ..line
                })
                .collect(),
            events: Vec::new(),
        }],
        legend: chosen.legend,
        unnamed: chosen.unnamed,
        is_low: false,
    })
}

/// A row for each place, with a mark for each value of `by`; `label` lacks its last parenthesis.
fn dots(
    group: &[Place],
    label: &str,
    by: Option<&str>,
    figure: impl Fn(&Place) -> Option<Figure>,
) -> Body {
    let left_out: Vec<&str> = by.into_iter().collect();
    let (mut rows, mut legend): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    let mut shown = Vec::new();
    for place in group {
        let Some(of) = figure(place).filter(|of| of.value > 0.0) else {
            continue;
        };
        let style = by.map_or(0, |by| {
            let value = place.label(by);
            legend
                .iter()
                .position(|known| known == value)
                .unwrap_or_else(|| {
                    legend.push(value.to_owned());
                    legend.len() - 1
                })
        });
        let row = place.name(&left_out);
        let index = rows
            .iter()
            .position(|known| known.name == row)
            .unwrap_or_else(|| {
                rows.push(Row {
                    name: row,
                    marks: Vec::new(),
                });
                rows.len() - 1
            });
        if index >= ROWS {
            continue;
        }
        let interval = of.low.zip(of.high).filter(|(low, _)| *low > 0.0);
        shown.extend(interval.map_or(vec![of.value], |(low, high)| vec![low, of.value, high]));
        rows[index].marks.push(Mark {
            style,
            at: of.value.log10(),
            interval: interval.map(|(low, high)| (low.log10(), high.log10())),
        });
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let others = match more {
        0 => String::new(),
        more => format!("; {more} more in the table"),
    };
    Body::Dots(Dots {
        x_label: format!("{label}, log scale{others})"),
        x: Axis::log10(shown.into_iter()),
        line_at: label.ends_with("(ratio").then_some(0.0),
        rows,
        legend,
    })
}
