use super::{
    BEHIND, Color, DrawingBackend, Drawn, Form, Frame, HPos, INK, LEGEND_ROW, LEGEND_SAMPLE,
    LineStyle, Pixel, Pos, Sheet, TEXT, VPos, cut, legend_height, letters, longest,
};
use crate::chart::{Chart, Line, Panel};

const LEFT: i32 = 92;
const RIGHT: i32 = 28;
/// Below the last plot: labels and what the axis is.
const BELOW: i32 = 72;
const PANEL_GAP: i32 = 32;
const HEADING: i32 = 24;

fn plot_height(chart: &Chart, form: Form) -> i32 {
    match (chart.is_low, form.is_narrow()) {
        (true, _) => 190,
        (false, false) => 396,
        (false, true) => 260,
    }
}

pub(super) fn height(chart: &Chart, form: Form) -> i32 {
    let plot = plot_height(chart, form);
    if !form.is_narrow() {
        let legend = legend_height(legend_rows(chart)) - BELOW + 30;
        return form.top() + plot.max(legend) + BELOW;
    }
    let panels = i32::try_from(chart.panels.len()).unwrap_or(1).max(1);
    form.top() + panels * (plot + HEADING + 40) + 30 + legend_height(legend_rows(chart))
}

fn legend_rows(chart: &Chart) -> usize {
    chart.legend.len() + usize::from(chart.unnamed > 0)
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    pub(super) fn lines(&self, chart: &Chart) -> Drawn<DB> {
        let (top, plot) = (self.form.top(), plot_height(chart, self.form));
        if self.form.is_narrow() {
            return self.stacked(chart, top, plot);
        }
        let text = longest(chart.legend.iter()).min(240);
        let width = match legend_rows(chart) {
            0 => 0,
            _ => 24 + LEGEND_SAMPLE + text,
        };
        let (right, bottom) = (self.form.width() - RIGHT - width, top + plot);
        let count = i32::try_from(chart.panels.len()).unwrap_or(1).max(1);
        let panel_width = (right - LEFT - (count - 1) * PANEL_GAP) / count;
        for (index, panel) in (0..count).zip(&chart.panels) {
            let left = LEFT + index * (panel_width + PANEL_GAP);
            let frame = Frame {
                left,
                right: left + panel_width,
                top: top + if panel.heading.is_some() { 20 } else { 0 },
                bottom,
                x: &panel.x,
                y: &chart.y,
            };
            self.panel(panel, &frame, index == 0)?;
        }
        self.x_label(&chart.x_label, i32::midpoint(LEFT, right), bottom + 38)?;
        self.upright(&chart.y_label, (18, i32::midpoint(top, bottom)))?;
        self.legend(chart, (right + 24, top + 8), letters(text.max(60)))
    }

    /// Panels below each other, and the legend below all.
    fn stacked(&self, chart: &Chart, top: i32, plot: i32) -> Drawn<DB> {
        let (left, right) = (LEFT - 14, self.form.width() - 16);
        let mut bottom = top;
        for panel in &chart.panels {
            let frame = Frame {
                left,
                right,
                top: bottom + HEADING,
                bottom: bottom + HEADING + plot,
                x: &panel.x,
                y: &chart.y,
            };
            self.panel(panel, &frame, true)?;
            let middle = i32::midpoint(frame.top, frame.bottom);
            self.upright(&cut(&chart.y_label, letters(plot)), (6, middle))?;
            bottom = frame.bottom + 40;
        }
        self.x_label(&chart.x_label, i32::midpoint(left, right), bottom - 8)?;
        let room = letters(self.form.width() - 12 - LEGEND_SAMPLE);
        self.legend(chart, (8, bottom + 30), room)
    }

    pub(super) fn x_label(&self, text: &str, x: i32, y: i32) -> Drawn<DB> {
        let text = cut(text, letters(self.form.width() - 90));
        self.text(&text, (x, y), TEXT, INK, Pos::new(HPos::Center, VPos::Top))
    }

    fn panel(&self, panel: &Panel, frame: &Frame, y_labels: bool) -> Drawn<DB> {
        self.grid(frame, y_labels)?;
        if let Some(heading) = &panel.heading {
            let at = (frame.left, frame.top - 9);
            let heading = cut(heading, letters(frame.right - frame.left));
            self.text(&heading, at, TEXT, INK, Pos::new(HPos::Left, VPos::Bottom))?;
        }
        for event in &panel.events {
            let x = frame.x(*event);
            let ends = [(x, frame.top), (x, frame.bottom)];
            self.path(&ends, INK.stroke_width(1), Some((4, 3)))?;
            let top = frame.top;
            self.filled(&[(x - 6, top - 8), (x + 6, top - 8), (x, top)], INK, 1.0)?;
        }
        // What is there for comparison is behind all else.
        let (named, behind): (Vec<_>, Vec<_>) =
            panel.lines.iter().partition(|line| line.style.is_some());
        for line in behind {
            self.line(line, frame, None)?;
        }
        for line in named {
            self.line(line, frame, line.style.map(LineStyle::of))?;
        }
        Ok(())
    }

    fn line(&self, line: &Line, frame: &Frame, style: Option<LineStyle>) -> Drawn<DB> {
        let on_sheet = |point: &(f64, f64)| (frame.x(point.0), frame.y(point.1));
        let mut path: Vec<Pixel> = line.path.iter().map(on_sheet).collect();
        path.dedup();
        let Some(style) = style else {
            return self.path(&path, BEHIND.stroke_width(1), None);
        };
        if !line.band.is_empty() {
            let low = line.band.iter().map(|(x, low, _)| (*x, *low));
            let high = line.band.iter().rev().map(|(x, _, high)| (*x, *high));
            let edge: Vec<(f64, f64)> = low.chain(high).collect();
            let edge: Vec<Pixel> = edge.iter().map(on_sheet).collect();
            self.filled(&edge, style.colour, 0.18)?;
        }
        self.path(&path, style.colour.stroke_width(2), style.dash)?;
        for mark in line.marks.iter().map(on_sheet) {
            self.marker(mark, style)?;
        }
        Ok(())
    }

    fn legend(&self, chart: &Chart, at: Pixel, room: usize) -> Drawn<DB> {
        let (left, mut y) = at;
        for (index, name) in chart.legend.iter().enumerate() {
            self.legend_row(name, Some(index), (left, y), room)?;
            y += LEGEND_ROW;
        }
        if chart.unnamed > 0 {
            let text = format!("{} others", chart.unnamed);
            self.legend_row(&text, None, (left, y), room)?;
        }
        Ok(())
    }
}
