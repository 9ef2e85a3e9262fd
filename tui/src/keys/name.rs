//! Keys by their names, as the settings write them and the help shows them.

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::Key;

const CONTROL: &str = "Ctrl-";
const ALT: &str = "Alt-";

/// Keys that have a name and no character: as they are written, as they are shown, and what they are.
const NAMED: &[(&str, &str, KeyCode)] = &[
    ("Space", "Space", KeyCode::Char(' ')),
    ("Enter", "Enter", KeyCode::Enter),
    ("Esc", "Esc", KeyCode::Esc),
    ("Backspace", "Backspace", KeyCode::Backspace),
    ("Tab", "Tab", KeyCode::Tab),
    ("Insert", "Ins", KeyCode::Insert),
    ("Delete", "Del", KeyCode::Delete),
    ("Up", "↑", KeyCode::Up),
    ("Down", "↓", KeyCode::Down),
    ("Left", "←", KeyCode::Left),
    ("Right", "→", KeyCode::Right),
    ("PageUp", "PgUp", KeyCode::PageUp),
    ("PageDown", "PgDn", KeyCode::PageDown),
    ("Home", "Home", KeyCode::Home),
    ("End", "End", KeyCode::End),
];

/// What is written where an example helps.
pub(super) const EXAMPLES: &str = "a character, Ctrl-X, Alt-X, F1 to F12, Enter, Esc, Space, Tab, Backspace, Insert, Delete, Up, \
     Down, Left, Right, PageUp, PageDown, Home or End";

/// The key called `name`; `None` where there is none, or a terminal sends another one for it.
pub(super) fn key(name: &str) -> Option<Key> {
    if let Some(rest) = without(name, CONTROL) {
        let character = one_character(rest)?.to_ascii_lowercase();
        // Ctrl-I and Ctrl-M are what Tab and Enter send.
        let is_sent = character.is_ascii_lowercase() && !matches!(character, 'i' | 'm');
        return is_sent.then_some((KeyCode::Char(character), KeyModifiers::CONTROL));
    }
    if let Some(rest) = without(name, ALT) {
        return Some((KeyCode::Char(one_character(rest)?), KeyModifiers::ALT));
    }
    let code = match one_character(name) {
        // A space would not be seen.
        Some(' ') => return None,
        Some(character) => KeyCode::Char(character),
        None => code(name)?,
    };
    Some((code, KeyModifiers::NONE))
}

/// As it is written in the settings.
pub(super) fn written(key: Key) -> String {
    name(key, |(written, _, _)| written)
}

/// As the help shows it.
pub(super) fn shown(key: Key) -> String {
    name(key, |(_, shown, _)| shown)
}

fn name(
    (code, modifiers): Key,
    which: fn(&'static (&'static str, &'static str, KeyCode)) -> &'static str,
) -> String {
    if let Some(named) = NAMED.iter().find(|(_, _, named)| *named == code) {
        return which(named).to_owned();
    }
    match code {
        KeyCode::Char(character) if modifiers.contains(KeyModifiers::CONTROL) => {
            format!("{CONTROL}{}", character.to_ascii_uppercase())
        }
        KeyCode::Char(character) if modifiers.contains(KeyModifiers::ALT) => {
            format!("{ALT}{character}")
        }
        KeyCode::Char(character) => character.to_string(),
        other => other.to_string(),
    }
}

fn code(name: &str) -> Option<KeyCode> {
    let mut named = NAMED.iter();
    let named = named.find(|(written, _, _)| written.eq_ignore_ascii_case(name));
    if let Some((_, _, code)) = named {
        return Some(*code);
    }
    let number: u8 = without(name, "F")?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

fn without<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let head = name.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &name[prefix.len()..])
}

fn one_character(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let only = characters.next()?;
    (characters.next().is_none() && !only.is_control()).then_some(only)
}
