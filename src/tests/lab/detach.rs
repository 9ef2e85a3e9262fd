//! What stays in the kernel when the agent goes, however it goes, while requests go on.

use std::env;

use serde_json::Value;

use super::guest::{Left, run_with, total};

const PROFILE: &str = "x86-intel";

/// `load` makes requests to the mock until `unload`, which fails where one of them did:
/// the load ends with 130 when it was stopped, and with another code at a failed request.
/// `attached` prints the functions of the kernel that have a program.
const FUNCTIONS: &str = r#"
load() {
    hwptop bench batching --target selftest --requests 1000000000 >progress 2>&1 & load=$!
    until grep -qs batch progress; do kill -0 $load || fail "the load ended"; usleep 20000; done
}
unload() {
    kill -TERM $load || fail "the load had ended: $(cat progress)"
    code=0
    wait $load || code=$?
    [ $code = 130 ] || fail "the load ended with $code: $(cat progress)"
}
attached() { awk '{ print $1 }' $tracing/enabled_functions; }
"#;

/// On one thread: QEMU cannot be trusted with functions that one processor calls while
/// another has them patched (`cargo xtask lab --help`).
fn under_load(options: &[&str], script: &str) -> Left {
    let options = [&["--one-thread"], options].concat();
    run_with(PROFILE, &options, &[], &format!("{FUNCTIONS}{script}"))
}

/// Kills an agent with `options` under load, and holds what is attached before and after
/// against each other.
fn a_killed_agent_leaves_nothing(options: &str) {
    let left = under_load(
        &[],
        &format!(
            r#"
        load
        hwptop top --target kernel {options} --count 100000 --interval 50ms --format json >killed & agent=$!
        until [ $(wc -l <killed) -ge 3 ]; do kill -0 $agent || fail "the agent ended"; usleep 20000; done
        attached >during
        kill -KILL $agent
        code=0
        wait $agent || code=$?
        echo code $code
        for i in $(seq 250); do [ -s $tracing/enabled_functions ] || break; usleep 20000; done
        attached >after
        watch later
        usleep 300000
        unwatch later
        unload
        "#
        ),
    );
    assert_eq!(left.printed("code"), 128 + 9);
    let during = left.file("during");
    for function in ["iommufd_hwpt_invalidate", "qi_submit_sync"] {
        assert!(during.lines().any(|line| line == function), "{during}");
    }
    assert_eq!(left.file("after"), "");
    // The load went on without it, and no request failed, then or later.
    for name in ["killed", "later"] {
        let text = left.file(name);
        // The last line of what was killed may be half of one.
        let line = text
            .lines()
            .rfind(|line| line.ends_with('}'))
            .expect("a snapshot");
        let snapshot: Value = serde_json::from_str(line).expect("JSON");
        let instances = snapshot["instances"].as_array().expect("instances");
        let mock = instances
            .iter()
            .find(|one| one["kind"] == "mock")
            .expect("the mock");
        assert!(total(mock, "request", "seen") > 0, "{name}: {snapshot}");
        assert_eq!(mock["total"]["errors"], 0, "{name}");
    }
}

#[test]
#[ignore = "needs the lab x86-intel: kills an agent there"]
fn a_killed_agent_leaves_no_program_and_its_target_goes_on() {
    a_killed_agent_leaves_nothing("");
}

#[test]
#[ignore = "needs the lab x86-intel: kills an agent with kprobes there"]
fn a_killed_agent_leaves_no_kprobe_and_its_target_goes_on() {
    a_killed_agent_leaves_nothing("--kernel-probes-at-best kprobe");
}

/// How many rounds where `$HWPTOP_LAB_ROUNDS` does not say. One takes about 2 s where the
/// processors take turns; 1,000 were run for CHANGELOG's figures.
const ROUNDS: u64 = 25;

/// How far the kernel's memory may go up and down by itself, in kB: of what one attachment had
/// for each processor, 2 MB stay with the kernel or do not, as it likes. Attachments that were
/// left behind would be many times that.
const NOISE: u64 = 4096;

/// Beside the ids of what eBPF holds, memory: 1,000 rounds that left a page each would be seen.
#[test]
#[ignore = "needs the lab x86-intel: attaches and detaches again and again there"]
fn attaching_and_detaching_again_and_again_under_load_leaves_nothing() {
    let rounds = env::var("HWPTOP_LAB_ROUNDS").map_or(ROUNDS, |text| {
        text.parse().expect("HWPTOP_LAB_ROUNDS is a number")
    });
    let allowed = NOISE.max(4 * rounds);
    let left = under_load(
        &["--timeout", "1h"],
        &format!(
            r"
        memory() {{ awk '/^(Percpu|VmallocUsed|SUnreclaim):/ {{ sum += $2 }} END {{ print sum }}' /proc/meminfo; }}
        load
        # The first rounds fill the kernel's own caches. What ends is freed once grace periods are
        # over, which wait for every processor of the guest.
        hwptop bench attach-cost --rounds 5 >first 2>warming
        before=$(memory)
        for second in $(seq 5); do
            sleep 1
            now=$(memory)
            [ $now -ge $before ] || before=$now
        done
        echo before $before
        hwptop bench attach-cost --rounds {rounds} --format json >cost 2>rounds
        for second in $(seq 30); do
            sleep 1
            [ $(memory) -ge $((before + {allowed})) ] || break
        done
        echo after $(memory)
        attached >left
        unload
        "
        ),
    );
    let cost = left.snapshot("cost").0;
    let [before, after] = ["before", "after"].map(|name| left.printed(name));
    println!("{cost}; kernel memory: {before} kB before, {after} kB after");
    assert_eq!(cost["rounds"], rounds);
    let functions = cost["functions"].as_u64();
    assert!(functions.is_some_and(|functions| functions >= 5), "{cost}");
    assert_eq!(cost["held_before"], cost["held_after"]);
    assert_eq!(left.file("left"), "");
    assert!(
        after < before + allowed,
        "{before} kB before, {after} kB after"
    );
    let log = left.file("dmesg");
    for word in ["WARNING:", "BUG:", "Oops:", "detected stall"] {
        assert!(!log.contains(word), "{log}");
    }
}
