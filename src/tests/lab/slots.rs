//! More processes, one after the other, than can be kept apart at a time.

use serde_json::Value;

use super::guest::{run, run_with, total};

/// More than there are slots; each makes one request of every size.
const PROCESSES: u64 = 270;
const REQUESTS: u64 = 11 * PROCESSES;

#[test]
#[ignore = "needs the lab x86-intel: some hundred processes one after the other"]
fn slots_of_processes_that_are_gone_are_given_to_others_and_no_request_is_forgotten() {
    let left = run(
        "x86-intel",
        &[],
        "watch watched
         for i in $(seq 270); do
             hwptop bench batching --target selftest --requests 1 >bench 2>progress & last=$!
             wait $last
         done
         unwatch watched
         echo last $last",
    );
    let snapshot = left.snapshot("watched");
    assert_eq!(total(snapshot.instance(), "request", "seen"), REQUESTS);
    assert_eq!(snapshot.0["events"]["lost"], 0);
    let last = left.printed("last");
    let its = |one: &&&Value| one["pid"] == last;
    let objects = snapshot.objects();
    let one = objects.iter().find(its);
    let one = one.unwrap_or_else(|| panic!("{last} is none of {}", objects.len()));
    assert_eq!(total(one, "request", "seen"), 11, "{one}");

    // What is kept apart, and what was.
    let all = snapshot.0["objects"].as_array().expect("objects");
    let seen: u64 = all.iter().map(|one| total(one, "request", "seen")).sum();
    assert_eq!(seen, REQUESTS);
    assert!(all.iter().any(|one| one["other"] == true));

    // No interval has more than was done in it.
    let mut sum = 0;
    for line in left.file("watched").lines() {
        let snapshot: Value = serde_json::from_str(line).expect("JSON");
        let objects = snapshot["objects"].as_array().expect("objects");
        let requests = objects
            .iter()
            .map(|one| &one["interval"]["stages"]["request"]["seen"]);
        sum += requests.filter_map(Value::as_u64).sum::<u64>();
    }
    assert_eq!(sum, REQUESTS);
}

#[test]
#[ignore = "needs the lab x86-intel: an object that is destroyed while its process goes on"]
fn an_object_that_is_destroyed_is_not_shown_for_ever_and_what_it_counted_stays() {
    let left = run_with(
        "x86-intel",
        &["--one-thread"],
        &[],
        "watch watched --forget-after 1s
         hwptop bench probe-cost --target selftest --rounds 2 >bench 2>progress & process=$!
         wait $process
         unwatch watched
         echo process $process",
    );
    let process = left.printed("process");
    let file = left.file("watched");
    let snapshots = file
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let mut most = 0;
    let mut last = None;
    for snapshot in snapshots {
        let objects = snapshot["objects"].as_array().expect("objects");
        let its = objects.iter().filter(|one| one["pid"] == process).count();
        let seen: u64 = objects
            .iter()
            .map(|one| total(one, "request", "seen"))
            .sum();
        let instances = snapshot["instances"].as_array().expect("instances");
        let requests = instances
            .iter()
            .filter_map(|one| one["total"]["stages"]["request"]["seen"].as_u64());
        assert_eq!(requests.sum::<u64>(), seen, "{snapshot}");
        most = most.max(its);
        last = Some((its, snapshot)).filter(|(its, _)| *its > 0).or(last);
    }
    let (its, snapshot) = last.expect("the process was seen");
    assert_eq!((most, its), (2, 1), "{snapshot}");
    let objects = snapshot["objects"].as_array().expect("objects");
    let other = objects.iter().find(|one| one["other"] == true);
    // 302 times 64 requests of one entry.
    let other = other.expect("what the destroyed one counted");
    assert_eq!(total(other, "request", "seen"), 302 * 64, "{other}");
}

#[test]
#[ignore = "needs the lab x86-intel: a process that closes its iommufd context and lives on"]
fn an_object_that_ends_with_its_context_is_not_shown_for_ever_either() {
    let left = run_with(
        "x86-intel",
        &["--one-thread", "--program", "perl"],
        &[("closed.pl", include_str!("closed.pl").to_owned())],
        "mkfifo /tmp/input
         watch watched --forget-after 1s
         perl closed.pl 100 </tmp/input & process=$!
         exec 3>/tmp/input
         its_rows() { tail -n 2 /tmp/watched | head -n 1 | grep -c \"\\\"pid\\\":$process,\" || true; }
         until [ $(its_rows) = 1 ]; do kill -0 $process; usleep 50000; done
         sleep 3
         echo kept $(its_rows)
         echo >&3
         for i in $(seq 200); do [ $(its_rows) = 1 ] || break; usleep 50000; done
         echo left $(its_rows)
         kill -0 $process
         unwatch watched
         exec 3>&-
         wait $process",
    );
    assert_eq!((left.printed("kept"), left.printed("left")), (1, 0));
    let snapshot = left.snapshot("watched");
    assert_eq!(total(snapshot.instance(), "request", "seen"), 100);
    let objects = snapshot.0["objects"].as_array().expect("objects");
    let other = objects.iter().find(|one| one["other"] == true);
    let other = other.expect("what the object counted");
    assert_eq!(total(other, "request", "seen"), 100, "{other}");
}
