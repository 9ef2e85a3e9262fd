use ratatui::crossterm::event::{KeyEvent, KeyEventKind};

use super::*;

fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
    Keys::default().action_of(KeyEvent::new(code, modifiers))
}

fn with(given: &[(&str, &[&str])]) -> Result<Keys, KeysError> {
    let owned = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    let given: Vec<(String, Vec<String>)> = given
        .iter()
        .map(|(name, keys)| ((*name).to_owned(), owned(keys)))
        .collect();
    Keys::with(&given)
}

#[test]
fn control_c_quits_but_a_plain_c_does_not() {
    assert_eq!(pressed(KeyCode::Char('c'), CONTROL), Some(Action::Quit));
    assert_eq!(pressed(KeyCode::Char('c'), NONE), Some(Action::Compare));
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
    assert_eq!(Keys::default().action_of(event), None);
}

#[test]
fn no_key_and_no_name_is_there_twice() {
    let keys: Vec<_> = TABLE.iter().flat_map(|binding| binding.keys).collect();
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(key), "{key:?}");
    }
    let names: Vec<_> = TABLE.iter().map(|binding| binding.name).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[index + 1..].contains(name), "{name}");
    }
}

#[test]
fn every_key_of_the_table_is_read_as_it_is_written() {
    for (action, _, names) in Keys::default().iter() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(with(&[(action, &names)]), Ok(Keys::default()), "{names:?}");
    }
}

#[test]
fn keys_do_what_the_user_says_and_are_shown_so() {
    let keys = with(&[
        ("quit", &["x", "ctrl-q"]),
        ("pause", &["f5", "Alt-p"]),
        ("sort", &[]),
    ])
    .unwrap();
    let does = |code, modifiers| keys.action_of(KeyEvent::new(code, modifiers));
    assert_eq!(does(KeyCode::Char('x'), NONE), Some(Action::Quit));
    assert_eq!(does(KeyCode::Char('q'), CONTROL), Some(Action::Quit));
    assert_eq!(does(KeyCode::Char('q'), NONE), None);
    assert_eq!(
        does(KeyCode::Char('p'), KeyModifiers::ALT),
        Some(Action::Pause)
    );
    assert_eq!(does(KeyCode::F(5), NONE), Some(Action::Pause));
    assert_eq!(does(KeyCode::Char('s'), NONE), None);
    let of = |action| TABLE.iter().find(|one| one.action == action).unwrap();
    assert_eq!(keys.label(of(Action::Quit)), "x  Ctrl-Q");
    assert_eq!(keys.hint(of(Action::Quit)).as_deref(), Some("x quit"));
    assert_eq!(keys.hint(of(Action::Sort)), None);
}

#[test]
fn a_key_for_two_things_and_what_nobody_knows_is_refused_with_a_remedy() {
    type Given<'a> = &'a [(&'a str, &'a [&'a str])];
    let cases: [(Given, &str, &str); 8] = [
        (&[("quti", &["q"])], "quti", "did you mean quit?"),
        (
            &[("colours", &["q"])],
            "colours",
            "no action is called \"colours\"",
        ),
        (&[("quit", &["Ctrl-"])], "quit", "\"Ctrl-\" is no key"),
        (&[("quit", &["Ctrl-I"])], "quit", "is no key"),
        (&[("quit", &["F13"])], "quit", "F1 to F12"),
        (&[("quit", &[])], "quit", "a key to quit with"),
        (&[("record", &["e"])], "record", "e is a key of export too"),
        (
            &[("record", &["x"]), ("sort", &["x"])],
            "sort",
            "x is a key of record too",
        ),
    ];
    for (given, action, part) in cases {
        let error = with(given).unwrap_err();
        assert_eq!(error.action(), action);
        assert!(error.to_string().contains(part), "{error}");
    }
    let swapped = with(&[("record", &["e"]), ("export", &["r"])]);
    assert!(swapped.is_ok(), "{swapped:?}");
    let twice = with(&[("record", &["r", "r"])]).unwrap_err();
    assert!(twice.to_string().contains("a key of record"), "{twice}");
}
