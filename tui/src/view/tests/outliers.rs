use std::time::Duration;

use hwptop_agent::snapshot::Scope;

use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::screen::Screen;

fn on_outliers(snapshots: impl IntoIterator<Item = Snapshot>) -> App {
    let mut app = App::new(Theme::Sixteen);
    for snapshot in snapshots {
        app.update(snapshot);
    }
    press(&mut app, KeyCode::Char('2'));
    app
}

/// As [`fixture::slow::host`], `seconds` later.
fn later(seconds: u64) -> Snapshot {
    let mut later = fixture::slow::host();
    later.taken_at += Duration::from_secs(seconds);
    for event in &mut later.slow {
        event.ended_at = event.ended_at.map(|at| at + Duration::from_secs(seconds));
    }
    later
}

/// The row that is marked.
fn selected(screen: &str) -> &str {
    let row = screen.lines().find(|line| line.starts_with("> "));
    row.unwrap_or_else(|| panic!("no row is marked:\n{screen}"))
}

#[test]
fn slow_requests_in_all_sizes() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Down);
    assert_in_all_sizes("outliers", &app);
    insta::assert_snapshot!("outliers_200x20", screen(&app, (200, 20)));
}

#[test]
fn one_slow_request_whole_in_all_sizes() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Down);
    press(&mut app, KeyCode::Enter);
    assert_in_all_sizes("outlier", &app);
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.screens.here().screen, Screen::Outliers);
}

#[test]
fn without_any_it_says_the_threshold_and_how_to_lower_it_in_all_sizes() {
    assert_in_all_sizes("no_outliers", &on_outliers([fixture::snapshot()]));
}

#[test]
fn many_slow_requests_are_scrolled_through() {
    let mut app = on_outliers((0..300).map(later));
    let top = screen(&app, (120, 30));
    assert!(
        top.contains("1000, newest first, 200 faster and older ones let go"),
        "{top}"
    );
    press(&mut app, KeyCode::PageDown);
    let below = screen(&app, (120, 30));
    assert_ne!(selected(&below), selected(&top));
    press(&mut app, KeyCode::End);
    let last = screen(&app, (120, 30));
    assert!(last.contains("↓ 0"), "{last}");
    press(&mut app, KeyCode::Home);
    assert_eq!(screen(&app, (120, 30)), top);
}

#[test]
fn the_selected_one_stays_so_when_others_come() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Down);
    let before = screen(&app, (200, 50));
    let time = &selected(&before)[..14];
    app.update(later(5));
    let after = screen(&app, (200, 50));
    assert_eq!(&selected(&after)[..14], time);
    assert_ne!(before, after);
}

#[test]
fn the_one_that_was_looked_at_whole_is_selected_afterwards() {
    let mut app = on_outliers([fixture::slow::host()]);
    let before = screen(&app, (200, 50));
    press(&mut app, KeyCode::Enter);
    app.update(later(5));
    press(&mut app, KeyCode::Esc);
    let after = screen(&app, (200, 50));
    assert_eq!(selected(&after)[..14], selected(&before)[..14]);
}

#[test]
fn their_key_leads_back_to_them_as_they_were() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Char('s'));
    press(&mut app, KeyCode::Down);
    let before = screen(&app, (120, 30));
    press(&mut app, KeyCode::Enter);
    press(&mut app, KeyCode::Char('o'));
    assert_eq!(screen(&app, (120, 30)), before);
}

#[test]
fn they_are_sorted_by_latency_and_the_other_way_round() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Char('s'));
    let slowest = screen(&app, (120, 30));
    assert!(slowest.contains("slowest first"), "{slowest}");
    assert!(selected(&slowest).contains("1.00s"), "{slowest}");
    press(&mut app, KeyCode::Char('S'));
    let fastest = screen(&app, (120, 30));
    assert!(selected(&fastest).contains("1.10ms"), "{fastest}");
}

#[test]
fn from_the_screen_of_a_part_only_its_own_are_shown() {
    let mut app = on_outliers([fixture::slow::host()]);
    press(&mut app, KeyCode::Char('1'));
    app.screens.open(Screen::Part(Scope::Process(4713)));
    press(&mut app, KeyCode::Char('2'));
    let shown = screen(&app, (120, 30));
    assert!(shown.contains("of this part: 1,"), "{shown}");
    assert!(selected(&shown).contains("probe(4713)"), "{shown}");
}

#[test]
fn a_whole_slow_request_that_is_let_go_says_so() {
    let mut app = on_outliers([fixture::slow::host()]);
    app.screens.open(Screen::Outlier(99));
    let shown = screen(&app, (80, 24));
    assert!(shown.contains("not kept any more"), "{shown}");
}

#[test]
fn modelled_instances_are_marked_among_slow_requests() {
    let mut modelled = fixture::snapshot();
    modelled.slow = fixture::slow::host().slow;
    for event in &mut modelled.slow {
        event.instance = Some("model-vtd0".to_owned());
    }
    let shown = screen(&on_outliers([modelled]), (120, 30));
    assert!(selected(&shown).contains("model-vtd0*"), "{shown}");
}

#[test]
fn no_size_is_too_small_for_slow_requests() {
    let mut app = on_outliers([fixture::slow::host()]);
    for open in [false, true] {
        if open {
            press(&mut app, KeyCode::Enter);
        }
        for (width, height) in small_sizes() {
            screen(&app, (width, height));
            press(&mut app, KeyCode::Down);
        }
        screen(&app, (300, 100));
    }
}

