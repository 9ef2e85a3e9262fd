//! A recording in place of a measurement.

use std::{fs, process::Command};

use serde_json::Value;

use super::Agent;
use crate::{
    recording::recorded,
    run::{HWPTOP, hwptop},
};

fn play(path: &str, options: &[&str]) -> Agent {
    let mut command = Command::new(HWPTOP);
    command.args(["agent", "--target", &format!("file:{path}")]);
    command.args(options);
    Agent::start(command)
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

#[test]
fn everyone_gets_what_was_recorded_and_it_ends_with_the_recording() {
    let (_folder, path) = recorded();
    let recorded = lines(&hwptop(&["replay", &path, "--format", "json"]).stdout);
    // 4 seconds in all.
    let length = recorded.last().expect("there are intervals")["since_start_ns"].as_f64();
    let speed = length.expect("a time") / 4e9;
    let agent = play(&path, &["--speed", &speed.to_string()]);
    let scrape = agent.first_scrape();
    let view = hwptop(&[
        "top",
        "--target",
        &agent.target(),
        "--count",
        "100000",
        "--format",
        "json",
    ]);
    // It ended before there were so many.
    assert_eq!(view.code, Some(3), "{}", view.stderr);
    let shown = lines(&view.stdout);
    assert!(shown.len() > 1, "{}", view.stderr);
    assert_eq!(recorded[recorded.len() - shown.len()..], shown);
    let info = scrape
        .keys()
        .find(|name| name.starts_with("hwptop_target_info"));
    let info = info.expect("it says what is measured");
    for part in [
        "kinds=\"modelled\"",
        "measured_by=\"in-process\"",
        "target=\"model,",
    ] {
        assert!(info.contains(part), "{info}");
    }
    let seen: Vec<_> = recorded
        .iter()
        .map(|one| one["events"]["seen"].as_f64())
        .collect();
    assert!(seen.contains(&Some(scrape["hwptop_events_seen_total"])));
    let (code, said, socket) = agent.ended();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.contains(&format!("file:{path} has ended")), "{said}");
    assert!(!socket.exists());
}

#[test]
fn what_does_not_go_with_a_recording_is_refused() {
    let (folder, path) = recorded();
    let target = format!("file:{path}");
    let agent = [
        "agent",
        "--listen",
        "none",
        "--otlp",
        "http://[::1]:1",
        "--socket",
        "none",
    ];
    for (options, part) in [
        (&["--policy", "single"][..], "--policy: a recording"),
        (&["--passes", "2"], "--passes: a recording"),
        (&["--interval", "1s"], "--interval: a recording"),
        (&["--slow", "1s"], "--slow: a recording"),
        (&["--perf"], "--perf: a recording"),
        (&["--record", "a.jsonl"], "is a recording already"),
    ] {
        let run = hwptop(&[&agent[..], &["--target", &target], options].concat());
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    for command in ["top", "record"] {
        let run = hwptop(&[command, "--target", &target]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("`hwptop replay "), "{}", run.stderr);
    }
    let missing = format!("{target}.not");
    let run = hwptop(&[&agent[..], &["--target", &missing]].concat());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("run.jsonl.not"), "{}", run.stderr);
    drop(folder);
}

#[test]
fn a_recording_that_is_cut_is_played_as_far_as_it_goes_and_a_wrong_one_refused() {
    let (_folder, path) = recorded();
    let whole = fs::read_to_string(&path).expect("it is text");
    fs::write(&path, &whole[..whole.len() - 10]).expect("it can be written");
    let (code, said, _) = play(&path, &["--speed", "max"]).ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is not whole and left out"), "{said}");
    let end = whole
        .lines()
        .take(4)
        .fold(0, |end, line| end + line.len() + 1);
    fs::write(&path, format!("{}{{}}\n", &whole[..end])).expect("it can be written");
    let (code, said, _) = play(&path, &["--speed", "max"]).ended();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("run.jsonl:5: "), "{said}");
}
