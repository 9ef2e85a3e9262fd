use std::{cell::RefCell, time::Instant};

use hwptop_agent::{
    Past,
    compare::Blocks,
    snapshot::{Scope, Snapshot},
};
use ratatui::{
    Frame,
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::Rect,
};

use crate::{
    Baseline, ExportForm, Keys, Recorded, Said, Theme,
    baseline::{self, Comparing},
    drawn::Drawn,
    held::Held,
    history::History,
    keys::Action,
    message::Message,
    pages,
    prompt::{self, Prompt},
    rows::{self, Listed},
    screen::{Screen, Screens},
    sort::Sort,
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
    /// The user wants longer intervals.
    Slower,
    /// The user wants shorter intervals.
    Faster,
    /// The user wants what is selected to be recorded, or no more.
    Record,
    /// The user wants what is shown in a file.
    Export(ExportForm),
    /// The user has chosen another theme.
    Theme,
    /// The user wants the program to stop as a job of the shell.
    Suspend,
}

/// What a picture is drawn from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// The last snapshot, if there was one.
    pub(crate) snapshot: Option<Snapshot>,
    /// What came before it.
    pub(crate) history: History,
    /// The same, as it is compared with a baseline.
    pub(crate) blocks: Blocks,
}

impl Picture {
    /// Takes in the next snapshot.
    pub(crate) fn push(&mut self, snapshot: Snapshot) {
        self.history.push(&snapshot);
        self.blocks.push(&snapshot);
        self.snapshot = Some(snapshot);
    }

    /// The memory that it takes, about.
    fn bytes(&self) -> usize {
        self.history.bytes() + self.blocks.bytes()
    }

    /// As it was before its `intervals` newest, when `snapshot` was taken.
    pub(crate) fn back_at(&self, snapshot: Snapshot, intervals: usize) -> Self {
        Self {
            history: self.history.before(intervals, &snapshot),
            snapshot: Some(snapshot),
            blocks: self.blocks.clone(),
        }
    }
}

/// The dashboard's state: what it knows and what it shows. It takes no
/// snapshot and reads no key by itself. Memory is bounded: see [`History`] and [`Past`].
#[derive(Debug)]
pub struct App {
    pub(crate) theme: Theme,
    pub(crate) ended: bool,
    /// What is to be known of the source beside its snapshots.
    pub(crate) note: Option<String>,
    /// Whether the next interval comes when the user asks for it.
    pub(crate) by_step: bool,
    pub(crate) screens: Screens,
    /// The filter while it is typed.
    pub(crate) prompt: Option<Prompt>,
    pub(crate) drawn: RefCell<Drawn>,
    pub(crate) listed: Listed,
    pub(crate) comparing: Comparing,
    pub(crate) keys: Keys,
    /// What the last action did.
    pub(crate) message: Option<Message>,
    /// How far the recording is, if there is one.
    pub(crate) recorded: Option<Recorded>,
    /// Whether the user is asked what to export as.
    pub(crate) asks_for_form: bool,
    live: Picture,
    past: Past,
    paused: Option<Held>,
}

