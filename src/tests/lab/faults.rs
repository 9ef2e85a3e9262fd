//! What an agent says when the kernel is told not to run its probes, and when its clock is set,
//! while requests go on.

use serde_json::Value;

use super::guest::{Left, run_with, total};

const PROFILE: &str = "x86-intel";

/// `agent NAME OPTIONS…` starts an agent of the kernel; `health` prints what it says of itself.
const FUNCTIONS: &str = r#"
load() {
    hwptop bench batching --target selftest --requests 1000000000 >progress 2>&1 & load=$!
    until grep -qs batch progress; do kill -0 $load || fail "the load ended"; usleep 20000; done
}
agent() {
    name=$1
    shift
    hwptop agent --target kernel --interval 100ms --socket /tmp/agent.sock "$@" 2>$name.said & agent=$!
    until grep -q 'agent: ' $name.said; do kill -0 $agent || fail "the agent ended: $(cat $name.said)"; usleep 20000; done
}
more() {
    had=$(wc -l <$1)
    until [ $(wc -l <$1) -ge $((had + $2)) ]; do kill -0 $3 || fail "it ended"; usleep 20000; done
}
health() { wget -q -O - http://127.0.0.1:9469/healthz || true; }
await() {
    for i in $(seq 600); do eval "$2" && return; usleep 100000; done
    fail "never: $1: $(health)"
}
end() {
    kill -TERM $agent
    wait $agent || fail "the agent ended with $?"
}
"#;

fn under_load(script: &str) -> Left {
    run_with(
        PROFILE,
        &["--one-thread"],
        &[],
        &format!("{FUNCTIONS}{script}"),
    )
}

fn lines(left: &Left, name: &str) -> Vec<Value> {
    let text = left.file(name);
    let lines = text.lines().filter(|line| line.ends_with('}'));
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}")))
        .collect()
}

/// Requests of the mock in a snapshot's interval.
fn requests(snapshot: &Value) -> u64 {
    let instances = snapshot["instances"].as_array().expect("instances");
    let mock = instances.iter().find(|one| one["kind"] == "mock");
    mock.map_or(0, |mock| {
        let seen = &mock["interval"]["stages"]["request"]["seen"];
        seen.as_u64().expect("a number")
    })
}

#[test]
#[ignore = "needs the lab x86-intel: turns its kprobes off"]
fn kprobes_that_are_turned_off_are_told() {
    let left = under_load(
        r"
        load
        watch seen --kernel-probes-at-best kprobe
        more /tmp/seen 5 $watcher
        echo 0 >/sys/kernel/debug/kprobes/enabled
        more /tmp/seen 10 $watcher
        echo 1 >/sys/kernel/debug/kprobes/enabled
        more /tmp/seen 10 $watcher
        unwatch seen
        kill -TERM $load
        ",
    );
    let all = lines(&left, "seen");
    let is_blind = |one: &Value| one["blind"].is_string();
    let first = all.iter().position(is_blind).expect("it was told");
    let (before, rest) = all.split_at(first);
    let (blind, after) = rest.split_at(rest.iter().take_while(|one| is_blind(one)).count());
    assert!(blind.len() >= 9, "{} of {}", blind.len(), all.len());
    let (last, whole) = blind.split_last().expect("some");
    // They may have been turned off between the counts of an interval and the look at the switch:
    // what was before that is in the next one.
    for one in &whole[2..] {
        assert_eq!(requests(one), 0, "{one}");
    }
    let why = |one: &Value| one["blind"].as_str().expect("a reason").to_owned();
    let off = |one| why(one).contains("kprobes are turned off");
    assert!(whole.iter().all(off), "{blind:?}");
    assert!(why(last).contains("a part of the interval"), "{last}");
    // It saw and sees again, and says nothing more: of an interval in which the load made no
    // request there is nothing to be said.
    for seeing in [before, after] {
        assert!(!seeing.iter().any(is_blind), "{seeing:?}");
        assert!(seeing.iter().any(|one| requests(one) > 0), "{seeing:?}");
    }
}

/// Earlier kernels let it be turned off, which `kernel::switches` notices.
#[test]
#[ignore = "needs the lab x86-intel: tries to turn its ftrace off"]
fn linux_7_3_does_not_let_ftrace_be_turned_off() {
    let left = under_load(
        r"
        load
        watch seen
        echo 0 >/proc/sys/kernel/ftrace_enabled && fail 'it is off'
        more /tmp/seen 3 $watcher
        unwatch seen
        kill -TERM $load
        ",
    );
    let all = lines(&left, "seen");
    assert!(all.iter().all(|one| one["blind"].is_null()));
    let last = all.last().expect("a snapshot");
    assert!(requests(last) > 0, "{last}");
}

#[test]
#[ignore = "needs the lab x86-intel: sets its clock"]
fn a_clock_that_is_set_moves_no_interval_of_a_recording() {
    let left = under_load(
        r#"
        load
        agent steps --record steps.jsonl --hindsight 1h
        part=steps.ring/000001.jsonl
        await "an interval" "[ -s $part ]"
        more $part 5 $agent
        now=$(date +%s)
        date -s @$((now + 3600)) >/dev/null
        more $part 5 $agent
        date -s @$((now - 3600)) >/dev/null
        more $part 5 $agent
        date -s @$((now + 3)) >/dev/null
        more $part 5 $agent
        health >health
        kill -USR1 $agent
        await "a dump" "[ -s steps-1.jsonl ] && grep -q SIGUSR1 steps.said"
        end
        hwptop replay steps-1.jsonl --format json >replayed
        hwptop replay steps-1.jsonl --once --format json >whole
        kill -TERM $load
        "#,
    );
    let health: Value = serde_json::from_str(&left.file("health")).expect("JSON");
    assert_eq!(health["status"], "ok", "{health}");
    let all = lines(&left, "replayed");
    assert!(all.len() > 15, "{} intervals", all.len());
    let number = |one: &Value, name: &str| one[name].as_u64().expect("a number");
    let hour = 3_600_000_000_000;
    let mut steps = 0;
    let mut before = 0;
    let mut sum = 0;
    for one in &all {
        let (since, interval) = (number(one, "since_start_ns"), number(one, "interval_ns"));
        // Back to back, and of a length that has nothing to do with the steps.
        assert_eq!(since, before + interval, "{one}");
        assert!((10_000_000..60_000_000_000).contains(&interval), "{one}");
        before = since;
        sum += requests(one);
        assert!(one["blind"].is_null(), "{one}");
    }
    for pair in all.windows(2) {
        let [a, b] = [0, 1].map(|n| number(&pair[n], "taken_at_unix_ns"));
        steps += usize::from(a.abs_diff(b) > hour / 2);
    }
    assert_eq!(steps, 3, "the clock was not set");
    let whole = left.snapshot("whole").0;
    let instances = whole["instances"].as_array().expect("instances");
    let mock = instances.iter().find(|one| one["kind"] == "mock");
    let seen = total(mock.expect("the mock"), "request", "seen");
    assert_eq!(seen, sum);
    // Times of the log count from its beginning, and only grow.
    let log = std::fs::read_to_string(left.path("steps-1.hlog")).expect("the log");
    let times = log.lines().filter_map(|line| {
        let mut fields = line.strip_prefix("Tag=")?.split(',').skip(1);
        fields.next()?.parse::<f64>().ok()
    });
    let times: Vec<f64> = times.collect();
    assert!(times.len() > 15 && times.is_sorted(), "{times:?}");
    assert!(times.last().is_some_and(|last| *last < 60.0), "{times:?}");
}
