//! `hwptop report`: what it takes, and what it refuses.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::run::{Finished, hwptop};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// A short recording of a model.
    fn recording(&self, name: &str) -> String {
        let path = self.path(name);
        let run = hwptop(&[
            "record",
            "--target",
            "model",
            "--interval",
            "100ms",
            "-o",
            &path,
            "--",
            "sleep",
            "1.3",
        ]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        path
    }

    /// A run file whose figures are `times` as large, of `runs` processes.
    fn run(&self, name: &str, times: f64, runs: u32) -> String {
        let process = |order: u32| {
            let ns = 130.0 * times * (1.0 + f64::from(order * 7 % 5) * 0.002);
            serde_json::json!({"order": order, "started_unix_s": 1, "points": [
                {"labels": {"variant": "hwptop"}, "figures": {"ns_per_pair": {"value": ns}}}]})
        };
        let run = serde_json::json!({
            "schema": "hwptop.run/2", "suite": "probe-cost", "kind": "hardware", "started_unix_s": 1_700_000_000_u64
                + u64::from(runs) * 3600, "command": ["hwptop", "bench", "probe-cost"], "complete": true,
            "environment": {"hwptop": "0.1.0", "kernel": "6.12.0", "cpu": "Example CPU", "cpus": 2},
            "runs": (0..runs).map(process).collect::<Vec<_>>(),
        });
        let path = self.path(name);
        fs::write(&path, run.to_string()).expect("it can be written");
        path
    }

    fn report(&self, arguments: &[&str]) -> Finished {
        hwptop(&[&["report"], arguments, &["-o", &self.path("report")]].concat())
    }

    /// The Markdown of the report.
    fn drawn(&self, arguments: &[&str]) -> String {
        let drawn = self.report(arguments);
        assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
        for file in drawn.stdout.lines() {
            assert!(
                fs::metadata(file).is_ok_and(|file| file.len() > 100),
                "{file}"
            );
        }
        fs::read_to_string(self.path("report/report.md")).expect("it was written")
    }

    fn refused(&self, arguments: &[&str], parts: &[&str]) {
        let run = self.report(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
        for part in parts {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
        assert!(
            !Path::new(&self.path("report")).exists(),
            "a report was begun"
        );
    }
}

#[test]
fn a_recording_is_drawn_over_time_by_percentile_and_by_stage() {
    let folder = Folder::new();
    let recording = folder.recording("model.jsonl");
    let text = folder.drawn(&[&recording]);
    for part in [
        "**modelled: a model stood in for hardware**",
        "model.jsonl (modelled), model,instances=2: ",
        "Latency of each request over time",
        "p99 of each request by instance over time",
        "by percentile",
        "Stage breakdown",
        "| events |",
        "| probe cost |",
        "| environment | absent: a recording does not say kernel, CPU or governor |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // By either of its files, and the same bytes.
    let page = || fs::read(folder.path("report/report.html")).expect("it was written");
    let before = page();
    let log = PathBuf::from(&recording).with_extension("hlog");
    assert_eq!(folder.drawn(&[log.to_str().expect("UTF-8")]), text);
    assert_eq!(page(), before);
}

#[test]
fn two_recordings_are_compared_with_intervals() {
    let folder = Folder::new();
    let (base, new) = (
        folder.recording("base.jsonl"),
        folder.recording("new.jsonl"),
    );
    let text = folder.drawn(&[&new, "--base", &base]);
    for part in [
        "## new.jsonl against base.jsonl",
        "| request | p50 |",
        "This judges nothing",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn two_run_files_are_compared_and_those_of_other_machines_are_not() {
    let folder = Folder::new();
    let (base, new) = (
        folder.run("base.json", 1.0, 12),
        folder.run("new.json", 1.3, 12),
    );
    let text = folder.drawn(&[&new, "--base", &base]);
    assert!(text.contains("at 1.300×"), "{text}");
    fs::remove_dir_all(folder.path("report")).expect("it is there");

    let other = fs::read_to_string(&base)
        .expect("it is there")
        .replace("Example CPU", "Another CPU");
    fs::write(&base, other).expect("it can be written");
    folder.refused(
        &[&new, "--base", &base],
        &["new.json", "base.json", "CPU", "Another CPU"],
    );
    let recording = folder.recording("model.jsonl");
    folder.refused(
        &[&new, "--base", &recording],
        &["model.jsonl", "no recording to compare"],
    );
    folder.refused(
        &[&recording, "--base", &new],
        &["new.json", "no run file to compare"],
    );
}

#[test]
fn the_history_of_a_store_has_its_changes_marked() {
    let folder = Folder::new();
    let store = folder.path("store");
    for number in 0..40 {
        let times = if number < 20 { 1.0 } else { 1.4 };
        let run = folder.run(
            "run.json",
            times * (1.0 + f64::from(number * 7 % 5) * 0.001),
            number + 3,
        );
        let added = hwptop(&["baseline", "add", &run, "--store", &store]);
        assert_eq!(added.code, Some(0), "{}", added.stderr);
    }
    let text = folder.drawn(&["--history", &store]);
    for part in [
        "History of probe-cost: 1 change in 1 metrics over 40 runs",
        "(1.40×, worse)",
        "## History of probe-cost on branch main",
        "![Trend of ns\\_per\\_pair",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let picture = folder.path("report/history-probe-cost-0-0.svg");
    let picture = fs::read_to_string(picture).expect("it was drawn");
    assert!(picture.contains("1 change, marked"), "{picture}");
    fs::remove_dir_all(folder.path("report")).expect("it is there");
    folder.refused(&["--history", &store, "--branch", "other"], &["other"]);
    folder.refused(&["--history", &folder.path("nothing")], &["nothing"]);
}

#[test]
fn what_cannot_be_read_is_named_and_no_report_is_begun() {
    let folder = Folder::new();
    let recording = folder.recording("model.jsonl");
    let log = folder.path("model.hlog");
    folder.refused(&[], &["INPUT"]);
    folder.refused(&[&folder.path("none.json")], &["none.json"]);
    folder.refused(&[&folder.path("none.jsonl")], &["none.jsonl"]);
    folder.refused(&[&folder.path("")], &["not a regular file"]);
    let empty = folder.path("empty.jsonl");
    fs::write(&empty, "").expect("it can be written");
    folder.refused(&[&empty], &["empty.jsonl", "no whole line"]);

    let text = fs::read_to_string(&log).expect("it is there");
    fs::write(&log, text.replacen("HISTF", "HIST!", 1)).expect("it can be written");
    folder.refused(&[&recording], &["model.hlog:", "base64"]);
    fs::remove_file(&log).expect("it is there");
    folder.refused(&[&recording], &["model.hlog", "cannot be read"]);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let run = folder.run("run.json", 1.0, 3);
    let drawn = hwptop(&["report", &run, "-o", &format!("{run}/below")]);
    assert_eq!(drawn.code, Some(2), "{}", drawn.stderr);
    assert!(drawn.stderr.contains("run.json/below"), "{}", drawn.stderr);
    assert!(drawn.stderr.contains("-o DIR"), "{}", drawn.stderr);
}
