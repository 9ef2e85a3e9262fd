//! The table of instances: selection, order, filter, marks and the mouse.

use hwptop_agent::snapshot::{InstanceSnapshot, Scope};
use ratatui::{
    crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    style::Modifier,
};

use super::*;
use crate::{Flow, fixture::kernel, screen::Screen, sort::Sort};

const WIDE: (u16, u16) = (120, 30);
const PROOF_SIZES: [(u16, u16); 3] = [(60, 15), (120, 30), (200, 50)];

/// 64 instances, each with latencies and a rate of its own; the third has none.
fn different() -> Snapshot {
    let mut many = fixture::many(64);
    for (at, one) in (0..).zip(&mut many.instances) {
        let ns = 500 + at * 7_919 % 6_400;
        one.interval = match at {
            2 => hwptop_agent::snapshot::Activity::default(),
            _ => fixture::activity(50 + at * 31 % 64, ns),
        };
    }
    many
}

/// A dashboard that has seen no more than `snapshot`.
fn showing(snapshot: Snapshot) -> App {
    let mut app = App::new(Theme::Sixteen);
    app.update(snapshot);
    app
}

fn type_in(app: &mut App, text: &str) {
    for character in text.chars() {
        press(app, KeyCode::Char(character));
    }
}

/// The line of the selected row, which is also reversed.
fn selected_line(app: &App, size: (u16, u16)) -> String {
    let screen = screen(app, size);
    let lines: Vec<(usize, &str)> = screen
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('>'))
        .collect();
    assert_eq!(lines.len(), 1, "{screen}");
    let (y, line) = lines[0];
    let terminal = terminal(app, size);
    let cell = &terminal.backend().buffer()[(1, u16::try_from(y).unwrap())];
    assert!(cell.modifier.contains(Modifier::REVERSED), "{screen}");
    line.to_owned()
}

fn selected_name(app: &App) -> String {
    match crate::rows::selected(app) {
        Some(Scope::Instance(name)) => name,
        other => panic!("{other:?}"),
    }
}

fn rows_from_the_top(app: &App, size: (u16, u16)) -> Vec<String> {
    terminal(app, size);
    let drawn = app.drawn.borrow();
    let name = |scope: &Scope| match scope {
        Scope::Instance(name) => name.clone(),
        other => panic!("{other:?}"),
    };
    drawn.rows.iter().map(|(_, scope)| name(scope)).collect()
}

#[test]
fn the_table_scrolls_no_more_than_the_selected_row_needs() {
    let mut app = showing(fixture::many(64));
    let at_first = rows_from_the_top(&app, WIDE);
    let page = at_first.len();
    for _ in 1..page {
        press(&mut app, KeyCode::Down);
    }
    assert_eq!(rows_from_the_top(&app, WIDE), at_first);
    press(&mut app, KeyCode::Down);
    let by_one = rows_from_the_top(&app, WIDE);
    assert_eq!(by_one[..page - 1], at_first[1..]);
    for _ in 1..page {
        press(&mut app, KeyCode::Up);
    }
    assert_eq!(rows_from_the_top(&app, WIDE), by_one);
    assert!(selected_line(&app, WIDE).contains("41020000"));
}

#[test]
fn pages_the_first_and_the_last_row_are_reached_with_one_key() {
    let mut app = showing(fixture::many(64));
    let page = rows_from_the_top(&app, WIDE).len();
    let mut chosen = Vec::new();
    for key in [
        KeyCode::PageDown,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::Home,
        KeyCode::PageUp,
    ] {
        press(&mut app, key);
        selected_line(&app, WIDE);
        chosen.push(app.screens.here().row);
    }
    assert_eq!(chosen, [page, 63, 63 - page, 0, 0]);
}

#[test]
fn the_selected_row_is_on_every_screen_that_has_rows() {
    let mut app = showing(fixture::many(64));
    for key in [KeyCode::End, KeyCode::PageUp, KeyCode::Up] {
        press(&mut app, key);
        for height in (2..16).chain([24, 40]) {
            for width in [12, 60, 130] {
                selected_line(&app, (width, height));
            }
        }
    }
}

