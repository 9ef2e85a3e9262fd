//! A line for each figure: both sides, the ratio, its interval, and that as a bar around 1.

use hwptop_agent::compare::{Comparison, Range};
use ratatui::style::Style;

use super::Canvas;
use crate::{
    column::width_of,
    compared::{self, Line},
    theme::{quiet, strong},
};

/// Where the columns end that are set to the right, and where the last two begin.
const BASE: u16 = 20;
const LIVE: u16 = 28;
const RATIO: u16 = 36;
const RANGE: u16 = 38;
const BAR: u16 = 53;
/// Columns that a bar needs.
const BAR_LEAST: u16 = 7;
/// The widest that a bar is: wider tells no more.
const BAR_MOST: u16 = 81;
/// The powers of two that an axis reaches to, the least and the most.
const POWERS: (f64, f64) = (1.0, 20.0);
/// The power of two that the end of an interval makes an axis reach to at most: one that could be
/// anything is not to make all others short.
const POWER_OF_END: f64 = 3.0;

/// Returns the line after the last.
pub(super) fn draw(comparison: &Comparison, mut y: u16, canvas: &mut Canvas) -> u16 {
    let lines = compared::lines(comparison);
    let axis = Axis::around(&lines, canvas.width().saturating_sub(BAR));
    for (end, title) in [(BASE, "baseline"), (LIVE, "live"), (RATIO, "ratio")] {
        canvas.put_right(end, y, title, quiet());
    }
    canvas.put(RANGE, y, "95 %", quiet());
    if let Some(axis) = &axis {
        axis.draw_ends(y, canvas);
    }
    y += 1;
    for line in &lines {
        let style = if line.is_apart {
            strong()
        } else {
            Style::new()
        };
        canvas.put(0, y, line.name, quiet());
        for (end, text) in [(BASE, &line.base), (LIVE, &line.new), (RATIO, &line.ratio)] {
            canvas.put_right(end, y, text, style);
        }
        canvas.put(RANGE, y, &line.range, style);
        if let (Some(axis), Some(value)) = (&axis, line.value) {
            canvas.put(BAR, y, &axis.bar(value, line.between), style);
        }
        y = y.saturating_add(1);
    }
    y
}

/// Ratios on a logarithmic scale, as many columns on either side of 1.
struct Axis {
    /// Columns on one side.
    half: u16,
    /// The power of two at the ends.
    power: f64,
}

impl Axis {
    /// The axis on which all ratios of `lines` are; `None` where there is no room for one.
    fn around(lines: &[Line], width: u16) -> Option<Self> {
        if width < BAR_LEAST {
            return None;
        }
        let powers = lines.iter().flat_map(|line| {
            let power = |ratio: f64| ratio.log2().abs();
            let ends = line.between.map(|range| [range.low, range.high]);
            let ends = ends.into_iter().flatten();
            let ends = ends.map(move |ratio| power(ratio).min(POWER_OF_END));
            line.value.map(power).into_iter().chain(ends)
        });
        let furthest = powers.fold(0.0, f64::max);
        let (least, most) = POWERS;
        Some(Self {
            half: (width.min(BAR_MOST) - 1) / 2,
            power: furthest.ceil().clamp(least, most),
        })
    }

    fn draw_ends(&self, y: u16, canvas: &mut Canvas) {
        let end = self.power.exp2().to_string();
        if width_of(&end) < self.half {
            canvas.put(BAR, y, &format!("÷{end}"), quiet());
            canvas.put_right(BAR + 2 * self.half + 1, y, &format!("×{end}"), quiet());
        }
        canvas.put(BAR + self.half, y, "1", quiet());
    }

    fn bar(&self, value: f64, between: Option<Range>) -> String {
        let (low, high) = between.map_or((value, value), |range| (range.low, range.high));
        // Arrows say that it goes on.
        let to_the_left = low < (-self.power).exp2();
        let to_the_right = high > self.power.exp2();
        let [low, value, high] = [low, value, high].map(|ratio| self.column(ratio));
        let columns = (0..=2 * self.half).map(|x| match x {
            x if x == value => '●',
            0 if to_the_left => '◂',
            x if x == 2 * self.half && to_the_right => '▸',
            x if (low..=high).contains(&x) => '━',
            x if x == self.half => '│',
            _ => ' ',
        });
        columns.collect()
    }

    fn column(&self, ratio: f64) -> u16 {
        let half = f64::from(self.half);
        let at = half + (ratio.log2() / self.power).clamp(-1.0, 1.0) * half;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the width of the axis"
        )]
        let column = at.round() as u16;
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_in_the_middle_and_halves_are_as_far_as_doubles() {
        let axis = Axis {
            half: 8,
            power: 2.0,
        };
        assert_eq!(axis.bar(1.0, None).trim_end(), "        ●");
        assert_eq!(axis.bar(2.0, None).trim_end(), "        │   ●");
        assert_eq!(axis.bar(0.5, None).trim_end(), "    ●   │");
        let range = |low, high| Some(Range { low, high });
        assert_eq!(axis.bar(2.0, range(1.4, 2.9)), "        │ ━━●━━  ");
        assert_eq!(axis.bar(1.0, range(0.5, 2.0)), "    ━━━━●━━━━    ");
        assert_eq!(axis.bar(1e30, range(1e-30, 1e30)), "◂━━━━━━━━━━━━━━━●");
        assert_eq!(axis.bar(1.0, range(0.5, 5.0)), "    ━━━━●━━━━━━━▸");
    }

    #[test]
    fn an_interval_that_could_be_anything_leaves_the_others_their_room() {
        let line = |value, low, high| Line {
            value: Some(value),
            between: Some(Range { low, high }),
            name: "p50",
            base: String::new(),
            new: String::new(),
            ratio: String::new(),
            range: String::new(),
            unit: "ns",
            values: [None; 2],
            is_apart: false,
        };
        let power = |lines: &[Line]| Axis::around(lines, 30).unwrap().power;
        assert!((power(&[line(1.1, 1.0, 1.2), line(1.0, 0.001, 900.0)]) - 3.0).abs() < 1e-9);
        assert!((power(&[line(1.1, 1.0, 1.2), line(30.0, 20.0, 40.0)]) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_that_is_no_number_is_drawn_somewhere() {
        let axis = Axis {
            half: 8,
            power: 2.0,
        };
        for ratio in [0.0, f64::INFINITY, f64::NAN] {
            assert!(axis.column(ratio) <= 16);
        }
    }
}
