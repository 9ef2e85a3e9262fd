//! Lines through points, in dots where the terminal has characters of them.
//!
//! By hand, since ratatui's chart takes a fifth of a frame: for each line it keeps a colour for every
//! cell, and writes them all.

use ratatui::style::Style;

use super::Canvas;

/// Bits of a Braille character, from the top left.
const BRAILLE: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
const BRAILLE_NONE: u32 = 0x2800;

/// What a line is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    /// Two by four dots a character.
    Braille,
    /// This character.
    Character(char),
}

impl Ink {
    /// The dots of a character, across and down.
    const fn dots(self) -> (u16, u16) {
        match self {
            Self::Braille => (2, 4),
            Self::Character(_) => (1, 1),
        }
    }

    /// The character of some dots.
    fn symbol(self, dots: u8) -> char {
        match self {
            Self::Braille => char::from_u32(BRAILLE_NONE + u32::from(dots)).unwrap_or(' '),
            Self::Character(symbol) => symbol,
        }
    }
}

/// Draws a line through `points` over the whole canvas; they are parts of its width and height, 0 to
/// 1 from the upper left corner.
pub(super) fn line(
    points: impl Iterator<Item = (f64, f64)>,
    ink: Ink,
    style: Style,
    canvas: &mut Canvas,
) {
    let (across, down) = ink.dots();
    let (width, height) = (canvas.width(), canvas.height());
    let columns = usize::from(width);
    let mut cells = vec![0_u8; columns * usize::from(height)];
    let mut before = None;
    for (x, y) in points {
        let at = (
            place(x, width.saturating_mul(across)),
            place(y, height.saturating_mul(down)),
        );
        dots(before.unwrap_or(at), at, |x, y| {
            let cell = usize::from(y / down) * columns + usize::from(x / across);
            if let Some(cell) = cells.get_mut(cell) {
                *cell |= BRAILLE[usize::from(y % down)][usize::from(x % across)];
            }
        });
        before = Some(at);
    }
    for (y, line) in (0..).zip(cells.chunks_exact(columns.max(1))) {
        for (x, dots) in (0..).zip(line) {
            if *dots > 0 {
                canvas.set(x, y, ink.symbol(*dots), style);
            }
        }
    }
}

/// Which of `length` places is at a part of the way, 0 to 1.
pub(super) fn place(share: f64, length: u16) -> u16 {
    let last = f64::from(length.saturating_sub(1));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let place = (share.clamp(0.0, 1.0) * last).round() as u16;
    place
}

/// Each dot of the straight way between two, by Bresenham's algorithm.
fn dots(from: (u16, u16), to: (u16, u16), mut dot: impl FnMut(u16, u16)) {
    let is_steep = from.1.abs_diff(to.1) >= from.0.abs_diff(to.0);
    // Along the longer side there is a dot at each place.
    let turned = |(x, y)| if is_steep { (y, x) } else { (x, y) };
    let (mut from, mut to) = (turned(from), turned(to));
    if from.0 > to.0 {
        std::mem::swap(&mut from, &mut to);
    }
    let long = i32::from(to.0 - from.0);
    let short = i32::from(from.1.abs_diff(to.1));
    let mut error = 2 * short - long;
    let mut across = from.1;
    for along in from.0..=to.0 {
        let (x, y) = turned((along, across));
        dot(x, y);
        if error > 0 {
            across = if from.1 < to.1 {
                across.saturating_add(1)
            } else {
                across.saturating_sub(1)
            };
            error -= 2 * long;
        }
        error += 2 * short;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{
        buffer::Buffer,
        layout::Rect,
        style::Color,
        symbols::Marker,
        widgets::{
            Widget as _,
            canvas::{Canvas as Reference, Line},
        },
    };

    use super::*;
    use crate::{Theme, drawn::Drawn};

    #[test]
    fn lines_are_those_of_ratatui() {
        let area = Rect::new(0, 0, 23, 9);
        let markers = [
            (Ink::Braille, Marker::Braille),
            (Ink::Character('■'), Marker::Custom('■')),
        ];
        for (ink, marker) in markers {
            for turn in 0..360_u32 {
                let turn = f64::from(turn) * 0.7;
                let points = [1.0, 2.0, 3.7].map(|n| {
                    let (y, x) = (turn * n).sin_cos();
                    (0.5 + x / 2.0, 0.5 + y / 2.0)
                });
                let mut ours = Buffer::empty(area);
                let mut drawn = Drawn::default();
                let style = Style::new().fg(Color::Red);
                let mut canvas = Canvas::new(&mut ours, area, Theme::Dark, &mut drawn);
                line(points.into_iter(), ink, style, &mut canvas);
                let mut theirs = Buffer::empty(area);
                let reference = Reference::default()
                    .marker(marker)
                    .x_bounds([0.0, 1.0])
                    .y_bounds([0.0, 1.0])
                    .paint(|context| {
                        for pair in points.windows(2) {
                            let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                            let (y1, y2) = (1.0 - y1, 1.0 - y2);
                            context.draw(&Line::new(x1, y1, x2, y2, Color::Red));
                        }
                    });
                reference.render(area, &mut theirs);
                assert_eq!(ours, theirs, "{turn}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_where_there_is_no_room_and_one_point_is_a_dot() {
        for (width, dots) in [(0, 0), (1, 1), (9, 1)] {
            let area = Rect::new(0, 0, width, 3);
            let mut buffer = Buffer::empty(area);
            let mut drawn = Drawn::default();
            let mut canvas = Canvas::new(&mut buffer, area, Theme::Dark, &mut drawn);
            line(
                [(2.0, f64::NAN)].into_iter(),
                Ink::Braille,
                Style::new(),
                &mut canvas,
            );
            let shown = buffer.content.iter().filter(|cell| cell.symbol() != " ");
            assert_eq!(shown.count(), dots, "{width}");
        }
    }
}
