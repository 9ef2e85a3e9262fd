use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::*;
use crate::{Theme, fixture};

/// What is written after `keys`.
fn exported(app: &mut App, keys: &[KeyCode], form: ExportForm) -> Export {
    for key in keys {
        app.on_key(KeyEvent::from(*key));
    }
    app.export(form, (120, 30)).unwrap()
}

fn slow() -> App {
    let mut app = App::new(Theme::Dark);
    app.update(fixture::slow::host());
    app
}

fn json(export: &Export) -> Value {
    serde_json::from_str(&export.text).unwrap()
}

/// The cells of each line; no name here has a comma.
fn cells(export: &Export) -> Vec<Vec<String>> {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    export.text.lines().map(cells).collect()
}

const O: KeyCode = KeyCode::Char('o');
const C: KeyCode = KeyCode::Char('c');

#[test]
fn slow_requests_are_written_as_they_are_shown_and_only_those_of_the_part() {
    let all = exported(&mut slow(), &[O], ExportForm::Csv);
    let count = fixture::slow::host().slow.len();
    assert_eq!(
        (all.screen, &all.scope),
        (Some("outliers"), &Scope::Everything)
    );
    let rows = cells(&all);
    assert_eq!(rows.len(), 1 + count);
    assert_eq!(rows[0], SLOW_COLUMNS);
    assert!(
        rows.iter().all(|row| row.len() == SLOW_COLUMNS.len()),
        "{}",
        all.text
    );

    let slowest_first = [O, KeyCode::Char('s')];
    let rows = cells(&exported(&mut slow(), &slowest_first, ExportForm::Csv));
    let latencies: Vec<u64> = rows[1..]
        .iter()
        .map(|row| row[2].parse().unwrap())
        .collect();
    assert!(
        latencies.is_sorted_by(|one, next| one >= next),
        "{latencies:?}"
    );

    let of_part = exported(&mut slow(), &[KeyCode::Enter, O], ExportForm::Json);
    let of_part = json(&of_part);
    assert_eq!(of_part["schema"], SLOW_SCHEMA);
    assert_eq!(of_part["of"]["instance"], "dmar0");
    assert_eq!(of_part["slow"].as_array().unwrap().len(), 3);

    let mut app = slow();
    let one = exported(&mut app, &[O, KeyCode::Enter], ExportForm::Json);
    assert_eq!(one.screen, Some("outlier"));
    let one = &json(&one)["slow"];
    assert_eq!(one.as_array().unwrap().len(), 1);
    let shown = pages::shown(&app, app.screens.below_help());
    let newest = serde_json::to_value(shown[0].event.document()).unwrap();
    assert_eq!(one[0], newest);
}

#[test]
fn a_kernel_stack_is_one_cell_and_a_list_in_json() {
    let mut snapshot = fixture::slow::host();
    snapshot.slow.truncate(1);
    snapshot.slow[0].stack = Some(vec!["one+0x1".to_owned(), "two+0x2".to_owned()]);
    let mut app = App::new(Theme::Dark);
    app.update(snapshot);
    let csv = exported(&mut app, &[O], ExportForm::Csv);
    assert!(csv.text.ends_with(",one+0x1;two+0x2\n"), "{}", csv.text);
    let json = json(&exported(&mut app, &[], ExportForm::Json));
    assert_eq!(json["slow"][0]["stack"][1], "two+0x2");
}

#[test]
fn a_comparison_is_written_with_its_intervals_and_what_it_is_of() {
    let mut app = slow();
    let keys = [KeyCode::Enter, C];
    for key in keys {
        app.on_key(KeyEvent::from(key));
    }
    let why = app.export(ExportForm::Csv, (120, 30)).unwrap_err();
    assert!(why.contains("no baseline"), "{why}");
    assert!(app.export(ExportForm::Svg, (120, 30)).is_ok());

    let snapshots = || (0..9).map(|_| fixture::snapshot());
    let mut app = App::new(Theme::Dark);
    let mut blocks = hwptop_agent::compare::Blocks::default();
    for one in snapshots() {
        blocks.push(&one);
        app.update(one);
    }
    app.compare_with(crate::Baseline {
        name: "before.jsonl".to_owned(),
        blocks,
    });
    let csv = exported(&mut app, &keys, ExportForm::Csv);
    assert_eq!(csv.screen, Some("compare"));
    assert_eq!(csv.scope, Scope::Instance("model-vtd0".to_owned()));
    let rows = cells(&csv);
    assert_eq!(rows[0], comparison::COLUMNS);
    let p50 = &rows[1];
    assert_eq!(p50[..7], ["model-vtd0", "", "", "", "request", "p50", "ns"]);
    assert_eq!((&p50[7], &*p50[9]), (&p50[8], "1.0"));
    let [low, high] = [10, 11].map(|column| p50[column].parse::<f64>().unwrap());
    assert!(low < 1.0 && high > 1.0 && p50[12].is_empty(), "{p50:?}");
    let max = rows.iter().find(|row| row[5] == "max").unwrap();
    assert_eq!(max[10..], ["", "", "one event"]);
    let per_second = rows.iter().find(|row| row[5] == "per second").unwrap();
    assert_eq!((&*per_second[6], &*per_second[12]), ("1/s", ""));

    let json = json(&exported(&mut app, &[], ExportForm::Json));
    assert_eq!(json["schema"], "hwptop.comparison/1");
    assert_eq!(json["baseline"], "before.jsonl");
    assert_eq!(json["base"]["intervals"], 9);
    assert_eq!(json["figures"].as_array().unwrap().len(), rows.len() - 1);
    let same = json["figures"][0]["ratio_low"].as_f64().unwrap() - low;
    assert!(same.abs() < 1e-9, "{same}");
}

