use plotters::{
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind},
    element::{Circle, DashedPathElement, PathElement, Polygon, Text},
    prelude::{Color, DrawingBackend, IntoFont, RGBColor, ShapeStyle},
    style::{
        FontTransform,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Axis, Chart, Line, Panel,
    style::{AXIS, FAINT, FONTS, GRID, INK, LineStyle, Marker, PAPER, QUIET},
};

use crate::escape::printable;

type Area<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;
type Pixel = (i32, i32);

/// Size of a chart in its own units.
pub(super) const SIZE: (u32, u32) = (960, 560);

const LEFT: i32 = 92;
const TOP: i32 = 92;
const BOTTOM: i32 = 72;
const RIGHT: i32 = 28;
const PANEL_GAP: i32 = 32;
const LEGEND_ROW: i32 = 22;
const LEGEND_SAMPLE: i32 = 46;
/// More lines than this are summed up in the legend.
const LEGEND_ROWS: usize = 18;
const TITLE: i32 = 23;
const TEXT: i32 = 15;
const MARKER: i32 = 4;

/// How a backend's pixels and text relate to a chart.
#[derive(Clone, Copy)]
pub(super) struct Medium {
    /// Pixels to a unit.
    pub(super) scale: i32,
    /// How much lower, in hundredths of its size, text must be asked for than it
    /// is to be.
    pub(super) drop: i32,
}

struct Sheet<'a, DB: DrawingBackend> {
    area: &'a Area<DB>,
    medium: Medium,
}

/// A rectangle and the axes along it, in units.
struct Frame<'a> {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    x: &'a Axis,
    y: &'a Axis,
}

/// Draws `chart` on `area`, whose size is [`SIZE`] times the medium's scale.
pub(super) fn draw<DB: DrawingBackend>(
    chart: &Chart,
    area: &Area<DB>,
    medium: Medium,
) -> Drawn<DB> {
    area.fill(&PAPER)?;
    let sheet = Sheet { area, medium };
    sheet.text(
        &chart.title,
        (24, 20),
        TITLE,
        INK,
        Pos::new(HPos::Left, VPos::Top),
    )?;
    sheet.text(
        &chart.subtitle,
        (24, 50),
        TEXT,
        QUIET,
        Pos::new(HPos::Left, VPos::Top),
    )?;
    let (width, height) = (SIZE.0.cast_signed(), SIZE.1.cast_signed());
    let right = width - RIGHT - legend_width(chart);
    let bottom = height - BOTTOM;
    let count = i32::try_from(chart.panels.len()).unwrap_or(1).max(1);
    let panel_width = (right - LEFT - (count - 1) * PANEL_GAP) / count;
    for (index, panel) in (0..count).zip(&chart.panels) {
        let left = LEFT + index * (panel_width + PANEL_GAP);
        let frame = Frame {
            left,
            right: left + panel_width,
            top: TOP + if panel.heading.is_some() { 20 } else { 0 },
            bottom,
            x: &panel.x,
            y: &chart.y,
        };
        sheet.grid(&frame, index == 0)?;
        sheet.panel(panel, &frame)?;
    }
    let centre = Pos::new(HPos::Center, VPos::Top);
    sheet.text(
        &chart.x_label,
        (i32::midpoint(LEFT, right), bottom + 38),
        TEXT,
        INK,
        centre,
    )?;
    sheet.upright(&chart.y_label, (18, i32::midpoint(TOP, bottom)))?;
    sheet.legend(chart, right + 24)
}

fn legend_width(chart: &Chart) -> i32 {
    let longest = chart
        .legend
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    // Seven units are a wide average of the embedded font at its text size.
    let text = i32::try_from(longest).unwrap_or(i32::MAX).saturating_mul(7);
    24 + LEGEND_SAMPLE + text.min(240)
}

impl Frame<'_> {
    fn x(&self, value: f64) -> i32 {
        along(
            self.left,
            self.right,
            (value - self.x.low) / (self.x.high - self.x.low),
        )
    }

    fn y(&self, value: f64) -> i32 {
        along(
            self.bottom,
            self.top,
            (value - self.y.low) / (self.y.high - self.y.low),
        )
    }
}

