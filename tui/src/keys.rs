//! The keys. One table says what they do; the help and the hint are drawn
//! from it, with the keys as the user has them.

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

mod bound;
mod name;

pub use bound::{Keys, KeysError};

/// A key and what is held with it.
pub(crate) type Key = (KeyCode, KeyModifiers);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    /// Leave.
    Quit,
    /// To the screen before.
    Back,
    /// To what is selected.
    Open,
    /// Select the row above.
    Up,
    /// Select the row below.
    Down,
    /// Select the row a screen above.
    PageUp,
    /// Select the row a screen below.
    PageDown,
    /// Select the first row.
    First,
    /// Select the last row.
    Last,
    /// While the picture is held: the interval before.
    Earlier,
    /// While the picture is held: the interval after.
    Later,
    /// Freeze the picture, or let it go on.
    Pause,
    /// Take the next interval of a recording.
    Next,
    /// Show only rows with a text.
    Filter,
    /// Sort by the next column.
    Sort,
    /// Sort the other way round.
    Reverse,
    /// Longer intervals.
    Slower,
    /// Shorter intervals.
    Faster,
    /// Record what is shown, or end that.
    Record,
    /// Write what is shown to a file.
    Export,
    /// The next theme.
    Theme,
    /// Stop the program as a job of the shell.
    Suspend,
    /// To the screen of all instances.
    Instances,
    /// To the screen of slow requests.
    Outliers,
    /// To the screen that compares with a baseline.
    Compare,
    /// To the screen of how the figures are taken.
    Health,
    /// Show or hide the help.
    Help,
    /// Compare with what was seen until now.
    Baseline,
    /// The next stage of what is compared.
    Stage,
}

/// One line of the key table.
pub(crate) struct Binding {
    /// What they do.
    pub(crate) action: Action,
    /// Its name in the settings.
    pub(crate) name: &'static str,
    /// What it does, as the help says it.
    pub(crate) does: &'static str,
    /// A word for the hint, where it is hinted at.
    pub(crate) hint: Option<&'static str>,
    /// The keys, if nobody says others.
    pub(crate) keys: &'static [Key],
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

const fn key(character: char) -> Key {
    (KeyCode::Char(character), NONE)
}

const fn plain(code: KeyCode) -> Key {
    (code, NONE)
}

const fn control(character: char) -> Key {
    (KeyCode::Char(character), CONTROL)
}

const fn binding(
    action: Action,
    name: &'static str,
    does: &'static str,
    hint: Option<&'static str>,
    keys: &'static [Key],
) -> Binding {
    Binding {
        action,
        name,
        does,
        hint,
        keys,
    }
}

/// Every key there is.
#[rustfmt::skip]
pub(crate) const TABLE: &[Binding] = &[
    binding(Action::Quit, "quit", "quit", Some("quit"), &[key('q'), control('c')]),
    binding(Action::Help, "help", "show or hide this help", Some("help"), &[key('?'), plain(KeyCode::F(1))]),
    binding(Action::Open, "open", "look into the selected row", Some("open"), &[plain(KeyCode::Enter)]),
    binding(Action::Back, "back", "drop the filter, else a screen back", Some("back"), &[plain(KeyCode::Esc), plain(KeyCode::Backspace)]),
    binding(Action::Up, "up", "row above", None, &[plain(KeyCode::Up), key('k')]),
    binding(Action::Down, "down", "row below", None, &[plain(KeyCode::Down), key('j')]),
    binding(Action::PageUp, "page-up", "a screen up", None, &[plain(KeyCode::PageUp), control('b')]),
    binding(Action::PageDown, "page-down", "a screen down", None, &[plain(KeyCode::PageDown), control('f')]),
    binding(Action::First, "first", "first row", None, &[plain(KeyCode::Home), key('g')]),
    binding(Action::Last, "last", "last row", None, &[plain(KeyCode::End), key('G')]),
    binding(Action::Filter, "filter", "show only rows with a text", Some("filter"), &[key('/')]),
    binding(Action::Sort, "sort", "sort by the next column", Some("sort"), &[key('s')]),
    binding(Action::Reverse, "reverse", "sort the other way round", None, &[key('S')]),
    binding(Action::Pause, "pause", "hold the picture; measuring goes on", Some("pause"), &[key(' '), key('p')]),
    binding(Action::Earlier, "earlier", "held: the interval before", None, &[plain(KeyCode::Left), key('h')]),
    binding(Action::Later, "later", "held: the interval after", None, &[plain(KeyCode::Right), key('l')]),
    binding(Action::Next, "next", "next interval, of a replay by step", Some("next interval"), &[key('n')]),
    binding(Action::Slower, "slower", "longer intervals", None, &[key('+'), key('=')]),
    binding(Action::Faster, "faster", "shorter intervals", None, &[key('-')]),
    binding(Action::Instances, "instances", "all instances", None, &[key('1')]),
    binding(Action::Outliers, "outliers", "slow requests, one by one", Some("outliers"), &[key('2'), key('o')]),
    binding(Action::Compare, "compare", "against a baseline", Some("compare"), &[key('3'), key('c')]),
    binding(Action::Health, "health", "how the figures are taken", Some("health"), &[key('4'), key('i')]),
    binding(Action::Record, "record", "record the selection, or end that", None, &[key('r')]),
    binding(Action::Export, "export", "write what is shown to a file", None, &[key('e')]),
    binding(Action::Theme, "theme", "next theme", None, &[key('t')]),
    binding(Action::Baseline, "baseline", "compare with what was until now", Some("new baseline"), &[key('b')]),
    binding(Action::Stage, "stage", "compare the next stage", None, &[plain(KeyCode::Tab)]),
    binding(Action::Suspend, "suspend", "stop as a job of the shell", None, &[control('z')]),
];

#[cfg(test)]
mod tests;