#[test]
fn the_details_are_of_the_selected_row() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Down);
    insta::assert_snapshot!("second_selected_60x15", screen(&app, (60, 15)));
    let shown = screen(&app, WIDE);
    assert!(shown.contains("── model-vtd1 modelled ──"), "{shown}");
    assert!(!shown.contains("── model-vtd0"), "{shown}");
}

#[test]
fn rows_sorted_in_all_sizes() {
    let mut app = after_a_minute(different());
    for size in PROOF_SIZES {
        app.screens.here_mut().sort = Sort::default();
        terminal(&app, size);
        for _ in 0..50 {
            if screen(&app, size).contains("▼p99") {
                break;
            }
            press(&mut app, KeyCode::Char('s'));
        }
        insta::assert_snapshot!(format!("sorted_{}x{}", size.0, size.1), screen(&app, size));
    }
}

#[test]
fn each_press_of_s_sorts_by_the_next_column_and_the_last_ends_it() {
    let mut app = showing(different());
    let unsorted = screen(&app, (80, 24));
    let mut said = Vec::new();
    loop {
        press(&mut app, KeyCode::Char('s'));
        let shown = screen(&app, (80, 24));
        if shown == unsorted {
            break;
        }
        let order = shown.split("sorted by ").nth(1).unwrap();
        said.push(order.lines().next().unwrap().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    name, a to z
    requests per second, largest first
    entries per second, largest first
    entries per request, largest first
    request p50, largest first
    request p99, largest first
    request max, largest first
    errors, largest first
    ");
}

#[test]
fn a_selected_row_stays_selected_where_rows_move() {
    let mut app = showing(different());
    terminal(&app, WIDE);
    for _ in 0..5 {
        press(&mut app, KeyCode::Down);
    }
    let name = selected_name(&app);
    for _ in 0..20 {
        press(&mut app, KeyCode::Char('s'));
        assert_eq!(selected_name(&app), name);
        press(&mut app, KeyCode::Char('S'));
        let line = selected_line(&app, WIDE);
        assert!(line.contains(&name[name.len() - 8..]), "{line}");
    }
    // In the next interval it is the slowest.
    let mut later = different();
    later.instances[5].interval = fixture::activity(100, 1_000_000);
    while !screen(&app, WIDE).contains("▼p50") {
        press(&mut app, KeyCode::Char('s'));
    }
    let before = rows_from_the_top(&app, WIDE);
    app.update(later);
    let after = rows_from_the_top(&app, WIDE);
    assert!(!before.contains(&name) || before[0] != name);
    assert_eq!(
        (after[0].as_str(), selected_name(&app)),
        (name.as_str(), name.clone())
    );
}

#[test]
fn rows_narrowed_in_all_sizes() {
    let mut app = after_a_minute(different());
    for size in PROOF_SIZES {
        type_in(&mut app, "/410");
        let name = |what: &str| format!("filter_{what}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name("typed"), screen(&app, size));
        press(&mut app, KeyCode::Enter);
        insta::assert_snapshot!(name("kept"), screen(&app, size));
        press(&mut app, KeyCode::Esc);
    }
}

#[test]
fn keys_go_to_the_open_filter_and_to_nothing_else() {
    let mut app = showing(different());
    let before = screen(&app, WIDE);
    type_in(&mut app, "/q ?2sS");
    assert_eq!(app.screens.here().screen, Screen::Instances);
    assert!(!app.is_paused());
    let shown = screen(&app, WIDE);
    assert!(shown.contains("none of 64 matches 'q ?2sS'"), "{shown}");
    let quit = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.on_key(quit), Flow::Quit);
    press(&mut app, KeyCode::Esc);
    assert_eq!(screen(&app, WIDE), before);
}

#[test]
fn a_filter_that_is_longer_than_the_screen_leaves_its_hint_and_its_end() {
    for width in [60, 80] {
        let mut app = showing(different());
        type_in(&mut app, &format!("/{}end", "x".repeat(100)));
        let shown = screen(&app, (width, 24));
        let line = shown.lines().last().unwrap();
        assert!(line.contains("xend   Enter keeps  Esc drops"), "{line}");
    }
}

#[test]
fn the_job_is_suspended_also_while_a_filter_is_typed_and_comes_back_to_it() {
    let mut app = showing(different());
    type_in(&mut app, "/41");
    let before = screen(&app, WIDE);
    let suspend = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
    assert_eq!(app.on_key(suspend), Flow::Suspend);
    assert_eq!(screen(&app, WIDE), before);
    type_in(&mut app, "z");
    assert_eq!(app.screens.here().filter, "41z");
    // A letter of the filter, whatever else it is a key of.
    let keys = [("suspend".to_owned(), vec!["z".to_owned()])];
    let keys = crate::Keys::with(&keys).unwrap();
    let mut app = showing(different()).with_keys(keys);
    type_in(&mut app, "/z");
    assert_eq!(app.screens.here().filter, "z");
}

#[test]
fn a_filter_is_edited_as_a_line_and_opened_again_with_what_it_has() {
    let mut app = showing(different());
    type_in(&mut app, "/41x");
    press(&mut app, KeyCode::Backspace);
    press(&mut app, KeyCode::Home);
    type_in(&mut app, "00");
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.screens.here().filter, "0041");
    type_in(&mut app, "/0");
    assert_eq!(app.screens.here().filter, "00410");
    press(&mut app, KeyCode::Enter);
    // Back drops the filter before it leads anywhere.
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.screens.here().filter, "");
    type_in(&mut app, "/");
    type_in(&mut app, &"x".repeat(1_000));
    assert_eq!(app.screens.here().filter.len(), 128);
    for width in 0..70 {
        for height in 0..20 {
            screen(&app, (width, height));
        }
    }
}

