use std::time::Duration;

use hwptop_agent::snapshot::{MeasuredBy, Snapshot};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
    style::Color,
};

use crate::{App, Theme, fixture, screen::Screen};

mod compare;
mod health;
mod kernel;
mod outliers;
mod part;
mod table;

const SIZES: [(u16, u16); 4] = [(60, 15), (80, 24), (120, 30), (200, 50)];

/// A dashboard that has seen a minute of `snapshot`, with a tail that comes and
/// goes.
fn after_a_minute(snapshot: Snapshot) -> App {
    let mut app = App::new(Theme::Sixteen);
    let base = snapshot.instances.clone();
    let mut snapshot = snapshot;
    for second in 0..60_u64 {
        for (instance, base) in snapshot.instances.iter_mut().zip(&base) {
            let factor = 8 + (second * second + instance.name.len() as u64) % 13;
            for (stage, base) in [
                (&mut instance.interval.request, &base.interval.request),
                (&mut instance.interval.submission, &base.interval.submission),
            ] {
                stage.latency.clear();
                for value in base.latency.iter_recorded() {
                    let ns = value.value_iterated_to() * factor / 10;
                    stage.latency.record_n(ns, value.count_at_value()).unwrap();
                }
            }
        }
        app.update(snapshot.clone());
    }
    snapshot.instances = base;
    app.update(snapshot);
    app
}

fn press(app: &mut App, key: KeyCode) {
    app.on_key(KeyEvent::from(key));
}

fn terminal(app: &App, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    terminal
}

/// Widths and heights from nothing on.
fn small_sizes() -> impl Iterator<Item = (u16, u16)> {
    let widths = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 80];
    (0..30).flat_map(move |height| widths.map(|width| (width, height)))
}

/// The screen as text, without the blanks at the ends of its lines.
fn screen(app: &App, size: (u16, u16)) -> String {
    let terminal = terminal(app, size);
    let buffer = terminal.backend().buffer();
    let lines = (0..size.1).map(|y| {
        let line: String = (0..size.0).map(|x| buffer[(x, y)].symbol()).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_in_all_sizes(name: &str, app: &App) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(app, size));
    }
}

#[test]
fn two_instances_in_all_sizes() {
    assert_in_all_sizes("two_instances", &after_a_minute(fixture::snapshot()));
}

#[test]
fn costs_are_in_the_status_where_there_is_room() {
    let app = after_a_minute(fixture::costs::counted());
    let roomy = screen(&app, (160, 50));
    assert!(
        roomy.contains("looking costs 865ns a request, 0.2 % of a core"),
        "{roomy}"
    );
    assert!(
        roomy.contains("a request: ~12.3k cycles, 4.08µs CPU"),
        "{roomy}"
    );
    let low = screen(&app, (80, 12));
    assert!(!low.contains("looking costs"), "{low}");
}

#[test]
fn the_first_interval_shows_absent_values_and_no_zeros() {
    let mut app = App::new(Theme::Sixteen);
    app.update(fixture::first());
    assert_in_all_sizes("first_interval", &app);
}

#[test]
fn before_the_first_interval_it_says_that_it_waits() {
    let screen = screen(&App::new(Theme::Sixteen), (80, 24));
    assert!(
        screen.contains("waiting for the first interval"),
        "{screen}"
    );
}

#[test]
fn no_instances_is_said_and_not_shown_as_an_empty_table() {
    let mut app = App::new(Theme::Sixteen);
    let mut empty = fixture::snapshot();
    empty.instances.clear();
    app.update(empty);
    assert_in_all_sizes("no_instances", &app);
}

#[test]
fn a_frozen_queue_shows_its_reason_in_all_sizes() {
    let app = after_a_minute(fixture::frozen());
    assert_in_all_sizes("frozen", &app);
    for size in SIZES {
        let terminal = terminal(&app, size);
        let red = |symbol: &str| {
            let cells = &terminal.backend().buffer().content;
            cells
                .iter()
                .any(|cell| cell.fg == Color::Red && cell.symbol() == symbol)
        };
        assert!(red("!"), "{size:?}");
    }
}

