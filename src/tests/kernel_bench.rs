//! The suites that drive `/dev/iommu` or watch the kernel, where they cannot run.

use crate::run::{count, hwptop, points, unprivileged};

#[test]
fn a_suite_without_the_right_to_what_it_needs_names_it_and_writes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("run.json");
    let file = file.to_str().expect("UTF-8");
    for (args, part) in [
        (
            &["batching", "--target", "selftest", "-o", file][..],
            "/dev/iommu: cannot open it",
        ),
        (
            &[
                "batching",
                "--target",
                "vfio:/dev/vfio/devices/vfio77",
                "-o",
                file,
            ],
            "vfio77: /dev/iommu: cannot open it",
        ),
        (&["integrity"], "cannot be watched: "),
        (&["probe-cost", "--target", "selftest"], "/dev/iommu"),
    ] {
        let run = unprivileged(&[&["bench"], args].concat());
        assert_eq!(run.code, Some(3), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
    }
    let left = std::fs::read_dir(directory.path()).expect("a directory");
    assert_eq!(left.count(), 0);
}

#[test]
fn a_target_that_a_suite_cannot_drive_is_bad_input() {
    for args in [
        &["batching", "--target", "kernel"][..],
        &["batching", "--target", "selftest:arm"],
        &["batching", "--requests", "0"],
        &["batching", "--batch", "0,64"],
        &["batching", "--batch", "64,1"],
        &["batching", "--requests", "5", "--time", "1s"],
        &["probe-cost", "--target", "model"],
        &["integrity", "--target", "kernel"],
        &["integrity", "--threads", "0"],
    ] {
        let run = hwptop(&[&["bench"], args].concat());
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(args[1]), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_number_of_requests_is_kept_to_the_one_on_the_model() {
    let run = hwptop(&[
        "bench",
        "batching",
        "--target",
        "model,instances=1",
        "--requests",
        "3",
        "--format",
        "json",
    ]);
    let document = run.json();
    let points = points(&document);
    assert_eq!(points.len(), 11);
    for point in points {
        let batch = point["labels"]["batch"].as_str().expect("a label");
        let batch: u64 = batch.parse().expect("a number");
        let counts = ["requests", "entries"].map(|metric| count(point, metric));
        assert_eq!(counts, [3, 3 * batch]);
    }
    assert_eq!(document["kind"], "modelled");
}

#[test]
fn a_suite_measures_the_batch_sizes_that_are_asked_for() {
    let run = hwptop(&[
        "bench",
        "batching",
        "--target",
        "model,instances=2",
        "--requests",
        "3",
        "--batch",
        "1,48",
        "--format",
        "csv",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 1 + 2 * 2, "{}", run.stdout);
}