fn along(from: i32, to: i32, share: f64) -> i32 {
    let at = f64::from(from) + f64::from(to - from) * share.clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "between two i32")]
    let at = at.round() as i32;
    at
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    /// Lines behind a plot, its axes and their labels.
    fn grid(&self, frame: &Frame, y_labels: bool) -> Drawn<DB> {
        for position in &frame.x.minor {
            self.rule(frame, *position, true, FAINT)?;
        }
        for position in &frame.y.minor {
            self.rule(frame, *position, false, FAINT)?;
        }
        for (position, label) in &frame.x.ticks {
            self.rule(frame, *position, true, GRID)?;
            let at = (frame.x(*position), frame.bottom + 9);
            self.text(label, at, TEXT, QUIET, Pos::new(HPos::Center, VPos::Top))?;
        }
        for (position, label) in &frame.y.ticks {
            self.rule(frame, *position, false, GRID)?;
            if y_labels {
                let at = (frame.left - 9, frame.y(*position));
                self.text(label, at, TEXT, QUIET, Pos::new(HPos::Right, VPos::Center))?;
            }
        }
        let corner = [
            (frame.left, frame.top),
            (frame.left, frame.bottom),
            (frame.right, frame.bottom),
        ];
        self.path(&corner, AXIS.stroke_width(1), None)
    }

    fn rule(&self, frame: &Frame, position: f64, vertical: bool, colour: RGBColor) -> Drawn<DB> {
        let ends = if vertical {
            let x = frame.x(position);
            [(x, frame.top), (x, frame.bottom)]
        } else {
            let y = frame.y(position);
            [(frame.left, y), (frame.right, y)]
        };
        self.path(&ends, colour.stroke_width(1), None)
    }

    fn panel(&self, panel: &Panel, frame: &Frame) -> Drawn<DB> {
        if let Some(heading) = &panel.heading {
            let at = (frame.left, frame.top - 9);
            self.text(heading, at, TEXT, INK, Pos::new(HPos::Left, VPos::Bottom))?;
        }
        for line in &panel.lines {
            self.line(line, frame)?;
        }
        Ok(())
    }

    fn line(&self, line: &Line, frame: &Frame) -> Drawn<DB> {
        let style = LineStyle::of(line.style);
        let on_sheet = |point: &(f64, f64)| (frame.x(point.0), frame.y(point.1));
        let mut path: Vec<Pixel> = line.path.iter().map(on_sheet).collect();
        path.dedup();
        self.path(&path, style.colour.stroke_width(2), style.dash)?;
        for mark in line.marks.iter().map(on_sheet) {
            self.marker(mark, style)?;
        }
        Ok(())
    }

    fn legend(&self, chart: &Chart, left: i32) -> Drawn<DB> {
        let mut y = TOP + 8;
        let anchor = Pos::new(HPos::Left, VPos::Center);
        for (index, name) in chart.legend.iter().take(LEGEND_ROWS).enumerate() {
            let style = LineStyle::of(index);
            let sample = [(left, y), (left + LEGEND_SAMPLE - 8, y)];
            self.path(&sample, style.colour.stroke_width(2), style.dash)?;
            self.marker((left + (LEGEND_SAMPLE - 8) / 2, y), style)?;
            self.text(name, (left + LEGEND_SAMPLE, y), TEXT, INK, anchor)?;
            y += LEGEND_ROW;
        }
        let more = chart.legend.len().saturating_sub(LEGEND_ROWS);
        if more > 0 {
            let text = format!("+{more} more");
            self.text(&text, (left + LEGEND_SAMPLE, y), TEXT, QUIET, anchor)?;
        }
        Ok(())
    }

    fn path(&self, points: &[Pixel], style: ShapeStyle, dash: Option<(i32, i32)>) -> Drawn<DB> {
        let points: Vec<Pixel> = points.iter().map(|point| self.scaled(*point)).collect();
        let width = style.stroke_width * self.medium.scale.cast_unsigned();
        let style = style.stroke_width(width);
        match dash {
            Some((dash, gap)) if points.len() > 1 => {
                let (dash, gap) = (dash * self.medium.scale, gap * self.medium.scale);
                self.area
                    .draw(&DashedPathElement::new(points, dash, gap, style))
            }
            _ => self.area.draw(&PathElement::new(points, style)),
        }
    }

    /// A marker with a rim of paper, so that it stands out from its line.
    fn marker(&self, at: Pixel, style: LineStyle) -> Drawn<DB> {
        for (size, colour) in [(MARKER + 2, PAPER), (MARKER, style.colour)] {
            let shape = |corners: &[Pixel]| {
                let corner =
                    |(x, y): &Pixel| self.scaled((at.0 + x * size / 4, at.1 + y * size / 4));
                Polygon::new(
                    corners.iter().map(corner).collect::<Vec<_>>(),
                    colour.filled(),
                )
            };
            match style.marker {
                Marker::Circle => {
                    let centre = self.scaled(at);
                    self.area.draw(&Circle::new(
                        centre,
                        size * self.medium.scale,
                        colour.filled(),
                    ))?;
                }
                Marker::Square => self
                    .area
                    .draw(&shape(&[(-4, -4), (4, -4), (4, 4), (-4, 4)]))?,
                Marker::Triangle => self.area.draw(&shape(&[(0, -5), (5, 4), (-5, 4)]))?,
                Marker::Diamond => self
                    .area
                    .draw(&shape(&[(0, -6), (6, 0), (0, 6), (-6, 0)]))?,
                Marker::Inverted => self.area.draw(&shape(&[(0, 5), (5, -4), (-5, -4)]))?,
            }
        }
        Ok(())
    }

    fn text(&self, text: &str, at: Pixel, size: i32, colour: RGBColor, anchor: Pos) -> Drawn<DB> {
        let size = size * self.medium.scale;
        let font = (FONTS, size).into_font();
        let style = font.color(&colour).pos(anchor);
        let (x, y) = self.scaled(at);
        let y = y + size * self.medium.drop / 100;
        self.area.draw(&Text::new(printable(text), (x, y), style))
    }

    /// Text that reads from the bottom to the top.
    fn upright(&self, text: &str, at: Pixel) -> Drawn<DB> {
        let font = (FONTS, TEXT * self.medium.scale)
            .into_font()
            .transform(FontTransform::Rotate270);
        let style = font.color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        self.area.draw(&Text::new(text, self.scaled(at), style))
    }

    fn scaled(&self, (x, y): Pixel) -> Pixel {
        (x * self.medium.scale, y * self.medium.scale)
    }
}