#[test]
fn a_paused_picture_stands_still_and_catches_up_afterwards() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char(' '));
    let held = screen(&app, (120, 30));
    assert!(held.contains("PAUSED"), "{held}");
    let mut later = fixture::snapshot();
    later.since_start = Duration::from_secs(99);
    app.update(later);
    assert_eq!(screen(&app, (120, 30)), held);
    press(&mut app, KeyCode::Char('p'));
    let shown = screen(&app, (120, 30));
    assert!(
        !shown.contains("PAUSED") && shown.contains("1 min 39 s"),
        "{shown}"
    );
}

#[test]
fn paused_in_all_sizes() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char(' '));
    assert_in_all_sizes("paused", &app);
}

/// A minute of two instances, a second an interval.
fn a_minute_of_seconds() -> App {
    let mut app = App::new(Theme::Sixteen);
    for second in 0..60 {
        let mut snapshot = fixture::snapshot();
        snapshot.taken_at += Duration::from_secs(second);
        snapshot.since_start = Duration::from_secs(second + 1);
        for (index, instance) in (0..).zip(&mut snapshot.instances) {
            let ns = 1000 + 40 * (second * (index + 3) % 23);
            instance.interval = fixture::activity(1000 + 10 * second, ns);
        }
        app.update(snapshot);
    }
    app
}

#[test]
fn one_can_go_back_in_time_while_the_picture_is_held() {
    let mut app = a_minute_of_seconds();
    press(&mut app, KeyCode::Char(' '));
    let held = screen(&app, (120, 30));
    assert!(held.contains("PAUSED 60 of 60, 22:14:19 UTC"), "{held}");
    for _ in 0..48 {
        press(&mut app, KeyCode::Left);
    }
    assert_in_all_sizes("back_in_time", &app);
    let shown = screen(&app, (120, 30));
    assert!(
        shown.contains("PAUSED 12 of 60, 22:13:31 UTC, 48 s ago"),
        "{shown}"
    );
    for _ in 0..48 {
        press(&mut app, KeyCode::Char('l'));
    }
    assert_eq!(screen(&app, (120, 30)), held);
}

#[test]
fn going_back_without_a_held_picture_says_what_it_needs() {
    let mut app = a_minute_of_seconds();
    press(&mut app, KeyCode::Left);
    let shown = screen(&app, (120, 30));
    let last = shown.lines().last().unwrap();
    assert_eq!(last, "only while the picture is held");
}

#[test]
fn a_recording_and_a_message_in_all_sizes() {
    let mut app = a_minute_of_seconds();
    app.tell_recorded(Some(crate::Recorded {
        file: "hwptop-20231114T221319Z-model-vtd0.jsonl".to_owned(),
        length: Duration::from_secs(72),
    }));
    app.say(Err(
        "cannot write hwptop-20231114T221319Z-model-vtd0.jsonl: No space left on device; 72 \
         intervals are in it"
            .to_owned(),
    ));
    assert_in_all_sizes("recording", &app);
    press(&mut app, KeyCode::Char('e'));
    assert_in_all_sizes("export", &app);
    press(&mut app, KeyCode::Esc);
    press(&mut app, KeyCode::Char(' '));
    let shown = screen(&app, (60, 15));
    let header = shown.lines().next().unwrap();
    assert_eq!(
        header.trim_end(),
        "hwptop  model:v…tances=2  *modelled   REC   PAUSED 60 of 60"
    );
}

#[test]
fn no_size_is_too_small_for_a_message_and_what_is_held() {
    let mut app = a_minute_of_seconds();
    press(&mut app, KeyCode::Char(' '));
    app.tell_recorded(Some(crate::Recorded {
        file: "x".repeat(300),
        length: Duration::MAX,
    }));
    for question in [false, true] {
        app.say(Err("no room ".repeat(100)));
        app.asks_for_form = question;
        for (width, height) in (0..50).flat_map(|width| (0..5).map(move |height| (width, height))) {
            screen(&app, (width, height));
        }
    }
}

