//! `bench dashboard` and the pictures of its screens.

use serde_json::Value;

use crate::run::{Finished, hwptop, unprivileged};

/// Every screen that can be named without naming a part of what is measured.
const SCREENS: [&str; 8] = [
    "instances",
    "instance",
    "process",
    "hwpt",
    "outliers",
    "compare",
    "health",
    "help",
];

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn figures(run: &Finished) -> Value {
    let cost = run.json();
    assert_eq!(cost["schema"], "hwptop.dashboard/1");
    cost
}

#[test]
fn every_screen_is_measured_or_says_why_not() {
    let run = unprivileged(&words(
        "bench dashboard --instances 3 --size 120x30 --frames 3 --rows 20 --rounds 0 --format json",
    ));
    let cost = figures(&run);
    assert_eq!((&cost["columns"], &cost["rows"]), (&120.into(), &30.into()));
    assert_eq!(cost["modelled"], true);
    assert_eq!(cost["whole"], true);
    let list = |name: &str| cost[name].as_array().expect("a list").clone();
    let named = list("screens").into_iter().chain(list("absent"));
    let mut named: Vec<String> = named
        .map(|one| one["screen"].as_str().expect("a name").to_owned())
        .collect();
    named.sort_unstable();
    let mut all = SCREENS;
    all.sort_unstable();
    assert_eq!(named, all);
    for screen in list("screens") {
        for figure in ["frame_ns", "diff_ns", "update_ns"] {
            assert!(screen[figure]["p50"].as_u64() > Some(0), "{screen}");
        }
        assert!(screen["ratio"]["p50"].as_f64() >= Some(1.0), "{screen}");
        assert!(screen["bytes"]["max"].as_u64() > Some(0), "{screen}");
    }
    assert_eq!(cost["scroll"]["rows"], 20);
    assert_eq!(cost["scroll"]["paces"][0]["frames"], 20);
    assert_eq!(cost["beside"], Value::Null);
}

#[test]
fn a_process_with_the_dashboard_is_held_against_one_without() {
    let run = unprivileged(&words(
        "bench dashboard --instances 2 --frames 1 --rows 2 --rounds 1 --time 1s --format json",
    ));
    let cost = figures(&run);
    let beside = &cost["beside"];
    assert_eq!(beside["in_another_process"], false);
    let round = &beside["rounds"][0];
    for shows in ["dashboard", "json", "nothing"] {
        assert!(round["core_share"][shows].as_f64() > Some(0.0), "{round}");
        assert!(beside["ratio"][shows].as_f64() > Some(0.0), "{beside}");
    }
    // Ten a second are due; a busy machine may miss some.
    assert!(round["frames"].as_u64() > Some(3), "{round}");
    assert!(
        round["bytes_per_frame"]["max"].as_u64() > Some(100),
        "{round}"
    );
}

#[test]
fn a_picture_of_each_screen_is_made_without_a_terminal() {
    let picture = |screen: &str, size: &str| {
        hwptop(&[
            "top",
            "--target",
            "model",
            "--interval",
            "50ms",
            "--count",
            "2",
            "--format",
            "svg",
            "--screen",
            screen,
            "--size",
            size,
        ])
    };
    let mut pictures = Vec::new();
    for screen in SCREENS {
        let run = picture(screen, "120x30");
        if ["process", "hwpt"].contains(&screen) {
            assert_eq!(run.code, Some(2), "{screen}: {}", run.stderr);
            assert!(run.stderr.contains(screen), "{}", run.stderr);
            continue;
        }
        assert_eq!(run.code, Some(0), "{screen}: {}", run.stderr);
        assert!(run.stdout.starts_with("<svg") && run.stdout.ends_with("</svg>\n"));
        assert!(!pictures.contains(&run.stdout), "{screen}");
        pictures.push(run.stdout);
    }
    let named = picture("instance:model-vtd1", "60x15");
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    let gone = picture("instance:dmar9", "60x15");
    assert_eq!(gone.code, Some(2));
    assert!(gone.stderr.contains("instance:dmar9"), "{}", gone.stderr);
}

#[test]
fn the_recording_of_a_kernel_has_something_for_every_screen() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kernel.jsonl");
    for screen in SCREENS {
        let run = hwptop(&[
            "replay", recording, "--count", "54", "--format", "svg", "--screen", screen,
        ]);
        assert_eq!(run.code, Some(0), "{screen}: {}", run.stderr);
        assert!(run.stdout.starts_with("<svg"), "{screen}");
    }
}

#[test]
fn a_picture_has_the_theme_that_is_asked_for() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kernel.jsonl");
    let picture = |theme: &[&str]| {
        let run = hwptop(&[&["replay", recording, "--once", "--format", "svg"], theme].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    };
    let [none, dark, light] = [&[][..], &["--theme", "dark"], &["--theme", "light"]].map(picture);
    assert!(none == dark);
    let paper = |svg: &str| svg.contains("rx=\"8\" fill=\"#ffffff\"");
    assert!(paper(&light) && !paper(&dark));
}

#[test]
fn options_of_pictures_are_refused_where_there_is_no_picture() {
    for option in ["--screen=help", "--size=80x24"] {
        let run = hwptop(&["--once", "--interval", "50ms", option]);
        assert_eq!(run.code, Some(2), "{option}");
        assert!(run.stderr.contains("--format svg"), "{}", run.stderr);
    }
    for wrong in ["--screen=chart", "--size=0x24", "--size=80"] {
        let run = hwptop(&["--once", "--format", "svg", wrong]);
        assert_eq!(run.code, Some(2), "{wrong}");
    }
    // No other option, as what begins so would be.
    let run = hwptop(&["--once", "--format", "svg", "--size", "-1x5"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("e.g. 120x30"), "{}", run.stderr);
}
