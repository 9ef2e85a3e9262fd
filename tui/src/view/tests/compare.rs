use hwptop_agent::{
    compare::Blocks,
    snapshot::{Scope, Stage},
};

use super::*;
use crate::Baseline;

const SIZES: [(u16, u16); 3] = [(60, 15), (120, 30), (200, 50)];

/// `seconds` of `snapshot`, whose requests take `percent` of what they do there, more or less.
fn seconds(snapshot: &Snapshot, seconds: u64, percent: u64) -> Vec<Snapshot> {
    let second = |second: u64| {
        let mut snapshot = snapshot.clone();
        snapshot.taken_at += Duration::from_secs(second);
        for instance in &mut snapshot.instances {
            let stage = &mut instance.interval.request;
            let before = stage.latency.clone();
            stage.latency.clear();
            stage.total_ns = 0;
            for value in before.iter_recorded() {
                let load = percent * (96 + second * 7 % 9);
                let ns = value.value_iterated_to() * load / 10_000;
                stage.latency.record_n(ns, value.count_at_value()).unwrap();
                stage.total_ns += ns * value.count_at_value();
            }
        }
        snapshot
    };
    (0..seconds).map(second).collect()
}

fn baseline(snapshots: &[Snapshot]) -> Baseline {
    let mut blocks = Blocks::default();
    for one in snapshots {
        blocks.push(one);
    }
    Baseline {
        name: "before-the-patch.jsonl".to_owned(),
        blocks,
    }
}

/// A dashboard that compares `live` with `base`.
fn comparing(base: &[Snapshot], live: Vec<Snapshot>) -> App {
    let mut app = App::new(Theme::Sixteen);
    app.compare_with(baseline(base));
    for one in live {
        app.update(one);
    }
    press(&mut app, KeyCode::Char('c'));
    app
}

pub(super) fn slower() -> App {
    let snapshot = fixture::snapshot();
    comparing(&seconds(&snapshot, 60, 100), seconds(&snapshot, 30, 150))
}

fn in_three_sizes(name: &str, app: &App) {
    for size in SIZES {
        insta::assert_snapshot!(
            format!("compare_{name}_{}x{}", size.0, size.1),
            screen(app, size)
        );
    }
}

#[test]
fn requests_that_became_slower_in_all_sizes() {
    let app = slower();
    in_three_sizes("slower", &app);
    let shown = screen(&app, (120, 30));
    let line = |name: &str| {
        let mut lines = shown.lines();
        lines
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(line("p50").contains(" *") && line("p50").contains('━'));
    // Only the request stage was made slower, and none more often.
    assert!(line("per second").contains("1.00"));
}

#[test]
fn the_same_again_leaves_room_for_one_everywhere() {
    let snapshot = fixture::snapshot();
    let app = comparing(&seconds(&snapshot, 60, 100), seconds(&snapshot, 30, 100));
    let shown = screen(&app, (120, 30));
    let starred = shown.lines().filter(|line| line.contains(" * ")).count();
    assert_eq!(starred, 0, "{shown}");
    assert!(
        shown
            .lines()
            .any(|line| line.starts_with("p50") && line.contains("1.00"))
    );
}

#[test]
fn without_a_baseline_it_says_how_to_give_one_in_all_sizes() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char('c'));
    in_three_sizes("none", &app);
}

#[test]
fn what_was_until_now_becomes_the_baseline_and_what_comes_is_compared() {
    let snapshot = fixture::snapshot();
    let mut app = App::new(Theme::Sixteen);
    for one in seconds(&snapshot, 20, 100) {
        app.update(one);
    }
    // Nowhere else: what is compared is not to be lost by a slip.
    press(&mut app, KeyCode::Char('b'));
    assert!(app.comparing.baseline.is_none());
    press(&mut app, KeyCode::Char('c'));
    press(&mut app, KeyCode::Char('b'));
    in_three_sizes("just_taken", &app);
    // Nothing has come yet: the baseline is not lost by a second press.
    press(&mut app, KeyCode::Char('b'));
    for one in seconds(&snapshot, 3, 60) {
        app.update(one);
    }
    let shown = screen(&app, (120, 30));
    assert!(
        shown.contains("this session, until b was pressed"),
        "{shown}"
    );
    assert!(shown.contains("20 s in 20 intervals"), "{shown}");
    assert!(shown.contains("3 of 5 blocks"), "{shown}");
}

#[test]
fn what_is_not_taken_alike_is_named_in_all_sizes() {
    let snapshot = fixture::snapshot();
    let mut live = seconds(&fixture::kernel::host(), 30, 100);
    for one in &mut live {
        one.instances[0].name = "model-vtd0".to_owned();
    }
    let app = comparing(&seconds(&snapshot, 60, 100), live);
    for size in SIZES {
        let shown = screen(&app, size);
        assert!(
            shown.contains("! not taken alike: kind of target (model:vtd, then kernel)"),
            "{shown}"
        );
    }
    in_three_sizes("not_alike", &app);
}

