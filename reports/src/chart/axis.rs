use crate::figure::grouped;

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
        // Less than half a decade would make noise look like a trend.
        Self::logarithmic(values, 0.5)
    }

    /// From nothing to a whole.
    pub(crate) fn shares() -> Self {
        let tick = |tenth: u32| (f64::from(tenth) / 10.0, format!("{} %", tenth * 10));
        Self {
            low: 0.0,
            high: 1.0,
            ticks: (0..=10).step_by(2).map(tick).collect(),
            minor: Vec::new(),
        }
    }

    /// The same of ratios, where a few percent are what is looked for; 1 is on it.
    pub(crate) fn ratios(values: impl Iterator<Item = f64>) -> Self {
        let mut axis = Self::logarithmic(values.chain([0.98, 1.02]), 0.02);
        if axis.high - axis.low < 0.8 {
            axis.ticks = ratio_ticks(axis.low, axis.high);
            axis.minor.clear();
        }
        axis
    }

    fn logarithmic(values: impl Iterator<Item = f64>, least: f64) -> Self {
        const ROOM: f64 = 0.05;
        /// Up to so many decades, 2 and 5 have labels too.
        const CLOSE: f64 = 3.5;
        let (low, high) = values
            .map(|value| value.max(1e-6).log10())
            .fold((f64::MAX, f64::MIN), |(low, high), log| {
                (low.min(log), high.max(log))
            });
        let (low, high) = if low > high { (0.0, 0.0) } else { (low, high) };
        let room = (ROOM * least * 2.0).max((high - low) * ROOM);
        let missing = (least - (high - low)).max(0.0) / 2.0;
        let (low, high) = (low - room - missing, high + room + missing);
        let (mut ticks, mut minor) = (Vec::new(), Vec::new());
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a figure")]
        for decade in low.floor() as i32..=high.floor() as i32 {
            for step in 1..10_u8 {
                let value = f64::from(step) * 10_f64.powi(decade);
                let position = value.log10();
                if !(low..=high).contains(&position) {
                    continue;
                }
                if step == 1 || (high - low < CLOSE && (step == 2 || step == 5)) {
                    ticks.push((position, plain(value)));
                } else {
                    minor.push(position);
                }
            }
        }
        // More decades than labels fit.
        let every = ticks.len().div_ceil(10).max(1);
        let mut index = 0;
        ticks.retain(|_| {
            index += 1;
            (index - 1) % every == 0
        });
        Self {
            low,
            high,
            ticks,
            minor,
        }
    }

    /// A linear axis around `values`, from 0 where they are not all close together far from it.
    pub(crate) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // A hundredth of what is shown is not blown up.
        let room = ((high - low) * 0.08).max(high.abs() * 0.02).max(1e-9);
        let low = if low - room < high * 0.3 {
            low.min(0.0)
        } else {
            low - room
        };
        let high = high + room;
        let step = step(high - low);
        let mut ticks = Vec::new();
        let mut tick = (low / step).ceil() * step;
        while tick <= high && ticks.len() < 20 {
            ticks.push((tick, decimals(tick, step)));
            tick += step;
        }
        Self {
            low,
            high,
            ticks,
            minor: Vec::new(),
        }
    }

    /// An axis of whole positions with these labels, of which as many are shown as fit.
    pub(crate) fn named(labels: impl ExactSizeIterator<Item = String>, fit: usize) -> Self {
        let count = labels.len();
        let every = count.div_ceil(fit.max(1)).max(1);
        let ticks = labels.enumerate().step_by(every);
        Self {
            low: -0.5,
            high: count.max(1) as f64 - 0.5,
            ticks: ticks.map(|(index, label)| (index as f64, label)).collect(),
            minor: Vec::new(),
        }
    }
}

/// 1, 2 or 5 times a power of ten, five or so of which make `span`.
fn step(span: f64) -> f64 {
    let rough = span / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter();
    times
        .map(|times| times * power)
        .find(|step| *step >= rough)
        .unwrap_or(power)
}

fn ratio_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (from, to) = (10_f64.powf(low), 10_f64.powf(high));
    let step = step(to - from);
    let mut ticks = Vec::new();
    let mut tick = (from / step).ceil() * step;
    while tick <= to && ticks.len() < 20 {
        ticks.push((tick.log10(), decimals(tick, step)));
        tick += step;
    }
    ticks
}

/// `value` with as many digits as tell it from its neighbours at `step`.
fn decimals(value: f64, step: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 9"
    )]
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    if digits == 0 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", grouped(value.abs()))
    } else {
        format!("{value:.digits$}")
    }
}

/// A tick of a logarithmic axis.
fn plain(value: f64) -> String {
    // 1,000,000,000 would not fit beside an axis.
    if value >= 1e9 {
        format!("{} G", grouped(value / 1e9))
    } else if value >= 1e6 {
        format!("{} M", grouped(value / 1e6))
    } else if value >= 1.0 {
        grouped(value)
    } else {
        decimals(value, value)
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
        assert_eq!(labels(&wide), ["100", "1,000", "10,000", "100,000", "1 M"]);
    }

    #[test]
    fn values_that_hardly_differ_are_not_blown_up() {
        let axis = Axis::log10([100.0, 101.0].into_iter());
        assert!(axis.high - axis.low >= 0.5, "{axis:?}");
        let axis = Axis::linear([100.0, 100.1].into_iter());
        assert!(axis.high - axis.low >= 4.0, "{axis:?}");
    }

    #[test]
    fn an_axis_without_a_value_is_one_all_the_same() {
        for axis in [
            Axis::log10([].into_iter()),
            Axis::linear([].into_iter()),
            Axis::ratios([].into_iter()),
        ] {
            assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{axis:?}");
        }
    }

    #[test]
    fn ratios_near_1_have_labels_of_percents() {
        let axis = Axis::ratios([0.99, 1.04].into_iter());
        assert_eq!(labels(&axis), ["0.98", "1.00", "1.02", "1.04"]);
    }

    #[test]
    fn no_more_names_are_shown_than_fit() {
        let axis = Axis::named((0..100).map(|n| n.to_string()), 10);
        assert_eq!(
            labels(&axis),
            ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"]
        );
    }
}
