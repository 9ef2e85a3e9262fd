//! `hwptop doctor` on the machine that runs the tests, whatever that is.

use std::path::Path;

use crate::run::{hwptop, unprivileged};

/// What the text says, without its line breaks.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_doctor_says_what_this_machine_can_show() {
    let told = hwptop(&["doctor"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.starts_with("Linux "), "{}", told.stdout);
    assert!(told.stdout.contains("\ncan show: "), "{}", told.stdout);
    assert!(!told.stdout.contains('\x1b'), "a pipe gets no colour");
    for line in told.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn every_stage_has_a_method_or_a_reason_in_json() {
    let document = hwptop(&["doctor", "--format", "json"]).json();
    assert_eq!(document["schema"], "hwptop.doctor/1");
    let stages = document["stages"].as_array().expect("a list");
    assert!(stages.len() >= 6, "{stages:?}");
    for stage in stages {
        let rejected = stage["rejected"].as_array().expect("a list");
        assert!(
            stage["attaches"].is_string() || !rejected.is_empty(),
            "{stage}"
        );
        for one in rejected {
            assert!(
                one["why"].as_str().is_some_and(|why| !why.is_empty()),
                "{one}"
            );
        }
    }
    let device = &document["machine"]["iommu_device"];
    assert_eq!(device == "absent", !Path::new("/dev/iommu").exists());
}

#[test]
fn what_is_required_and_not_there_ends_with_3_and_the_reason() {
    let document = hwptop(&["doctor", "--format", "json"]).json();
    let required = hwptop(&["doctor", "--require-kernel"]);
    if document["watches_kernel_requests"] == true {
        assert_eq!(required.code, Some(0), "{}", required.stderr);
        return;
    }
    assert_eq!(required.code, Some(3));
    let missing = document["missing"].as_str().expect("a reason");
    assert!(required.stderr.contains(missing), "{}", required.stderr);
    assert!(
        required.stdout.contains("cannot show: "),
        "the findings come first"
    );
}

#[test]
fn without_capabilities_the_right_is_what_is_missing() {
    let told = unprivileged(&["doctor"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let text = flowing(&told.stdout);
    assert!(text.contains("can show: the model"), "{text}");
    assert!(
        text.contains("no capability is in effect: run as root"),
        "{text}"
    );
    assert!(text.contains("CAP_BPF"), "{text}");
}