impl App {
    /// A dashboard that waits for its first snapshot.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            ended: false,
            note: None,
            by_step: false,
            screens: Screens::default(),
            prompt: None,
            drawn: RefCell::default(),
            listed: Listed::default(),
            comparing: Comparing::default(),
            keys: Keys::default(),
            message: None,
            recorded: None,
            asks_for_form: false,
            live: Picture::default(),
            past: Past::default(),
            paused: None,
        }
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Takes in the next snapshot. While paused it is kept but not shown.
    pub fn update(&mut self, snapshot: Snapshot) {
        self.past.push(&snapshot);
        self.live.push(snapshot);
        self.listed = Listed::default();
        baseline::refresh(self);
    }

    /// Compares with `baseline` from now on.
    pub fn compare_with(&mut self, baseline: Baseline) {
        self.comparing.set_baseline(baseline);
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
        if self.prompt.is_some() {
            return prompt::on_key(self, key);
        }
        if self.asks_for_form && !key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.answer(key);
        }
        match self.keys.action_of(key) {
            Some(action) => self.act(action),
            None => Flow::Continue,
        }
    }

    /// Takes what was pasted.
    pub fn on_paste(&mut self, text: &str) {
        prompt::on_paste(self, text);
    }

    /// Takes `key` for what to export as; any but those that are offered is none.
    fn answer(&mut self, key: KeyEvent) -> Flow {
        if key.kind == KeyEventKind::Release {
            return Flow::Continue;
        }
        self.asks_for_form = false;
        match key.code {
            KeyCode::Char('c') => Flow::Export(ExportForm::Csv),
            KeyCode::Char('j') => Flow::Export(ExportForm::Json),
            KeyCode::Char('s') => Flow::Export(ExportForm::Svg),
            _ => Flow::Continue,
        }
    }

    pub(crate) fn act(&mut self, action: Action) -> Flow {
        self.comparing.asked &= action == Action::Baseline;
        let flow = self.follow(action);
        baseline::refresh(self);
        flow
    }

    fn follow(&mut self, action: Action) -> Flow {
        if pages::act(self, action) {
            return Flow::Continue;
        }
        match action {
            Action::Quit => return Flow::Quit,
            Action::Next => return Flow::Next,
            Action::Slower => return Flow::Slower,
            Action::Faster => return Flow::Faster,
            Action::Record => return Flow::Record,
            Action::Export if self.picture().snapshot.is_some() => self.asks_for_form = true,
            Action::Export => self.say(Err("nothing has been measured yet".to_owned())),
            Action::Suspend => return Flow::Suspend,
            Action::Theme => {
                self.theme = self.theme.next();
                return Flow::Theme;
            }
            Action::Pause => {
                self.paused = match self.paused {
                    Some(_) => None,
                    None => Some(Held::new(self.live.clone(), self.past.clone())),
                }
            }
            Action::Earlier => self.go(-1),
            Action::Later => self.go(1),
            Action::Help if self.screens.here().screen == Screen::Help => {
                self.screens.back();
            }
            Action::Help => self.screens.open(Screen::Help),
            Action::Back if !self.screens.here().filter.is_empty() => {
                self.screens.here_mut().filter.clear();
            }
            Action::Back => {
                self.screens.back();
            }
            Action::Instances => self.screens.home(),
            Action::Outliers => self.screens.open(Screen::Outliers),
            Action::Compare => baseline::open(self),
            Action::Baseline => baseline::take(self),
            Action::Stage => baseline::next_stage(self),
            Action::Health => self.screens.open(Screen::Health),
            Action::Open => {
                if let Some(scope) = rows::selected(self) {
                    self.screens.open(Screen::Part(scope));
                }
            }
            Action::Up => rows::select(self, -1),
            Action::Down => rows::select(self, 1),
            Action::PageUp => rows::select(self, -rows::page(self)),
            Action::PageDown => rows::select(self, rows::page(self)),
            Action::First => rows::select(self, isize::MIN),
            Action::Last => rows::select(self, isize::MAX),
            Action::Filter => prompt::open(self),
            Action::Sort => rows::sort(self, Sort::next),
            Action::Reverse => rows::sort(self, |sort, _| sort.reverse()),
        }
        Flow::Continue
    }

    /// Goes through the intervals that are kept.
    fn go(&mut self, by: isize) {
        match &mut self.paused {
            Some(held) => held.go(by),
            None => self.say(Err("only while the picture is held".to_owned())),
        }
    }

    /// What the screen is of.
    pub(crate) fn scope(&self) -> Scope {
        let place = self.screens.below_help();
        let part = match &place.screen {
            Screen::Part(scope) => Some(scope.clone()),
            Screen::Outliers | Screen::Outlier(_) => self.screens.part().cloned(),
            Screen::Compare => rows::selected_at(self, place),
            Screen::Instances | Screen::Health | Screen::Help => None,
        };
        part.unwrap_or(Scope::Everything)
    }

    /// What the row is that is selected, or else the screen: on that of a part a row is selected
    /// once the user has done so.
    pub(crate) fn selection(&self) -> Scope {
        let place = self.screens.below_help();
        let is_selected = place.screen == Screen::Instances || place.selected.is_some();
        let selected = is_selected.then(|| rows::selected_at(self, place));
        selected.flatten().unwrap_or_else(|| self.scope())
    }

    /// Tells the user, for some seconds.
    pub(crate) fn say(&mut self, said: Said) {
        self.message = Some(Message::of(said));
    }

    /// Takes back what has been told for long enough; whether there was anything.
    pub(crate) fn fall_silent(&mut self, now: Instant) -> bool {
        self.message.take_if(|said| said.is_over(now)).is_some()
    }

    /// How far the recording is, if there is one; whether that is news.
    pub(crate) fn tell_recorded(&mut self, recorded: Option<Recorded>) -> bool {
        let is_new = self.recorded != recorded;
        self.recorded = recorded;
        is_new
    }

    /// Draws the dashboard over the whole frame.
    pub fn draw(&self, frame: &mut Frame) {
        let drawn = view::draw(self, frame.area(), frame.buffer_mut());
        self.screens.below_help().top.set(drawn.top);
        self.drawn.replace(drawn);
    }

    /// The dashboard on a screen of `columns` by `rows` characters, as SVG.
    #[must_use]
    pub fn to_svg(&self, columns: u16, rows: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view::draw(self, buffer.area, &mut buffer);
        svg::render(&buffer, self.theme)
    }

    /// Whether the picture is held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Gives away what was seen until now, and lets the picture go on.
    pub(crate) fn take_blocks(&mut self) -> Blocks {
        self.paused = None;
        std::mem::take(&mut self.live.blocks)
    }

    /// The memory that all that is kept takes, about. What is held shares most of it.
    pub(crate) fn bytes(&self) -> usize {
        let baseline = self.comparing.baseline.as_ref();
        let baseline = baseline.map_or(0, |one| one.blocks.bytes());
        self.live.bytes() + self.past.bytes() + baseline
    }

    /// The held picture, while there is one.
    pub(crate) fn held(&self) -> Option<&Held> {
        self.paused.as_ref()
    }

    /// The picture of now, whether it is shown or not.
    pub(crate) fn live(&self) -> &Picture {
        &self.live
    }

    /// What is to be shown: the held picture while paused.
    pub(crate) fn picture(&self) -> &Picture {
        self.paused.as_ref().map_or(&self.live, Held::picture)
    }
}

#[cfg(test)]
mod tests;
