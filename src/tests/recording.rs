//! `hwptop record` and `hwptop replay`: what is kept, and what comes back.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    run::{Finished, HWPTOP, hwptop, unprivileged},
    tmux::{Terminal, eventually},
};

/// A recording of a replay that ends by itself, in a folder of its own.
pub(crate) fn recorded() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = name(folder.path());
    let record = unprivileged(&[
        "record",
        "--target",
        "model",
        "--passes",
        "1",
        "--speed",
        "max",
        "--interval",
        "20ms",
        "-o",
        &path,
    ]);
    assert_eq!(record.code, Some(0), "{}", record.stderr);
    assert!(
        record.stderr.contains("seen = recorded + lost"),
        "{}",
        record.stderr
    );
    (folder, path)
}

fn name(folder: &Path) -> String {
    folder.join("run.jsonl").display().to_string()
}

fn documents(replay: &Finished) -> Vec<Value> {
    assert_eq!(replay.code, Some(0), "{}", replay.stderr);
    let lines = replay.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

fn requests(document: &Value, part: &str, figure: &str) -> Vec<u64> {
    let instances = document["instances"].as_array().expect("instances");
    let of = |one: &Value| one[part]["stages"]["request"][figure].as_u64();
    instances
        .iter()
        .map(|one| of(one).expect("a number"))
        .collect()
}

#[test]
fn a_replay_has_every_interval_and_their_sum() {
    let (_folder, path) = recorded();
    let all = documents(&hwptop(&["replay", &path, "--format", "json"]));
    let whole = hwptop(&["replay", &path, "--once", "--format", "json"]).json();
    assert!(all.len() > 1, "one interval only");
    let mut sums = vec![0; 2];
    for document in &all {
        for (sum, seen) in sums.iter_mut().zip(requests(document, "interval", "seen")) {
            *sum += seen;
        }
        assert_eq!(requests(document, "total", "seen"), sums);
    }
    assert_eq!(requests(&whole, "total", "recorded"), sums);
    // What the driver itself counted is there, too.
    let driver: Vec<_> = whole["instances"]
        .as_array()
        .expect("instances")
        .iter()
        .collect();
    let driver = driver.iter().map(|one| one["driver"]["requests"].as_u64());
    assert_eq!(driver.collect::<Option<Vec<_>>>(), Some(sums));
    let events = &whole["events"];
    let [seen, recorded, lost] =
        ["seen", "recorded", "lost"].map(|name| events[name].as_u64().expect("a number"));
    assert_eq!(seen, recorded + lost);
    let first = documents(&hwptop(&[
        "replay", &path, "--count", "1", "--format", "json",
    ]));
    assert_eq!(first, all[..1]);
}

#[test]
fn a_recording_that_was_killed_is_whole_up_to_its_last_interval() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = name(folder.path());
    let mut child = Command::new(HWPTOP)
        .args([
            "record",
            "--target",
            "model",
            "--interval",
            "10ms",
            "-o",
            &path,
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    let lines = || fs::read_to_string(&path).map_or(0, |text| text.lines().count());
    eventually("some intervals are written", || lines() > 6);
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    let all = documents(&hwptop(&["replay", &path, "--format", "json"]));
    // One line is the header, and one may have been in the making.
    assert!(
        all.len() + 2 >= lines() && all.len() >= 5,
        "{} of {}",
        all.len(),
        lines()
    );
}

#[test]
fn a_command_is_recorded_while_it_runs_and_gives_its_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = name(folder.path());
    let arguments = [
        "record",
        "--interval",
        "50ms",
        "--target",
        "model",
        "-o",
        &path,
        "--",
    ];
    let missing = hwptop(&[&arguments[..], &["/nonexistent"]].concat());
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    let ran = hwptop(&[&arguments[..], &["sh", "-c", "sleep 0.2; exit 7"]].concat());
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    // What is recorded may end before the command does.
    let other = folder.path().join("other.jsonl").display().to_string();
    let ends = [
        "record", "--target", "model", "--passes", "1", "--speed", "max", "-o", &other,
    ];
    let ran = hwptop(&[&ends[..], &["--", "sh", "-c", "sleep 2; exit 7"]].concat());
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    let again = hwptop(&[&arguments[..], &["true"]].concat());
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("another name"), "{}", again.stderr);
}

