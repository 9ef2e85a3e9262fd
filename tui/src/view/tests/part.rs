use hwptop_agent::snapshot::{Activity, Scope, Stage};
use ratatui::{
    buffer::{Buffer, Cell},
    style::Modifier,
};

use super::*;
use crate::{fixture::kernel, screen::Screen};

const SIZES: [(u16, u16); 3] = [(60, 15), (120, 30), (200, 50)];

/// `base` with latencies as they are at `second`: they come and go, and now and then one is far
/// slower.
fn at_second(base: &Activity, second: u64) -> Activity {
    let mut activity = base.clone();
    let factor = 6 + (second / 7) % 5 + (second * second) % 3;
    for stage in [
        &mut activity.request,
        &mut activity.submission,
        &mut activity.driver_op,
        &mut activity.unattributed,
    ] {
        let before = stage.latency.clone();
        stage.latency.clear();
        for value in before.iter_recorded() {
            let ns = value.value_iterated_to() * factor / 10;
            stage.latency.record_n(ns, value.count_at_value()).unwrap();
        }
        if second % 23 == 5 && !before.is_empty() {
            stage.latency += 700_000;
            stage.total_ns += 700_000;
            stage.recorded += 1;
            stage.seen += 1;
        }
    }
    activity
}

/// A dashboard that has seen `seconds` intervals of a second of `snapshot`, and shows `scope`.
fn part_after(snapshot: &Snapshot, scope: Scope, seconds: u64, theme: Theme) -> App {
    let mut app = App::new(theme);
    for second in 0..seconds {
        let mut next = snapshot.clone();
        next.taken_at += Duration::from_secs(second);
        for instance in &mut next.instances {
            instance.interval = at_second(&instance.interval, second);
        }
        for object in &mut next.objects {
            object.interval = at_second(&object.interval, second);
        }
        app.update(next);
    }
    app.screens.open(Screen::Part(scope));
    app
}

fn dmar0() -> Scope {
    Scope::Instance("dmar0".to_owned())
}

fn vtd0() -> Scope {
    Scope::Instance("model-vtd0".to_owned())
}

