//! What every suite does alike: run files, of one process and of several.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::run::{hwptop, unprivileged};

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn suites_without_a_target_write_run_files_too() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (suite, options, metric) in [
        (
            "front-end",
            &["--rounds", "1", "--capture", "smmuv3-nvme-strict"][..],
            "ns_per_guest_command",
        ),
        (
            "dashboard",
            &["--frames", "2", "--rows", "2", "--rounds", "0"],
            "frame_ratio",
        ),
    ] {
        let path = directory.path().join(suite);
        let file = path.to_str().expect("UTF-8");
        let run = unprivileged(&[&["bench", suite, "-o", file], options].concat());
        assert_eq!(run.code, Some(0), "{suite}: {}", run.stderr);
        assert!(run.stderr.contains(file), "{suite}: {}", run.stderr);
        let written = read(&path);
        assert_eq!(written["suite"], suite);
        assert_eq!(written["kind"], "hardware", "{suite}");
        assert_eq!(written["complete"], true, "{suite}");
        let first = &written["runs"][0]["points"][0];
        assert!(first["figures"][metric]["value"].is_number(), "{first}");
    }
}

#[test]
fn several_processes_of_a_suite_are_in_one_run_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let run = hwptop(&[
        "bench",
        "front-end",
        "--rounds",
        "2",
        "--capture",
        "smmuv3-nvme-strict",
        "--runs",
        "2",
        "--format",
        "csv",
        "-o",
        path.to_str().expect("UTF-8"),
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let is_in_both =
        |line: &&str| line.starts_with("\"ns_per_guest_command{") && line.ends_with(",2");
    // Three policies, each with two kinds of doorbells.
    let lines = run.stdout.lines().filter(is_in_both).count();
    assert_eq!(lines, 6, "{}", run.stdout);
    assert_eq!(read(&path)["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn suites_of_guests_without_the_right_to_what_they_need_name_it() {
    for (args, part) in [
        (&["policies", "--target", "selftest"][..], "/dev/iommu"),
        (&["replay", "--target", "selftest"], "/dev/iommu"),
        (
            &["replay", "--target", "vfio:/dev/vfio/devices/vfio77"],
            "/dev/iommu",
        ),
    ] {
        let run = unprivileged(&[&["bench"], args].concat());
        assert_eq!(run.code, Some(3), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
    }
}

#[test]
fn what_suites_of_guests_cannot_do_is_bad_input() {
    for (args, part) in [
        (&["policies", "--target", "kernel"][..], "--target kernel"),
        (&["replay", "--target", "pid:1"], "--target pid:1"),
        (&["replay", "--rate", "50%,fast"], "\"fast\" is no rate"),
        (&["replay", "--vcpus", "0"], "--vcpus"),
        (
            &[
                "replay",
                "--target",
                "model:vtd",
                "--capture",
                "smmuv3-nvme-strict",
            ],
            "a stream of smmuv3 commands",
        ),
    ] {
        let run = hwptop(&[&["bench"], args].concat());
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
    }
}

/// A line of CSV as its fields, by the names of the header.
fn lines(csv: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let of = |line: Vec<_>| {
        assert_eq!(line.len(), header.len());
        header.iter().copied().zip(line).collect()
    };
    lines.map(of).collect()
}

#[test]
fn a_replay_has_closed_and_open_loops_and_times_the_open_ones_from_when_they_were_due() {
    let options = [
        "bench",
        "replay",
        "--capture",
        "amdvi-iommufd-map-unmap",
        "--policy",
        "array",
        "--rate",
        "50%,1000",
        "--time",
        "40ms",
    ];
    let csv = unprivileged(&[&options[..], &["--format", "csv"]].concat());
    assert_eq!(csv.code, Some(0), "{}", csv.stderr);
    let lines = lines(&csv.stdout);
    let loads: Vec<_> = lines.iter().map(|line| line["load"]).collect();
    assert_eq!(loads, ["closed", "50%", "1000/s"]);
    for line in &lines {
        assert_eq!((line["kind"], line["policy"]), ("modelled", "array"));
        let is_closed = line["load"] == "closed";
        assert_eq!(line["response_latency_ns_p50"].is_empty(), is_closed);
        assert_eq!(line["offered_entries_per_s"].is_empty(), is_closed);
        assert!(
            line["service_latency_ns_p50"]
                .parse::<u64>()
                .is_ok_and(|ns| ns > 0)
        );
    }

    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let file = path.to_str().expect("UTF-8");
    let json = unprivileged(&[&options[..], &["--format", "json", "-o", file]].concat());
    // What is printed is the file.
    let document = json.json();
    assert_eq!(document, read(&path));
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    assert_eq!(document["environment"]["profile"], profile);
    assert_eq!(document["environment"]["probes"][0], "none");
    let profile = document["timing_profile"].as_str().expect("it is stated");
    assert!(profile.contains("timing profile"), "{profile}");
    let text = unprivileged(&options);
    assert!(
        text.stdout.contains("on a modelled amdvi"),
        "{}",
        text.stdout
    );
}
