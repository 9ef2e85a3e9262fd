use hdrhistogram::Histogram;

use crate::{
    chart::{Axis, Chart, Line, Panel},
    series::{Origin, Series},
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

/// Latency of a request by percentile, at the smallest and at the largest batch
/// size: the two ends of what batching does to a single request.
pub(crate) fn chart(series: &[Series], origin: Origin, subtitle: &str) -> Chart {
    let batches = || {
        series
            .iter()
            .flat_map(|one| &one.points)
            .map(|point| point.measured.batch)
    };
    let mut ends = vec![batches().min().unwrap_or(1), batches().max().unwrap_or(1)];
    ends.dedup();
    let panels: Vec<Panel> = ends.iter().map(|batch| panel(series, *batch)).collect();
    let values = panels
        .iter()
        .flat_map(|panel| &panel.lines)
        .flat_map(|line| &line.path)
        .map(|(_, log)| 10_f64.powf(*log));
    let y = Axis::log10(values);
    Chart {
        title: origin.titled("Request latency by percentile"),
        subtitle: subtitle.to_owned(),
        x_label: "percentile of requests (the last point is the maximum)".to_owned(),
        y_label: "request latency (ns, log scale)".to_owned(),
        y,
        panels,
        legend: series.iter().map(|one| one.label.clone()).collect(),
    }
}

fn panel(series: &[Series], batch: u32) -> Panel {
    let lines: Vec<Line> = series
        .iter()
        .enumerate()
        .filter_map(|(style, one)| one.at(batch).map(|point| line(style, &point.latency)))
        .collect();
    let end = lines
        .iter()
        .filter_map(|line| line.path.last())
        .map(|(x, _)| *x);
    let high = end.fold(2.0, f64::max);
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
    let heading = match batch {
        1 => "batch 1: one entry per request".to_owned(),
        _ => format!("batch {batch}: {batch} entries per request"),
    };
    Panel {
        heading: Some(heading),
        x: Axis {
            low: 0.0,
            high: high + 0.05,
            ticks,
            minor: Vec::new(),
        },
        lines,
    }
}

/// The distribution as a stair: every recorded value spans the quantiles it
/// stands for.
fn line(style: usize, latency: &Histogram<u64>) -> Line {
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
    Line { style, path, marks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stair_ends_where_its_count_does() {
        let mut latency = Histogram::<u64>::new(2).unwrap();
        latency.record_n(100, 999).unwrap();
        latency.record(5000).unwrap();
        let line = line(0, &latency);
        let (x, y) = line.path[line.path.len() - 1];
        assert!((x - 3.0).abs() < 1e-9, "{x}");
        assert!((10_f64.powf(y) - 5000.0).abs() < 50.0, "{y}");
    }
}
