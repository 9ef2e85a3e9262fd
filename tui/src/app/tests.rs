use super::*;
use crate::fixture;

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