#[test]
fn a_filter_does_not_mind_large_and_small_letters_and_knows_what_is_modelled() {
    let mut mixed = fixture::snapshot();
    mixed.instances[1].kind = hwptop_agent::InstanceKind::Emulated;
    mixed.instances[1].name = "DMAR7".to_owned();
    let rows_with = |filter: &str| {
        let mut app = showing(mixed.clone());
        type_in(&mut app, "/");
        type_in(&mut app, filter);
        rows_from_the_top(&app, WIDE).join(" ")
    };
    assert_eq!(rows_with("dmar"), "DMAR7");
    assert_eq!(rows_with("VTD"), "model-vtd0");
    assert_eq!(rows_with("MODELLED"), "model-vtd0");
    assert_eq!(rows_with("emul"), "DMAR7");
    assert_eq!(rows_with("7"), "DMAR7");
    assert_eq!(rows_with("é"), "");
}

#[test]
fn objects_are_found_by_their_process_and_sorted_as_instances_are() {
    let mut app = showing(kernel::host());
    press(&mut app, KeyCode::Enter);
    let rows = |app: &App| {
        let snapshot = app.picture().snapshot.as_ref().unwrap();
        let rows = crate::rows::listed(app, app.screens.here(), snapshot);
        let of = |scope: &Scope| match scope {
            Scope::Object(object) => (object.process, Some(object.hwpt)),
            Scope::Process(process) => (*process, None),
            other => panic!("{other:?}"),
        };
        let processes: Vec<(u32, Option<u32>)> = rows.scopes.iter().map(of).collect();
        (processes, rows.all)
    };
    let (first, second) = ((4711, Some(4)), (4712, Some(9)));
    let (unreached, [a, b, c]) = (
        (4713, Some(7)),
        [4711, 4712, 4713].map(|process| (process, None)),
    );
    assert_eq!(rows(&app), (vec![a, first, b, second, c, unreached], 6));
    let p50 = crate::column::Column::Request(crate::column::Mark::P50);
    let place = app.screens.here_mut();
    place.sort = place.sort.by(crate::sort::By::Column(p50)).reverse();
    let (sorted, _) = rows(&app);
    let place_of = |row| sorted.iter().position(|one| *one == row).unwrap();
    assert!(place_of(second) < place_of(first), "{sorted:?}");
    type_in(&mut app, "/QEMU");
    assert_eq!(rows(&app), (vec![a, first], 6));
}

