//! Boots for tests that look at what a guest's kernel did.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use super::lab;
use crate::whole::has_every_batch_and_error;

/// Shell functions that the scripts below share.
///
/// `watch NAME [OPTIONS]` watches the whole kernel until `unwatch NAME`, and returns when the
/// probes are there; the last line of NAME is then the snapshot of everything. (It is in the guest's
/// own memory until then: over 9p, reading what another process writes may fail.) `count FUNCTION`
/// makes the kernel itself count the calls of FUNCTION, whatever suffix the compiler gave
/// it, and `hits FUNCTION` prints how many there were.
const FUNCTIONS: &str = r#"
fail() { echo "$*" >&2; exit 1; }
watch() {
    name=$1
    shift
    hwptop top --target kernel --count 100000 --interval 50ms --format json "$@" >"/tmp/$name" & watcher=$!
    until [ -s "/tmp/$name" ]; do kill -0 $watcher || fail "the watch ended"; usleep 20000; done
}
unwatch() {
    lines=$(wc -l <"/tmp/$1")
    kill -TERM $watcher
    code=0
    wait $watcher || code=$?
    [ $code = 130 ] || fail "the watch ended with $code"
    [ $(wc -l <"/tmp/$1") -gt $lines ] || fail "the watch took no last snapshot"
    mv "/tmp/$1" "$1"
}
tracing=/sys/kernel/tracing
count() {
    symbol=$(awk -v name="$1" '$3 == name || index($3, name ".isra.") == 1 { print $3; exit }' /proc/kallsyms)
    echo "p:lab/$1 $symbol" >>$tracing/kprobe_events && echo 1 >$tracing/events/lab/$1/enable ||
        fail "cannot count $1"
}
hits() { awk -v name="$1" '$1 == name { print $2 }' $tracing/kprobe_profile; }
drive() { hwptop top --target vfio:$HWPTOP_LAB_VFIO_CDEV --speed max --once "$@"; }
"#;

/// What a script in a guest left.
pub(super) struct Left {
    folder: TempDir,
    /// What it printed.
    pub(super) stdout: String,
}

impl Left {
    /// A file that it left.
    pub(super) fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Where such a file is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last snapshot in a file.
    pub(super) fn snapshot(&self, name: &str) -> Snapshot {
        let text = self.file(name);
        let line = text
            .lines()
            .last()
            .unwrap_or_else(|| panic!("{name} is empty"));
        Snapshot(serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    /// The number that a line `NAME N` of the output has.
    pub(super) fn printed(&self, name: &str) -> u64 {
        let mut lines = self.stdout.lines();
        let number = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {}", self.stdout))
    }
}

/// Boots `profile` with `files` in the working directory and runs `script` there, which
/// must end well and leave no warning of the kernel's.
pub(super) fn run(profile: &str, files: &[(&str, String)], script: &str) -> Left {
    run_with(profile, &[], files, script)
}

/// As [`run`], with options of the lab.
pub(super) fn run_with(
    profile: &str,
    options: &[&str],
    files: &[(&str, String)],
    script: &str,
) -> Left {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file for the guest");
    }
    let script = format!("set -e\n{FUNCTIONS}\n{script}");
    let output = lab(profile, folder.path(), options, &["sh", "-c", &script]);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    let log = fs::read_to_string(folder.path().join("dmesg")).expect("the kernel's log");
    assert!(!log.contains("WARNING:"), "{log}");
    Left { folder, stdout }
}

/// A snapshot, with the questions that tests ask.
#[derive(Debug)]
pub(super) struct Snapshot(pub(super) Value);

impl Snapshot {
    /// The only instance that did anything.
    pub(super) fn instance(&self) -> &Value {
        let all = self.0["instances"].as_array().expect("instances");
        let busy = |one: &&Value| {
            let stages = one["total"]["stages"].as_object();
            stages.is_some_and(|stages| stages.values().any(|stage| stage["seen"] != 0))
        };
        let found: Vec<&Value> = all.iter().filter(busy).collect();
        assert_eq!(found.len(), 1, "{}", self.0);
        found[0]
    }

    /// The objects, but for what stands for those that are not kept apart.
    pub(super) fn objects(&self) -> Vec<&Value> {
        let all = self.0["objects"].as_array().expect("objects");
        all.iter()
            .filter(|object| object["other"] == false)
            .collect()
    }
}

/// A figure of a stage since the beginning, of an instance or an object.
pub(super) fn total(of: &Value, stage: &str, figure: &str) -> u64 {
    let value = &of["total"]["stages"][stage][figure];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no {figure} of {stage} in {of}"))
}

/// Checks that every end of `stages`, since the beginning, has its batch size and every failure
/// its code.
pub(super) fn is_whole(of: &Value, stages: &[&str]) {
    for stage in stages {
        has_every_batch_and_error(&of["total"]["stages"][stage]);
    }
}

/// A stream of commands as a capture, all at once.
pub(super) fn capture(commands: impl IntoIterator<Item = [u64; 2]>) -> String {
    let mut text = String::from("t_us,cmd0,cmd1\n");
    for [low, high] in commands {
        let _ = writeln!(text, "0,{low:016x},{high:016x}");
    }
    text
}

/// The commands of a capture in a file, compressed or not.
pub(super) fn commands(path: &Path) -> Vec<[u64; 2]> {
    let capture = hwptop_driver::Capture::open(path).expect("a capture");
    let all = capture.commands().iter();
    all.map(|command| command.words).collect()
}
