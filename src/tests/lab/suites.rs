//! The suites that drive guests, on the selftest's mock of a real kernel.

use serde_json::Value;

use super::guest::{Left, run};
use crate::run::{count, points};

const PROFILE: &str = "x86-intel";

/// The run file that a suite printed, which is complete and of the mock.
fn run_file(left: &Left, name: &str, suite: &str) -> Value {
    let document: Value = serde_json::from_str(&left.file(name)).expect("JSON");
    assert_eq!(document["suite"], suite);
    assert_eq!(document["kind"], "mock");
    assert_eq!(document["complete"], true);
    assert_eq!(
        document["environment"]["kernel"]
            .as_str()
            .map(str::is_empty),
        Some(false)
    );
    document
}

#[test]
#[ignore = "needs the lab x86-intel: times the kernel's stages of requests to the selftest's mock"]
fn a_requests_time_in_the_kernel_is_split_exactly() {
    let left = run(
        PROFILE,
        &[],
        "for vendor in vtd smmuv3; do
             hwptop bench stages --target selftest:$vendor --batch 1,16,64 --time 100ms --format json \
                 >$vendor 2>progress || fail \"$(cat progress)\"
         done
         hwptop bench stages --target selftest --batch 4 --time 20ms >text 2>progress",
    );
    for vendor in ["vtd", "smmuv3"] {
        let document = run_file(&left, vendor, "stages");
        let probes = document["environment"]["probes"]
            .as_array()
            .expect("probes");
        let is_timed = |stage: &str| {
            let begin = format!("kernel probes: {stage} (");
            let named = |one: &Value| one.as_str().is_some_and(|one| one.starts_with(&begin));
            probes.iter().any(named)
        };
        assert!(is_timed("request") && is_timed("driver op"), "{probes:?}");
        let points = points(&document);
        assert_eq!(points.len(), 3);
        for point in points {
            let batch = point["labels"]["batch"].as_str().expect("a label");
            let batch: u64 = batch.parse().expect("a number");
            assert_eq!(count(point, "entries"), batch * count(point, "requests"));
            assert_eq!(count(point, "events_lost"), 0, "{point}");
            let parts = count(point, "driver_op_time") + count(point, "unattributed_time");
            assert_eq!(parts, count(point, "request_time"), "{point}");
            // The mock has no queue.
            assert_eq!(point["figures"].get("submission_time"), None, "{point}");
            for latency in ["request", "driver_op", "unattributed"] {
                let name = format!("{latency}_latency");
                assert!(point["latencies"].get(&name).is_some(), "{name}: {point}");
            }
        }
    }
    let text = left.file("text");
    assert!(
        text.contains("timed by eBPF on the kernel's functions"),
        "{text}"
    );
}

#[test]
#[ignore = "needs the lab x86-intel: producers on the selftest's mock"]
fn producers_scale_on_objects_of_their_own() {
    let left = run(
        PROFILE,
        &[],
        "for vendor in vtd smmuv3; do
             hwptop bench scaling --target selftest:$vendor --instances 1,2 --producers 1,2 --batch 8 \
                 --time 100ms --format json >$vendor 2>progress || fail \"$(cat progress)\"
         done",
    );
    for vendor in ["vtd", "smmuv3"] {
        let document = run_file(&left, vendor, "scaling");
        let points = points(&document);
        assert_eq!(points.len(), 4);
        for point in points {
            assert_eq!(count(point, "entries"), 8 * count(point, "requests"));
            assert!(point["figures"]["entries_per_s"]["value"].as_f64() > Some(0.0));
            // Nothing sees them in the kernel.
            assert_eq!(point["figures"].get("submissions"), None, "{point}");
        }
    }
}

#[test]
#[ignore = "needs the lab x86-intel: replays captures on the selftest's mock"]
fn captures_are_replayed_on_the_mock_under_every_policy() {
    let left = run(
        PROFILE,
        &[],
        "hwptop bench replay --target selftest:vtd --capture vtd-first-stage-nvme-strict --time 100ms \
             --rate 50%,500 --vcpus 1,2 --format json >replay 2>progress || fail \"$(cat progress)\"
         hwptop bench policies --target selftest:vtd --capture vtd-first-stage-nvme-buffered-lazy \
             --time 50ms --format json -o file >policies 2>progress || fail \"$(cat progress)\"",
    );
    let document = run_file(&left, "replay", "replay");
    let points = points(&document);
    assert_eq!(points.len(), 2 * 3 * 3);
    for point in points {
        let is_closed = point["labels"]["load"] == "closed";
        let has_response = point["latencies"].get("response_latency").is_some();
        assert_eq!(has_response, !is_closed, "{point}");
        assert!(count(point, "requests") > 0, "{point}");
    }
    run_file(&left, "file", "policies");
    let policies = left.snapshot("policies").0;
    assert_eq!(
        (&policies["kind"], &policies["modelled"]),
        (&"mock".into(), &false.into())
    );
    let points = policies["points"].as_array().expect("points");
    // Two streams, four numbers of vCPUs, three policies: the mock has no queue for the guest.
    assert_eq!(points.len(), 2 * 4 * 3);
    for point in points {
        assert_eq!(point["submissions"], Value::Null, "{point}");
        let (requests, entries) = (&point["requests"], &point["entries"]);
        assert!(requests.as_u64() > Some(0) && entries.as_u64() >= requests.as_u64());
        if point["delivery"] == "single" {
            assert_eq!(requests, entries, "{point}");
        }
    }
}

#[test]
#[ignore = "needs the lab x86-intel: its IOMMU offers guests no nesting"]
fn where_there_is_no_nesting_there_are_no_guests() {
    let left = run(
        PROFILE,
        &[],
        "for suite in stages scaling replay policies; do
             code=0
             hwptop bench $suite --target vfio:$HWPTOP_LAB_VFIO_CDEV >$suite.out 2>$suite.err || code=$?
             echo $suite $code
         done",
    );
    for suite in ["stages", "scaling", "replay", "policies"] {
        let said = left.file(&format!("{suite}.err"));
        assert_eq!(left.printed(suite), 3, "{suite}: {said}");
        assert!(said.contains("offers guests no nesting"), "{suite}: {said}");
        assert_eq!(left.file(&format!("{suite}.out")), "", "{suite}");
    }
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: drives a guest on its vIOMMU"]
fn the_suites_of_guests_run_on_a_vsmmu() {
    let left = run(
        "arm64-smmuv3",
        &[],
        "device=vfio:$HWPTOP_LAB_VFIO_CDEV
         bench() {
             name=$1
             hwptop bench \"$@\" --target $device --time 200ms --format json >$name 2>progress ||
                 fail \"$(cat progress)\"
         }
         bench stages --batch 1,16
         bench scaling --producers 1,2
         bench replay --capture smmuv3-nvme-strict --policy single,array --rate 50%",
    );
    for (suite, expected) in [("stages", 2), ("scaling", 2), ("replay", 4)] {
        let document: Value = serde_json::from_str(&left.file(suite)).expect("JSON");
        assert_eq!(
            (&document["suite"], &document["kind"]),
            (&suite.into(), &"emulated".into())
        );
        let points = points(&document);
        assert_eq!(points.len(), expected, "{suite}");
        for point in points {
            assert!(count(point, "requests") > 0, "{point}");
        }
        if suite == "stages" {
            for point in points {
                let parts = ["driver_op_time", "submission_time", "unattributed_time"];
                let sum: u64 = parts.iter().map(|part| count(point, part)).sum();
                assert_eq!(sum, count(point, "request_time"), "{point}");
            }
        }
    }
}
