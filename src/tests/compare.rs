//! Run files against one another: figures that are known, so that verdicts are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::run::{Finished, hwptop};

/// Places of which one is as it was, one is slower by a fifth, and one is too noisy to tell.
const PLACES: [&str; 3] = ["noisy", "same", "slower"];

fn figure(place: &str, index: u32, is_new: bool) -> f64 {
    let jitter = f64::from(index % 5) / 10.0;
    match (place, is_new) {
        ("slower", true) => 120.0 + jitter,
        ("noisy", _) => 100.0 * f64::from(1 + (index + u32::from(is_new)) % 2) + jitter,
        _ => 100.0 + jitter,
    }
}

fn runs(count: u32, is_new: bool) -> Value {
    let run = |index: u32| {
        let point = |place: &str| {
            let figure = figure(place, index, is_new);
            json!({"labels": {"place": place}, "figures": {"ns_per_entry": {"value": figure}}})
        };
        json!({"order": index, "started_unix_s": 1, "points": PLACES.map(point)})
    };
    (0..count).map(run).collect()
}

fn environment() -> Value {
    json!({"hwptop": "0.1.0", "revision": "abc", "kernel": "6.1", "cpu": "a CPU", "cpus": 2})
}

/// A run file of a suite whose points are whatever they are.
pub(crate) fn document(count: u32, is_new: bool) -> Value {
    json!({
        "schema": "hwptop.run/2", "suite": "policies", "kind": "modelled", "started_unix_s": 1,
        "command": ["hwptop"], "environment": environment(), "complete": true,
        "runs": runs(count, is_new),
    })
}

pub(crate) fn write(directory: &Path, name: &str, text: &(impl ToString + ?Sized)) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text.to_string()).expect("it can be written");
    path
}

fn compare(files: &[&Path], options: &[&str]) -> Finished {
    let files = files.iter().map(|file| file.to_str().expect("UTF-8"));
    let args: Vec<&str> = ["compare"]
        .into_iter()
        .chain(files)
        .chain(options.iter().copied())
        .collect();
    hwptop(&args)
}

/// The verdicts of a comparison in JSON, by place.
fn verdicts(comparison: &Value) -> Vec<(&str, &str)> {
    let metrics = comparison["metrics"].as_array().expect("metrics");
    metrics
        .iter()
        .map(|row| {
            let place = row["labels"]["place"].as_str().expect("a label");
            (place, row["verdict"].as_str().expect("a verdict"))
        })
        .collect()
}

const VERDICTS: [(&str, &str); 3] = [
    ("noisy", "INDETERMINATE"),
    ("same", "PASS"),
    ("slower", "FAIL"),
];

#[test]
fn two_files_are_compared_in_every_format() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = write(directory.path(), "base.json", &document(20, false));
    let new = write(directory.path(), "new.json", &document(20, true));

    let text = compare(&[&base, &new], &[]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for (place, verdict) in VERDICTS {
        let mut lines = text.stdout.lines();
        lines.find(|line| *line == format!("place={place}"));
        let row = lines.next().unwrap_or_default();
        assert!(row.contains(&format!(" {verdict}")), "{}", text.stdout);
    }
    assert!(text.stdout.contains("20 processes"), "{}", text.stdout);
    let widest = text.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}: {}", text.stdout);

    let json = compare(&[&base, &new], &["--format", "json"]).json();
    assert_eq!(json["schema"], "hwptop.comparison/1");
    assert_eq!(verdicts(&json), VERDICTS);
    assert_eq!(json["paired"], false);
    let slower = &json["metrics"][2];
    let ratio = slower["ratio"]["value"].as_f64().expect("a ratio");
    assert!((1.19..1.21).contains(&ratio), "{slower}");
    assert_eq!(slower["criterion"], "regressed");

    let csv = compare(&[&base, &new], &["--format", "csv"]);
    assert_eq!(csv.stdout.lines().count(), 4, "{}", csv.stdout);
    for (place, verdict) in VERDICTS {
        let begin = format!("\"ns_per_entry{{place={place}}}\",ns/entry,");
        let mut rows = csv.stdout.lines();
        let row = rows.find(|row| row.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("{begin}: {}", csv.stdout));
        assert_eq!(row.split(',').rev().nth(1), Some(verdict), "{row}");
    }
}

