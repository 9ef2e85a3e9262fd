//! What a running agent keeps on disk, and what is recorded of it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::Agent;
use crate::{
    run::{HWPTOP, hwptop},
    tmux::eventually,
};

/// Of the model, every 20 ms, recording at `path`.
fn recording(path: &Path, options: &[&str]) -> Agent {
    let mut command = Command::new(HWPTOP);
    command.args(["agent", "--target", "model", "--interval", "20ms"]);
    command.args(options).arg("--record").arg(path);
    Agent::start(command)
}

/// Every interval of a recording.
fn replayed(path: &Path) -> Vec<Value> {
    let path = path.to_str().expect("it is text");
    let replay = hwptop(&["replay", path, "--format", "json"]);
    assert_eq!(replay.code, Some(0), "{}", replay.stderr);
    let lines = replay.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect()
}

fn seen(snapshot: &Value) -> u64 {
    snapshot["events"]["seen"].as_u64().expect("a number")
}

#[test]
fn an_agent_records_what_it_measures() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    let agent = recording(&path, &[]);
    let intervals = "hwptop_agent_recorded_intervals_total";
    eventually("some intervals are written", || {
        agent.first_scrape()[intervals] > 5.0
    });
    assert!(agent.said.contains("recording in "), "{}", agent.said);
    assert_eq!(agent.health()["recording"]["missed"], 0);
    // A dump of nothing.
    agent.signal("USR1");
    let so_far = agent.scrape()[intervals];
    eventually("it goes on", || agent.scrape()[intervals] > so_far + 1.0);
    // Killed, it leaves a recording that is whole; the next one takes another name.
    agent.signal("KILL");
    let first = replayed(&path);
    assert!(first.len() > 5, "{}", first.len());
    let agent = recording(&path, &[]);
    let second = folder.path().join("run.2.jsonl");
    eventually("the next one has its own", || second.exists());
    agent.first_scrape();
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("seen = recorded + lost"), "{said}");
    let all = replayed(&second);
    let last = all.last().expect("an interval");
    let whole: u64 = ["recorded", "lost"]
        .iter()
        .map(|name| last["events"][name].as_u64().expect("a number"))
        .sum();
    assert_eq!(seen(last), whole);
}

#[test]
fn hindsight_of_an_agent_is_dumped_by_a_signal_and_by_a_threshold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    let options = ["--hindsight", "1s", "--dump-on-latency", "1ns"];
    let agent = recording(&path, &options);
    let dump = |n: u32| folder.path().join(format!("run-{n}.jsonl"));
    let dumps = |agent: &Agent| agent.first_scrape()["hwptop_agent_recording_dumps_total"];
    eventually("the threshold dumps", || dumps(&agent) > 0.5);
    agent.signal("USR1");
    eventually("the signal dumps", || dumps(&agent) > 1.5);
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    for part in [" of model-vtd", "SIGUSR1: the ", "dumps are kept"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!folder.path().join("run.ring").exists());
    for n in [1, 2] {
        assert!(!replayed(&dump(n)).is_empty());
    }
}