#[test]
fn the_hints_and_the_help_have_the_keys_as_the_user_chose_them() {
    let keys = [
        ("quit".to_owned(), vec!["x".to_owned()]),
        ("health".to_owned(), vec!["F4".to_owned()]),
    ];
    let keys = crate::Keys::with(&keys).unwrap();
    let mut app = a_minute_of_seconds().with_keys(keys);
    let shown = screen(&app, (120, 30));
    assert!(
        shown.contains("x quit") && shown.contains("F4 health"),
        "{shown}"
    );
    press(&mut app, KeyCode::Char('?'));
    let shown = screen(&app, (120, 60));
    let quit = shown.lines().find(|line| line.contains("quit")).unwrap();
    assert!(quit.contains(" x ") && !quit.contains("Ctrl-C"), "{quit}");
}

#[test]
fn help_in_all_sizes() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char('?'));
    assert_in_all_sizes("help", &app);
}

#[test]
fn all_of_the_help_can_be_scrolled_to_on_a_low_screen() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char('?'));
    let whole = screen(&app, (60, 50));
    let wanted: Vec<&str> = whole.lines().filter(|line| line.starts_with('│')).collect();
    assert_eq!(wanted.len(), 41);
    let low = (60, 12);
    let top = screen(&app, low);
    let mut seen = Vec::new();
    for _ in 0..wanted.len() {
        seen.extend(screen(&app, low).lines().map(str::to_owned));
        press(&mut app, KeyCode::Down);
    }
    assert!(wanted.iter().all(|line| seen.iter().any(|one| one == line)));
    let last = screen(&app, low);
    assert!(last.contains("more: ↑ 32  ↓ 0"), "{last}");
    for (key, shown) in [(KeyCode::Home, &top), (KeyCode::End, &last)] {
        press(&mut app, key);
        assert_eq!(screen(&app, low), *shown);
    }
    press(&mut app, KeyCode::PageUp);
    let above = screen(&app, low);
    assert!(above.contains("more: ↑ 23  ↓ 9"), "{above}");
    press(&mut app, KeyCode::PageDown);
    assert_eq!(screen(&app, low), last);
    press(&mut app, KeyCode::Char('?'));
    assert_eq!(app.screens.here().screen, Screen::Instances);
}

#[test]
fn escape_closes_the_help_and_leads_no_further_than_the_first_screen() {
    let mut app = after_a_minute(fixture::snapshot());
    let before = screen(&app, (120, 30));
    press(&mut app, KeyCode::Char('?'));
    assert_ne!(screen(&app, (120, 30)), before);
    for _ in 0..2 {
        let key = KeyEvent::from(KeyCode::Esc);
        assert_eq!(app.on_key(key), crate::Flow::Continue);
        assert_eq!(screen(&app, (120, 30)), before);
    }
}

#[test]
fn extreme_figures_in_all_sizes() {
    let mut app = App::new(Theme::Sixteen);
    app.update(fixture::extremes());
    assert_in_all_sizes("extremes", &app);
}

#[test]
fn long_names_in_all_sizes() {
    let mut snapshot = fixture::snapshot();
    snapshot.target = "model:vtd,instances=2,profile=sapphire-rapids-like-with-devtlb".to_owned();
    snapshot.instances[0].name = "arm-smmu-v3.0x0000000041000000-behind-pcie-root-7".to_owned();
    snapshot.instances[1].name = "arm-smmu-v3.0x0000000042000000-behind-pcie-root-8".to_owned();
    assert_in_all_sizes("long_names", &after_a_minute(snapshot));
}

