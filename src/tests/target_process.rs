//! Another process that embeds the driver.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::run::{Background, HWPTOP, hwptop, unprivileged};

#[test]
#[ignore = "needs root: loads eBPF"]
fn a_process_that_embeds_the_driver_is_measured_from_outside() {
    let driver = Background::driver(3);
    let target = format!("pid:{}", driver.pid());
    let snapshot = hwptop(&["top", "--target", &target, "--once", "--format", "json"]).json();
    assert_eq!(snapshot["measured_by"], "ebpf");
    assert_eq!(
        snapshot["modelled"], true,
        "the model travels with the events"
    );
    let instances = snapshot["instances"]
        .as_array()
        .expect("instances are listed");
    assert_eq!(instances.len(), 3);
    for (number, instance) in instances.iter().enumerate() {
        assert_eq!(instance["name"], format!("model-vtd{number}"));
        let request = &instance["interval"]["stages"]["request"];
        assert!(
            request["seen"].as_u64().is_some_and(|seen| seen > 10),
            "{request}"
        );
        assert!(request["latency_ns_p99"].as_u64() >= request["latency_ns_p50"].as_u64());
    }
    // Attached in the middle of a request at most once per instance and stage.
    let events = &snapshot["events"];
    let count = |name: &str| events[name].as_u64().expect("a count");
    assert_eq!(count("seen"), count("recorded") + count("lost"));
    assert!(count("lost") <= 6, "{events}");
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn the_end_of_the_process_ends_the_view() {
    let mut driver = Background::driver(1);
    let target = format!("pid:{}", driver.pid());
    let mut view = Command::new(HWPTOP)
        .args(["top", "--target", &target, "--count", "1000"])
        .args(["--interval", "200ms", "--format", "csv"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let stdout = view.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    // The heading, and the first snapshot.
    assert!(lines.nth(1).is_some(), "it shows something");
    driver.kill();
    let rest = lines.count();
    let code = view.wait().expect("the view ends").code();
    assert_eq!(code, Some(0));
    assert!(rest > 0, "the last snapshot is shown");
}

#[test]
fn another_process_without_the_right_to_load_ebpf_is_exit_code_3() {
    let driver = Background::driver(1);
    let run = unprivileged(&[
        "top",
        "--once",
        "--target",
        &format!("pid:{}", driver.pid()),
    ]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("CAP_BPF"), "{}", run.stderr);
}