/// Which characters have which colours, as far as they have any.
fn colours(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in 0..buffer.area.height {
        let cells = (0..buffer.area.width).map(|x| {
            let cell = &buffer[(x, y)];
            let name = |colour: Color| match colour {
                Color::Reset => "-".to_owned(),
                Color::Indexed(index) => index.to_string(),
                named => named.to_string(),
            };
            format!("{}/{}", name(cell.fg), name(cell.bg))
        });
        let cells: Vec<String> = cells.collect();
        let runs = cells.chunk_by(|one, next| one == next);
        let runs = runs.map(|run| format!("{}×{}", run[0], run.len()));
        lines.push(runs.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

fn assert_part(name: &str, app: &mut App) {
    for size in SIZES {
        for (theme, suffix) in [(Theme::Dark, ""), (Theme::Monochrome, "_monochrome")] {
            app.theme = theme;
            let name = format!("{name}_{}x{}{suffix}", size.0, size.1);
            insta::assert_snapshot!(name, screen(app, size));
        }
    }
}

#[test]
fn an_instance_of_the_kernel() {
    let mut app = part_after(&kernel::host(), dmar0(), 60, Theme::Dark);
    assert_part("part_instance", &mut app);
}

#[test]
fn a_modelled_instance() {
    let mut app = part_after(&fixture::snapshot(), vtd0(), 200, Theme::Dark);
    assert_part("part_modelled", &mut app);
}

#[test]
fn a_process_and_one_of_its_hwpts() {
    let many = kernel::thousand_objects();
    let mut app = part_after(&many, Scope::Process(4000), 30, Theme::Dark);
    assert_part("part_process", &mut app);
    press(&mut app, KeyCode::Enter);
    assert_part("part_object", &mut app);
}

#[test]
fn an_emulated_instance_with_a_failure() {
    let scope = Scope::Instance("smmu3.0x0000000009050000".to_owned());
    let mut app = part_after(&kernel::emulated_smmu(), scope, 9, Theme::Dark);
    assert_part("part_emulated", &mut app);
}

#[test]
fn a_kernel_at_which_nothing_has_happened() {
    let mut app = part_after(&kernel::quiet_kernel(), dmar0(), 1, Theme::Dark);
    assert_part("part_quiet", &mut app);
}

#[test]
fn extreme_figures() {
    let mut app = part_after(&fixture::extremes(), vtd0(), 2, Theme::Dark);
    assert_part("part_tiny", &mut app);
    app.screens.home();
    app.screens
        .open(Screen::Part(Scope::Instance("model-vtd1".to_owned())));
    assert_part("part_huge", &mut app);
}

#[test]
fn what_is_gone_says_so_and_keeps_its_past() {
    let mut app = part_after(&kernel::host(), Scope::Process(4711), 40, Theme::Dark);
    for second in 40..50 {
        let mut later = kernel::host();
        later.taken_at += Duration::from_secs(second);
        later.objects.remove(0);
        app.update(later);
    }
    assert_part("part_gone", &mut app);
    let shown = screen(&app, (120, 30));
    assert!(shown.contains("gone: last seen 10 s ago"), "{shown}");
    assert!(shown.contains("── qemu-system-x86(4711) ──"), "{shown}");
    app.screens.open(Screen::Part(Scope::Process(1)));
    let shown = screen(&app, (120, 30));
    assert!(shown.contains("gone: not seen as far back"), "{shown}");
}

#[test]
fn advice_is_given_for_an_instance_a_process_and_an_hwpt() {
    let host = kernel::host();
    let object = Scope::of_object(&host, &host.objects[0]).unwrap();
    for scope in [dmar0(), Scope::Process(4711), object] {
        let app = part_after(&host, scope, 30, Theme::Dark);
        let low = screen(&app, (60, 15));
        assert!(low.contains("array: "), "{low}");
        assert!(low.contains("request latency"), "{low}");
        let high = screen(&app, (200, 50));
        assert!(high.contains("batching"), "{high}");
        assert!(high.contains("array: "), "{high}");
    }
    let gone = part_after(&host, Scope::Process(1), 3, Theme::Dark);
    assert!(!screen(&gone, (200, 50)).contains("array: "));
}

#[test]
fn colours_tell_how_many_there_were() {
    for theme in Theme::ALL {
        let app = part_after(&kernel::host(), dmar0(), 60, theme);
        let buffer = terminal(&app, (60, 15)).backend().buffer().clone();
        insta::assert_snapshot!(format!("part_colours_{}", theme.name()), colours(&buffer));
    }
}

#[test]
fn without_colour_nothing_is_coloured() {
    let app = part_after(&kernel::host(), dmar0(), 60, Theme::Monochrome);
    for size in SIZES {
        let terminal = terminal(&app, size);
        let cells = &terminal.backend().buffer().content;
        let plain = |colour: Color| colour == Color::Reset;
        assert!(cells.iter().all(|cell| plain(cell.fg) && plain(cell.bg)));
    }
}

#[test]
fn what_a_process_costs_is_told_by_request_and_by_entry() {
    let app = part_after(&fixture::costs::counted(), vtd0(), 3, Theme::Dark);
    let shown = screen(&app, (200, 50));
    let costs = "process 4242, all threads: a request: ~12.3k cycles, 4.08µs CPU; \
                 an entry: ~768 cycles, 255ns CPU";
    assert!(shown.contains(costs), "{shown}");
    let narrow = screen(&app, (60, 30));
    assert!(narrow.contains("an entry: ~768 cycles"), "{narrow}");
    // Counts of one process are not those of another.
    let mut host = kernel::host();
    host.perf = fixture::costs::counted().perf;
    let app = part_after(&host, Scope::Process(4711), 3, Theme::Dark);
    assert!(!screen(&app, (200, 50)).contains("4242"));
}

#[test]
fn rows_are_walked_and_opened_down_to_an_hwpt_and_back() {
    let mut app = part_after(&kernel::host(), dmar0(), 5, Theme::Dark);
    for _ in 0..2 {
        press(&mut app, KeyCode::Down);
    }
    let shown = screen(&app, (120, 30));
    assert!(shown.contains("> -(4712)"), "{shown}");
    press(&mut app, KeyCode::Enter);
    assert!(screen(&app, (120, 30)).contains("── -(4712) ──"));
    press(&mut app, KeyCode::Enter);
    let shown = screen(&app, (120, 30));
    assert!(
        shown.contains("── HWPT 9 (context 1) of -(4712) on dmar0 ──"),
        "{shown}"
    );
    // Nothing is behind an object.
    press(&mut app, KeyCode::Enter);
    assert_eq!(screen(&app, (120, 30)), shown);
    for _ in 0..2 {
        press(&mut app, KeyCode::Esc);
    }
    assert!(screen(&app, (120, 30)).contains("> -(4712)"));
}

#[test]
fn the_selected_of_many_rows_is_always_in_sight() {
    let mut app = part_after(&kernel::thousand_objects(), dmar0(), 2, Theme::Dark);
    for size in SIZES {
        for _ in 0..40 {
            (0..9).for_each(|_| press(&mut app, KeyCode::Down));
            let shown = screen(&app, size);
            assert!(shown.lines().any(|line| line.starts_with("> ")), "{shown}");
        }
        press(&mut app, KeyCode::Esc);
        app.screens.open(Screen::Part(dmar0()));
    }
}

#[test]
fn no_size_is_too_small_for_a_part() {
    for snapshot in [
        kernel::host(),
        kernel::thousand_objects(),
        fixture::extremes(),
    ] {
        for scope in [dmar0(), vtd0(), Scope::Process(4711), Scope::Process(4000)] {
            for theme in [Theme::Light, Theme::Sixteen] {
                let app = part_after(&snapshot, scope.clone(), 2, theme);
                for width in (0..70).step_by(3) {
                    for height in 0..24 {
                        screen(&app, (width, height));
                    }
                }
                for size in [
                    (99, 40),
                    (100, 5),
                    (101, 60),
                    (300, 100),
                    (300, 12),
                    (90, 100),
                ] {
                    screen(&app, size);
                }
            }
        }
    }
}

#[test]
fn an_svg_has_the_colours_of_the_heat_map() {
    let app = part_after(&kernel::host(), dmar0(), 60, Theme::Dark);
    let svg = app.to_svg(120, 30);
    let [few, many] = [91, 228].map(|index| crate::svg::colour::rgb(Color::Indexed(index), 0));
    for colour in [few, many] {
        assert!(
            svg.contains(&format!("fill=\"#{colour:06x}\"")),
            "{colour:06x}"
        );
    }
}

#[test]
fn the_newest_column_of_the_map_is_the_newest_interval_of_any_part() {
    let host = kernel::host();
    let app = part_after(&host, dmar0(), 300, Theme::Dark);
    let shown = app.picture().snapshot.as_ref().unwrap();
    let mut scopes = vec![Scope::Everything, dmar0(), Scope::Process(4711)];
    scopes.extend(
        shown
            .objects
            .iter()
            .filter_map(|one| Scope::of_object(shown, one)),
    );
    for (scope, stage) in scopes
        .iter()
        .flat_map(|scope| Stage::PROBED.map(|stage| (scope, stage)))
    {
        let did = scope.interval(shown).unwrap();
        let columns = app.picture().history.kept.columns(scope, stage, 100);
        let rows = 37;
        let Some(map) = crate::heat::HeatMap::of(&columns, rows) else {
            assert!(did.stage(stage).latency.is_empty());
            continue;
        };
        let newest: u64 = map.columns().last().unwrap().iter().sum();
        assert_eq!(
            newest,
            did.stage(stage).latency.len(),
            "{scope:?} {stage:?}"
        );
        let seconds: Duration = columns.iter().map(|one| one.length).sum();
        assert_eq!(seconds, Duration::from_mins(5));
    }
}

#[test]
fn of_the_curves_what_was_before_is_dim_and_what_is_now_is_not_also_where_they_cross() {
    let app = part_after(&kernel::host(), dmar0(), 60, Theme::Dark);
    let terminal = terminal(&app, (200, 50));
    let buffer = terminal.backend().buffer();
    let is_dim = |cell: &Cell| cell.modifier.contains(Modifier::DIM);
    let dots = |cell: &&Cell| matches!(cell.symbol().chars().next(), Some('\u{2801}'..='\u{28ff}'));
    let dots: Vec<bool> = buffer.content.iter().filter(dots).map(is_dim).collect();
    assert!(dots.contains(&true) && dots.contains(&false));
    // The names of the curves of now stand at their ends, over what there is.
    let mut names = 0;
    for line in buffer.content.chunks(200) {
        let figures = &line[120..];
        let text: Vec<&str> = figures.iter().map(Cell::symbol).collect();
        for name in [" driver op ", " submission "] {
            let letters = name.chars().count();
            let at = text.windows(letters).position(|one| one.concat() == name);
            let coloured = at.filter(|at| figures[at + 1].fg != Color::Reset);
            if let Some(at) = coloured.filter(|at| !is_dim(&figures[at + 1])) {
                assert!(!figures[at + 1..at + letters - 1].iter().any(is_dim));
                names += 1;
            }
        }
    }
    assert!(names > 0, "{}", screen(&app, (200, 50)));
}
