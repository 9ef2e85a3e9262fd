//! Run files and reports, from the command line.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::run::{HWPTOP, hwptop, points};

#[test]
fn a_sweep_is_written_and_drawn() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = directory.path().join("run.json");
    let report = directory.path().join("report");
    let (run, report) = (
        run.to_str().expect("UTF-8"),
        report.to_str().expect("UTF-8"),
    );
    let sweep = hwptop(&[
        "bench", "batching", "--target", "model", "--time", "10ms", "-o", run,
    ]);
    assert_eq!(sweep.code, Some(0), "{}", sweep.stderr);
    assert!(sweep.stdout.contains("modelled"), "{}", sweep.stdout);
    let rows = sweep.stdout.lines();
    let rows = rows.filter(|line| line.starts_with("model-vtd1 "));
    assert_eq!(rows.count(), 11, "{}", sweep.stdout);
    assert!(
        sweep.stdout.contains("model-vtd1: a = "),
        "{}",
        sweep.stdout
    );
    assert!(
        sweep.stderr.contains("batch 1024"),
        "no progress: {}",
        sweep.stderr
    );

    let drawn = hwptop(&["report", run, "-o", report]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    for file in drawn.stdout.lines() {
        assert!(
            fs::metadata(file).is_ok_and(|file| file.len() > 100),
            "{file}"
        );
    }
    let names = [
        "report.md",
        "ns-per-entry.svg",
        "ns-per-entry.png",
        "latency-percentiles.svg",
        "latency-percentiles.png",
    ];
    for name in names {
        assert!(drawn.stdout.contains(name), "{}", drawn.stdout);
    }
    let markdown = fs::read_to_string(format!("{report}/report.md")).expect("it was written");
    assert!(markdown.contains("modelled"), "{markdown}");

    // The same file again gives the same bytes.
    let again = directory.path().join("again");
    let again = again.to_str().expect("UTF-8");
    assert_eq!(hwptop(&["report", run, "-o", again]).code, Some(0));
    for name in names {
        let read = |directory: &str| fs::read(format!("{directory}/{name}")).expect("written");
        assert_eq!(read(report), read(again), "{name}");
    }
}

#[test]
fn a_file_that_is_no_run_file_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let file = path.to_str().expect("UTF-8");
    let out = directory.path().join("report");
    for (text, part) in [
        ("", "line 1"),
        ("{\"schema\": \"hwptop.run/1\"", "line 1"),
        ("{\"schema\": \"hwptop.run/99\"}", "hwptop.run/99"),
        ("{\"schema\": \"hwptop.run/1\"}", "missing field"),
        ("[1, 2]", "not a hwptop run file"),
    ] {
        fs::write(&path, text).expect("it can be written");
        let run = hwptop(&["report", file, "-o", out.to_str().expect("UTF-8")]);
        assert_eq!(run.code, Some(2), "{text}: {}", run.stderr);
        assert!(
            run.stderr.contains(file) && run.stderr.contains(part),
            "{text}: {}",
            run.stderr
        );
        assert!(!out.exists(), "a report was begun");
    }
}

#[test]
fn the_suites_are_listed() {
    let list = hwptop(&["bench", "list"]);
    for suite in ["batching", "probe-cost", "agent-cost"] {
        assert!(list.stdout.contains(suite), "{}", list.stdout);
    }
}

#[test]
fn a_run_file_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let start = Instant::now();
    let run = hwptop(&[
        "bench",
        "batching",
        "--time",
        "1m",
        "-o",
        "/nonexistent/run.json",
    ]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("/nonexistent/run.json"),
        "{}",
        run.stderr
    );
    assert_eq!(
        run.stderr.matches("os error 2").count(),
        1,
        "{}",
        run.stderr
    );
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "it measured first"
    );
}

#[test]
fn a_stopped_sweep_keeps_what_is_measured_and_says_so() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let mut sweep = Command::new(HWPTOP)
        .args([
            "bench",
            "batching",
            "--target",
            "model,instances=64",
            "--time",
            "100ms",
            "-o",
        ])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hwptop can be started");
    let mut progress = BufReader::new(sweep.stderr.take().expect("stderr is piped")).lines();
    let shown = progress
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("batch 8,"));
    shown.expect("there is progress");
    let interrupted = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", sweep.id())])
        .status()
        .expect("a shell can be started");
    assert!(interrupted.success());
    let said: Vec<String> = progress.map_while(Result::ok).collect();
    assert_eq!(sweep.wait().expect("it ends").code(), Some(130));
    assert!(
        said.iter().any(|line| line.contains("of 704 points")),
        "{said:?}"
    );
    let run: Value = serde_json::from_str(&fs::read_to_string(&path).expect("it was written"))
        .expect("it is JSON");
    assert_eq!(run["complete"], false);
    assert!((3..704).contains(&points(&run).len()));
}

#[test]
fn a_run_is_written_though_nobody_reads_its_figures() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let file = path.to_str().expect("UTF-8");
    let sweep = format!(
        "{HWPTOP} bench batching --target model,instances=1 --time 10ms -o {file} | head -n 0"
    );
    let run = Command::new("bash")
        .args(["-c", &sweep])
        .stderr(Stdio::null())
        .status();
    assert!(run.expect("bash can be started").success());
    let text = fs::read_to_string(&path).expect("the run file is there");
    let run: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(points(&run).len(), 11);
}

#[test]
fn output_that_nobody_takes_is_no_crash() {
    for (command, code) in [
        (format!("{HWPTOP} bench list | head -n 0"), Some(0)),
        (format!("{HWPTOP} bench list > /dev/full"), Some(3)),
        (
            format!("{HWPTOP} --capture nope --once 2> /dev/full"),
            Some(2),
        ),
        (
            format!("{HWPTOP} bench batching --target model,instances=1 --time 10ms 2> /dev/full"),
            Some(0),
        ),
        (
            format!("{HWPTOP} --once --interval 50ms | head -n 1"),
            Some(0),
        ),
    ] {
        // pipefail: the code is hwptop's, not that of its reader.
        let run = Command::new("bash")
            .args(["-o", "pipefail", "-c", &command])
            .stdout(Stdio::null())
            .status()
            .expect("bash can be started");
        assert_eq!(run.code(), code, "{command}");
    }
}