#[test]
fn arrows_choose_what_is_compared_and_tab_its_stage() {
    let mut app = slower();
    let title = |app: &App| {
        let shown = screen(app, (120, 30));
        shown
            .lines()
            .find(|line| line.starts_with("compare"))
            .unwrap()
            .to_owned()
    };
    assert!(
        title(&app).starts_with("compare  model-vtd0*, stage request"),
        "{}",
        title(&app)
    );
    press(&mut app, KeyCode::Down);
    assert!(title(&app).contains("model-vtd1*"));
    press(&mut app, KeyCode::Up);
    press(&mut app, KeyCode::Up);
    assert!(title(&app).contains("all instances") && title(&app).contains("1 of 3"));
    press(&mut app, KeyCode::Tab);
    assert!(title(&app).contains("stage submission"));
    press(&mut app, KeyCode::Tab);
    assert!(title(&app).contains("stage request"));
}

#[test]
fn it_opens_at_what_was_looked_at() {
    let snapshot = fixture::snapshot();
    let mut app = comparing(&seconds(&snapshot, 9, 100), seconds(&snapshot, 9, 100));
    press(&mut app, KeyCode::Esc);
    press(&mut app, KeyCode::Down);
    press(&mut app, KeyCode::Enter);
    press(&mut app, KeyCode::Char('c'));
    let selected = app.screens.here().selected.clone();
    assert_eq!(selected, Some(Scope::Instance("model-vtd1".to_owned())));
    press(&mut app, KeyCode::Esc);
    assert_eq!(
        app.screens.here().screen,
        crate::screen::Screen::Part(Scope::Instance("model-vtd1".to_owned()))
    );
}

#[test]
fn what_is_compared_stays_chosen_while_one_looks_elsewhere() {
    let mut app = slower();
    press(&mut app, KeyCode::Down);
    let before = screen(&app, (120, 30));
    press(&mut app, KeyCode::Char('2'));
    press(&mut app, KeyCode::Char('3'));
    assert_eq!(screen(&app, (120, 30)), before);
}

#[test]
fn it_opens_at_a_process_though_it_was_open_before() {
    let host = fixture::kernel::host();
    let mut app = comparing(&seconds(&host, 9, 100), seconds(&host, 9, 100));
    screen(&app, (120, 30));
    press(&mut app, KeyCode::Esc);
    let owner = host.objects.iter().find_map(|one| one.owner.as_ref());
    let process = owner.unwrap().process.id;
    let part = crate::screen::Screen::Part(Scope::Process(process));
    app.screens.open(part);
    press(&mut app, KeyCode::Char('c'));
    let shown = screen(&app, (120, 30));
    let title = format!("compare  process {process}, stage request");
    assert!(shown.contains(&title), "{shown}");
}

#[test]
fn what_the_baseline_does_not_have_is_absent_and_not_zero() {
    let snapshot = fixture::snapshot();
    let mut base = seconds(&snapshot, 9, 100);
    for one in &mut base {
        one.instances.truncate(1);
    }
    let mut app = comparing(&base, seconds(&snapshot, 9, 100));
    press(&mut app, KeyCode::Down);
    assert_eq!(app.comparing.stage, Stage::Request);
    let shown = screen(&app, (120, 30));
    let line = shown.lines().find(|line| line.starts_with("p50")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..4], ["p50", "-", "2.96µs", "-"], "{shown}");
    assert!(
        shown.contains("the baseline has nothing of this stage here"),
        "{shown}"
    );
}

#[test]
fn a_held_picture_holds_its_comparison() {
    let snapshot = fixture::snapshot();
    let mut app = slower();
    press(&mut app, KeyCode::Char(' '));
    let held = screen(&app, (120, 30));
    for one in seconds(&snapshot, 30, 900) {
        app.update(one);
    }
    assert_eq!(screen(&app, (120, 30)), held);
    press(&mut app, KeyCode::Char(' '));
    assert_ne!(screen(&app, (120, 30)), held);
}

#[test]
fn signs_say_what_colours_say() {
    let app = slower();
    let shown = screen(&app, (120, 30));
    assert!(shown.contains("++") && shown.contains("--"), "{shown}");
    let terminal = terminal(&app, (120, 30));
    let mut cells = terminal.backend().buffer().content.iter();
    assert!(cells.any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset));
}

#[test]
fn no_size_and_no_figure_is_too_much_for_it() {
    let extremes = fixture::extremes();
    let many = fixture::many(64);
    for (base, live) in [
        (seconds(&extremes, 9, 100), seconds(&extremes, 9, 1)),
        (vec![fixture::first()], seconds(&many, 2, 100)),
        (seconds(&many, 200, 1), vec![fixture::first()]),
        (Vec::new(), seconds(&extremes, 200, 100)),
    ] {
        let mut app = comparing(&base, live);
        for _ in 0..2 {
            for width in (0..70).step_by(3).chain([120, 300]) {
                for height in (0..24).chain([100]) {
                    screen(&app, (width, height));
                }
            }
            press(&mut app, KeyCode::Down);
        }
    }
}

