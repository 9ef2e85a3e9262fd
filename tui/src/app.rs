use hwptop_agent::snapshot::Snapshot;
use ratatui::{
    Frame,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent},
    layout::Rect,
};

use crate::{
    Theme,
    history::History,
    keys::{self, Action},
    svg, view,
};

/// Whether to go on after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// The user wants the next snapshot, where it does not come by time.
    Next,
    /// The user wants to leave.
    Quit,
}

/// What a picture is drawn from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// The last snapshot, if there was one.
    pub(crate) snapshot: Option<Snapshot>,
    /// What came before it.
    pub(crate) history: History,
}

/// The dashboard's state: what it knows and what it shows. It takes no
/// snapshot and reads no key by itself. Memory is bounded: the last 512 p99
/// figures per instance and stage, the last failed requests, and one snapshot (two while paused).
#[derive(Debug)]
pub struct App {
    pub(crate) theme: Theme,
    pub(crate) ended: bool,
    /// What is to be known of the source beside its snapshots.
    pub(crate) note: Option<String>,
    pub(crate) help: bool,
    /// Rows of the table that are scrolled out at its top.
    pub(crate) skipped: usize,
    live: Picture,
    paused: Option<Picture>,
}

impl App {
    /// A dashboard that waits for its first snapshot.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            ended: false,
            note: None,
            help: false,
            skipped: 0,
            live: Picture::default(),
            paused: None,
        }
    }

    /// Takes in the next snapshot. While paused it is kept but not shown.
    pub fn update(&mut self, snapshot: Snapshot) {
        self.live.history.push(&snapshot);
        self.live.snapshot = Some(snapshot);
    }

    /// No snapshot will follow: the last one stays, marked ENDED.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Says why no snapshot comes just now, or nothing; whether that is news.
    pub fn note(&mut self, note: Option<String>) -> bool {
        let is_new = self.note != note;
        self.note = note;
        is_new
    }

    /// Does what `key` asks for.
    pub fn on_key(&mut self, key: KeyEvent) -> Flow {
        match keys::action_of(key) {
            // Esc closes what is open before it leaves the program.
            Some(Action::Quit) if self.help && key.code == KeyCode::Esc => self.help = false,
            Some(Action::Quit) => return Flow::Quit,
            Some(Action::Next) => return Flow::Next,
            Some(Action::Help) => self.help = !self.help,
            Some(Action::Pause) => {
                self.paused = match self.paused {
                    Some(_) => None,
                    None => Some(self.live.clone()),
                }
            }
            Some(Action::Up) => self.skipped = self.skipped.saturating_sub(1),
            Some(Action::Down) => {
                let rows = self
                    .picture()
                    .snapshot
                    .as_ref()
                    .map_or(0, |one| one.instances.len());
                self.skipped = (self.skipped + 1).min(rows.saturating_sub(1));
            }
            None => {}
        }
        Flow::Continue
    }

    /// Draws the dashboard over the whole frame.
    pub fn draw(&self, frame: &mut Frame) {
        view::draw(self, frame.area(), frame.buffer_mut());
    }

    /// The dashboard on a screen of `columns` by `rows` characters, as SVG.
    #[must_use]
    pub fn to_svg(&self, columns: u16, rows: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view::draw(self, buffer.area, &mut buffer);
        svg::render(&buffer)
    }

    /// Whether the picture is held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// What is to be shown: the held picture while paused.
    pub(crate) fn picture(&self) -> &Picture {
        self.paused.as_ref().unwrap_or(&self.live)
    }
}
