use hwptop_agent::snapshot::Scope;
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::Style,
    text::Line,
};

use crate::{Theme, column::width_of, drawn::Drawn, outliers, plain::is_plain, sort::By};

/// A cell filled to so many eighths.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A part of the screen with its own origin; what falls outside is not drawn.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    drawn: &'a mut Drawn,
    pub(super) theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(
        buffer: &'a mut Buffer,
        area: Rect,
        theme: Theme,
        drawn: &'a mut Drawn,
    ) -> Self {
        let area = area.intersection(buffer.area);
        Self {
            buffer,
            area,
            drawn,
            theme,
        }
    }

    pub(super) fn width(&self) -> u16 {
        self.area.width
    }

    pub(super) fn height(&self) -> u16 {
        self.area.height
    }

    /// The part at `rect`, counted from this canvas' own corner.
    pub(super) fn part(&mut self, rect: Rect) -> Canvas<'_> {
        let area = self.absolute(rect);
        Canvas {
            buffer: self.buffer,
            area,
            drawn: self.drawn,
            theme: self.theme,
        }
    }

    /// Writes `text` and returns the column after it, or after what there was room for.
    pub(super) fn put(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        if x < self.area.width && y < self.area.height {
            let room = usize::from(self.area.width - x);
            let (x, y) = (self.area.x + x, self.area.y + y);
            if text.chars().all(is_plain) {
                let first = self.buffer.index_of(x, y);
                let cells = &mut self.buffer.content[first..first + room];
                for (cell, character) in cells.iter_mut().zip(text.chars()) {
                    // A blank that stays one costs the search for changes less.
                    if character != ' ' || cell.symbol() != " " {
                        cell.set_char(character);
                    }
                    cell.set_style(style);
                }
            } else {
                let (end, _) = self.buffer.set_stringn(x, y, text, room, style);
                return end - self.area.x;
            }
        }
        x.saturating_add(width_of(text))
    }

    /// Writes `line` at the left.
    pub(super) fn put_line(&mut self, y: u16, line: &Line) {
        let mut x = 0;
        for span in line {
            x = self.put(x, y, &span.content, line.style.patch(span.style));
        }
    }

    /// Sets one character of one column; a picture has too many for [`Self::put`].
    pub(super) fn set(&mut self, x: u16, y: u16, symbol: char, style: Style) {
        if x < self.area.width && y < self.area.height {
            // The area is within the buffer's, which is not asked for each of them.
            let whole = self.buffer.area;
            let line = usize::from(self.area.y - whole.y + y) * usize::from(whole.width);
            let at = line + usize::from(self.area.x - whole.x + x);
            let cell = &mut self.buffer.content[at];
            cell.set_char(symbol).set_style(style);
        }
    }

    /// Writes `text` so that it ends before column `end`.
    pub(super) fn put_right(&mut self, end: u16, y: u16, text: &str, style: Style) {
        self.put(end.saturating_sub(width_of(text)), y, text, style);
    }

    /// Gives what is drawn at `rect` another style besides its own.
    pub(super) fn restyle(&mut self, rect: Rect, style: Style) {
        self.buffer.set_style(self.absolute(rect), style);
    }

    /// What is drawn at `rect` is a row that the mouse can select; the uppermost comes first.
    pub(super) fn is_row(&mut self, rect: Rect, scope: &Scope) {
        let rect = self.absolute(rect);
        self.drawn.rows.push((rect, scope.clone()));
    }

    /// What is drawn at `rect` is the slow request of that number, which the mouse can select.
    pub(super) fn is_outlier(&mut self, rect: Rect, number: u64) {
        let rect = self.absolute(rect);
        self.drawn.outliers.push((rect, number));
    }

    /// What is drawn at `rect` is a title that rows can be sorted by; the leftmost comes first.
    pub(super) fn is_title(&mut self, rect: Rect, by: By) {
        let rect = self.absolute(rect);
        self.drawn.titles.push((rect, by));
    }

    /// As [`Self::is_title`], for slow requests.
    pub(super) fn is_order(&mut self, rect: Rect, by: outliers::By) {
        let rect = self.absolute(rect);
        self.drawn.orders.push((rect, by));
    }

    /// Row `top` of all is the uppermost that is drawn.
    pub(super) fn is_scrolled_to(&mut self, top: usize) {
        self.drawn.top = top;
    }

    /// Empties the canvas.
    pub(super) fn clear(&mut self) {
        if self.area.is_empty() {
            return;
        }
        for y in self.area.y..self.area.bottom() {
            let first = self.buffer.index_of(self.area.x, y);
            let cells = &mut self.buffer.content[first..first + usize::from(self.area.width)];
            cells.iter_mut().for_each(Cell::reset);
        }
    }

    /// Bars from 0 to `peak`, newest first in `values` and rightmost on the
    /// screen. An absent value leaves its column empty, and so does 0; what is more is seen.
    pub(super) fn sparkline(
        &mut self,
        rect: Rect,
        values: impl Iterator<Item = Option<u64>>,
        peak: u64,
        style: Style,
    ) {
        let area = self.absolute(rect);
        // By hand, since ratatui's sparkline takes a quarter of a frame: it writes every cell
        // above a bar as well.
        for (x, value) in area.columns().rev().zip(values) {
            let eighths = u128::from(value.unwrap_or(0)) * u128::from(area.height) * 8;
            let least = u128::from(eighths > 0);
            let mut left = (eighths / u128::from(peak.max(1))).max(least);
            for cell in x.rows().rev() {
                if left == 0 {
                    break;
                }
                let bar = BARS[usize::try_from(left).unwrap_or(usize::MAX).min(8)];
                let cell = &mut self.buffer[cell.as_position()];
                cell.set_char(bar).set_style(style);
                left = left.saturating_sub(8);
            }
        }
    }

    fn absolute(&self, rect: Rect) -> Rect {
        let moved = Rect {
            x: self.area.x.saturating_add(rect.x),
            y: self.area.y.saturating_add(rect.y),
            ..rect
        };
        moved.intersection(self.area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_nothing_has_a_bar_however_little_it_is() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 5, 2));
        let mut drawn = Drawn::default();
        let area = buffer.area;
        let mut canvas = Canvas::new(&mut buffer, area, Theme::Monochrome, &mut drawn);
        let values = [Some(1), Some(0), None, Some(u64::MAX), Some(u64::MAX / 2)];
        canvas.sparkline(area, values.into_iter(), u64::MAX, Style::new());
        let line = |y| (0..5).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        assert_eq!([line(0), line(1)], [" █   ", "▇█  ▁"]);
    }
}