#[test]
fn a_baseline_is_replaced_by_the_second_of_two_keys_and_not_by_the_first() {
    let snapshot = fixture::snapshot();
    let mut app = App::new(Theme::Sixteen);
    let go_on = |app: &mut App| {
        for one in seconds(&snapshot, 10, 100) {
            app.update(one);
        }
    };
    go_on(&mut app);
    press(&mut app, KeyCode::Char('c'));
    press(&mut app, KeyCode::Char('b'));
    go_on(&mut app);
    for other in [KeyCode::Down, KeyCode::Tab] {
        press(&mut app, KeyCode::Char('b'));
        let shown = screen(&app, (120, 30));
        assert!(shown.contains("once more replaces the baseline"), "{shown}");
        assert!(!app.picture().blocks.is_empty());
        press(&mut app, other);
    }
    press(&mut app, KeyCode::Char('b'));
    press(&mut app, KeyCode::Char('b'));
    assert!(app.picture().blocks.is_empty());
}

#[test]
fn no_baseline_is_taken_once_the_source_has_ended_and_nothing_offers_it() {
    for has_baseline in [false, true] {
        let mut app = after_a_minute(fixture::snapshot());
        if has_baseline {
            app.compare_with(baseline(&seconds(&fixture::snapshot(), 9, 100)));
        }
        press(&mut app, KeyCode::Char('c'));
        app.end();
        let before = screen(&app, (120, 30));
        assert!(!before.contains("press b") && !before.contains("new baseline"));
        for _ in 0..2 {
            press(&mut app, KeyCode::Char('b'));
            let shown = screen(&app, (120, 30));
            assert!(shown.contains("the source has ended"), "{shown}");
            let name = app.comparing.baseline.as_ref().map(|one| &*one.name);
            assert_eq!(name, has_baseline.then_some("before-the-patch.jsonl"));
            assert!(!app.live().blocks.is_empty());
        }
    }
}

#[test]
fn a_baseline_that_is_taken_while_the_picture_is_held_is_of_all_until_now_and_lets_it_go_on() {
    let mut app = App::new(Theme::Sixteen);
    let [held, later] = [4, 3].map(|count| seconds(&fixture::snapshot(), count, 100));
    for one in held {
        app.update(one);
    }
    press(&mut app, KeyCode::Char('c'));
    press(&mut app, KeyCode::Char(' '));
    for one in later {
        app.update(one);
    }
    let shown = screen(&app, (120, 30)).replace('\n', " ");
    assert!(shown.contains("7 s in 7 intervals"), "{shown}");
    assert!(shown.contains("held goes on then"), "{shown}");
    press(&mut app, KeyCode::Char('b'));
    assert!(!app.is_paused());
    let blocks = &app.comparing.baseline.as_ref().unwrap().blocks;
    assert_eq!(blocks.intervals(), 7);
    let shown = screen(&app, (120, 30));
    let said = "the baseline is 7 s until now, also while the picture was held, which goes on";
    assert!(shown.contains(said), "{shown}");
}

#[test]
fn a_comparison_is_of_the_part_that_one_looks_at_also_from_its_slow_requests() {
    let mut app = App::new(Theme::Sixteen);
    app.update(fixture::slow::host());
    app.compare_with(baseline(&[fixture::slow::host()]));
    let (down, enter) = (KeyCode::Down, KeyCode::Enter);
    let key = KeyCode::Char;
    for (keys, selected) in [
        (&[enter, key('o'), key('c')][..], Some("dmar0")),
        (&[enter, key('o'), enter, key('c')], Some("dmar0")),
        (&[down, enter, key('o'), key('c')], Some("dmar1")),
        (&[enter, key('?'), key('c')], Some("dmar0")),
        (&[down, key('?'), key('c')], Some("dmar1")),
        (&[key('o'), key('c')], None),
    ] {
        press(&mut app, key('1'));
        press(&mut app, KeyCode::Home);
        for key in keys {
            press(&mut app, *key);
        }
        let place = app.screens.here();
        assert_eq!(place.screen, Screen::Compare);
        let selected = selected.map(|name| Scope::Instance(name.to_owned()));
        assert_eq!(place.selected, selected, "{keys:?}");
    }
}

#[test]
fn parts_that_are_left_out_of_a_comparison_are_told() {
    let mut many = fixture::kernel::thousand_objects();
    let template = many.instances[0].clone();
    let objects = many.objects.len();
    for number in 0..1100_u16 {
        let mut one = template.clone();
        (one.number, one.name) = (1000 + number, format!("dmar{}", 1000 + number));
        many.instances.push(one);
    }
    let app = comparing(&[fixture::kernel::host()], vec![many]);
    let shown = screen(&app, (120, 30));
    assert!(
        shown.contains("! instances and HWPTs left out"),
        "{objects}: {shown}"
    );
    assert!(shown.contains("in live"), "{shown}");
}
