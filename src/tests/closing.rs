//! Every count closes: capture = driver = probes, seen = recorded + lost.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    run::{hwptop, unprivileged, unprivileged_command},
    whole::has_every_batch_and_error,
};

struct Expected {
    capture: &'static str,
    /// Commands by type; every other type has none.
    types: &'static [(&'static str, u64)],
    syncs: u64,
    /// Every request is one submission; else the modelled kernel sent some of its own
    /// when the guest was set up.
    is_paired: bool,
}

const CAPTURES: [Expected; 5] = [
    Expected {
        capture: "vtd-first-stage-nvme-strict",
        types: &[
            ("pasid-iotlb", 17_614),
            ("iotlb", 1),
            ("context-cache", 1),
            ("wait", 17_617),
        ],
        syncs: 17_617,
        is_paired: true,
    },
    Expected {
        capture: "vtd-second-stage-nvme-net-strict",
        types: &[("iotlb", 9_968), ("context-cache", 1), ("wait", 9_970)],
        syncs: 9_970,
        is_paired: true,
    },
    Expected {
        capture: "vtd-first-stage-nvme-buffered-lazy",
        types: &[
            ("pasid-iotlb", 92),
            ("iotlb", 1),
            ("context-cache", 1),
            ("wait", 95),
        ],
        syncs: 95,
        is_paired: true,
    },
    Expected {
        capture: "smmuv3-nvme-strict",
        types: &[("tlbi-nh-va", 2_720), ("sync", 2_720)],
        syncs: 2_720,
        is_paired: false,
    },
    Expected {
        capture: "amdvi-iommufd-map-unmap",
        types: &[
            ("iommu-pages", 1_802),
            ("devtab-entry", 12),
            ("completion-wait", 1_814),
        ],
        syncs: 1_814,
        is_paired: false,
    },
];

impl Expected {
    fn commands(&self) -> u64 {
        self.types.iter().map(|&(_, count)| count).sum()
    }
}

fn replay<'a>(capture: &'a str, format: &'a str, policy: &'a str) -> [&'a str; 14] {
    [
        "top",
        "--target",
        "model,instances=2",
        "--capture",
        capture,
        "--passes",
        "1",
        "--speed",
        "max",
        "--once",
        "--policy",
        policy,
        "--format",
        format,
    ]
}

fn number(value: &Value, path: &str) -> u64 {
    value
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no number at {path}"))
}

