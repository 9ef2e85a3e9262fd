//! Line charts: what is in one, and how it looks in every file format.

mod draw;
mod render;
mod style;

pub(crate) use render::{png, svg};

/// A figure of one or more panels that share the y axis.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) y: Axis,
    pub(crate) panels: Vec<Panel>,
    /// The lines' names; a line's style is its index here.
    pub(crate) legend: Vec<String>,
}

/// A plot.
pub(crate) struct Panel {
    pub(crate) heading: Option<String>,
    pub(crate) x: Axis,
    pub(crate) lines: Vec<Line>,
}

/// A line, in the units of its axes.
pub(crate) struct Line {
    /// Index into the legend.
    pub(crate) style: usize,
    pub(crate) path: Vec<(f64, f64)>,
    /// Where its marker sits.
    pub(crate) marks: Vec<(f64, f64)>,
}

/// A linear axis; what is logarithmic has its logarithm taken before.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Where there is a label.
    pub(crate) ticks: Vec<(f64, String)>,
    /// Where there is a faint line only.
    pub(crate) minor: Vec<f64>,
}

impl Axis {
    /// A decimal logarithmic axis around `values`, with a little room at both
    /// ends. Positions are log10 of the value.
    pub(crate) fn log10(values: impl Iterator<Item = f64>) -> Self {
        const ROOM: f64 = 0.05;
        /// Up to so many decades, 2 and 5 have labels too.
        const CLOSE: f64 = 3.5;
        let (low, high) = values
            .map(|value| value.max(0.1).log10())
            .fold((f64::MAX, f64::MIN), |(low, high), log| {
                (low.min(log), high.max(log))
            });
        let room = ROOM.max((high - low) * ROOM);
        // Less than half a decade would make noise look like a trend.
        let missing = (0.5 - (high - low)).max(0.0) / 2.0;
        let (low, high) = (low - room - missing, high + room + missing);
        let (mut ticks, mut minor) = (Vec::new(), Vec::new());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a logarithm of nanoseconds"
        )]
        for decade in low.floor() as i32..=high.floor() as i32 {
            for step in 1..10_u8 {
                let value = f64::from(step) * 10_f64.powi(decade);
                let position = value.log10();
                if !(low..=high).contains(&position) {
                    continue;
                }
                if step == 1 || (high - low < CLOSE && (step == 2 || step == 5)) {
                    let digits = usize::from(value < 1.0);
                    let label = match digits {
                        0 => crate::figure::grouped(value),
                        _ => format!("{value:.digits$}"),
                    };
                    ticks.push((position, label));
                } else {
                    minor.push(position);
                }
            }
        }
        Self {
            low,
            high,
            ticks,
            minor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_narrow_range_has_labels_at_2_and_5_and_a_wide_one_at_decades_only() {
        let narrow = Axis::log10([90.0, 2100.0].into_iter());
        assert_eq!(labels(&narrow), ["100", "200", "500", "1,000", "2,000"]);
        let wide = Axis::log10([90.0, 2e6].into_iter());
        assert_eq!(
            labels(&wide),
            ["100", "1,000", "10,000", "100,000", "1,000,000"]
        );
    }

    #[test]
    fn values_that_hardly_differ_are_not_blown_up() {
        let axis = Axis::log10([100.0, 101.0].into_iter());
        assert!(axis.high - axis.low >= 0.5, "{axis:?}");
    }
}
