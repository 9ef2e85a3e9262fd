use crate::{
    chart::{Axis, Chart, Line, Panel},
    series::{Origin, Series},
};

/// Time per entry against batch size, both logarithmic.
pub(crate) fn chart(series: &[Series], origin: Origin, subtitle: &str) -> Chart {
    let lines = series.iter().enumerate().map(|(style, one)| {
        let path: Vec<_> = one
            .points
            .iter()
            .map(|point| {
                let batch = f64::from(point.measured.batch);
                (batch.log2(), point.measured.ns_per_entry().max(0.1).log10())
            })
            .collect();
        Line {
            style,
            marks: path.clone(),
            path,
        }
    });
    let batches = || {
        series
            .iter()
            .flat_map(|one| &one.points)
            .map(|point| point.measured.batch)
    };
    let times = series
        .iter()
        .flat_map(|one| &one.points)
        .map(|one| one.measured.ns_per_entry());
    Chart {
        title: origin.titled("Time per entry against batch size"),
        subtitle: subtitle.to_owned(),
        x_label: "batch size (entries per request, log scale)".to_owned(),
        y_label: "time per entry (ns, log scale)".to_owned(),
        y: Axis::log10(times),
        panels: vec![Panel {
            heading: None,
            x: batch_axis(batches()),
            lines: lines.collect(),
        }],
        legend: series.iter().map(|one| one.label.clone()).collect(),
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
