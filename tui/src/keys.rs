//! The keys. One table says what they do; the help and the hint are drawn
//! from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leave.
    Quit,
    /// Freeze the picture, or let it go on.
    Pause,
    /// Take the next interval of a recording.
    Next,
    /// Show or hide the help.
    Help,
    /// Show earlier instances.
    Up,
    /// Show later instances.
    Down,
}

/// One line of the key table.
pub(crate) struct Binding {
    /// The keys as the help shows them.
    pub(crate) label: &'static str,
    /// What they do, as the help says it.
    pub(crate) does: &'static str,
    /// The short form for the hint, where it is hinted at.
    pub(crate) hint: Option<&'static str>,
    keys: &'static [(KeyCode, KeyModifiers, Action)],
}

const NONE: KeyModifiers = KeyModifiers::NONE;

/// Every key there is.
pub(crate) const TABLE: &[Binding] = &[
    Binding {
        label: "q  Esc  Ctrl-C",
        does: "quit",
        hint: Some("q quit"),
        keys: &[
            (KeyCode::Char('q'), NONE, Action::Quit),
            (KeyCode::Esc, NONE, Action::Quit),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Action::Quit),
        ],
    },
    Binding {
        label: "Space  p",
        does: "hold the picture; measuring goes on",
        hint: Some("Space pause"),
        keys: &[
            (KeyCode::Char(' '), NONE, Action::Pause),
            (KeyCode::Char('p'), NONE, Action::Pause),
        ],
    },
    Binding {
        label: "n",
        does: "next interval, of a replay by step",
        hint: None,
        keys: &[(KeyCode::Char('n'), NONE, Action::Next)],
    },
    Binding {
        label: "↑ ↓  k j",
        does: "earlier, later instances",
        hint: None,
        keys: &[
            (KeyCode::Up, NONE, Action::Up),
            (KeyCode::Char('k'), NONE, Action::Up),
            (KeyCode::Down, NONE, Action::Down),
            (KeyCode::Char('j'), NONE, Action::Down),
        ],
    },
    Binding {
        label: "?  h",
        does: "show or hide this help",
        hint: Some("? help"),
        keys: &[
            (KeyCode::Char('?'), NONE, Action::Help),
            (KeyCode::Char('h'), NONE, Action::Help),
        ],
    },
];

/// What `event` asks for, if anything.
pub(crate) fn action_of(event: KeyEvent) -> Option<Action> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    // Some terminals report the shift that `?` needs.
    let modifiers = event.modifiers - KeyModifiers::SHIFT;
    TABLE
        .iter()
        .flat_map(|binding| binding.keys)
        .find(|(code, with, _)| (*code, *with) == (event.code, modifiers))
        .map(|(_, _, action)| *action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        action_of(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn control_c_quits_but_a_plain_c_does_nothing() {
        assert_eq!(
            pressed(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Action::Quit)
        );
        assert_eq!(pressed(KeyCode::Char('c'), NONE), None);
    }

    #[test]
    fn the_question_mark_works_with_and_without_a_reported_shift() {
        assert_eq!(pressed(KeyCode::Char('?'), NONE), Some(Action::Help));
        assert_eq!(
            pressed(KeyCode::Char('?'), KeyModifiers::SHIFT),
            Some(Action::Help)
        );
    }

    #[test]
    fn letting_a_key_go_does_nothing() {
        let mut event = KeyEvent::new(KeyCode::Char('q'), NONE);
        event.kind = KeyEventKind::Release;
        assert_eq!(action_of(event), None);
    }

    #[test]
    fn no_key_is_bound_twice() {
        let keys: Vec<_> = TABLE.iter().flat_map(|binding| binding.keys).collect();
        for (index, (code, with, _)) in keys.iter().enumerate() {
            let again = keys[index + 1..]
                .iter()
                .any(|(c, w, _)| (c, w) == (code, with));
            assert!(!again, "{code:?}");
        }
    }
}
