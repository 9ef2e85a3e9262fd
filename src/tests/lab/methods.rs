//! What methods count that are not the best: kprobes, and the system call's tracepoints.

use serde_json::{Value, json};

use super::guest::{Left, Snapshot, is_whole, run, total};

const PROFILE: &str = "x86-intel";

/// Requests of each of 11 sizes, of a nested HWPT and of a vIOMMU, and their entries.
const EACH: u64 = 455;
const REQUESTS: u64 = 11 * EACH;
const ENTRIES: u64 = 2_047 * EACH;

/// Few threads, so that every call's end is seen.
fn watched_by(method: &str) -> Left {
    let script = format!(
        "watch watched --kernel-probes-at-best {method} --slow 0ns --slow-rate 1000000
         for target in selftest selftest:smmuv3; do
             hwptop bench batching --target $target --requests {EACH} --format json >bench 2>progress
         done
         unwatch watched"
    );
    run(PROFILE, &[], &script)
}

fn counts_both_objects(snapshot: &Snapshot, stages: &[&str]) {
    let objects = snapshot.objects();
    assert_eq!(objects.len(), 2, "{objects:?}");
    for object in objects {
        for stage in stages {
            let figure = |figure| total(object, stage, figure);
            assert_eq!(
                ["seen", "recorded", "items", "lost", "errors"].map(figure),
                [REQUESTS, REQUESTS, ENTRIES, 0, 0],
                "{stage}: {object}"
            );
            is_whole(object, &[stage]);
        }
    }
    let events = &snapshot.0["events"];
    let all = 2 * REQUESTS * stages.len() as u64;
    assert_eq!([&events["seen"], &events["lost"]], [all, 0], "{events}");
}

#[test]
#[ignore = "needs the lab x86-intel: requests to the selftest's mock under kprobes"]
fn kprobes_count_every_request_and_entry_by_object() {
    splits_every_request(&watched_by("kprobe"));
}

#[test]
#[ignore = "needs the lab x86-intel: requests under kprobes, their driver ops under fentry"]
fn a_request_under_kprobes_keeps_its_driver_op_under_fentry() {
    let left = watched_by("mixed");
    splits_every_request(&left);
    let snapshot = left.snapshot("watched");
    let stages = snapshot.0["stages_attached"].as_array().expect("stages");
    let how = |stage: &str| {
        let of_stage = stages.iter().filter(|one| one["stage"] == stage);
        of_stage.map(|one| one["how"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(how("request"), ["kprobe/kretprobe"]);
    assert!(
        how("driver op").contains(&json!("fentry/fexit")),
        "{stages:?}"
    );
}

fn splits_every_request(left: &Left) {
    let snapshot = left.snapshot("watched");
    counts_both_objects(&snapshot, &["request", "driver op"]);
    let mock = snapshot.instance();
    assert_eq!(mock["kind"], "mock");
    let time = |stage| total(mock, stage, "latency_ns_total");
    assert_eq!(time("request"), time("driver op") + time("unattributed"));
    assert_eq!(total(mock, "unattributed", "seen"), 2 * REQUESTS);
    let left_of_it = &mock["total"]["stages"]["unattributed"];
    assert_eq!(left_of_it.get("items"), None, "{left_of_it}");
}

#[test]
#[ignore = "needs the lab x86-intel: requests to the selftest's mock under tracepoints"]
fn tracepoints_count_every_request_and_entry_and_invent_no_instance() {
    let left = watched_by("tracepoint");
    let snapshot = left.snapshot("watched");
    counts_both_objects(&snapshot, &["request"]);
    for object in snapshot.objects() {
        let absent = ["instance", "context"].map(|name| &object[name]);
        assert_eq!(absent, [&Value::Null; 2], "{object}");
    }
    let lines = left.file("watched");
    let snapshots = lines
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let slow: Vec<Value> = snapshots
        .flat_map(|one| one["slow"].as_array().expect("slow").clone())
        .collect();
    assert!(!slow.is_empty());
    for event in slow {
        assert_eq!(event["instance"], Value::Null, "{event}");
    }
}

#[test]
#[ignore = "needs the lab x86-intel: drives the selftest's mock under tracepoints"]
fn the_mock_is_marked_where_nothing_tells_the_instance() {
    let left = run(
        PROFILE,
        &[],
        "for format in json csv text; do
             hwptop top --target selftest --kernel-probes-at-best tracepoint --speed max --passes 1 --once \
                 --format $format >$format
         done",
    );
    let snapshot = left.snapshot("json");
    let mock = snapshot.instance();
    let name = "iommufd_selftest_iommu.0";
    assert_eq!(
        [&mock["kind"], &mock["name"]],
        [&json!("mock"), &json!(name)]
    );
    assert_eq!(snapshot.objects()[0]["instance"], name);
    let driver = &mock["driver"]["requests"];
    assert_eq!(driver, total(mock, "request", "seen"), "{mock}");
    let csv = left.file("csv");
    let rows = || csv.lines().skip(1);
    assert!(
        rows().count() > 0 && rows().all(|row| row.contains(",mock,")),
        "{csv}"
    );
    let text = left.file("text");
    assert!(text.contains("iommufd_selftest_iommu.0#"), "{text}");
    assert!(text.contains("mock of the kernel's selftest"), "{text}");
}

#[test]
#[ignore = "needs the lab x86-intel: more threads than kretprobes have room for"]
fn requests_that_kretprobes_miss_are_lost_and_nothing_is_made_up() {
    const REQUESTS: u64 = 50_000;
    let left = run(
        PROFILE,
        &[],
        "watch watched --kernel-probes-at-best kprobe
         hwptop bench integrity --requests 50000 --threads 64 --batch 1024 --format json >integrity 2>progress
         unwatch watched",
    );
    let snapshot = left.snapshot("watched");
    let events = &snapshot.0["events"];
    let event = |name: &str| events[name].as_u64().expect("a count");
    println!("{events}: {}", snapshot.instance()["total"]);
    // A request and its driver op each; the kernel may forget a few of its misses.
    let possible = 2 * REQUESTS - 2 * REQUESTS / 1_000..=2 * REQUESTS;
    assert!(possible.contains(&event("seen")), "{events}");
    assert_eq!(event("seen"), event("recorded") + event("lost"));
    assert!(event("lost") > 0, "{events}");

    let objects = snapshot.objects();
    for of in [&[snapshot.instance()], &objects[..]].concat() {
        let figure = |stage, name| total(of, stage, name);
        for stage in ["request", "driver op", "unattributed"] {
            let parts = figure(stage, "recorded") + figure(stage, "lost");
            assert_eq!(figure(stage, "seen"), parts, "{stage}: {of}");
        }
        assert_eq!(
            figure("driver op", "seen"),
            figure("request", "seen"),
            "{of}"
        );
        assert_eq!(
            figure("request", "items"),
            1_024 * figure("request", "seen"),
            "{of}"
        );
        let split = figure("driver op", "recorded");
        assert_eq!(figure("unattributed", "recorded"), split, "{of}");
        let time = |stage| figure(stage, "latency_ns_total");
        assert!(
            time("driver op") + time("unattributed") <= time("request"),
            "{of}"
        );
        // None was recorded where it is not known.
        let longest = |stage: &str| of["total"]["stages"][stage]["latency_ns_max"].as_u64();
        assert!(longest("unattributed") <= longest("request"), "{of}");
        assert!(longest("driver op") <= longest("request"), "{of}");
    }
}
