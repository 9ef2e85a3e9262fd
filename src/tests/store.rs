//! `hwptop baseline`: the store of run files, and its history.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{Finished, HWPTOP, hwptop};

/// A folder with run files, and a store to be.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn run(&self, run: &Value) -> String {
        let path = self.0.path().join("run.json");
        fs::write(&path, run.to_string()).expect("it can be written");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn baseline(&self, args: &[&str]) -> Finished {
        let store = self.store();
        let store = ["--store", store.to_str().expect("UTF-8")];
        hwptop(&[&["baseline"], args, &store].concat())
    }

    fn add(&self, run: &Value, args: &[&str]) -> Finished {
        self.baseline(&[&["add", &self.run(run)], args].concat())
    }

    fn added(&self, run: &Value, args: &[&str]) -> String {
        let finished = self.add(run, args);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert_eq!(finished.stderr, "");
        finished.stdout
    }

    fn refused(&self, args: &[&str], parts: &[&str]) {
        told(&self.baseline(args), parts);
    }
}

/// It is bad input, and that is said.
fn told(finished: &Finished, parts: &[&str]) {
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    for part in parts {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

/// A run of one process.
fn run(started: u64, revision: &str, ns_per_entry: f64) -> Value {
    json!({
        "schema": "hwptop.run/2", "suite": "policies", "target": "model", "kind": "modelled",
        "started_unix_s": started, "command": ["hwptop"],
        "environment": {
            "hwptop": "0.1.0", "revision": revision, "kernel": "6.12.0", "cpu": "A \"CPU\"",
            "cpus": 2,
        },
        "complete": true,
        "runs": [{
            "order": 0, "started_unix_s": started,
            "points": [{
                "labels": {"stream": "a"},
                "figures": {"ns_per_entry": {"value": ns_per_entry}, "ratio_to_bare": {"value": 1.0},
                    "cycles_per_entry": {"value": 2.0 * ns_per_entry}, "elapsed": {"value": 5.0}},
            }],
        }],
    })
}

#[test]
fn what_is_added_is_listed_in_every_format() {
    let folder = Folder::new();
    let said = folder.added(&run(1_000, "a", 7.0), &[]);
    let file = folder.store().join("main/policies/19700101T001640Z-a.json");
    assert_eq!(said, format!("added {}\n", file.display()));
    assert!(file.is_file());
    let said = folder.added(&run(1_000, "a", 7.0), &[]);
    assert_eq!(said, format!("{} is there already\n", file.display()));
    let mut stopped = run(2_000, "b", 7.0);
    stopped["complete"] = false.into();
    folder.added(
        &stopped,
        &["--branch", "feature/x", "--tag", "v1", "--force"],
    );

    let text = folder.baseline(&["list"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = text.stdout.lines().collect();
    assert_eq!(
        lines[2..],
        [
            "branch     suite     started                  revision  tag  target            processes",
            "feature/x  policies  1970-01-01 00:33:20 UTC  b         v1   model (modelled)  1, stopped",
            "main       policies  1970-01-01 00:16:40 UTC  a         -    model (modelled)  1",
        ]
    );
    assert!(lines[0].ends_with("store: 2 runs"), "{}", lines[0]);

    let document = folder.baseline(&["list", "--format", "json"]).json();
    assert_eq!(document["schema"], "hwptop.baselines/1");
    assert_eq!(document["skipped"], json!([]));
    let runs = document["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["tag"], "v1");
    assert_eq!(runs[1]["environment"]["kernel"], "6.12.0");
    assert_eq!(runs[1]["path"], file.to_str().expect("UTF-8"));

    let csv = folder.baseline(&["list", "--branch", "main", "--format", "csv"]);
    let rows: Vec<_> = csv.stdout.lines().collect();
    assert_eq!(rows.len(), 2);
    let columns = rows[0].split(',').count();
    assert_eq!(rows[1].split(',').count(), columns, "{}", rows[1]);
    assert!(rows[1].starts_with("\"main\",\"policies\",1000,\"a\",,\"model\",modelled,1,true,"));
    assert!(rows[1].contains("\"A \"\"CPU\"\"\""), "{}", rows[1]);
}

#[test]
fn what_is_older_than_the_newest_goes_but_for_tags() {
    let folder = Folder::new();
    folder.added(&run(1, "a", 7.0), &["--tag", "v1"]);
    folder.added(&run(2, "b", 7.0), &[]);
    folder.added(&run(3, "c", 7.0), &[]);
    let said = folder.added(&run(4, "d", 7.0), &["--keep", "2"]);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[1].starts_with("removed ") && lines[1].contains("Z-b.json"),
        "{said}"
    );
    let document = folder.baseline(&["list", "--format", "json"]).json();
    let runs = document["runs"].as_array().expect("a list").iter();
    let revisions: Vec<_> = runs.map(|run| &run["environment"]["revision"]).collect();
    assert_eq!(revisions, ["d", "c", "a"]);
}

#[test]
fn changes_are_told_with_date_revisions_ratio_and_p_in_every_format() {
    let folder = Folder::new();
    for index in 0..16_u64 {
        let level = if index < 9 { 100.0 } else { 120.0 };
        let value = level + if index % 2 == 0 { 0.5 } else { -0.5 };
        folder.added(&run(index, &format!("r{index}"), value), &[]);
    }
    let mut elsewhere = run(20, "r20", 300.0);
    elsewhere["environment"]["kernel"] = "6.13.0".into();
    folder.added(&elsewhere, &[]);

    let text = folder.baseline(&["changes"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""));
    for part in [
        "policies on model (modelled): 16 runs, 3 metrics, 1970-01-01 00:00:00 UTC to",
        "1970-01-01 00:00:09 UTC  r8 → r9",
        "ns_per_entry{stream=a}  100.1 → 119.9 ns/entry  +19.9 % worse, p ",
        "cycles_per_entry{stream=a}  200.1 → 239.9 cycles/entry  +19.9 % worse, p ",
        "other kernel: 6.12.0 → 6.13.0",
        "  no change",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    // What changed together is told together.
    assert_eq!(text.stdout.matches("r8 → r9").count(), 1, "{}", text.stdout);
    assert!(
        !text.stdout.contains("the same revision"),
        "{}",
        text.stdout
    );

    let document = folder.baseline(&["changes", "--suite", "policies", "--format", "json"]);
    let document = document.json();
    assert_eq!(document["schema"], "hwptop.changes/1");
    let segments = &document["histories"][0]["segments"];
    assert_eq!(segments[0]["changes"].as_array().map(Vec::len), Some(2));
    let change = &segments[0]["changes"][1];
    assert_eq!(change["metric"], "ns_per_entry");
    assert_eq!(change["before"]["revision"], "r8");
    assert_eq!(change["after"]["started_unix_s"], 9);
    assert_eq!(change["verdict"], "worse");
    assert!(change["p"].as_f64().expect("a number") < 0.0001);
    assert_eq!(segments[1]["changes"], json!([]));
    assert_eq!(
        segments[1]["differences"],
        json!([{"what": "kernel", "before": "6.12.0", "here": "6.13.0"}])
    );

    let csv = folder.baseline(&["changes", "--format", "csv"]);
    let rows: Vec<_> = csv.stdout.lines().collect();
    assert_eq!(rows.len(), 3, "{}", csv.stdout);
    let row = "\"policies\",0,\"model\",\"ns_per_entry{stream=a}\",ns/entry,9,\"r8\",\"r9\",100.";
    assert!(rows[2].starts_with(row), "{}", rows[2]);
    assert_eq!(rows[2].split(',').count(), rows[0].split(',').count());
}

#[test]
fn a_change_within_a_revision_is_said_to_be_none_of_the_code() {
    let folder = Folder::new();
    for (branch, revision) in [("main", "r"), ("dirty", "r-dirty")] {
        for index in 0..12_u64 {
            let level = if index < 6 { 100.0 } else { 50.0 };
            let value = level + if index % 2 == 0 { 0.5 } else { -0.5 };
            folder.added(&run(index, revision, value), &["--branch", branch]);
        }
    }
    let text = folder.baseline(&["changes"]);
    for part in ["r → r, the same revision", "-50.0 % better"] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    let text = folder.baseline(&["changes", "--branch", "dirty"]);
    assert!(
        text.stdout.contains("r-dirty → r-dirty\n"),
        "{}",
        text.stdout
    );
}

#[test]
fn bad_input_is_told_with_what_helps() {
    let folder = Folder::new();
    folder.refused(
        &["list"],
        &["no such store", "hwptop baseline add RUN.json --store"],
    );
    folder.refused(&["changes"], &["no such store"]);
    let good = folder.run(&run(1, "a", 7.0));
    for branch in ["", "..", "/", "../x", "a\nb", &"x".repeat(300)] {
        folder.refused(
            &["add", &good, "--branch", branch],
            &["--branch", "e.g. feature/x-1"],
        );
    }
    folder.refused(
        &["add", &good, "--tag", ".."],
        &["--tag", "e.g. feature/x-1"],
    );
    for keep in ["0", "1001", "-1", "x"] {
        let keep = format!("--keep={keep}");
        folder.refused(&["add", &good, &keep], &["1 to 1000"]);
    }
    folder.refused(
        &["add", "/nowhere/run.json"],
        &["/nowhere/run.json", "No such file"],
    );
    let mut stopped = run(1, "a", 7.0);
    stopped["complete"] = false.into();
    told(
        &folder.add(&stopped, &[]),
        &["run.json", "stopped", "--force"],
    );
    let mut hostile = run(1, "a", 7.0);
    hostile["suite"] = "../../out".into();
    told(&folder.add(&hostile, &[]), &["run.json", "../../out"]);
    assert!(!folder.store().exists());

    folder.added(&run(1, "a", 7.0), &[]);
    folder.refused(
        &["list", "--branch", "next"],
        &["no branch next", "it has main"],
    );
    folder.refused(
        &["changes", "--suite", "x"],
        &["no suite x", "it has policies"],
    );
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let folder = Folder::new();
    folder.added(&run(1, "a", 7.0), &[]);
    let torn = folder
        .store()
        .join("main/policies/20261123T063000Z-torn.json");
    fs::write(&torn, "{\"schema\"").expect("it can be written");
    for command in ["list", "changes"] {
        let finished = folder.baseline(&[command]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stdout.contains("1 run"), "{}", finished.stdout);
        for part in ["torn.json", "line 1", "1 skipped"] {
            assert!(
                finished.stderr.contains(part),
                "{part}: {}",
                finished.stderr
            );
        }
    }
    let document = folder.baseline(&["changes", "--format", "json"]).json();
    assert_eq!(
        document["histories"][0]["skipped"][0]["path"],
        torn.to_str().expect("UTF-8")
    );
}

#[test]
fn texts_of_a_run_file_control_no_terminal() {
    let folder = Folder::new();
    folder.added(&run(1, "r", 7.0), &[]);
    // Nothing of this version adds such a run.
    let mut hostile = run(2, "\u{1b}[2Jr", 7.0);
    hostile["target"] = "\u{1b}]0;x\u{7}\nmodel".into();
    let placed = folder.store().join("main/policies/19700101T000002Z-r.json");
    fs::write(placed, hostile.to_string()).expect("it can be written");
    let odd = folder.store().join("main/policies/\u{1b}[2J.json");
    fs::write(odd, "x").expect("it can be written");
    for args in [
        &["list"][..],
        &["list", "--format", "csv"],
        &["list", "--format", "json"],
        &["changes"],
    ] {
        let finished = folder.baseline(args);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        for text in [&finished.stdout, &finished.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        }
    }
}

#[test]
fn what_a_suite_wrote_is_kept_where_nobody_says() {
    let folder = Folder::new();
    let place = folder.0.path();
    let within = |args: &[&str]| {
        let mut command = Command::new(HWPTOP);
        let finished = Finished::of_command(command.args(args).current_dir(place));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.stdout
    };
    within(&[
        "bench",
        "batching",
        "--target",
        "model",
        "--requests",
        "20",
        "-o",
        "run.json",
    ]);
    let said = within(&["baseline", "add", "run.json"]);
    let file = said.trim_end().strip_prefix("added ").expect("it is added");
    assert!(
        file.starts_with(".hwptop/baselines/main/batching/"),
        "{file}"
    );
    let read = |path: &Path| -> Value {
        let text = fs::read_to_string(path).expect("it can be read");
        serde_json::from_str(&text).expect("JSON")
    };
    let (kept, written) = (read(&place.join(file)), read(&place.join("run.json")));
    assert_eq!(
        kept["runs"][0]["points"][0],
        written["runs"][0]["points"][0]
    );
    assert!(within(&["baseline", "list"]).contains("batching"));
    assert!(within(&["baseline", "changes"]).contains("no change"));
}
