use super::{
    DrawingBackend, Drawn, Form, Frame, HPos, INK, Pos, QUIET, Sheet, TEXT, VPos, along, cut,
    letters, longest,
};
use crate::chart::{HEAT, Heat};

const BELOW: i32 = 130;

fn plot_height(heat: &Heat, form: Form) -> i32 {
    // Rows with a name each need room for it.
    let named = i32::try_from(heat.y.ticks.len()).unwrap_or(1);
    let least = if form.is_narrow() { 240 } else { 330 };
    (named * 13).clamp(least.min(60 + heat_rows(heat) * 22), 900)
}

fn heat_rows(heat: &Heat) -> i32 {
    i32::try_from(heat.rows).unwrap_or(i32::MAX / 32)
}

pub(super) fn height(heat: &Heat, form: Form) -> i32 {
    form.top() + plot_height(heat, form) + BELOW
}

/// Where cell `index` of `count` begins between two places.
fn edge(from: i32, to: i32, index: usize, count: usize) -> i32 {
    along(from, to, index as f64 / count.max(1) as f64)
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    pub(super) fn heat(&self, heat: &Heat) -> Drawn<DB> {
        let names = longest(heat.y.ticks.iter().map(|(_, label)| label));
        let most = if self.form.is_narrow() { 90 } else { 200 };
        let top = self.form.top();
        let frame = Frame {
            left: names.clamp(50, most) + 36,
            right: self.form.width() - 24,
            top,
            bottom: top + plot_height(heat, self.form),
            x: &heat.x,
            y: &heat.y,
        };
        for row in 0..heat.rows {
            self.cells(heat, row, &frame)?;
        }
        self.labels(&frame, true)?;
        let middle = i32::midpoint(frame.left, frame.right);
        self.x_label(&heat.x_label, middle, frame.bottom + 36)?;
        let middle = i32::midpoint(frame.top, frame.bottom);
        let room = letters(frame.bottom - frame.top);
        self.upright(&cut(&heat.y_label, room), (6, middle))?;
        self.scale(heat, frame.bottom + 66)
    }

    /// Cells of a row, those of one shade beside each other as one.
    fn cells(&self, heat: &Heat, row: usize, frame: &Frame) -> Drawn<DB> {
        // In hundredths of a unit edges would not meet: whole ones do.
        let (low, high) = (
            edge(frame.bottom, frame.top, row, heat.rows),
            edge(frame.bottom, frame.top, row + 1, heat.rows),
        );
        let start = row * heat.columns;
        let cells = heat.cells.get(start..start + heat.columns);
        let mut from = 0;
        for run in cells.unwrap_or_default().chunk_by(PartialEq::eq) {
            let to = from + run.len();
            if let Some(shade) = run[0] {
                let (left, right) = (
                    edge(frame.left, frame.right, from, heat.columns),
                    edge(frame.left, frame.right, to, heat.columns),
                );
                let colour = HEAT[usize::from(shade).min(HEAT.len() - 1)].0;
                self.rectangle((left, high), (right, low), colour)?;
            }
            from = to;
        }
        Ok(())
    }

    fn scale(&self, heat: &Heat, y: i32) -> Drawn<DB> {
        let (left, right) = (16, self.form.width() - 24);
        let anchor = Pos::new(HPos::Left, VPos::Top);
        let label = cut(&heat.scale_label, letters(right - left));
        self.text(&label, (left, y), TEXT, INK, anchor)?;
        let count = heat.scale.len();
        for (index, label) in heat.scale.iter().enumerate() {
            let (from, to) = (
                edge(left, right, index, count),
                edge(left, right, index + 1, count),
            );
            self.rectangle((from, y + 22), (to - 3, y + 34), HEAT[index % HEAT.len()].0)?;
            // Where not all fit, every other one.
            if self.form.is_narrow() {
                if index % 2 == 0 {
                    self.text(label, (from, y + 38), TEXT, QUIET, anchor)?;
                }
            } else {
                self.text(label, (from, y + 38), TEXT - 2, QUIET, anchor)?;
            }
        }
        Ok(())
    }
}
