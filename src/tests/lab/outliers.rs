//! Slow events of a real kernel: whole, with their stacks, so many, and none uncounted.

use serde_json::Value;

use super::guest::{Left, run, total};

const ARM64: &str = "arm64-smmuv3";

/// What all snapshots in a file carry of slow events.
fn slow_events(left: &Left, name: &str) -> Vec<Value> {
    let text = left.file(name);
    let snapshots = text
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let slow = snapshots.flat_map(|one| one["slow"].as_array().expect("slow").clone());
    slow.collect()
}

fn of_stage<'a>(events: &'a [Value], stage: &str) -> Vec<&'a Value> {
    let events = events.iter().filter(|event| event["stage"] == stage);
    events.collect()
}

fn number(of: &Value, name: &str) -> u64 {
    let value = &of[name];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn stack_has(event: &Value, function: &str) -> bool {
    let stack = event["stack"].as_array().map(Vec::as_slice);
    let mut functions = stack.unwrap_or_default().iter().filter_map(Value::as_str);
    functions.any(|one| one.split('+').next() == Some(function))
}

/// However many there were: those that snapshots carried, and those that are counted as dropped.
fn adds_up(left: &Left, name: &str) -> (u64, u64) {
    let last = left.snapshot(name);
    let kept = slow_events(left, name).len() as u64;
    let events = &last.0["events"];
    let (seen, dropped) = (number(events, "slow_seen"), number(events, "slow_dropped"));
    assert_eq!(kept + dropped, seen, "{name}: {events}");
    (seen, dropped)
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: replays into its SMMU"]
fn a_slow_request_is_kept_whole_and_a_submission_with_the_stack_that_made_it() {
    let script = "
        watch all --slow 0ns --slow-rate 1000000 --slow-stacks
        drive --capture smmuv3-nvme-strict --passes 1 --policy array --format json >driven
        unwatch all
        drive --passes 1 --slow 0ns --slow-stacks >text";
    let left = run(ARM64, &[], script);
    let (seen, _) = adds_up(&left, "all");
    let all = left.snapshot("all");
    let instance = all.instance();
    let counted = |stage| total(instance, stage, "recorded");
    let every = counted("request") + counted("submission") + counted("host submission");
    assert_eq!(seen, every);

    let events = slow_events(&left, "all");
    let requests = of_stage(&events, "request");
    assert!(requests.len() > 10, "{}", requests.len());
    let clock = number(&all.0, "taken_at_unix_ns");
    for request in requests {
        let time = |name| number(request, name);
        assert!(time("driver_op_ns") <= time("latency_ns"), "{request}");
        assert!(time("submissions_ns") <= time("driver_op_ns"), "{request}");
        assert!(time("submissions") > 0, "{request}");
        assert_eq!(time("commands"), time("items"), "{request}");
        assert_eq!(time("asked"), time("items"), "{request}");
        assert_eq!(request["process"], "hwptop");
        assert!(time("cpu") < 2 && time("tid") > 0, "{request}");
        let ended = time("ended_at_unix_ns");
        assert!(
            (clock.saturating_sub(300_000_000_000)..=clock).contains(&ended),
            "{request}"
        );
        assert!(stack_has(request, "iommufd_fops_ioctl"), "{request}");
    }
    let submissions = of_stage(&events, "submission");
    assert!(!submissions.is_empty());
    for submission in submissions {
        assert!(
            stack_has(submission, "arm_vsmmu_cache_invalidate"),
            "{submission}"
        );
        assert_eq!(submission.get("driver_op_ns"), None, "{submission}");
        assert_eq!(submission.get("submissions"), None, "{submission}");
    }
    let text = left.file("text");
    assert!(
        text.contains("driver op ") && text.contains("< iommufd_"),
        "{text}"
    );
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: replays into its SMMU"]
fn a_running_percentile_keeps_its_share_and_every_event_beyond_it_is_counted() {
    let script = "
        watch tail --slow p99.9 --slow-rate 1000000
        drive --policy single --passes 40 --format json >driven
        unwatch tail
        hwptop top --target vfio:$HWPTOP_LAB_VFIO_CDEV --speed max --interval 50ms --policy single --passes 5 \
            --count 100000 --slow 0ns --slow-rate 100 --format json >few";
    let left = run(ARM64, &[], script);
    let (seen, _) = adds_up(&left, "tail");
    let tail = left.snapshot("tail");
    let running = &tail.0["slow_running"];
    assert_eq!(running["percentile"], "p99.9", "{running}");
    let threshold = number(&running["threshold_ns"], "request");
    let instance = tail.instance();
    let requests = total(instance, "request", "recorded");
    let events = slow_events(&left, "tail");
    let slow = of_stage(&events, "request").len() as u64;
    println!("{slow} of {requests} requests, {seen} events, beyond {threshold} ns at the end");
    assert!(requests > 10_000, "{requests}");
    // The threshold moves while it learns, and the guest's pace with what else runs.
    assert!(
        (requests / 10_000..requests / 100).contains(&slow),
        "{slow} of {requests}"
    );
    assert!(tail.0.get("slow_threshold_ns").is_none());

    let (seen, dropped) = adds_up(&left, "few");
    assert!(dropped > seen / 2, "{dropped} of {seen}");
}

#[test]
#[ignore = "needs the lab x86-intel: an agent without capabilities"]
fn an_agent_without_a_capability_still_moves_the_threshold_and_names_functions() {
    let left = run(
        "x86-intel",
        &[],
        r#"
        hwptop agent --target kernel --interval 100ms --slow p99 --slow-stacks --socket /tmp/agent.sock 2>said & agent=$!
        until grep -q 'agent: ' said; do kill -0 $agent || fail "the agent ended: $(cat said)"; usleep 20000; done
        grep CapEff /proc/$agent/status >status
        hwptop top --target agent:/tmp/agent.sock --count 100000 --format json >followed & follower=$!
        hwptop bench batching --target selftest --requests 4000 --format json >bench 2>progress
        usleep 300000
        kill -TERM $agent
        wait $agent || true
        wait $follower || true
        echo 2 >/proc/sys/kernel/kptr_restrict
        code=0
        hwptop top --target kernel --once --slow-stacks 2>hidden || code=$?
        echo code $code
        "#,
    );
    assert_eq!(left.file("status"), "CapEff:\t0000000000000000\n");
    let last = left.snapshot("followed");
    let threshold = number(&last.0["slow_running"]["threshold_ns"], "request");
    assert!((1..1_000_000).contains(&threshold), "{threshold}");
    let events = slow_events(&left, "followed");
    let requests = of_stage(&events, "request");
    assert!(!requests.is_empty());
    for request in requests {
        assert!(stack_has(request, "iommufd_fops_ioctl"), "{request}");
    }
    let hidden = left.file("hidden");
    assert_eq!(left.printed("code"), 3, "{hidden}");
    assert!(hidden.contains("kernel.kptr_restrict"), "{hidden}");
}
