//! The dashboard on a screen that is not there, step by step: what a frame costs.

use std::{
    cell::Cell,
    io::{self, Write},
    rc::Rc,
};

use hwptop_agent::snapshot::Snapshot;
use ratatui::{
    Terminal, TerminalOptions, Viewport,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::{Rect, Size},
};

use crate::{App, NotThere, ScreenName, frugal::Frugal, view};

/// A dashboard, the frame that is shown and the one that is drawn next; and a terminal that it
/// can be drawn on as well, of which only the bytes are counted.
#[derive(Debug)]
pub struct Offscreen {
    app: App,
    shown: Buffer,
    next: Buffer,
    terminal: Terminal<Frugal<Counter>>,
    written: Rc<Cell<u64>>,
}

/// Counts what is written.
#[derive(Debug)]
struct Counter(Rc<Cell<u64>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get().saturating_add(bytes.len() as u64));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Offscreen {
    /// `app` on a screen of `columns` by `rows` characters.
    ///
    /// # Errors
    /// Where the terminal cannot be made.
    pub fn new(app: App, (columns, rows): (u16, u16)) -> io::Result<Self> {
        let area = Rect::new(0, 0, columns, rows);
        let options = TerminalOptions {
            viewport: Viewport::Fixed(area),
        };
        let written = Rc::new(Cell::new(0));
        let counter = Counter(Rc::clone(&written));
        Ok(Self {
            app,
            shown: Buffer::empty(area),
            next: Buffer::empty(area),
            terminal: Terminal::with_options(
                Frugal::new(counter, Size::new(columns, rows)),
                options,
            )?,
            written,
        })
    }

    /// Takes in the next snapshot.
    pub fn update(&mut self, snapshot: Snapshot) {
        self.app.update(snapshot);
    }

    /// Shows `screen` of the last snapshot.
    ///
    /// # Errors
    /// [`NotThere`].
    pub fn open(&mut self, screen: &ScreenName) -> Result<(), NotThere> {
        self.app.open(screen)
    }

    /// As if the key for the row below were pressed.
    pub fn row_below(&mut self) {
        self.app
            .on_key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE));
    }

    /// Draws the next frame over an empty one, as a terminal does.
    pub fn draw(&mut self) {
        self.next.reset();
        view::draw(&self.app, self.next.area, &mut self.next);
    }

    /// In how many cells the next frame differs from the one that is shown: each is looked at.
    #[must_use]
    pub fn diff(&self) -> usize {
        self.shown.diff_iter(&self.next).count()
    }

    /// Shows the next frame.
    pub fn flip(&mut self) {
        std::mem::swap(&mut self.shown, &mut self.next);
    }

    /// Draws on the terminal; how many bytes it takes to show what has changed since the last
    /// time.
    ///
    /// # Errors
    /// Where the terminal cannot be drawn on.
    pub fn write(&mut self) -> io::Result<u64> {
        let before = self.written.get();
        self.terminal.draw(|frame| self.app.draw(frame))?;
        Ok(self.written.get() - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Theme, fixture};

    fn screen() -> Offscreen {
        Offscreen::new(App::new(Theme::Dark), (120, 30)).unwrap()
    }

    #[test]
    fn a_frame_differs_only_where_something_changed() {
        let mut screen = screen();
        screen.update(fixture::snapshot());
        screen.draw();
        assert!(screen.diff() > 500);
        screen.flip();
        screen.draw();
        assert_eq!(screen.diff(), 0);
        screen.open(&ScreenName::Help).unwrap();
        screen.draw();
        assert!(screen.diff() > 100);
    }

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let mut screen = screen();
        screen.update(fixture::many(9));
        assert!(screen.write().unwrap() > 1000);
        let unchanged = screen.write().unwrap();
        assert!(unchanged < 100, "{unchanged}");
        screen.row_below();
        assert!(screen.write().unwrap() > unchanged);
    }
}
