use super::{
    Color, DrawingBackend, Drawn, FAINT, Form, Frame, INK, LineStyle, Sheet,
    rows::{self, step},
};
use crate::chart::{Dots, Mark, Row};

/// Between marks of a row.
const APART: i32 = 5;

pub(super) fn height(dots: &Dots, form: Form) -> i32 {
    rows::height(dots.rows.len(), &dots.legend, form)
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    pub(super) fn dots(&self, dots: &Dots) -> Drawn<DB> {
        let names: Vec<&String> = dots.rows.iter().map(|row| &row.name).collect();
        let frame = self.rows(&names, &dots.x);
        self.grid(&frame, false)?;
        if let Some(at) = dots.line_at {
            let x = frame.x(at);
            let ends = [(x, frame.top), (x, frame.bottom)];
            self.path(&ends, INK.stroke_width(1), None)?;
        }
        let mut y = frame.top;
        for row in &dots.rows {
            self.row_name(&row.name, &frame, y)?;
            self.row(row, &frame, self.row_middle(y))?;
            y += step(self.form);
        }
        self.below_rows(
            &frame,
            &dots.x_label,
            &dots.legend,
            |name, index, at, room| self.legend_row(name, Some(index), at, room),
        )
    }

    fn row(&self, row: &Row, frame: &Frame, middle: i32) -> Drawn<DB> {
        let line = [(frame.left, middle), (frame.right, middle)];
        self.path(&line, FAINT.stroke_width(1), None)?;
        // Marks of one place are one below the other: none hides another.
        let last = row.marks.iter().map(|mark| mark.style).max().unwrap_or(0);
        for mark in &row.marks {
            let below =
                i32::try_from(2 * mark.style).unwrap_or(0) - i32::try_from(last).unwrap_or(0);
            self.mark(*mark, frame, middle + (below * APART / 2).clamp(-8, 8))?;
        }
        Ok(())
    }

    fn mark(&self, mark: Mark, frame: &Frame, y: i32) -> Drawn<DB> {
        let style = LineStyle::of(mark.style);
        if let Some((low, high)) = mark.interval {
            let (low, high) = (frame.x(low), frame.x(high));
            self.path(&[(low, y), (high, y)], style.colour.stroke_width(2), None)?;
            for end in [low, high] {
                let cap = [(end, y - 4), (end, y + 4)];
                self.path(&cap, style.colour.stroke_width(2), None)?;
            }
        }
        self.marker((frame.x(mark.at), y), style)
    }
}