/// A minute of the same, and then ten times the p99 on the second instance.
fn with_a_tail() -> App {
    let mut app = App::new(Theme::Sixteen);
    for _ in 0..60 {
        app.update(fixture::snapshot());
    }
    let mut later = fixture::snapshot();
    later.instances[1].interval.request = fixture::stage(824, 13_000, 24_100);
    app.update(later);
    app
}

#[test]
fn a_tail_that_leaves_its_own_history_is_marked_in_all_sizes() {
    let mut app = with_a_tail();
    press(&mut app, KeyCode::Down);
    for size in PROOF_SIZES {
        insta::assert_snapshot!(format!("tail_{}x{}", size.0, size.1), screen(&app, size));
        let buffer = terminal(&app, size);
        let cells = &buffer.backend().buffer().content;
        let marks = cells
            .iter()
            .filter(|cell| cell.symbol() == "!" && cell.fg == Color::Red);
        assert_eq!(marks.count(), 2, "in the table and in the title");
    }
    let mut plain = with_a_tail();
    plain.theme = Theme::Monochrome;
    press(&mut plain, KeyCode::Down);
    assert_eq!(screen(&plain, WIDE), screen(&app, WIDE));
}

fn mouse(app: &mut App, kind: MouseEventKind, (column, row): (u16, u16)) {
    let modifiers = KeyModifiers::NONE;
    let event = MouseEvent {
        kind,
        column,
        row,
        modifiers,
    };
    assert_eq!(app.on_mouse(event), Flow::Continue);
}

fn click(app: &mut App, at: (u16, u16)) {
    mouse(app, MouseEventKind::Down(MouseButton::Left), at);
    mouse(app, MouseEventKind::Up(MouseButton::Left), at);
}

/// Where `text` is on the screen.
fn find(app: &App, size: (u16, u16), text: &str) -> (u16, u16) {
    let screen = screen(app, size);
    let mut lines = screen.lines().enumerate();
    let found = lines.find_map(|(y, line)| {
        let x = line[..line.find(text)?].chars().count();
        Some((u16::try_from(x).unwrap(), u16::try_from(y).unwrap()))
    });
    found.unwrap_or_else(|| panic!("{text} is not on\n{screen}"))
}

#[test]
fn a_click_selects_the_row_that_is_drawn_there_and_one_more_opens_it() {
    for size in [(60, 15), (80, 24), (200, 50)] {
        let mut app = showing(fixture::many(64));
        for _ in 0..30 {
            press(&mut app, KeyCode::Down);
        }
        let names = rows_from_the_top(&app, size);
        for name in names.iter().step_by(5) {
            let at = find(&app, size, &name[name.len() - 7..]);
            if selected_name(&app) != *name {
                click(&mut app, at);
            }
            assert_eq!(selected_name(&app), *name);
            assert_eq!(rows_from_the_top(&app, size), names, "nothing moves");
        }
        let at = find(&app, size, &names[0][names[0].len() - 7..]);
        click(&mut app, at);
        assert_eq!(app.screens.here().screen, Screen::Instances);
        click(&mut app, at);
        let opened = Screen::Part(Scope::Instance(names[0].clone()));
        assert_eq!(app.screens.here().screen, opened);
    }
}

#[test]
fn a_click_on_a_title_sorts_by_it_and_one_more_turns_it_round() {
    let mut app = showing(different());
    for (title, shown) in [
        ("requests", "▼requests"),
        ("requests", "▲requests"),
        ("max", "▼max"),
        ("instance ", "instance▲"),
    ] {
        let at = find(&app, WIDE, title);
        click(&mut app, at);
        let arrow = find(&app, WIDE, shown);
        let terminal = terminal(&app, WIDE);
        let cell = &terminal.backend().buffer()[arrow];
        assert!(cell.modifier.contains(Modifier::REVERSED), "{shown}");
    }
    // A trend has no order.
    let at = find(&app, WIDE, "trend");
    click(&mut app, at);
    find(&app, WIDE, "instance▲");
}

