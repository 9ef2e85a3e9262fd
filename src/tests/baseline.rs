//! `--baseline`: a recording against what is measured or played.

use std::fs;

use crate::{
    recording::recorded,
    run::{HWPTOP, hwptop},
    tmux::{Terminal, eventually},
};

#[test]
fn a_recording_against_itself_is_told_in_text_with_ratios_of_one() {
    let (_folder, path) = recorded();
    let run = hwptop(&["replay", &path, "--once", "--baseline", &path]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let stage = format!("compared with {path}: all instances, stage request");
    assert!(run.stdout.contains(&stage), "{}", run.stdout);
    let all = run.stdout.lines();
    let told: Vec<&str> = all
        .skip_while(|line| !line.starts_with("compared"))
        .collect();
    for name in ["p50", "p90", "mean", "per second", "batch factor"] {
        let line = told.iter().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {told:?}"));
        assert!(line.contains(" 1.00"), "{line}");
        assert!(!line.contains('*'), "{line}");
    }
    assert!(!run.stdout.contains("not taken alike"), "{}", run.stdout);
}

#[test]
fn the_option_is_not_ignored_where_it_is_not_told() {
    let (_folder, path) = recorded();
    for format in ["json", "csv"] {
        let run = hwptop(&["replay", &path, "--format", format, "--baseline", &path]);
        assert_eq!(run.code, Some(2));
        assert!(run.stdout.is_empty());
        assert!(run.stderr.contains("--format text"), "{}", run.stderr);
    }
}

#[test]
fn a_picture_of_the_screen_has_the_comparison() {
    let (_folder, path) = recorded();
    let form = ["--format", "svg", "--screen", "compare"];
    let run = hwptop(&[&["replay", &path, "--baseline", &path][..], &form].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // A word each.
    for part in [">p99.9<", ">factor<", ">1.00<", ">exchangeable;<"] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
}

#[test]
fn a_picture_of_all_at_once_is_that_after_the_last_interval() {
    let (_folder, path) = recorded();
    let picture = |screen: &str, once: &[&str]| {
        let form = ["--format", "svg", "--screen", screen];
        let run = hwptop(&[&["replay", &path, "--baseline", &path][..], &form, once].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    };
    for screen in ["instances", "instance", "compare"] {
        assert!(
            picture(screen, &["--once"]) == picture(screen, &[]),
            "{screen}"
        );
    }
}

#[test]
fn what_is_no_recording_is_refused_with_file_line_and_what_was_expected() {
    let (folder, path) = recorded();
    let refused = |file: &str, wanted: &[&str]| {
        let run = hwptop(&["top", "--once", "--target", "model", "--baseline", file]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stdout.is_empty(), "{}", run.stdout);
        for part in wanted.iter().chain(&["NAME.jsonl", file]) {
            assert!(run.stderr.contains(part), "{part:?}: {}", run.stderr);
        }
    };
    refused("/nowhere/base.jsonl", &["No such file"]);

    let text = fs::read_to_string(&path).expect("it can be read");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{}";
    fs::write(&path, lines.join("\n") + "\n").expect("it can be written");
    refused(&path, &[":3: no snapshot"]);

    fs::write(&path, format!("{}\n", lines[0])).expect("it can be written");
    refused(&path, &["no whole interval"]);

    let run = folder.path().join("run.json");
    fs::write(&run, "{\"schema\":\"hwptop.run/1\"}\n").expect("it can be written");
    refused(&run.display().to_string(), &["missing field"]);
}

#[test]
fn a_run_file_is_a_baseline_too() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run.json");
    let path = path.to_str().expect("UTF-8");
    let sweep = hwptop(&[
        "bench",
        "batching",
        "--target",
        "model,instances=2",
        "--requests",
        "200",
        "--batch",
        "1,64",
        "--runs",
        "3",
        "-o",
        path,
    ]);
    assert_eq!(sweep.code, Some(0), "{}", sweep.stderr);
    let run = hwptop(&[
        "--target",
        "model",
        "--count",
        "3",
        "--interval",
        "100ms",
        "--baseline",
        path,
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("run.json, bench batching") && run.stdout.contains("p50"),
        "{}",
        run.stdout
    );
}

#[test]
fn the_dashboard_compares_and_takes_a_new_baseline() {
    let (_folder, path) = recorded();
    let terminal = Terminal::open("baseline");
    terminal.line(&format!(
        "{HWPTOP} --target model --interval 100ms --baseline {path}"
    ));
    eventually("the instances are shown", || {
        terminal.screen().contains("model-vtd1")
    });
    terminal.keys("c");
    let says = |part: &str| {
        eventually(part, || terminal.screen().contains(part));
    };
    says("compare  model-vtd0*, stage request");
    says("batch factor");
    terminal.keys("Up");
    says("all instances");
    terminal.keys("Tab");
    says("stage submission");
    terminal.keys("b");
    says("once more replaces the baseline");
    terminal.keys("b");
    says("this session");
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
}
