use plotters::{
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind},
    element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text},
    prelude::{Color, DrawingBackend, IntoFont, RGBColor, ShapeStyle},
    style::{
        FontTransform,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Axis, Body, Form, Picture,
    style::{AXIS, BEHIND, FAINT, FONTS, GRID, INK, LineStyle, Marker, PAPER, QUIET},
};

use crate::escape::printable;

mod bars;
mod dots;
mod heat;
mod lines;
mod rows;

type Area<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;
type Pixel = (i32, i32);

/// Room for a title and a line below it.
const TITLES: i32 = 76;
const LEGEND_ROW: i32 = 22;
const LEGEND_SAMPLE: i32 = 46;
const TITLE: i32 = 23;
const TEXT: i32 = 15;
const MARKER: i32 = 4;
/// Seven units are a wide average of the embedded font at its text size.
const LETTER: i32 = 7;

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
    form: Form,
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

impl Form {
    const fn width(self) -> i32 {
        match self {
            Self::File | Self::Wide => 960,
            Self::Narrow => 420,
        }
    }

    const fn is_narrow(self) -> bool {
        matches!(self, Self::Narrow)
    }

    /// Where what is below the title begins.
    const fn top(self) -> i32 {
        match self {
            Self::File => TITLES + 16,
            Self::Wide | Self::Narrow => 16,
        }
    }
}

/// Width and height of the picture in its own units.
pub(super) fn size(picture: &Picture, form: Form) -> (i32, i32) {
    let height = match &picture.body {
        Body::Lines(chart) => lines::height(chart, form),
        Body::Dots(dots) => dots::height(dots, form),
        Body::Bars(bars) => bars::height(bars, form),
        Body::Heat(heat) => heat::height(heat, form),
    };
    (form.width(), height)
}

/// Draws `picture` on `area`, whose size is [`size`] times the medium's scale.
pub(super) fn draw<DB: DrawingBackend>(
    picture: &Picture,
    form: Form,
    area: &Area<DB>,
    medium: Medium,
) -> Drawn<DB> {
    area.fill(&PAPER)?;
    let sheet = Sheet { area, medium, form };
    if form == Form::File {
        let anchor = Pos::new(HPos::Left, VPos::Top);
        sheet.text(&cut(&picture.title, 84), (24, 20), TITLE, INK, anchor)?;
        sheet.text(&cut(&picture.subtitle, 130), (24, 50), TEXT, QUIET, anchor)?;
    }
    match &picture.body {
        Body::Lines(chart) => sheet.lines(chart),
        Body::Dots(dots) => sheet.dots(dots),
        Body::Bars(bars) => sheet.bars(bars),
        Body::Heat(heat) => sheet.heat(heat),
    }
}

/// `text`, or its two ends where it is longer than `letters`: what tells names apart is at either.
fn cut(text: &str, letters: usize) -> String {
    let count = text.chars().count();
    if count <= letters {
        return text.to_owned();
    }
    let head = letters / 2;
    let tail = count - (letters - head - 1);
    let (head, tail) = (text.chars().take(head), text.chars().skip(tail));
    head.chain(['…']).chain(tail).collect()
}

/// How many letters of text fit into so many units.
fn letters(units: i32) -> usize {
    usize::try_from(units / LETTER).unwrap_or(0)
}

/// Units that the longest of `names` takes.
fn longest<'a>(names: impl Iterator<Item = &'a String>) -> i32 {
    let letters = names.map(|name| name.chars().count()).max().unwrap_or(0);
    i32::try_from(letters)
        .unwrap_or(i32::MAX)
        .saturating_mul(LETTER)
}

/// Units that so many rows of a legend take.
fn legend_height(rows: usize) -> i32 {
    i32::try_from(rows)
        .unwrap_or(i32::MAX)
        .saturating_mul(LEGEND_ROW)
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
        for (position, _) in &frame.x.ticks {
            self.rule(frame, *position, true, GRID)?;
        }
        for (position, _) in &frame.y.ticks {
            self.rule(frame, *position, false, GRID)?;
        }
        self.labels(frame, y_labels)
    }

    /// Axes and their labels; of those along x as many as fit.
    fn labels(&self, frame: &Frame, y_labels: bool) -> Drawn<DB> {
        let mut free = i32::MIN;
        for (position, label) in &frame.x.ticks {
            let half = longest([label].into_iter()) / 2;
            let x = frame.x(*position);
            if x - half < free {
                continue;
            }
            free = x + half + LETTER;
            let at = (x, frame.bottom + 9);
            self.text(label, at, TEXT, QUIET, Pos::new(HPos::Center, VPos::Top))?;
        }
        for (position, label) in frame.y.ticks.iter().filter(|_| y_labels) {
            let at = (frame.left - 9, frame.y(*position));
            let label = cut(label, letters(frame.left - 24));
            self.text(&label, at, TEXT, QUIET, Pos::new(HPos::Right, VPos::Center))?;
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

    /// A row of a legend; `style` is none of lines that are behind the others.
    fn legend_row(&self, name: &str, style: Option<usize>, at: Pixel, room: usize) -> Drawn<DB> {
        let (left, y) = at;
        let sample = [(left, y), (left + LEGEND_SAMPLE - 8, y)];
        let anchor = Pos::new(HPos::Left, VPos::Center);
        let colour = if let Some(style) = style.map(LineStyle::of) {
            self.path(&sample, style.colour.stroke_width(2), style.dash)?;
            self.marker((left + (LEGEND_SAMPLE - 8) / 2, y), style)?;
            INK
        } else {
            self.path(&sample, BEHIND.stroke_width(1), None)?;
            QUIET
        };
        self.text(
            &cut(name, room),
            (left + LEGEND_SAMPLE, y),
            TEXT,
            colour,
            anchor,
        )
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

    fn filled(&self, corners: &[Pixel], colour: RGBColor, opacity: f64) -> Drawn<DB> {
        let corners: Vec<Pixel> = corners.iter().map(|corner| self.scaled(*corner)).collect();
        self.area
            .draw(&Polygon::new(corners, colour.mix(opacity).filled()))
    }

    fn rectangle(&self, from: Pixel, to: Pixel, colour: RGBColor) -> Drawn<DB> {
        let corners = [self.scaled(from), self.scaled(to)];
        self.area.draw(&Rectangle::new(corners, colour.filled()))
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
        self.area
            .draw(&Text::new(printable(text), self.scaled(at), style))
    }

    fn scaled(&self, (x, y): Pixel) -> Pixel {
        (x * self.medium.scale, y * self.medium.scale)
    }
}
