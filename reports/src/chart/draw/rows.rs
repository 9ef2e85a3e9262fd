//! What pictures of rows with names have in common.

use super::{
    Axis, DrawingBackend, Drawn, Form, Frame, HPos, INK, LEGEND_SAMPLE, Pixel, Pos, Sheet, TEXT,
    VPos, cut, legend_height, letters, longest,
};

/// Of a row with its name beside it, and with its name above.
const ROW: i32 = 26;
const TALL_ROW: i32 = 44;
/// For the labels of the x axis.
const BELOW: i32 = 66;

/// Nothing is along the other axis.
static NO_AXIS: Axis = Axis {
    low: 0.0,
    high: 1.0,
    ticks: Vec::new(),
    minor: Vec::new(),
};

/// Of a picture with so many rows and that legend, where there is one.
pub(super) fn height(rows: usize, legend: &[String], form: Form) -> i32 {
    let legend = match legend {
        [] => 0,
        names => legend_height(names.len().div_ceil(beside(names, form))) + 8,
    };
    form.top() + plot_height(rows, form) + BELOW + legend
}

fn plot_height(rows: usize, form: Form) -> i32 {
    let rows = i32::try_from(rows).unwrap_or(i32::MAX);
    rows.saturating_mul(step(form)).max(step(form))
}

/// From one row to the next.
pub(super) const fn step(form: Form) -> i32 {
    if form.is_narrow() { TALL_ROW } else { ROW }
}

/// How many entries of a legend are beside each other.
fn beside(names: &[String], form: Form) -> usize {
    let one = LEGEND_SAMPLE + longest(names.iter()) + 24;
    usize::try_from((form.width() - 24) / one.max(1))
        .unwrap_or(1)
        .max(1)
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    /// The plot of rows with these names.
    pub(super) fn rows<'a>(&self, names: &[&String], x: &'a Axis) -> Frame<'a> {
        let left = if self.form.is_narrow() {
            16
        } else {
            longest(names.iter().copied()).min(330) + 40
        };
        Frame {
            left,
            right: self.form.width() - 28,
            top: self.form.top(),
            bottom: self.form.top() + plot_height(names.len(), self.form),
            x,
            y: &NO_AXIS,
        }
    }

    /// The name of the row that begins at `y`.
    pub(super) fn row_name(&self, name: &str, frame: &Frame, y: i32) -> Drawn<DB> {
        let (room, at, anchor) = if self.form.is_narrow() {
            let anchor = Pos::new(HPos::Left, VPos::Top);
            let room = letters(frame.right - frame.left);
            (room, (frame.left + 4, y + 4), anchor)
        } else {
            let anchor = Pos::new(HPos::Right, VPos::Center);
            let room = letters(frame.left - 40);
            (room, (frame.left - 12, y + ROW / 2), anchor)
        };
        self.text(&cut(name, room), at, TEXT, INK, anchor)
    }

    /// Where what is in the row that begins at `y` has its middle.
    pub(super) const fn row_middle(&self, y: i32) -> i32 {
        if self.form.is_narrow() {
            y + TALL_ROW - 12
        } else {
            y + ROW / 2
        }
    }

    /// The label of the x axis, and each name of the legend by `entry`: name, index, place, letters that have room.
    pub(super) fn below_rows(
        &self,
        frame: &Frame,
        x_label: &str,
        legend: &[String],
        entry: impl Fn(&str, usize, Pixel, usize) -> Drawn<DB>,
    ) -> Drawn<DB> {
        let middle = i32::midpoint(frame.left, frame.right);
        self.x_label(x_label, middle, frame.bottom + 34)?;
        let beside = beside(legend, self.form);
        let width = (self.form.width() - 24) / i32::try_from(beside).unwrap_or(1);
        let top = frame.bottom + BELOW + 8;
        for (index, name) in legend.iter().enumerate() {
            let column = i32::try_from(index % beside).unwrap_or(0);
            let at = (12 + column * width, top + legend_height(index / beside));
            entry(name, index, at, letters(width - LEGEND_SAMPLE))?;
        }
        Ok(())
    }
}