#[test]
fn hindsight_keeps_what_was_before_a_signal_and_a_threshold() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = name(folder.path());
    let child = Command::new(HWPTOP)
        .args([
            "record",
            "--target",
            "model",
            "--interval",
            "20ms",
            "--hindsight",
            "1s",
        ])
        .args(["--dump-on-latency", "1ns", "-o", &path])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let dump = |n: u32| folder.path().join(format!("run-{n}.jsonl"));
    eventually("the threshold dumps", || dump(1).exists());
    // The ring is full by then, and the threshold silent.
    eventually("there is a ring", || {
        folder.path().join("run.ring/000005.jsonl").exists()
    });
    let signal = |name: &str| {
        let pid = child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.expect("kill can be started").success());
    };
    signal("-USR1");
    eventually("the signal dumps", || {
        dump(2).with_extension("hlog").exists() && dump(2).exists()
    });
    signal("-TERM");
    let output = child.wait_with_output().expect("it can be waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [" of model-vtd", "SIGUSR1: the ", "dumps are kept"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!folder.path().join("run.ring").exists());
    let path = dump(2).display().to_string();
    let kept = documents(&hwptop(&["replay", &path, "--format", "json"]));
    let since = |one: &Value| one["since_start_ns"].as_u64().expect("a number");
    let [first, last] = [kept.first(), kept.last()].map(|one| since(one.expect("an interval")));
    assert!(last - first >= 700_000_000, "{first} ns to {last} ns");
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = name(folder.path());
    for (text, part) in [
        ("", "no whole line"),
        (
            "{\"schema\":\"hwptop.snapshot/1\",\"hwptop\":\"1\"}\n",
            "hwptop.snapshot/1",
        ),
        (
            "{\"schema\":\"hwptop.recording/1\",\"hwptop\":\"1\"}\n",
            "no whole interval",
        ),
        (
            "{\"schema\":\"hwptop.recording/1\",\"hwptop\":\"1\"}\n{}\n",
            "run.jsonl:2: ",
        ),
    ] {
        fs::write(&path, text).expect("a file can be written");
        fs::write(folder.path().join("run.hlog"), "").expect("a file can be written");
        let refused = hwptop(&["replay", &path]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let step = hwptop(&["replay", &recorded().1, "--step"]);
    assert_eq!(step.code, Some(2), "{}", step.stderr);
}

#[test]
fn the_dashboard_goes_on_by_a_key_where_it_replays_by_step() {
    let (_folder, path) = recorded();
    let terminal = Terminal::open("step");
    let before = terminal.settings();
    terminal.line(&format!("{HWPTOP} replay {path} --step"));
    let mut first = String::new();
    eventually("the first interval is shown, and whole", || {
        let before = std::mem::replace(&mut first, terminal.screen());
        before == first && first.contains("model-vtd0")
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(terminal.screen(), first);
    terminal.keys("n");
    eventually("the next interval is shown", || terminal.screen() != first);
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
    assert_eq!(terminal.settings(), before);
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn a_full_disk_ends_a_recording_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mounted = |arguments: &[&str]| {
        let status = Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(folder.path())
            .status();
        assert!(
            status.expect("it can be started").success(),
            "{arguments:?}"
        );
    };
    mounted(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
    let path = name(folder.path());
    let record = hwptop(&[
        "record",
        "--target",
        "model",
        "--interval",
        "10ms",
        "--time",
        "60s",
        "-o",
        &path,
    ]);
    let all = documents(&hwptop(&["replay", &path, "--format", "json"]));
    mounted(&["umount"]);
    assert_eq!(record.code, Some(3), "{}", record.stderr);
    assert!(record.stderr.contains("No space left"), "{}", record.stderr);
    assert!(all.len() > 5, "{} intervals", all.len());
}

/// Adds up the histograms of every tag and prints what is asked of them.
const PYTHON: &str = r#"
import json, math, sys
from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram
sums = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 2**36, 2))
while True:
    one = reader.get_next_interval_histogram()
    if one is None:
        break
    sums.setdefault(one.get_tag(), HdrHistogram(1, 2**36, 2)).add(one)

# The smallest value that at least so many are not above: what hwptop calls a percentile. The
# package's own rounds the rank to the nearest, which is another event where there are few.
def percentile(sum, quantile):
    rank = math.ceil(quantile * sum.get_total_count())
    for one in sum.get_recorded_iterator():
        if one.total_count_to_this_value >= rank:
            return sum.get_highest_equivalent_value(one.value_iterated_to)

print(json.dumps({tag: {
    "recorded": sum.get_total_count(),
    "latency_ns_p50": percentile(sum, 0.5),
    "latency_ns_p99": percentile(sum, 0.99),
    "latency_ns_p999": percentile(sum, 0.999),
    "latency_ns_max": sum.get_max_value(),
} for tag, sum in sums.items()}))
"#;

#[test]
#[ignore = "needs Python's hdrhistogram: reads a recording with it"]
fn another_hdrhistogram_reads_the_same_percentiles() {
    let python =
        env::var_os("HWPTOP_PYTHON").expect("HWPTOP_PYTHON, which `cargo xtask test` sets");
    let (_folder, path) = recorded();
    let output = Command::new(python)
        .args(["-c", PYTHON, &path.replace(".jsonl", ".hlog")])
        .output()
        .expect("Python can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let theirs: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    let ours = hwptop(&["replay", &path, "--once", "--format", "json"]).json();
    let mut compared = 0;
    for instance in ours["instances"].as_array().expect("instances") {
        for (stage, figures) in instance["total"]["stages"].as_object().expect("stages") {
            let tag = format!("{}/{stage}", instance["name"].as_str().expect("a name"));
            for (name, value) in theirs[&tag].as_object().expect("the tag is there") {
                assert_eq!(&figures[name], value, "{name} of {tag}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 2 * 2 * 5);
}
