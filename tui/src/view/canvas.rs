use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    widgets::{RenderDirection, Sparkline, Widget},
};

use crate::{Theme, column::width_of};

/// A part of the screen with its own origin; what falls outside is not drawn.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    pub(super) theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, theme: Theme) -> Self {
        let area = area.intersection(buffer.area);
        Self {
            buffer,
            area,
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
            theme: self.theme,
        }
    }

    /// Writes `text` and returns the column after it.
    pub(super) fn put(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        if x < self.area.width && y < self.area.height {
            let room = usize::from(self.area.width - x);
            self.buffer
                .set_stringn(self.area.x + x, self.area.y + y, text, room, style);
        }
        x.saturating_add(width_of(text))
    }

    /// Writes `text` so that it ends before column `end`.
    pub(super) fn put_right(&mut self, end: u16, y: u16, text: &str, style: Style) {
        self.put(end.saturating_sub(width_of(text)), y, text, style);
    }

    /// Empties the canvas.
    pub(super) fn clear(&mut self) {
        for position in self.area.positions() {
            self.buffer[position].reset();
        }
    }

    /// Bars from 0 to `peak`, newest first in `values` and rightmost on the
    /// screen. An absent value leaves its column empty.
    pub(super) fn sparkline(
        &mut self,
        rect: Rect,
        values: impl Iterator<Item = Option<u64>>,
        peak: u64,
        style: Style,
    ) {
        let area = self.absolute(rect);
        Sparkline::default()
            .data(values.take(usize::from(area.width)))
            .max(peak)
            .direction(RenderDirection::RightToLeft)
            .style(style)
            .render(area, self.buffer);
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