fn check_json(snapshot: &Value, expected: &Expected) {
    let instances = snapshot["instances"]
        .as_array()
        .expect("instances are listed");
    assert_eq!(instances.len(), 2);
    let mut seen = 0;
    for instance in instances {
        assert_eq!(instance["modelled"], true);
        assert!(instance.get("fault").is_none(), "{instance}");
        let driver = &instance["driver"];
        let by_type = driver["descriptors"]
            .as_object()
            .expect("commands are counted by type");
        let counted: u64 = by_type.values().filter_map(Value::as_u64).sum();
        for &(name, count) in expected.types {
            assert_eq!(by_type[name], count, "{name}");
        }
        assert_eq!(counted, expected.commands());
        assert_eq!(number(driver, "/waits"), expected.syncs);

        let total = &instance["total"];
        assert_eq!(number(total, "/guest/waits"), expected.syncs);
        assert_eq!(number(total, "/guest/descriptors"), counted);
        for (stage, events, items) in [
            ("request", "/requests", "/entries"),
            ("submission", "/submissions", "/commands"),
        ] {
            let stage = &total["stages"][stage];
            assert_eq!(number(stage, "/seen"), number(driver, events));
            assert_eq!(number(stage, "/items"), number(driver, items));
            assert_eq!(number(stage, "/recorded"), number(stage, "/seen"));
            assert_eq!(number(stage, "/lost"), 0);
            has_every_batch_and_error(stage);
            seen += number(stage, "/seen");
        }
        if expected.is_paired {
            assert_eq!(number(driver, "/requests"), number(driver, "/submissions"));
        }
    }
    assert_eq!(number(snapshot, "/events/seen"), seen);
    assert_eq!(number(snapshot, "/events/recorded"), seen);
    assert_eq!(number(snapshot, "/events/lost"), 0);
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn what_ebpf_counted_is_what_the_driver_counted() {
    for expected in &CAPTURES {
        for policy in ["single", "array", "coalesce"] {
            let snapshot = hwptop(&replay(expected.capture, "json", policy)).json();
            assert_eq!(snapshot["measured_by"], "ebpf");
            assert_eq!(snapshot["policy"], policy);
            assert_eq!(snapshot["probes"].as_array().map(Vec::len), Some(6));
            check_json(&snapshot, expected);
        }
    }
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn the_text_closes_as_the_json_does() {
    // Requests and as many submissions, on each of two instances. The global IOTLB
    // invalidation at the begin of the second stream goes to each of its two domains.
    for (expected, requests) in CAPTURES.iter().zip([17_615, 9_969, 93]) {
        let run = hwptop(&replay(expected.capture, "text", "array"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.contains("measured by eBPF"), "{}", run.stdout);
        assert!(run.stdout.contains("modelled"), "{}", run.stdout);
        for &(name, count) in expected.types {
            // The last of a line has no comma behind it.
            let counted = [",", "\n"].map(|end| format!(" {name} = {count}{end}"));
            let found: usize = counted
                .iter()
                .map(|text| run.stdout.matches(text).count())
                .sum();
            assert_eq!(found, 2, "{counted:?}\n{}", run.stdout);
        }
        let events = 4 * requests;
        let closed = format!("events: seen = {events}, recorded = {events}, lost = 0");
        assert!(run.stdout.contains(&closed), "{closed}\n{}", run.stdout);
    }
}

#[test]
fn without_the_right_to_load_ebpf_the_counts_close_too() {
    for expected in &CAPTURES {
        let run = unprivileged(&replay(expected.capture, "json", "array"));
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("CAP_BPF"), "{}", run.stderr);
        assert!(run.stderr.contains("root"), "{}", run.stderr);
        let snapshot = run.json();
        assert_eq!(snapshot["measured_by"], "in-process");
        check_json(&snapshot, expected);
    }
}

#[test]
fn without_a_terminal_one_text_snapshot_is_printed() {
    let run = unprivileged(&["--interval", "300ms"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.stdout.matches("events: seen = ").count(),
        1,
        "{}",
        run.stdout
    );
    for instance in ["model-vtd0", "model-vtd1"] {
        assert!(run.stdout.contains(instance), "{}", run.stdout);
    }
    assert!(!run.stdout.contains('\x1b'), "colour without a terminal");
}

#[test]
fn csv_has_a_header_and_a_row_per_instance_and_stage_and_interval() {
    let run = unprivileged(&["--format", "csv", "--count", "2", "--interval", "200ms"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 2 * 2, "{}", run.stdout);
    let columns = lines[0].split(',').count();
    assert!(
        lines.iter().all(|line| line.split(',').count() == columns),
        "{}",
        run.stdout
    );
}

/// Instance 0 does nothing for long, instance 1 freezes at once, instance 2 works.
fn late_frozen_and_early(format: &str, directory: &std::path::Path) -> Vec<String> {
    let mut args: Vec<String> = ["top", "--target", "model,instances=3", "--speed", "0.001"]
        .into_iter()
        .chain(["--count", "1", "--interval", "300ms", "--format", format])
        .map(str::to_owned)
        .collect();
    let page = "0000000000040036,0000000000001000";
    let wait = "0000000200000025,0000000000100000";
    for (name, text) in [
        (
            "late.csv",
            format!("t_us,lo,hi\n0,{wait}\n1000000,{page}\n1000001,{wait}\n"),
        ),
        (
            "frozen.csv",
            format!("t_us,lo,hi\n0,{page}\n1,000000000000000f,0\n"),
        ),
        (
            "early.csv",
            format!("t_us,lo,hi\n0,{page}\n1,{wait}\n1000000,{wait}\n"),
        ),
    ] {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("it can be written");
        args.push("--capture".to_owned());
        args.push(path.to_str().expect("UTF-8").to_owned());
    }
    args
}

fn check_late_frozen_and_early(snapshot: &Value) {
    let instances = snapshot["instances"]
        .as_array()
        .expect("instances are listed");
    let names: Vec<_> = instances.iter().map(|instance| &instance["name"]).collect();
    assert_eq!(names, ["model-vtd0", "model-vtd1", "model-vtd2"]);
    for (number, (requests, faults)) in [(0, 0), (1, 1), (1, 0)].into_iter().enumerate() {
        let instance = &instances[number];
        assert_eq!(
            instance["driver"]["requests"], requests,
            "{number}: {instance}"
        );
        assert_eq!(
            instance["total"]["stages"]["request"]["seen"], requests,
            "{number}"
        );
        assert_eq!(instance["driver"]["faults"], faults, "{number}");
        assert_eq!(instance["total"]["guest"]["faults"], faults, "{number}");
    }
    let fault = instances[1]["fault"]
        .as_str()
        .expect("instance 1 is frozen");
    assert!(
        fault.contains("frozen.csv") && fault.contains("line 3"),
        "{fault}"
    );
    assert!(instances[0].get("fault").is_none() && instances[2].get("fault").is_none());
}

#[test]
fn counts_and_faults_stay_with_their_instance() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let args = late_frozen_and_early("json", directory.path());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    check_late_frozen_and_early(&unprivileged(&args).json());
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn counts_and_faults_stay_with_their_instance_by_ebpf() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let args = late_frozen_and_early("json", directory.path());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    check_late_frozen_and_early(&hwptop(&args).json());
}

#[test]
fn a_replay_that_is_stopped_is_not_passed_off_as_whole() {
    let mut replay = unprivileged_command(&["--passes", "1000000", "--once", "--speed", "max"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("hwptop can be started");
    std::thread::sleep(Duration::from_millis(700));
    let stopped = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", replay.id())])
        .status()
        .expect("a shell can be started");
    assert!(stopped.success());
    assert_eq!(replay.wait().expect("it ends").code(), Some(130));
}
