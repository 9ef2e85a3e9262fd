use super::{
    Axis, Color, DrawingBackend, Drawn, FAINT, Form, Frame, HPos, INK, LEGEND_SAMPLE, LineStyle,
    Pos, Sheet, TEXT, VPos, cut, legend_height, letters, longest,
};
use crate::chart::{Dots, Mark, Row};

/// Of a row with its name beside it, and with its name above.
const ROW: i32 = 26;
const TALL_ROW: i32 = 44;
const BELOW: i32 = 66;
/// Between marks of a row.
const APART: i32 = 5;

pub(super) fn height(dots: &Dots, form: Form) -> i32 {
    let legend = if dots.legend.is_empty() {
        0
    } else {
        legend_height(legend_lines(dots, form)) + 8
    };
    form.top() + plot_height(dots, form) + BELOW + legend
}

fn plot_height(dots: &Dots, form: Form) -> i32 {
    let row = if form.is_narrow() { TALL_ROW } else { ROW };
    let rows = i32::try_from(dots.rows.len()).unwrap_or(i32::MAX);
    rows.saturating_mul(row).max(row)
}

/// How many entries of the legend are beside each other.
fn beside(dots: &Dots, form: Form) -> usize {
    let one = LEGEND_SAMPLE + longest(dots.legend.iter()) + 24;
    usize::try_from((form.width() - 24) / one.max(1))
        .unwrap_or(1)
        .max(1)
}

fn legend_lines(dots: &Dots, form: Form) -> usize {
    dots.legend.len().div_ceil(beside(dots, form))
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    pub(super) fn dots(&self, dots: &Dots) -> Drawn<DB> {
        let narrow = self.form.is_narrow();
        let names = longest(dots.rows.iter().map(|row| &row.name)).min(330);
        let left = if narrow { 16 } else { names + 40 };
        let top = self.form.top();
        let no_y = Axis {
            low: 0.0,
            high: 1.0,
            ticks: Vec::new(),
            minor: Vec::new(),
        };
        let frame = Frame {
            left,
            right: self.form.width() - 28,
            top,
            bottom: top + plot_height(dots, self.form),
            x: &dots.x,
            y: &no_y,
        };
        self.grid(&frame, false)?;
        if let Some(at) = dots.line_at {
            let x = frame.x(at);
            let ends = [(x, frame.top), (x, frame.bottom)];
            self.path(&ends, INK.stroke_width(1), None)?;
        }
        let mut y = top;
        for row in &dots.rows {
            self.row(row, &frame, y, letters(names))?;
            y += if narrow { TALL_ROW } else { ROW };
        }
        let middle = i32::midpoint(frame.left, frame.right);
        self.x_label(&dots.x_label, middle, frame.bottom + 34)?;
        self.dots_legend(dots, frame.bottom + BELOW + 8)
    }

    fn row(&self, row: &Row, frame: &Frame, y: i32, room: usize) -> Drawn<DB> {
        let middle = if self.form.is_narrow() {
            let room = letters(frame.right - frame.left);
            let at = (frame.left + 4, y + 4);
            let anchor = Pos::new(HPos::Left, VPos::Top);
            self.text(&cut(&row.name, room), at, TEXT, INK, anchor)?;
            y + TALL_ROW - 12
        } else {
            let at = (frame.left - 12, y + ROW / 2);
            let anchor = Pos::new(HPos::Right, VPos::Center);
            self.text(&cut(&row.name, room), at, TEXT, INK, anchor)?;
            y + ROW / 2
        };
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

    fn dots_legend(&self, dots: &Dots, y: i32) -> Drawn<DB> {
        let beside = beside(dots, self.form);
        let width = (self.form.width() - 24) / i32::try_from(beside).unwrap_or(1);
        let room = letters(width - LEGEND_SAMPLE);
        for (index, name) in dots.legend.iter().enumerate() {
            let column = i32::try_from(index % beside).unwrap_or(0);
            let at = (12 + column * width, y + legend_height(index / beside));
            self.legend_row(name, Some(index), at, room)?;
        }
        Ok(())
    }
}
