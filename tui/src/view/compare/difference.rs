//! Latency by time: where what is measured has more or fewer events than the baseline's
//! distribution gives for as many.

use hwptop_agent::compare::{Column, Comparison};
use ratatui::style::{Color, Modifier, Style};

use super::{Canvas, wrapped_to};
use crate::{
    Theme, figure,
    theme::{quiet, strong},
};

mod scale;

use scale::{Counted, Scale};

/// Columns in front of the map: the latency, and which part of all is there on either side.
const LATENCY: u16 = figure::LATENCY_WIDTH;
const BASE: u16 = LATENCY + 7;
const LIVE: u16 = BASE + 7;
const MAP: u16 = LIVE + 2;
/// Columns that the map needs, and lines with what is above it.
const LEAST: (u16, u16) = (8, 4);
/// The widest that a part of the time is.
const CELL_MOST: usize = 3;
/// Steps on either side of "as many".
const STEPS: i8 = 3;
/// Colours of the 256 for the steps: what is written on all, more, and fewer.
type Diverging = (u8, [u8; STEPS as usize], [u8; STEPS as usize]);
const DARK: Diverging = (231, [52, 88, 160], [17, 19, 26]);
const LIGHT: Diverging = (16, [224, 217, 210], [189, 147, 111]);

pub(super) fn draw(comparison: &Comparison, canvas: &mut Canvas) {
    let (width, height) = (canvas.width(), canvas.height());
    if width < MAP + LEAST.0 || height < LEAST.1 {
        return;
    }
    let parts = joined(&comparison.new.columns, usize::from(width - MAP));
    let caption = caption(parts.first());
    let mut y = 0;
    for line in wrapped_to(&caption, width, 2) {
        canvas.put(0, y, &line, quiet());
        y += 1;
    }
    for (end, title) in [(LATENCY, "from"), (BASE, "base"), (LIVE, "live")] {
        canvas.put_right(end, y, title, quiet());
    }
    y += 1;
    let Some(scale) = Scale::around([&comparison.base, &comparison.new], height - y) else {
        return;
    };
    let sides = [&comparison.base, &comparison.new].map(|side| scale.counted([&side.work]));
    let map: Vec<Counted> = parts
        .iter()
        .map(|part| scale.counted(part.iter().map(|column| &column.work)))
        .collect();
    let cell = (usize::from(width - MAP) / map.len().max(1)).clamp(1, CELL_MOST);
    // The slowest on top.
    for row in (0..scale.rows()).rev() {
        let shares = sides.each_ref().map(|side| side.share(row));
        canvas.put_right(LATENCY, y, &scale.label(row), quiet());
        for (end, share) in [BASE, LIVE].into_iter().zip(shares) {
            let text = share.map_or_else(|| figure::ABSENT.to_owned(), figure::percent);
            canvas.put_right(end, y, &text, Style::new());
        }
        let steps: Vec<Option<i8>> = map.iter().map(|part| step(part, row, shares[0])).collect();
        let mut x = MAP;
        // Of neighbours that are alike the looks are found once.
        for alike in steps.chunk_by(|one, other| one == other) {
            let (sign, style) = ramp(canvas.theme, alike[0]);
            for _ in 0..cell * alike.len() {
                canvas.set(x, y, sign, style);
                x += 1;
            }
        }
        y += 1;
    }
}

fn caption(part: Option<&&[Column]>) -> String {
    let length = part.map(|columns| {
        let length = columns.iter().map(|one| one.length).sum();
        format!(", a column is {}", figure::span(length))
    });
    format!(
        "live over time{}: + more, - fewer than the baseline's share, the stronger the more: \
         2, 4, 8 times",
        length.unwrap_or_default()
    )
}

/// At most `at_most` parts, each of as many columns.
fn joined(columns: &[Column], at_most: usize) -> Vec<&[Column]> {
    let each = columns.len().div_ceil(at_most.max(1)).max(1);
    columns.chunks(each).collect()
}

/// How much more of a part is in `row` than the `share` that the baseline has there gives for as
/// many, by powers of two; `None` where there is nothing in either. One event is added to both, so
/// that single ones say little.
fn step(part: &Counted, row: usize, share: Option<f64>) -> Option<i8> {
    let expected = part.all * share?;
    let there = part.rows[row];
    if there == 0.0 && expected < 0.5 {
        return None;
    }
    let steps = ((there + 1.0) / (expected + 1.0)).log2().round();
    #[expect(clippy::cast_possible_truncation, reason = "between the limits")]
    let step = steps.clamp(-f64::from(STEPS), f64::from(STEPS)) as i8;
    Some(step)
}

/// How a step is drawn. The signs tell it without any colour, and the weight how much it is.
fn ramp(theme: Theme, step: Option<i8>) -> (char, Style) {
    let Some(step) = step else {
        return (' ', Style::new());
    };
    let (sign, named) = match step {
        0 => return ('·', quiet()),
        1.. => ('+', Color::Red),
        _ => ('-', Color::Blue),
    };
    let weight = match step.abs() {
        1 => Style::new(),
        2 => strong(),
        _ => strong().add_modifier(Modifier::REVERSED),
    };
    let indexed = |(text, more, fewer): Diverging| {
        let colours = if step > 0 { more } else { fewer };
        let colour = colours[usize::from(step.unsigned_abs().min(STEPS.unsigned_abs()) - 1)];
        let style = Style::new().bg(Color::Indexed(colour));
        style.fg(Color::Indexed(text))
    };
    let style = match theme {
        Theme::Dark => indexed(DARK),
        Theme::Light => indexed(LIGHT),
        Theme::Sixteen => weight.fg(named),
        Theme::Monochrome => weight,
    };
    (sign, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_power_of_two_and_single_events_say_little() {
        let counted = |rows: &[f64]| Counted {
            rows: rows.to_vec(),
            all: rows.iter().sum(),
        };
        let base = counted(&[500.0, 500.0, 0.0]);
        let of = |live: &[f64], row| step(&counted(live), row, base.share(row));
        assert_eq!(of(&[400.0, 100.0, 0.0], 0), Some(1));
        assert_eq!(of(&[400.0, 100.0, 0.0], 1), Some(-1));
        assert_eq!(of(&[250.0, 250.0, 0.0], 1), Some(0));
        assert_eq!(of(&[0.0, 500.0, 500.0], 0), Some(-3));
        assert_eq!(of(&[0.0, 500.0, 500.0], 2), Some(3));
        assert_eq!(of(&[2.0, 2.0, 1.0], 2), Some(1));
        assert_eq!(of(&[2.0, 2.0, 0.0], 2), None);
        assert_eq!(step(&counted(&[2.0]), 0, None), None);
    }

    #[test]
    fn every_step_has_a_sign_and_a_weight_of_its_own_in_every_theme() {
        for theme in Theme::ALL {
            let steps = -STEPS..=STEPS;
            let drawn: Vec<_> = steps.map(|step| ramp(theme, Some(step))).collect();
            let signs: String = drawn.iter().map(|(sign, _)| *sign).collect();
            assert_eq!(signs, "---·+++");
            for (index, one) in drawn.iter().enumerate() {
                assert!(!drawn[index + 1..].contains(one), "{theme:?}: {one:?}");
                let is_plain = (one.1.fg, one.1.bg) == (None, None);
                assert!(theme != Theme::Monochrome || is_plain);
            }
        }
    }
}
