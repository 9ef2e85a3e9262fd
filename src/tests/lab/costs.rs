//! What looking costs, and what becomes of an object whose process has ended.

use serde_json::Value;

use super::guest::{run, total};

const PROFILE: &str = "x86-intel";

fn number(of: &Value) -> f64 {
    of.as_f64().unwrap_or_else(|| panic!("{of} is no number"))
}

#[test]
#[ignore = "needs the lab x86-intel: times the programs on the kernel's functions"]
fn looking_into_the_kernel_is_calibrated_and_timed() {
    let left = run(
        PROFILE,
        &[],
        "hwptop top --target selftest --perf --speed max --interval 500ms --count 4 --format json >top",
    );
    let snapshot = left.snapshot("top").0;
    let looking = &snapshot["looking"];
    assert!(number(&looking["dispatch_ns_per_pair"]) > 0.0, "{looking}");
    assert!(number(&looking["timed_run_ns"]) > 0.0, "{looking}");
    assert!(number(&looking["ns_per_event"]) > 0.0, "{looking}");
    let share = number(&looking["core_share"]);
    assert!(share > 0.0 && share < 4.0, "{looking}");
    let programs = looking["programs"].as_array().expect("programs");
    let ran = |one: &&Value| one["runs"].as_u64() > Some(0);
    // A request's two and its driver op's two.
    assert!(programs.iter().filter(ran).count() >= 4, "{looking}");

    let perf = &snapshot["perf"];
    let of_interval = &snapshot["instances"][0]["interval"]["stages"]["request"]["seen"];
    assert_eq!(&perf["requests"], of_interval, "{perf}");
    let clock = &perf["counts"]["task_clock_ns"];
    assert!(number(&clock["per_request"]) > 0.0, "{perf}");
}

#[test]
#[ignore = "needs the lab x86-intel: waits until a process has been gone for a time"]
fn an_object_whose_process_has_ended_goes_to_other_after_a_time() {
    let left = run(
        PROFILE,
        &[],
        "watch watched --forget-after 15s
         hwptop bench batching --target selftest --requests 3 >bench 2>progress
         sleep 2
         cp /tmp/watched soon
         sleep 20
         unwatch watched",
    );
    let lines = left.file("soon");
    // The last line may be half written.
    let soon = lines.lines().rev().nth(1).expect("it is watched");
    let soon: Value = serde_json::from_str(soon).expect("JSON");
    let objects = soon["objects"].as_array().expect("objects");
    assert!(objects.iter().all(|one| one["other"] == false), "{soon}");
    assert_eq!(objects.len(), 1, "{soon}");

    let snapshot = left.snapshot("watched");
    assert_eq!(snapshot.objects(), Vec::<&Value>::new());
    let other = &snapshot.0["objects"][0];
    assert_eq!(other["other"], true, "{other}");
    let requests = total(other, "request", "seen");
    assert_eq!(requests, 11 * 3);
    assert_eq!(total(snapshot.instance(), "request", "seen"), requests);
}
