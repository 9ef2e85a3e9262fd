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
    ends("destroy", 1);
}

#[test]
#[ignore = "needs the lab x86-intel: a process that closes its iommufd context and lives on"]
fn an_object_that_ends_with_its_context_is_not_shown_for_ever_either() {
    ends("close", 0);
}

/// A process makes requests to two objects, does nothing for longer than what has ended is kept,
/// and lives on after `how` one or both of them end: so many `stay`.
fn ends(how: &str, stay: u64) {
    const EACH: u64 = 100;
    let left = run_with(
        "x86-intel",
        &["--one-thread", "--program", "perl"],
        &[("ended.pl", include_str!("ended.pl").to_owned())],
        &format!(
            "mkfifo /tmp/input
             watch watched --forget-after 1s
             perl ended.pl {EACH} </tmp/input & process=$!
             exec 3>/tmp/input
             its_rows() {{ tail -n 2 /tmp/watched | head -n 1 | grep -o '\"pid\":'$process, | wc -l; }}
             until [ $(its_rows) = 2 ]; do kill -0 $process; usleep 50000; done
             sleep 3
             echo kept $(its_rows)
             echo {how} >&3
             for i in $(seq 600); do [ $(its_rows) != {stay} ] || break; usleep 50000; done
             sleep 3
             echo left $(its_rows)
             kill -0 $process
             unwatch watched
             exec 3>&-
             wait $process"
        ),
    );
    assert_eq!((left.printed("kept"), left.printed("left")), (2, stay));

    // Nothing is done twice or lost while it is given over.
    for line in left.file("watched").lines() {
        let snapshot: Value = serde_json::from_str(line).expect("JSON");
        let seen = |what: &str| -> u64 {
            let all = snapshot[what].as_array().expect(what);
            all.iter().map(|one| total(one, "request", "seen")).sum()
        };
        assert_eq!(seen("instances"), seen("objects"), "{snapshot}");
    }
    let snapshot = left.snapshot("watched");
    assert_eq!(total(snapshot.instance(), "request", "seen"), 2 * EACH);
    let objects = snapshot.0["objects"].as_array().expect("objects");
    let other = objects.iter().find(|one| one["other"] == true);
    let other = other.expect("what the ended ones counted");
    assert_eq!(
        total(other, "request", "seen"),
        (2 - stay) * EACH,
        "{other}"
    );
}