#[test]
fn the_two_binaries_of_one_file_are_compared_as_pairs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut document = document(20, true);
    document["dropped"] = json!(2);
    document["base"] = json!({
        "program": "./before", "environment": environment(), "runs": runs(20, false),
    });
    let both = write(directory.path(), "both.json", &document);
    let text = compare(&[&both], &[]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("20 pairs"), "{}", text.stdout);
    assert!(text.stdout.contains("turns: 2\n"), "{}", text.stdout);
    let json = compare(&[&both], &["--format", "json"]).json();
    assert_eq!(verdicts(&json), VERDICTS);
    assert_eq!(
        (&json["paired"], &json["dropped"]),
        (&json!(true), &json!(2))
    );

    document["base"] = Value::Null;
    let one = write(directory.path(), "one.json", &document);
    let run = compare(&[&one], &[]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("one.json: it has the runs of one"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_cannot_be_compared_is_named_and_compared_by_force() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = write(directory.path(), "base.json", &document(6, false));
    for (place, value, said) in [
        (
            "suite",
            json!("front-end"),
            "suite is \"policies\" in the base",
        ),
        (
            "target",
            json!("model"),
            "target is absent in the base and \"model\"",
        ),
        ("kind", json!("mock"), "kind is"),
        ("settings", json!({"time": "1s"}), "time is absent"),
        (
            "environment",
            json!({"hwptop": "0.1.0", "kernel": "6.1", "cpu": "a CPU", "cpus": 4}),
            "CPUs is",
        ),
    ] {
        let mut document = document(6, true);
        document[place] = value;
        let new = write(directory.path(), "new.json", &document);
        let run = compare(&[&base, &new], &[]);
        assert_eq!(run.code, Some(2), "{place}: {}", run.stdout);
        assert!(run.stdout.is_empty(), "{}", run.stdout);
        for part in [said, "--force"] {
            assert!(run.stderr.contains(part), "{place}: {}", run.stderr);
        }
        let forced = compare(&[&base, &new], &["--force"]);
        assert_eq!(forced.code, Some(0), "{place}: {}", forced.stderr);
        assert!(
            forced.stdout.contains("NOT OF THE SAME: "),
            "{}",
            forced.stdout
        );
        assert!(forced.stdout.contains(said), "{}", forced.stdout);
        let json = compare(&[&base, &new], &["--force", "--format", "json"]).json();
        assert_eq!(json["differences"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn files_that_have_no_runs_in_them_are_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let good = document(6, false);
    let base = write(directory.path(), "base.json", &good);
    let whole = good.to_string();
    let mut escape = good.clone();
    escape["target"] = json!("\x1b]0;boo\x07");
    for (text, part) in [
        (whole[..whole.len() / 2].to_owned(), "line 1"),
        (
            whole.replace("hwptop.run/2", "hwptop.run/3"),
            "hwptop.run/3",
        ),
        ("{\"benchmarks\": []}".to_owned(), "missing field"),
        ("\u{fffd}not JSON".to_owned(), "line 1"),
        (escape.to_string(), "control characters"),
    ] {
        let wrong = write(directory.path(), "wrong.json", &text);
        refused(&wrong, part, &base);
    }
    let name = directory.path().to_str().expect("UTF-8");
    let run = compare(&[directory.path(), &base], &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("{name}: not a regular file")),
        "{}",
        run.stderr
    );
    refused(Path::new("/dev/zero"), "not a regular file", &base);
    refused(Path::new("/nonexistent.json"), "No such file", &base);
}

/// By `compare`, on either side, and by `gate` before anything is measured.
fn refused(wrong: &Path, part: &str, good: &Path) {
    let name = wrong.to_str().expect("UTF-8");
    let gate = ["gate", "batching", "--base", name, "--", "--time", "1h"];
    for run in [
        compare(&[wrong, good], &[]),
        compare(&[good, wrong], &[]),
        hwptop(&gate),
    ] {
        assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
        for part in [name, part] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
        assert!(!run.stderr.contains('\x1b'), "{:?}", run.stderr);
    }
}

#[test]
fn rules_are_held_and_what_is_wrong_in_them_is_told_with_its_place() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = write(directory.path(), "base.json", &document(20, false));
    let new = write(directory.path(), "new.json", &document(20, true));
    let with = |rules: &Path, options: &[&str]| {
        let rules = ["--rules", rules.to_str().expect("UTF-8")];
        compare(&[&base, &new], &[&rules, options].concat())
    };

    let printed = hwptop(&["gate", "--print-rules"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let rules = write(directory.path(), "rules.toml", &printed.stdout);
    let json = with(&rules, &["--format", "json"]).json();
    assert_eq!(verdicts(&json), VERDICTS);

    let large = "[[metric]]\nname = \"ns_*\"\nlabels = { place = \"slower\" }\nfloor = 0.5\n";
    let rules = write(directory.path(), "rules.toml", large);
    let json = with(&rules, &["--format", "json"]).json();
    assert_eq!(verdicts(&json), [("slower", "PASS")]);
    // 0.07 · 100 is 7.000000000000001.
    let odd = "confidence = 0.57\n[[metric]]\nname = \"*\"\nfloor = 0.07\n";
    let odd = with(&write(directory.path(), "odd.toml", odd), &[]).stdout;
    assert!(odd.contains("   7% "), "{odd}");
    assert!(odd.contains("its 57 % interval"), "{odd}");

    for (text, place, said) in [
        (
            "\n[[metric]]\nname = \"ns_per_entri\"\nfloor = 0.1\n",
            ":3:8: ",
            "\"ns_per_entry\" is one",
        ),
        (
            "[[metric]]\nname = \"*\"\nfloor = 11\n",
            ":3:9: ",
            "floor is 11, must be 0 to 10",
        ),
        ("floors = 1\n", ":1:1: ", "unknown field `floors`"),
        ("least = \"ten\"\n", ":1:9: ", "expected"),
        ("[[metric]\n", ":1:10: ", "unclosed"),
    ] {
        let rules = write(directory.path(), "rules.toml", &text);
        let run = with(&rules, &[]);
        assert_eq!(run.code, Some(2), "{text}: {}", run.stdout);
        for part in [&format!("rules.toml{place}"), said] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
    for (path, said) in [
        (directory.path(), "not a regular file"),
        (Path::new("/dev/zero"), "not a regular file"),
        (Path::new("/nonexistent.toml"), "No such file"),
    ] {
        let run = with(path, &[]);
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        for part in [path.to_str().expect("UTF-8"), said] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
}

#[test]
fn too_few_runs_are_no_verdict_and_no_base() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let one = write(directory.path(), "one.json", &document(1, false));
    let new = write(directory.path(), "new.json", &document(20, true));
    let run = compare(&[&one, &new], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("at least 5 of either side"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("FAIL"), "{}", run.stdout);

    let gate = hwptop(&["gate", "policies", "--base", one.to_str().expect("UTF-8")]);
    assert_eq!(gate.code, Some(2), "{}", gate.stdout);
    for part in ["one.json", "5 or more", "--runs 20"] {
        assert!(gate.stderr.contains(part), "{part}: {}", gate.stderr);
    }
}

#[test]
fn labels_with_quotes_are_one_field_of_csv() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let quoted = |is_new| {
        let text = document(6, is_new).to_string();
        text.replace("\"same\"", "\"a \\\"b\\\", c\"")
    };
    let base = write(directory.path(), "base.json", &quoted(false));
    let new = write(directory.path(), "new.json", &quoted(true));
    let csv = compare(&[&base, &new], &["--format", "csv"]).stdout;
    let field = "\"ns_per_entry{place=a \"\"b\"\", c}\",ns/entry,";
    assert!(csv.lines().any(|line| line.starts_with(field)), "{csv}");
}

#[test]
fn the_rows_of_a_place_are_together_whichever_run_has_them_first() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let late = |is_new| {
        let mut document = document(6, is_new);
        for run in &mut document["runs"].as_array_mut().expect("runs")[1..] {
            run["points"][0]["figures"]["guest_commands_per_s"] = json!({"value": 100.0});
        }
        document
    };
    let base = write(directory.path(), "base.json", &late(false));
    let new = write(directory.path(), "new.json", &late(true));
    let text = compare(&[&base, &new], &[]).stdout;
    let first = |line: &str| {
        line.split(' ')
            .find(|word| !word.is_empty())
            .map(str::to_owned)
    };
    let rows: Vec<String> = text.lines().skip(4).filter_map(first).take(7).collect();
    let wanted = [
        "place=noisy",
        "ns_per_entry",
        "guest_commands_per_s",
        "place=same",
        "ns_per_entry",
        "place=slower",
        "ns_per_entry",
    ];
    assert_eq!(rows, wanted, "{text}");
}
