//! What every suite does alike: run files, of one process and of several.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::run::{Finished, count, hwptop, points, unprivileged, unprivileged_command};

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
        (&["stages", "--target", "selftest"], "/dev/iommu"),
        (&["scaling", "--target", "selftest:smmuv3"], "/dev/iommu"),
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
        (&["stages", "--target", "kernel"], "--target kernel"),
        (&["stages", "--batch", "2,1"], "--batch"),
        (&["scaling", "--target", "agent:/x"], "--target agent:/x"),
        (
            &["scaling", "--instances", "64", "--producers", "5"],
            "64 instances with 5 producers each",
        ),
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

#[test]
fn scaling_measures_every_number_of_instances_with_every_number_of_producers() {
    let options = [
        "bench",
        "scaling",
        "--instances",
        "1,2",
        "--producers",
        "1,2,2",
        "--batch",
        "4",
        "--time",
        "40ms",
    ];
    let csv = unprivileged(&[&options[..], &["--format", "csv"]].concat());
    assert_eq!(csv.code, Some(0), "{}", csv.stderr);
    let lines = lines(&csv.stdout);
    let grid: Vec<_> = lines
        .iter()
        .map(|line| (line["instances"], line["producers"]))
        .collect();
    assert_eq!(grid, [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]);
    for line in &lines {
        let is_one = (line["instances"], line["producers"]) == ("1", "1");
        assert_eq!(line["efficiency"].is_empty(), is_one, "{line:?}");
        let number = |name: &str| line[name].parse::<f64>().expect(name);
        assert!(number("entries_per_s") >= number("entries_per_s_per_producer"));
        let whole = |name: &str| line[name].parse::<u64>().expect(name);
        assert_eq!(whole("entries"), 4 * whole("requests"));
    }
    assert!(
        csv.stderr
            .contains("point 4 of 4: 2 instances, 2 producers, about ")
    );
    let text = unprivileged(&options);
    assert!(
        text.stdout
            .contains("4 pages unmapped before each wait, array"),
        "{}",
        text.stdout
    );
}

/// Stages of modelled requests, by whoever measures.
fn parts_add_up(run: &dyn Fn(&[&str]) -> Finished, timed_by: &str, probes: &str) {
    let options = [
        "bench",
        "stages",
        "--target",
        "model:smmuv3,instances=2",
        "--batch",
        "1,63",
        "--time",
        "20ms",
    ];
    let document = run(&[&options[..], &["--format", "json"]].concat()).json();
    assert_eq!(document["settings"]["timed by"], timed_by);
    assert_eq!(document["environment"]["probes"], json!([probes]));
    let points = points(&document);
    assert_eq!(points.len(), 4);
    for point in points {
        let sum = count(point, "submission_time") + count(point, "unattributed_time");
        assert_eq!(sum, count(point, "request_time"));
        assert_eq!(point["figures"].get("driver_op_time"), None);
        let batch: u64 = point["labels"]["batch"]
            .as_str()
            .expect("a label")
            .parse()
            .expect("one");
        assert_eq!(count(point, "entries"), batch * count(point, "requests"));
        assert_eq!(count(point, "events_lost"), 0);
    }
    let text = run(&options).stdout;
    assert!(text.contains(&format!("timed by {timed_by}")), "{text}");
    assert!(text.contains("on a modelled smmuv3"), "{text}");
}

#[test]
fn the_stages_of_modelled_requests_add_up_without_ebpf() {
    parts_add_up(&unprivileged, "the process' own clock", "none");
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn the_stages_of_modelled_requests_add_up_by_static_probes() {
    let timed_by = "eBPF on the driver's static probes";
    parts_add_up(&hwptop, timed_by, "static probes");
}

/// Sends SIGINT when the command says that it measures its second point.
fn interrupted_in_the_second_point(args: &[&str]) -> Finished {
    let mut command = unprivileged_command(args);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut lines = said.by_ref().map_while(Result::ok);
    let second = lines.find(|line| line.contains("point 2 of"));
    assert!(second.is_some(), "{args:?}: it ended before");
    let kill = format!("kill -INT {}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("there is a shell").success());
    let stderr: Vec<String> = said.map_while(Result::ok).collect();
    let output = child.wait_with_output().expect("it ends");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: stderr.join("\n"),
    }
}

#[test]
fn what_is_measured_when_a_suite_of_guests_is_interrupted_is_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (suite, options) in [
        ("stages", &["--batch", "1,2,4"][..]),
        ("scaling", &["--instances", "1", "--producers", "1,2,3"]),
        (
            "replay",
            &["--capture", "smmuv3-nvme-strict", "--rate", "10%"],
        ),
    ] {
        let path = directory.path().join(suite);
        let file = path.to_str().expect("UTF-8");
        let start = ["bench", suite, "--time", "500ms", "-o", file];
        let run = interrupted_in_the_second_point(&[&start[..], options].concat());
        assert_eq!(run.code, Some(130), "{suite}: {}", run.stderr);
        assert!(run.stderr.contains("points are measured"), "{}", run.stderr);
        let written = read(&path);
        assert_eq!(written["complete"], false, "{suite}");
        let measured = points(&written).len();
        assert!((1..3).contains(&measured), "{suite}: {measured}");
        assert!(run.stdout.contains("on a modelled"), "{}", run.stdout);
    }
}
