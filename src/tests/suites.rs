//! What every suite does alike: run files, of one process and of several.

use std::{fs, path::Path};

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
