//! A screen as SVG, for documents: what the terminal would show, on a
//! background for the theme.

use std::fmt::Write as _;

use ratatui::{
    buffer::{Buffer, Cell},
    style::Modifier,
};

use crate::Theme;
use colour::Sheet;

pub(crate) mod colour;
mod shape;

/// Size of a character cell in SVG units.
const CELL: (f64, f64) = (8.4, 18.0);
/// Distance of a text's baseline from the top of its cell.
const BASELINE: f64 = 13.5;
const FONT_SIZE: f64 = 14.0;
const MARGIN: f64 = 12.0;
const FONTS: &str = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace";

/// What neighbouring cells must share to be drawn together.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: u32,
    paper: u32,
    bold: bool,
    underlined: bool,
}

impl Look {
    fn of(cell: &Cell, sheet: Sheet) -> Self {
        let mut ink = colour::rgb(cell.fg, sheet.ink);
        let mut paper = colour::rgb(cell.bg, sheet.paper);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut ink, &mut paper);
        }
        if cell.modifier.contains(Modifier::DIM) {
            ink = colour::between(ink, paper);
        }
        Self {
            ink,
            paper,
            bold: cell.modifier.contains(Modifier::BOLD),
            underlined: cell.modifier.contains(Modifier::UNDERLINED),
        }
    }
}

/// The buffer, drawn with `theme`, as a self-contained SVG document. Colours, bold, dim, reversed
/// and underlined are kept; block characters and lines are drawn as shapes, so
/// that they join whatever the reader's font is.
#[must_use]
pub fn render(buffer: &Buffer, theme: Theme) -> String {
    let sheet = Sheet::of(theme);
    let width = f64::from(buffer.area.width) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(buffer.area.height) * CELL.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         width=\"{width:.1}\" height=\"{height:.1}\" font-family=\"{FONTS}\" \
         font-size=\"{FONT_SIZE}\" shape-rendering=\"crispEdges\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#{:06x}\"/>\n",
        sheet.paper
    );
    for y in 0..buffer.area.height {
        let row: Vec<&Cell> = (0..buffer.area.width)
            .map(|x| &buffer[(buffer.area.x + x, buffer.area.y + y)])
            .collect();
        draw_row(&mut svg, &row, sheet, f64::from(y) * CELL.1 + MARGIN);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_row(svg: &mut String, row: &[&Cell], sheet: Sheet, top: f64) {
    let look = |cell| Look::of(cell, sheet);
    let mut x = 0;
    for run in row.chunk_by(|a, b| look(a) == look(b)) {
        let look = look(run[0]);
        if look.paper != sheet.paper {
            rect(
                svg,
                (left(x), top),
                (left(run.len()) - MARGIN, CELL.1),
                look.paper,
            );
        }
        let mut at = x;
        // Blanks part what is drawn as text from what is drawn as shapes, too.
        for piece in run.chunk_by(|a, b| kind(a) == kind(b)) {
            match kind(piece[0]) {
                Kind::Blank => {}
                Kind::Text => text(svg, piece, &look, at, top),
                Kind::Shape => shapes(svg, piece, look.ink, at, top),
            }
            at += piece.len();
        }
        x += run.len();
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Blank,
    Text,
    Shape,
}

fn kind(cell: &Cell) -> Kind {
    match cell.symbol() {
        "" | " " => Kind::Blank,
        symbol if shape::of(symbol).is_some() => Kind::Shape,
        _ => Kind::Text,
    }
}

fn text(svg: &mut String, piece: &[&Cell], look: &Look, at: usize, top: f64) {
    let symbols: String = piece.iter().map(|cell| escaped(cell.symbol())).collect();
    let weight = if look.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let line = if look.underlined {
        " text-decoration=\"underline\""
    } else {
        ""
    };
    put(
        svg,
        format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" fill=\"#{:06x}\"{weight}{line}>\
             {symbols}</text>",
            left(at),
            top + BASELINE,
            left(piece.len()) - MARGIN,
            look.ink
        ),
    );
}

fn shapes(svg: &mut String, piece: &[&Cell], ink: u32, mut at: usize, top: f64) {
    // The same character again and again is one long shape where it spans its
    // cell's width.
    for same in piece.chunk_by(|a, b| a.symbol() == b.symbol()) {
        for part in shape::of(same[0].symbol()).into_iter().flatten() {
            let (count, step) = if part.spans_width() {
                (1, same.len())
            } else {
                (same.len(), 1)
            };
            for index in 0..count {
                let x = left(at + index) + part.x * CELL.0;
                let width = part.width * CELL.0 * step as f64;
                rect(
                    svg,
                    (x, top + part.y * CELL.1),
                    (width, part.height * CELL.1),
                    ink,
                );
            }
        }
        at += same.len();
    }
}

fn left(cells: usize) -> f64 {
    MARGIN + cells as f64 * CELL.0
}

fn rect(svg: &mut String, (x, y): (f64, f64), (width, height): (f64, f64), ink: u32) {
    put(
        svg,
        format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.2}\" width=\"{width:.1}\" height=\"{height:.2}\" \
             fill=\"#{ink:06x}\"/>"
        ),
    );
}

fn put(svg: &mut String, what: std::fmt::Arguments) {
    writeln!(svg, "{what}").expect("writing to a String cannot fail");
}

fn escaped(symbol: &str) -> String {
    symbol
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