#[test]
fn the_wheel_moves_the_selection_and_nothing_else_hears_the_mouse() {
    let mut app = showing(fixture::many(64));
    let before = screen(&app, WIDE);
    mouse(&mut app, MouseEventKind::Moved, (5, 8));
    click(&mut app, (0, 0));
    click(&mut app, (119, 29));
    click(&mut app, (400, 400));
    mouse(&mut app, MouseEventKind::Down(MouseButton::Right), (5, 8));
    assert_eq!(screen(&app, WIDE), before);
    mouse(&mut app, MouseEventKind::ScrollDown, (5, 8));
    assert_eq!(app.screens.here().row, 3);
    mouse(&mut app, MouseEventKind::ScrollUp, (5, 8));
    assert_eq!(app.screens.here().row, 0);
    // While a filter is typed, and below the help: there the wheel scrolls the help.
    for (key, scrolls) in [('/', false), ('?', true)] {
        press(&mut app, KeyCode::Char(key));
        let shown = screen(&app, WIDE);
        click(&mut app, (5, 8));
        assert_eq!(screen(&app, WIDE), shown);
        mouse(&mut app, MouseEventKind::ScrollDown, (5, 8));
        assert_eq!(screen(&app, WIDE) != shown, scrolls);
        press(&mut app, KeyCode::Esc);
    }
    assert_eq!(screen(&app, WIDE), before);
}

#[test]
fn of_ten_thousand_rows_only_those_that_are_seen_are_drawn() {
    let mut many = fixture::many(1);
    let one = many.instances.remove(0);
    many.instances = (0..10_000)
        .map(|number| InstanceSnapshot {
            number,
            name: format!("smmu3.{:#018x}", 0x4100_0000 + 0x2_0000 * u64::from(number)),
            ..one.clone()
        })
        .collect();
    let mut app = showing(many);
    let size = (200, 50);
    terminal(&app, size);
    press(&mut app, KeyCode::End);
    press(&mut app, KeyCode::PageUp);
    assert_eq!(rows_from_the_top(&app, size).len(), 41);
    type_in(&mut app, "s/ffe");
    let shown = screen(&app, size);
    assert!(shown.contains(" of 10000 match 'ffe'"), "{shown}");
}

#[test]
fn what_is_pasted_goes_into_the_filter_and_nowhere_else() {
    let mut app = showing(fixture::snapshot());
    app.on_paste("q\nr");
    assert!(app.prompt.is_none() && app.screens.here().filter.is_empty());
    type_in(&mut app, "/");
    app.on_paste("VTD\n1\u{1b}");
    assert_eq!(app.screens.here().filter, "VTD1");
    assert_eq!(rows_from_the_top(&app, WIDE), ["model-vtd1"]);
}

#[test]
fn only_keys_that_do_something_are_hinted_at() {
    let mut app = showing(fixture::snapshot());
    let hints = |app: &App| {
        let screen = screen(app, (200, 50));
        screen.lines().last().unwrap_or_default().to_owned()
    };
    assert!(hints(&app).contains("/ filter") && !hints(&app).contains("back"));
    press(&mut app, KeyCode::Char('4'));
    let health = hints(&app);
    assert!(
        health.contains("Esc back") && !health.contains("filter") && !health.contains("4 health"),
        "{health}"
    );
    press(&mut app, KeyCode::Char('/'));
    assert!(app.prompt.is_none());
    assert!(screen(&app, (80, 24)).contains("nothing to filter on this screen"));
    assert!(screen(&showing_by_step(), (120, 30)).contains("n next interval"));
}

fn showing_by_step() -> App {
    let mut app = showing(fixture::snapshot());
    app.by_step = true;
    app
}
