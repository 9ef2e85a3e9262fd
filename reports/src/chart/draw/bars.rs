use super::{
    DrawingBackend, Drawn, Form, Frame, HPos, INK, LEGEND_SAMPLE, Pos, Sheet, TEXT, VPos, cut,
    longest,
    rows::{self, step},
};
use crate::{
    chart::{Axis, Bar, Bars, HEAT},
    figure::percent,
};

/// Half of a bar.
const HALF: i32 = 9;
/// Shades of the parts in turn: far enough apart to be told in grey, near enough to paper for ink.
const SHADES: [usize; 4] = [3, 0, 2, 1];

pub(super) fn height(bars: &Bars, form: Form) -> i32 {
    rows::height(bars.rows.len(), &bars.legend, form)
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    pub(super) fn bars(&self, bars: &Bars) -> Drawn<DB> {
        let names: Vec<&String> = bars.rows.iter().map(|bar| &bar.name).collect();
        let shares = Axis::shares();
        let frame = self.rows(&names, &shares);
        self.grid(&frame, false)?;
        let mut y = frame.top;
        for bar in &bars.rows {
            self.row_name(&bar.name, &frame, y)?;
            self.bar(bar, &frame, self.row_middle(y))?;
            y += step(self.form);
        }
        self.below_rows(
            &frame,
            &bars.x_label,
            &bars.legend,
            |name, index, at, room| {
                let (left, y) = at;
                let corner = (left + LEGEND_SAMPLE - 8, y + HALF / 2);
                self.rectangle((left + 12, y - HALF / 2), corner, shade(index))?;
                let at = (left + LEGEND_SAMPLE, y);
                let anchor = Pos::new(HPos::Left, VPos::Center);
                self.text(&cut(name, room), at, TEXT, INK, anchor)
            },
        )
    }

    fn bar(&self, bar: &Bar, frame: &Frame, middle: i32) -> Drawn<DB> {
        let mut before = 0.0;
        for (index, share) in bar.shares.iter().enumerate() {
            let (left, right) = (frame.x(before), frame.x(before + share));
            before += share;
            if right <= left {
                continue;
            }
            let ends = ((left, middle - HALF), (right, middle + HALF));
            self.rectangle(ends.0, ends.1, shade(index))?;
            let label = percent(*share);
            if longest([&label].into_iter()) + 8 <= right - left {
                let at = (i32::midpoint(left, right), middle);
                let anchor = Pos::new(HPos::Center, VPos::Center);
                self.text(&label, at, TEXT, INK, anchor)?;
            }
        }
        Ok(())
    }
}

fn shade(index: usize) -> plotters::style::RGBColor {
    HEAT[SHADES[index % SHADES.len()]].0
}