#[test]
fn extreme_slow_requests_are_drawn() {
    let mut extreme = fixture::slow::host();
    for (event, ns) in extreme.slow.iter_mut().zip([0, 1, u64::MAX, u64::MAX]) {
        event.latency = Duration::from_nanos(ns);
        event.driver_op = Some(Duration::MAX);
        event.items = u32::MAX;
        event.asked = Some(u32::MAX);
        event.instance = Some("x".repeat(500));
        event.errno = u32::MAX;
        event.ended_at = Some(extreme.taken_at + Duration::from_secs(9));
    }
    let mut app = on_outliers([extreme]);
    for _ in 0..4 {
        for size in SIZES {
            screen(&app, size);
        }
        press(&mut app, KeyCode::Down);
    }
}

fn mouse(app: &mut App, kind: MouseEventKind, (column, row): (usize, usize)) {
    app.on_mouse(MouseEvent {
        kind,
        column: u16::try_from(column).unwrap(),
        row: u16::try_from(row).unwrap(),
        modifiers: KeyModifiers::NONE,
    });
}

/// The line of the screen with the marked row.
fn marked(screen: &str) -> usize {
    let row = screen.lines().position(|line| line.starts_with("> "));
    row.unwrap_or_else(|| panic!("no row is marked:\n{screen}"))
}

#[test]
fn the_mouse_selects_opens_and_scrolls_and_nothing_moves_under_a_click() {
    let mut app = on_outliers((0..300).map(later));
    let size = (120, 30);
    for _ in 0..9 {
        press(&mut app, KeyCode::PageDown);
    }
    let before = screen(&app, size);
    let rows = |screen: &str| {
        let rows = screen.lines().filter(|line| line.contains(" dmar0 "));
        rows.map(|row| row[2..].to_owned()).collect::<Vec<_>>()
    };
    let at = marked(&before);
    for line in [at - 1, at - 3] {
        mouse(
            &mut app,
            MouseEventKind::Down(MouseButton::Left),
            (20, line),
        );
        let clicked = screen(&app, size);
        assert_eq!(marked(&clicked), line);
        assert_eq!(rows(&clicked), rows(&before), "nothing moves");
    }
    mouse(&mut app, MouseEventKind::ScrollDown, (20, at));
    assert_eq!(marked(&screen(&app, size)), at);
    let number = app.screens.here().outlier.unwrap();
    mouse(&mut app, MouseEventKind::Down(MouseButton::Left), (20, at));
    assert_eq!(app.screens.here().screen, Screen::Outlier(number));
    // Beside the rows nothing is hit.
    press(&mut app, KeyCode::Esc);
    let before = screen(&app, size);
    for line in [0, 29] {
        mouse(
            &mut app,
            MouseEventKind::Down(MouseButton::Left),
            (20, line),
        );
        assert_eq!(screen(&app, size), before);
    }
}

#[test]
fn a_click_on_a_title_sorts_by_it_and_another_the_other_way_round() {
    let mut app = on_outliers([fixture::slow::host()]);
    let size = (120, 30);
    let mut click = |title: &str| {
        let shown = screen(&app, size);
        let at = shown.lines().position(|line| line.contains("  UTC"));
        let at = at.unwrap_or_else(|| panic!("no titles:\n{shown}"));
        let line = shown.lines().nth(at).unwrap();
        let before = line.split(title).next().unwrap().chars().count();
        assert!(line.contains(title), "{line}");
        mouse(
            &mut app,
            MouseEventKind::Down(MouseButton::Left),
            (before, at),
        );
        let shown = screen(&app, size);
        (
            app.screens.here().order.name(),
            shown.lines().nth(at).unwrap().to_owned(),
        )
    };
    for (title, order, arrow) in [
        ("latency", "slowest first", "▼latency"),
        ("latency", "fastest first", "▲latency"),
        ("UTC", "newest first", "UTC▼"),
        ("UTC", "oldest first", "UTC▲"),
        // Nothing is sorted by these.
        ("stage", "oldest first", "UTC▲"),
        ("instance", "oldest first", "UTC▲"),
        ("latency", "slowest first", "▼latency"),
    ] {
        let (sorted, titles) = click(title);
        assert_eq!(sorted, order, "{title}");
        assert!(titles.contains(arrow), "{titles}");
        assert_eq!(titles.matches(['▲', '▼']).count(), 1, "{titles}");
    }
}

#[test]
fn columns_that_there_is_no_room_for_are_told_with_the_width_that_has_them() {
    let app = on_outliers([fixture::slow::host()]);
    let shown = screen(&app, (120, 30));
    let line = shown
        .lines()
        .find(|line| line.contains("more column"))
        .unwrap();
    let (_, wide) = line.split_once("at ").unwrap();
    let wide: u16 = wide.split(' ').next().unwrap().parse().unwrap();
    assert!(!shown.contains("driver op  "), "{shown}");
    let all = screen(&app, (wide, 30));
    assert!(
        !all.contains("more column") && all.contains("count/commands"),
        "{all}"
    );
    assert!(screen(&app, (wide - 1, 30)).contains("1 more column at"));
}

#[test]
fn what_is_not_timed_inside_a_request_of_a_model_says_why() {
    let mut modelled = fixture::snapshot();
    modelled.slow = fixture::slow::host().slow;
    for event in &mut modelled.slow {
        (event.driver_op, event.submissions) = (None, None);
    }
    let mut app = on_outliers([modelled]);
    let mut shown = String::new();
    for _ in 0..4 {
        shown += &screen(&app, (120, 30));
        press(&mut app, KeyCode::Down);
    }
    assert!(!shown.contains("nothing inside it was timed"), "{shown}");
    assert!(
        shown.contains("request: submissions are timed, but not by the request"),
        "{shown}"
    );
    assert!(
        shown.contains("submission: has no parts that are timed"),
        "{shown}"
    );
}
