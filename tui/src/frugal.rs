//! Writes frames in as few bytes as they need, for terminals that are far away.
//!
//! Most figures that change do so in one digit and the next but one. Where it is shorter, what
//! stands between two changes is written again in place of an order to move; of two colours
//! only the one that changed is told, and none of the ink of a blank.

use std::io::{self, Write};

use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, IntoCrossterm as _, WindowSize},
    buffer::{Buffer, Cell},
    crossterm::{
        cursor::{MoveRight, MoveTo},
        queue,
        style::{Attribute, Print, SetAttribute, SetBackgroundColor, SetForegroundColor},
    },
    layout::{Position, Rect, Size},
    style::{Color, Modifier},
};

use crate::plain::plain;

/// The bytes of an order to move right; one to move elsewhere is longer.
const MOVE: usize = 4;
/// What can be seen of a blank.
const SEEN_ON_BLANK: Modifier = Modifier::REVERSED
    .union(Modifier::UNDERLINED)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK)
    .union(Modifier::CROSSED_OUT);

const ATTRIBUTES: [(Modifier, Attribute); 9] = [
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::ITALIC, Attribute::Italic),
    (Modifier::UNDERLINED, Attribute::Underlined),
    (Modifier::SLOW_BLINK, Attribute::SlowBlink),
    (Modifier::RAPID_BLINK, Attribute::RapidBlink),
    (Modifier::REVERSED, Attribute::Reverse),
    (Modifier::HIDDEN, Attribute::Hidden),
    (Modifier::CROSSED_OUT, Attribute::CrossedOut),
];

/// A terminal that is written to, and what it shows.
#[derive(Debug)]
pub(crate) struct Frugal<W: Write> {
    terminal: CrosstermBackend<W>,
    shown: Buffer,
}

impl<W: Write> Frugal<W> {
    /// A terminal that shows nothing, `size` columns and rows large.
    pub(crate) fn new(out: W, size: Size) -> Self {
        Self {
            terminal: CrosstermBackend::new(out),
            shown: blank(size),
        }
    }

    /// After the terminal was cleared.
    fn forget(&mut self) {
        let size = self.terminal.size();
        self.shown = blank(size.unwrap_or_else(|_| self.shown.area.as_size()));
    }
}

fn blank(size: Size) -> Buffer {
    Buffer::empty(Rect::from((Position::ORIGIN, size)))
}

impl<W: Write> Backend for Frugal<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let content: Vec<_> = content.collect();
        let mut pen = Pen::default();
        for &(x, y, cell) in &content {
            pen.go(&mut self.terminal, Position { x, y }, &self.shown)?;
            pen.write(&mut self.terminal, cell)?;
        }
        pen.put_down(&mut self.terminal)?;
        for (x, y, cell) in content {
            if let Some(shown) = self.shown.cell_mut((x, y)) {
                shown.clone_from(cell);
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.terminal.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.terminal.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.terminal.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.forget();
        self.terminal.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.forget();
        self.terminal.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.terminal)
    }
}

/// Where the terminal writes next, and how.
#[derive(Clone, Copy, Debug, Default)]
struct Pen {
    /// `None` where nothing tells.
    at: Option<Position>,
    ink: Color,
    paper: Color,
    modifier: Modifier,
}

impl Pen {
    /// Goes to `to`, over what is `shown` before it where that is shorter.
    fn go(&mut self, out: &mut impl Write, to: Position, shown: &Buffer) -> io::Result<()> {
        match self.at {
            Some(at) if at == to => {}
            Some(at) if at.y == to.y && at.x < to.x => {
                let between = (at.x..to.x).map(|x| shown.cell((x, to.y)));
                match self.again(between) {
                    Some(text) => queue!(out, Print(text))?,
                    None => queue!(out, MoveRight(to.x - at.x))?,
                }
            }
            _ => queue!(out, MoveTo(to.x, to.y))?,
        }
        self.at = Some(to);
        Ok(())
    }

    /// The text of `cells`, if it can be written as it is shown and is shorter than a move.
    fn again<'a>(self, cells: impl Iterator<Item = Option<&'a Cell>>) -> Option<String> {
        let mut text = String::new();
        for cell in cells {
            let cell = cell.filter(|cell| self.shows(cell))?;
            text.push(plain(cell.symbol())?);
            if text.len() > MOVE {
                return None;
            }
        }
        Some(text)
    }

    /// Whether what it writes now looks as `cell` does.
    fn shows(self, cell: &Cell) -> bool {
        let seen = self.modifier.union(cell.modifier);
        let blank = cell.symbol() == " " && !seen.intersects(SEEN_ON_BLANK);
        let ink = (self.ink, self.modifier) == (cell.fg, cell.modifier);
        self.paper == cell.bg && (blank || ink)
    }

    fn write(&mut self, out: &mut impl Write, cell: &Cell) -> io::Result<()> {
        if !self.shows(cell) {
            self.dip(out, cell)?;
        }
        queue!(out, Print(cell.symbol()))?;
        // A terminal may think otherwise of how wide the rest is.
        let narrow = plain(cell.symbol()).is_some();
        let next = |at: Position| Position { x: at.x + 1, ..at };
        self.at = self.at.filter(|_| narrow).map(next);
        Ok(())
    }

    /// From now on, writes as `cell` is.
    fn dip(&mut self, out: &mut impl Write, cell: &Cell) -> io::Result<()> {
        if !cell.modifier.contains(self.modifier) {
            self.put_down(out)?;
        }
        for (modifier, attribute) in ATTRIBUTES {
            if cell.modifier.difference(self.modifier).contains(modifier) {
                queue!(out, SetAttribute(attribute))?;
            }
        }
        self.modifier = cell.modifier;
        if self.ink != cell.fg {
            queue!(out, SetForegroundColor(cell.fg.into_crossterm()))?;
            self.ink = cell.fg;
        }
        if self.paper != cell.bg {
            queue!(out, SetBackgroundColor(cell.bg.into_crossterm()))?;
            self.paper = cell.bg;
        }
        Ok(())
    }

    /// Writes plainly from now on.
    fn put_down(&mut self, out: &mut impl Write) -> io::Result<()> {
        let plainly = Self {
            at: self.at,
            ..Self::default()
        };
        if (self.ink, self.paper, self.modifier) != (plainly.ink, plainly.paper, plainly.modifier) {
            queue!(out, SetAttribute(Attribute::Reset))?;
            *self = plainly;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