#[test]
fn health_is_written_line_by_line_with_what_is_wrong() {
    let mut snapshot = fixture::snapshot();
    snapshot.blind = Some("a switch, which is off".to_owned());
    let mut app = App::new(Theme::Dark);
    app.update(snapshot);
    let csv = exported(&mut app, &[KeyCode::Char('i')], ExportForm::Csv);
    assert_eq!(csv.screen, Some("health"));
    let first = csv.text.lines().nth(1).unwrap();
    assert_eq!(
        first,
        "not as it should be,\"! a switch, which is off\",true"
    );
    let json = json(&exported(&mut app, &[], ExportForm::Json));
    assert_eq!(json["schema"], HEALTH_SCHEMA);
    assert_eq!(json["lines"][0]["is_alarm"], true);
    assert_eq!(
        json["lines"].as_array().unwrap().len(),
        csv.text.lines().count() - 1
    );
}

#[test]
fn instances_and_a_part_are_written_as_snapshots() {
    for (keys, screen, instances) in [
        (&[][..], Some("instances"), 2),
        (&[KeyCode::Enter], None, 1),
    ] {
        let mut app = App::new(Theme::Dark);
        app.update(fixture::snapshot());
        let export = exported(&mut app, keys, ExportForm::Json);
        assert_eq!(export.screen, screen);
        let json = json(&export);
        assert_eq!(json["schema"], "hwptop.snapshot/1");
        assert_eq!(json["instances"].as_array().unwrap().len(), instances);
        let csv = exported(&mut app, &[], ExportForm::Csv);
        assert!(csv.text.starts_with(CSV_HEADER) && csv.text.ends_with('\n'));
    }
}

/// `snapshot` on the screen that `keys` lead to, where `filter` was typed.
fn filtered(snapshot: Snapshot, keys: &[KeyCode], filter: &str) -> App {
    let mut app = App::new(Theme::Dark);
    app.update(snapshot);
    let typed = filter.chars().map(KeyCode::Char);
    let prompt = [KeyCode::Char('/')].into_iter().chain(typed);
    for key in keys.iter().copied().chain(prompt).chain([KeyCode::Enter]) {
        app.on_key(KeyEvent::from(key));
    }
    app
}

/// What stands in each of `rows` as `column`, each once.
fn values(rows: &[Vec<String>], column: &str) -> Vec<String> {
    let at = rows[0].iter().position(|one| one == column).unwrap();
    let mut values: Vec<String> = rows[1..].iter().map(|row| row[at].clone()).collect();
    values.dedup();
    values
}

#[test]
fn of_filtered_instances_only_those_that_are_shown_are_written() {
    let host = fixture::slow::host;
    let mut app = filtered(host(), &[], "DMAR1");
    let csv = cells(&exported(&mut app, &[], ExportForm::Csv));
    assert_eq!(values(&csv, "instance"), ["dmar1"]);
    let shown = json(&exported(&mut app, &[], ExportForm::Json));
    let names = |what: &Value| what.as_array().unwrap().len();
    assert_eq!(names(&shown["instances"]), 1);
    assert_eq!(shown["instances"][0]["name"], "dmar1");
    let of_dmar1 = host().narrowed(&Scope::Instance("dmar1".to_owned()));
    assert_eq!(names(&shown["objects"]), of_dmar1.objects.len());

    let none = exported(&mut filtered(host(), &[], "x"), &[], ExportForm::Csv);
    assert_eq!(none.text.lines().count(), 1, "{}", none.text);

    let all = exported(&mut app, &[KeyCode::Esc], ExportForm::Csv);
    assert_eq!(
        values(&cells(&all), "scope"),
        ["instance", "object", "other", "object"]
    );
}

#[test]
fn of_filtered_processes_and_hwpts_only_those_that_are_shown_are_written() {
    let host = fixture::kernel::host;
    let behind = |filter| {
        let mut app = filtered(host(), &[KeyCode::Enter], filter);
        let csv = cells(&exported(&mut app, &[], ExportForm::Csv));
        // The screen's own figures stand above its rows.
        assert_eq!(values(&csv, "scope")[0], "instance");
        let processes = values(&csv, "pid");
        let json = json(&exported(&mut app, &[], ExportForm::Json));
        assert_eq!(json["instances"].as_array().unwrap().len(), 1);
        (processes[1..].to_vec(), json)
    };
    assert_eq!(behind("qemu").0, ["4711"]);
    assert_eq!(behind("4712").0, ["4712"]);
    assert!(behind("nobody").0.is_empty());
    // It reached no instance, and is a row of each.
    let (processes, json) = behind("probe");
    assert_eq!(processes, ["4713"]);
    assert_eq!(json["objects"].as_array().unwrap().len(), 1);
}
