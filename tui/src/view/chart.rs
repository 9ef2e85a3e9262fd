use std::{fmt, iter::repeat_n};

use ratatui::{layout::Rect, style::Style};

use super::Canvas;
use crate::figure;
use crate::theme::quiet;

/// Half as high as a line, so that bars below each other stay apart.
const BAR: &str = "▄";
const HALF_BAR: &str = "▖";
const AXIS_WIDTH: u16 = figure::LATENCY_WIDTH + 1;

/// Whole decades of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogScale {
    low_ns: u64,
    high_ns: u64,
}

impl LogScale {
    /// The decades that hold all `values`; `None` where there are none.
    pub(super) fn around(values: impl Iterator<Item = u64> + Clone) -> Option<Self> {
        let (low, high) = (values.clone().min()?, values.max()?);
        let low_ns = 10_u64.pow(low.max(1).ilog10());
        let high_ns = 10_u64.pow(high.max(1).ilog10() + 1);
        Some(Self { low_ns, high_ns })
    }

    /// A bar for `ns` where `width` characters are the whole scale.
    pub(super) fn bar(self, ns: u64, width: u16) -> String {
        let decades = |ns: u64| (ns.max(1) as f64).log10();
        let (low, high) = (decades(self.low_ns), decades(self.high_ns));
        let share = ((decades(ns) - low) / (high - low)).clamp(0.0, 1.0);
        let halves = share * f64::from(width) * 2.0;
        // What is there is seen, however little it is.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and twice the width of a screen"
        )]
        let halves = (halves.round() as usize).max(1);
        format!("{}{}", BAR.repeat(halves / 2), HALF_BAR.repeat(halves % 2))
    }
}

impl fmt::Display for LogScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}",
            figure::latency(self.low_ns),
            figure::latency(self.high_ns)
        )
    }
}

/// The p99 of `stage` over time, newest first in `tails`, with an axis from 0
/// to the peak that is in view. `ahead` columns are left free at its right.
pub(super) fn draw(
    stage: &str,
    tails: &[Option<u64>],
    ahead: usize,
    style: Style,
    canvas: &mut Canvas,
) {
    let quiet = quiet();
    if canvas.height() < 2 || canvas.width() <= AXIS_WIDTH {
        return;
    }
    let plot = Rect {
        x: AXIS_WIDTH,
        y: 1,
        width: canvas.width() - AXIS_WIDTH,
        height: canvas.height() - 1,
    };
    let room = usize::from(plot.width).saturating_sub(ahead);
    let seen = &tails[..tails.len().min(room)];
    let newest = seen.first().copied().flatten();
    let now = newest.map_or_else(|| figure::ABSENT.to_owned(), figure::latency);
    canvas.put(
        0,
        0,
        &format!("{stage} p99 over the last {}: {now}", intervals(seen.len())),
        quiet,
    );
    let Some(peak) = seen.iter().copied().flatten().max() else {
        return;
    };
    canvas.put_right(AXIS_WIDTH - 1, 1, &figure::latency(peak), quiet);
    if plot.height > 1 {
        canvas.put_right(AXIS_WIDTH - 1, plot.height, "0", quiet);
    }
    let values = repeat_n(None, ahead).chain(seen.iter().copied());
    canvas.sparkline(plot, values, peak, style);
}

fn intervals(count: usize) -> String {
    if count == 1 {
        "interval".to_owned()
    } else {
        format!("{count} intervals")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_whole_decades_around_the_values() {
        let scale = LogScale::around([450, 120_000].into_iter()).unwrap();
        assert_eq!(scale.to_string(), "100ns to 1.00ms");
        assert_eq!(LogScale::around(std::iter::empty()), None);
    }

    #[test]
    fn a_decade_is_as_long_as_every_other() {
        let scale = LogScale::around([10, 500].into_iter()).unwrap();
        assert_eq!(scale.bar(100, 8), "▄▄▄▄");
        assert_eq!(scale.bar(1000, 8), "▄▄▄▄▄▄▄▄");
        assert_eq!(scale.bar(10, 8), "▖");
        assert_eq!(scale.bar(0, 8), "▖");
    }
}