#[test]
fn sixty_four_instances_say_how_many_are_below() {
    let app = after_a_minute(fixture::many(64));
    assert_in_all_sizes("many", &app);
}

#[test]
fn the_last_of_many_instances_can_be_scrolled_to() {
    let mut app = after_a_minute(fixture::many(64));
    for _ in 0..55 {
        press(&mut app, KeyCode::Down);
    }
    insta::assert_snapshot!("many_scrolled_80x24", screen(&app, (80, 24)));
    for _ in 0..100 {
        press(&mut app, KeyCode::Up);
    }
    assert_eq!(
        screen(&app, (80, 24)),
        screen(&after_a_minute(fixture::many(64)), (80, 24))
    );
}

#[test]
fn in_process_measuring_says_what_is_missing_in_all_sizes() {
    let mut snapshot = fixture::snapshot();
    snapshot.probes.clear();
    snapshot.measured_by = MeasuredBy::InProcess {
        why: "CAP_BPF is missing; run as root, or give it with `setcap cap_bpf,cap_perfmon+ep`, \
              to measure with eBPF"
            .to_owned(),
    };
    assert_in_all_sizes("in_process", &after_a_minute(snapshot));
}

#[test]
fn the_last_word_of_the_ebpf_programs_is_shown_with_how_many_came_before() {
    let mut snapshot = fixture::snapshot();
    snapshot.diagnostics = ["table of starts is full", "instance 99 is out of range"]
        .map(str::to_owned)
        .to_vec();
    let screen = screen(&after_a_minute(snapshot), (80, 24));
    let said = "! eBPF program (+1 more): instance 99 is out of range";
    assert!(screen.contains(said), "{screen}");
}

#[test]
fn that_the_probes_see_nothing_is_said_on_every_screen_and_in_text() {
    let mut snapshot = fixture::snapshot();
    let why = "! the probes see nothing: a switch is off";
    snapshot.blind = Some(why[2..].to_owned());
    assert!(crate::text::render(&snapshot).contains(why));
    let app = after_a_minute(snapshot);
    for size in [(80, 24), (120, 40), (80, 12)] {
        let screen = screen(&app, size);
        assert!(screen.contains(why), "{screen}");
    }
}

/// In all sizes there are no colours where there shall be none, and no other text.
fn assert_reads_the_same_without_colour(app: &mut App) {
    for size in SIZES {
        app.theme = Theme::Sixteen;
        let coloured = screen(app, size);
        app.theme = Theme::Monochrome;
        assert_eq!(screen(app, size), coloured, "{size:?}");
        let terminal = terminal(app, size);
        let mut cells = terminal.backend().buffer().content.iter();
        let plain = |colour: Color| colour == Color::Reset;
        assert!(cells.all(|cell| plain(cell.fg) && plain(cell.bg)));
    }
}

/// All but that of a part: its heat maps have other characters then, and snapshots of their own.
#[test]
fn without_colour_every_screen_reads_the_same() {
    let mut outliers = 0;
    for of in [
        || after_a_minute(fixture::frozen()),
        || after_a_minute(fixture::slow::host()),
        || after_a_minute(fixture::extremes()),
        || after_a_minute(health::everything()),
        compare::slower,
    ] {
        let mut app = of();
        for key in ['1', '2', '3', '4', '?'] {
            press(&mut app, KeyCode::Char(key));
            assert_reads_the_same_without_colour(&mut app);
            if app.screens.here().screen == Screen::Outliers {
                press(&mut app, KeyCode::Enter);
                assert_reads_the_same_without_colour(&mut app);
                outliers += usize::from(app.screens.here().screen != Screen::Outliers);
            }
        }
    }
    assert!(outliers > 0);
}

#[test]
fn no_size_however_small_is_too_small_to_draw_in() {
    let mut app = after_a_minute(fixture::frozen());
    for help in [false, true] {
        if help {
            press(&mut app, KeyCode::Char('?'));
        }
        for width in 0..70 {
            for height in 0..20 {
                screen(&app, (width, height));
            }
        }
    }
}

