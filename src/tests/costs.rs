//! What requests cost the CPUs of a process, and what looking at it costs.

use std::fs;

use serde_json::Value;

use crate::run::{Background, hwptop, unprivileged};

/// A count since counting began, or why there is none.
fn total<'a>(perf: &'a Value, event: &str) -> Result<u64, &'a Value> {
    let count = &perf["counts"][event]["total"];
    count.as_u64().ok_or_else(|| {
        let why = &perf["absent"][event];
        assert!(why.is_string(), "neither counted nor absent: {perf}");
        why
    })
}

#[test]
fn what_the_model_takes_of_the_cpus_is_counted_or_absent_with_a_reason() {
    for run in [hwptop, unprivileged] {
        let snapshot = run(&["--perf", "--speed", "20", "--once", "--format", "json"]).json();
        let perf = &snapshot["perf"];
        let request = &snapshot["instances"][0]["interval"]["stages"]["request"]["seen"];
        assert!(request.as_u64() <= perf["requests"].as_u64(), "{perf}");
        for event in ["cycles", "instructions", "cache_misses", "dtlb_misses"] {
            assert_ne!(total(perf, event), Ok(0), "{perf}");
        }
        match total(perf, "task_clock_ns") {
            Ok(ns) => assert!((100_000..60_000_000_000).contains(&ns), "{perf}"),
            Err(why) => eprintln!("skipped, because {why}"),
        }
    }
}

#[test]
fn perf_counters_are_of_one_process() {
    let run = hwptop(&["--target", "kernel", "--perf", "--once"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("--target pid:N"), "{}", run.stderr);
    let without = hwptop(&["--once", "--interval", "50ms", "--format", "json"]).json();
    assert_eq!(without.get("perf"), None);
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn another_process_is_counted_and_what_looking_costs_is_told() {
    let driver = Background::driver(2);
    let target = format!("pid:{}", driver.pid());
    let cpu_time = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", driver.pid())).expect("it runs");
        let of = |path: std::path::PathBuf| {
            let text = fs::read_to_string(path.join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        let times = tasks.filter_map(|task| of(task.ok()?.path()));
        times.sum::<u64>()
    };
    let before = cpu_time();
    let options = ["--perf", "--count", "3", "--interval", "500ms"];
    let run = hwptop(&[&["--target", &target, "--format", "json"], &options[..]].concat());
    let cpu = cpu_time() - before;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let last = run.stdout.lines().last().expect("three lines");
    let snapshot: Value = serde_json::from_str(last).expect("JSON");

    let perf = &snapshot["perf"];
    let clock = total(perf, "task_clock_ns").expect("it is always there");
    // It was looked at for longer than it was counted.
    assert!(clock > cpu / 10 && clock <= cpu, "{clock} of {cpu} ns");
    assert_eq!(perf["threads_left_out"], 0, "{perf}");

    let looking = &snapshot["looking"];
    let number = |name: &str| {
        looking[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{looking}"))
    };
    assert!(number("dispatch_ns_per_pair") > 10.0, "{looking}");
    assert!(number("ns_per_request") > 10.0, "{looking}");
    assert!(number("programs_core_share") < number("core_share"));
    assert!(number("core_share") < 2.0, "{looking}");
    assert!(
        looking["clock"]
            .as_str()
            .is_some_and(|clock| clock.contains("CLOCK_MONOTONIC"))
    );
    let programs = looking["programs"].as_array().expect("programs");
    let ran = |one: &&Value| one["runs"].as_u64() > Some(0);
    // Two of requests, two of submissions, and the doorbell's.
    assert_eq!(programs.iter().filter(ran).count(), 5, "{looking}");
}