#[test]
fn what_cannot_be_recorded_is_told_before_anything_is_served() {
    for (options, part) in [
        (["--record", "/nonexistent/a.jsonl"], "cannot be created"),
        (["--record", "/tmp/a.txt"], "NAME.jsonl"),
        (["--hindsight", "1m"], "needs --record"),
    ] {
        let place = [
            "agent",
            "--target",
            "model",
            "--socket",
            "none",
            "--listen",
            "127.0.0.1:0",
        ];
        let run = hwptop(&[&place[..], &options].concat());
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

#[test]
fn what_an_agent_publishes_can_be_recorded_from_outside() {
    let agent = Agent::of_model("20ms", &[]);
    eventually("it has counted something", || {
        agent.first_scrape()["hwptop_events_seen_total"] > 0.0
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    let name = path.to_str().expect("it is text");
    let record = hwptop(&[
        "record",
        "--target",
        &agent.target(),
        "--time",
        "1s",
        "-o",
        name,
    ]);
    assert_eq!(record.code, Some(0), "{}", record.stderr);
    let all = replayed(&path);
    assert!(all.len() > 10, "{}", record.stderr);
    let mut sum = 0;
    for snapshot in &all {
        for instance in snapshot["instances"].as_array().expect("instances") {
            for stage in ["request", "submission"] {
                let seen = &instance["interval"]["stages"][stage]["seen"];
                sum += seen.as_u64().expect("a number");
            }
        }
        // Since the recording began, not since the agent did.
        assert_eq!(seen(snapshot), sum, "{}", record.stderr);
    }
    // An agent that ends, ends the recording.
    let name = folder.path().join("other.jsonl").display().to_string();
    let target = agent.target();
    let recorder =
        std::thread::spawn(move || hwptop(&["record", "--target", &target, "-o", &name]));
    eventually("it follows", || {
        agent.scrape()["hwptop_agent_followers"] > 0.5
    });
    agent.signal("TERM");
    let record = recorder.join().expect("it ends");
    assert_eq!(record.code, Some(0), "{}", record.stderr);
    assert!(record.stderr.contains("has ended"), "{}", record.stderr);
}

/// A file system of 256 KiB with most of it taken by a file, until that is removed.
pub(crate) struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    pub(crate) fn mount() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.is_ok_and(|status| status.success()));
        fs::write(folder.path().join("filler"), vec![0; 160 << 10]).expect("there is room");
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).expect("it is there");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // A shell may still be in it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn a_full_disk_ends_an_agents_recording_and_not_the_agent() {
    let disk = Small::mount();
    let path = disk.path().join("run.jsonl");
    let agent = recording(&path, &[]);
    let active = |agent: &Agent| agent.first_scrape()["hwptop_agent_recording_active"];
    eventually("the disk is full", || active(&agent) < 0.5);
    let health = agent.health();
    assert_eq!(health["status"], "ok", "{health}");
    let failure = health["recording"]["failure"].as_str().expect("why");
    assert!(failure.contains("No space left"), "{failure}");
    // The service goes on, and room comes too late for a recording.
    disk.make_room();
    let before = agent.scrape();
    eventually("it goes on measuring", || {
        let now = agent.scrape();
        let [missed, seen] = [
            "hwptop_agent_recording_missed_intervals_total",
            "hwptop_events_seen_total",
        ];
        now[missed] > before[missed] + 3.0 && now[seen] > before[seen]
    });
    assert!(active(&agent) < 0.5);
    let top = hwptop(&["top", "--once", "--target", &agent.target()]);
    assert_eq!(top.code, Some(0), "{}", top.stderr);
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
    assert!(
        said.contains("the recording has ended, the agent goes on"),
        "{said}"
    );
    assert!(replayed(&path).len() > 3);
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn hindsight_of_an_agent_goes_on_once_there_is_room_again() {
    let disk = Small::mount();
    let path = disk.path().join("run.jsonl");
    let agent = recording(&path, &["--hindsight", "1h"]);
    let active = |agent: &Agent| agent.first_scrape()["hwptop_agent_recording_active"];
    eventually("the disk is full", || active(&agent) < 0.5);
    assert_eq!(agent.health()["status"], "ok");
    disk.make_room();
    eventually("it goes on", || active(&agent) > 0.5);
    agent.signal("USR1");
    eventually("it is dumped", || {
        agent.scrape()["hwptop_agent_recording_dumps_total"] > 0.5
    });
    let kept = replayed(&disk.path().join("run-1.jsonl"));
    let begins = |one: &Value| {
        let [since, interval] =
            ["since_start_ns", "interval_ns"].map(|name| one[name].as_u64().expect("a time"));
        (since - interval, since)
    };
    let gaps = kept
        .windows(2)
        .filter(|pair| begins(&pair[1]).0 > begins(&pair[0]).1);
    assert!(gaps.count() >= 1, "nothing was missed");
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("it is tried again"), "{said}");
    assert!(said.contains("the recording goes on"), "{said}");
}
