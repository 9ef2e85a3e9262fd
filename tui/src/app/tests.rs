use super::*;
use crate::fixture::{self, kernel};

#[test]
fn the_memory_is_that_of_all_that_is_kept() {
    let mut app = App::new(Theme::Dark);
    assert_eq!(app.bytes(), 0);
    app.update(fixture::snapshot());
    let history = &app.live.history;
    let [kept, blocks, past] = [
        history.kept.bytes(),
        app.live.blocks.bytes(),
        app.past.bytes(),
    ];
    assert!(kept > 0 && blocks > 0 && past > 0);
    let session = app.bytes();
    assert_eq!(session, history.bytes() + blocks + past);
    assert!(history.bytes() > kept);
    app.compare_with(Baseline {
        name: "the same".to_owned(),
        blocks: app.live.blocks.clone(),
    });
    assert_eq!(app.bytes(), session + blocks);
}

fn instance(name: &str) -> Scope {
    Scope::Instance(name.to_owned())
}

/// What is exported and what is recorded after `keys`.
fn scopes(keys: &[KeyCode]) -> (Scope, Scope) {
    let mut app = App::new(Theme::Dark);
    app.update(kernel::host());
    for key in keys {
        app.on_key(KeyEvent::new(*key, KeyModifiers::NONE));
    }
    let exported = app.export(ExportForm::Svg, (80, 24)).unwrap();
    (exported.scope, app.selection())
}

#[test]
fn what_is_exported_and_recorded_is_what_is_shown_and_selected() {
    use KeyCode::{Char, Down, Enter, Up};
    let (all, first, second) = (Scope::Everything, instance("dmar0"), instance("dmar1"));
    let both = |scope: &Scope| (scope.clone(), scope.clone());
    for (keys, expected) in [
        (&[][..], (all.clone(), first.clone())),
        (&[Char('?')], (all.clone(), first.clone())),
        (&[Down], (all.clone(), second.clone())),
        (&[Down, Char('?')], (all.clone(), second.clone())),
        (&[Enter], both(&first)),
        (&[Enter, Down, Up], (first.clone(), Scope::Process(4711))),
        (&[Char('o')], both(&all)),
        (&[Enter, Char('o')], both(&first)),
        (&[Enter, Char('o'), Enter], both(&first)),
        (&[Enter, Char('o'), Char('?')], both(&first)),
        (&[Enter, Char('c')], both(&first)),
        (&[Enter, Char('c'), Down], both(&second)),
        (&[Enter, Char('i')], both(&all)),
    ] {
        assert_eq!(scopes(keys), expected, "{keys:?}");
    }
}
