//! Latency by percentile, as HdrHistogram's own plots have it.

use hdrhistogram::Histogram;

use crate::{
    chart::{Axis, Body, Chart, Line, Panel},
    chosen::Chosen,
    figure::time,
};

/// Percentiles with a label: position on the axis, label. The position of
/// quantile q is -log10(1 - q), as in HdrHistogram's own plots.
const PERCENTILES: [(f64, &str); 8] = [
    (0.0, "0"),
    (1.0, "90"),
    (2.0, "99"),
    (3.0, "99.9"),
    (4.0, "99.99"),
    (5.0, "99.999"),
    (6.0, "99.9999"),
    (7.0, "99.99999"),
];
/// Where p50 is.
const MEDIAN: f64 = std::f64::consts::LOG10_2;

/// The distributions of one panel; `None` where a line has none here.
pub(crate) struct Distributions<'a> {
    pub(crate) heading: Option<String>,
    pub(crate) of: Vec<Option<&'a Histogram<u64>>>,
}

/// Curves of `names` in every panel, which share the y axis.
pub(crate) fn chart(names: &[String], panels: &[Distributions], y_label: &str) -> Body {
    // A line is the same in all panels: the slowest by its worst p99.
    let slowest = |line: usize| {
        let all = panels
            .iter()
            .filter_map(|panel| panel.of.get(line)?.as_ref());
        all.map(|one| one.value_at_quantile(0.99) as f64)
            .fold(0.0, f64::max)
    };
    let values: Vec<f64> = (0..names.len()).map(slowest).collect();
    let chosen = Chosen::of(names, &values);
    let panels: Vec<Panel> = panels.iter().map(|one| panel(one, &chosen)).collect();
    let lines = panels.iter().flat_map(|panel| &panel.lines);
    let logs = lines.flat_map(|line| &line.path).map(|(_, log)| *log);
    let y = Axis::log10(logs.map(|log| 10_f64.powf(log)));
    Body::Lines(Chart {
        x_label: "percentile (the last point is the maximum)".to_owned(),
        y_label: y_label.to_owned(),
        y,
        panels,
        legend: chosen.legend,
        unnamed: chosen.unnamed,
        is_low: false,
    })
}

/// The curves in words: of each panel, p50 and p99 from the fastest line to the slowest.
pub(crate) fn in_words(names: &[String], panels: &[Distributions]) -> String {
    let mut words = Vec::new();
    for panel in panels {
        let of = |quantile: f64| {
            let all = panel.of.iter().flatten();
            let values: Vec<u64> = all.map(|one| one.value_at_quantile(quantile)).collect();
            let (least, most) = (values.iter().min()?, values.iter().max()?);
            let (least, most) = (time(*least as f64), time(*most as f64));
            Some(if least == most {
                least
            } else {
                format!("{least} to {most}")
            })
        };
        let heading = panel.heading.as_ref();
        let heading = heading.map_or_else(String::new, |heading| format!("{heading}: "));
        if let (Some(median), Some(tail)) = (of(0.5), of(0.99)) {
            words.push(format!("{heading}p50 is {median}, p99 {tail}"));
        }
    }
    let lines = match names {
        [only] => format!("One curve, {only}."),
        _ => format!("{} curves.", names.len()),
    };
    format!("Latency by percentile. {lines} {}.", words.join("; "))
}

fn panel(panel: &Distributions, chosen: &Chosen) -> Panel {
    let lines = panel.of.iter().zip(&chosen.styles);
    let lines: Vec<Line> = lines
        .filter_map(|(latency, style)| Some(line(*style, (*latency)?)))
        .collect();
    let ends = lines.iter().filter_map(|line| line.path.last());
    let high = ends.map(|(x, _)| *x).fold(2.0, f64::max);
    let on_axis = |(position, _): &&(f64, &str)| *position <= high;
    let mut ticks: Vec<_> = PERCENTILES
        .iter()
        .filter(on_axis)
        .map(|(position, label)| (*position, (*label).to_owned()))
        .collect();
    // Where many decades share the axis, 50 would touch its neighbours.
    if high < 6.5 {
        ticks.insert(1, (MEDIAN, "50".to_owned()));
    }
    Panel {
        heading: panel.heading.clone(),
        x: Axis {
            low: 0.0,
            high: high + 0.05,
            ticks,
            minor: Vec::new(),
        },
        lines,
        events: Vec::new(),
    }
}

/// The distribution as a stair: every recorded value spans the quantiles it
/// stands for.
fn line(style: Option<usize>, latency: &Histogram<u64>) -> Line {
    let log = |ns: u64| (ns.max(1) as f64).log10();
    // The largest value is one of `len`: it reaches to where that many
    // percentiles end, not to infinity.
    let end = (latency.len() as f64).log10();
    let position = |quantile: f64| (-(1.0 - quantile).log10()).clamp(0.0, end);
    let mut path = Vec::new();
    let mut from = 0.0;
    for step in latency.iter_recorded() {
        let to = position(step.quantile());
        let y = log(step.value_iterated_to().min(latency.max()));
        path.push((from, y));
        path.push((to, y));
        from = to;
    }
    let mut marks: Vec<_> = [MEDIAN, 1.0, 2.0, 3.0, 4.0, 5.0]
        .into_iter()
        .filter(|at| *at < end)
        .map(|at| (at, log(latency.value_at_quantile(1.0 - 10_f64.powf(-at)))))
        .collect();
    marks.push((end, log(latency.max())));
    Line {
        style,
        path,
        marks,
        band: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stair_ends_where_its_count_does() {
        let mut latency = Histogram::<u64>::new(2).unwrap();
        latency.record_n(100, 999).unwrap();
        latency.record(5000).unwrap();
        let line = line(Some(0), &latency);
        let (x, y) = line.path[line.path.len() - 1];
        assert!((x - 3.0).abs() < 1e-9, "{x}");
        assert!((10_f64.powf(y) - 5000.0).abs() < 50.0, "{y}");
    }
}