#[test]
fn low_screens_show_rows_before_anything_else() {
    for (name, snapshot) in [
        ("two_instances", fixture::snapshot()),
        ("frozen", fixture::frozen()),
        ("many", fixture::many(64)),
    ] {
        let app = after_a_minute(snapshot);
        for size in [(20, 5), (26, 6), (30, 6)] {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(&app, size));
        }
    }
}

#[test]
fn no_screen_of_two_lines_or_more_is_without_a_row() {
    for (first, snapshot) in [
        ("model-vtd0", fixture::snapshot()),
        ("model-vtd0", fixture::frozen()),
        ("smmu3", fixture::many(64)),
    ] {
        let app = after_a_minute(snapshot);
        for width in 12..70 {
            for height in 2..20 {
                let screen = screen(&app, (width, height));
                let row = |line: &str| line.get(1..).is_some_and(|line| line.starts_with(first));
                assert!(screen.lines().any(row), "{width}x{height}\n{screen}");
            }
        }
    }
}

#[test]
fn queues_that_are_frozen_without_a_line_each_are_counted() {
    let mut snapshot = fixture::many(64);
    for instance in &mut snapshot.instances[..7] {
        instance.fault = Some("guest queue frozen: invalidation queue error".to_owned());
    }
    let app = after_a_minute(snapshot);
    let shown = screen(&app, (60, 15));
    assert!(shown.contains("! guest queues frozen: +4"), "{shown}");
    let shown = screen(&app, (60, 7));
    assert!(shown.contains("! guest queues frozen: 7"), "{shown}");
}

#[test]
fn the_help_has_all_its_borders_on_any_screen() {
    let mut app = after_a_minute(fixture::snapshot());
    press(&mut app, KeyCode::Char('?'));
    insta::assert_snapshot!("help_60x12", screen(&app, (60, 12)));
    for (width, height) in (2..70).flat_map(|width| (2..20).map(move |height| (width, height))) {
        let screen = screen(&app, (width, height));
        let corners = ['┌', '┐', '└', '┘'];
        assert!(corners.iter().all(|one| screen.contains(*one)), "{screen}");
    }
}

#[test]
fn an_instance_that_has_done_nothing_yet_has_a_row_without_latencies() {
    let mut app = App::new(Theme::Sixteen);
    app.update(fixture::silent());
    insta::assert_snapshot!("silent_80x24", screen(&app, (80, 24)));
}

#[test]
fn the_word_modelled_opens_the_timing_profile_and_is_not_said_twice() {
    let shown = screen(&after_a_minute(fixture::snapshot()), (200, 30));
    let profile = shown.lines().nth(1).unwrap();
    assert!(
        profile.starts_with("*modelled, timing profile strict-700ns: 250 ns per submission"),
        "{shown}"
    );
    let whole: String = shown.lines().skip(1).take(2).collect();
    assert_eq!(whole.matches("modelled").count(), 1, "{shown}");
}

#[test]
fn the_real_screen_becomes_an_svg() {
    let app = after_a_minute(fixture::snapshot());
    let svg = app.to_svg(120, 30);
    assert_eq!(
        svg,
        crate::svg::render(terminal(&app, (120, 30)).backend().buffer(), app.theme)
    );
    assert!(svg.contains("model-vtd1") && svg.contains("modelled"));
}

#[test]
fn a_key_goes_through_the_themes() {
    let mut app = after_a_minute(fixture::snapshot());
    app.theme = Theme::Dark;
    let dark = terminal(&app, (80, 24)).backend().buffer().clone();
    for theme in [Theme::Light, Theme::Sixteen, Theme::Monochrome, Theme::Dark] {
        press(&mut app, KeyCode::Char('t'));
        assert_eq!(app.theme, theme);
    }
    assert_eq!(*terminal(&app, (80, 24)).backend().buffer(), dark);
}
