use std::{fs, os::unix::fs::symlink};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use hwptop_agent::snapshot::latency_histogram;

use super::*;

fn point(instance: &str, batch: u32) -> BatchPoint {
    let mut latency = latency_histogram();
    latency.record(700).expect("in range");
    BatchPoint {
        instance: instance.to_owned(),
        batch,
        entries: 10,
        requests: 10,
        submissions: Some(10),
        commands: Some(10),
        elapsed_ns: 9_000,
        request_latency: HistogramV2::encode(&latency),
        submission_latency: Some(HistogramV2::encode(&latency)),
        round_ns_per_entry: None,
        bare: None,
        guest: None,
        counters: None,
    }
}

fn run(points: Vec<BatchPoint>) -> RunFile {
    RunFile {
        schema: SCHEMA.to_owned(),
        suite: "batching".to_owned(),
        target: "model".to_owned(),
        modelled: true,
        kind: Some(Kind::Modelled),
        work: Work::Requests,
        timing_profile: None,
        started_unix_s: 1,
        command: Vec::new(),
        environment: Environment::of_this_machine(),
        complete: true,
        points,
    }
}

fn write(run: &RunFile, path: &Path) -> Result<(), RunFileError> {
    Draft::create(path)?.write(run)
}

#[test]
fn what_is_written_is_what_is_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let run = run(vec![point("a", 1), point("a", 2), point("b", 1)]);
    write(&run, &path).expect("it can be written");
    assert_eq!(RunFile::read(&path).expect("it can be read"), run);
    // Nothing else was left there.
    assert_eq!(
        fs::read_dir(directory.path()).expect("a directory").count(),
        1
    );
}

#[test]
fn values_that_no_run_has_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    let with = |change: fn(&mut BatchPoint)| {
        let mut point = point("a", 1);
        change(&mut point);
        vec![point]
    };
    for (points, part) in [
        (
            vec![point("a", 1), point("a", 1)],
            "point 1: instance \"a\", batch 1 is there twice",
        ),
        (with(|point| point.entries = 0), "entries is 0"),
        (
            with(|point| point.elapsed_ns = u64::MAX),
            "elapsed_ns is 18446744073709551615",
        ),
        (
            with(|point| point.instance = "x\u{1b}[2J".to_owned()),
            "control characters",
        ),
        (
            with(|point| point.request_latency = HistogramV2::encode(&latency_histogram())),
            "empty",
        ),
        (vec![point("a", 1); POINTS_MAX + 1], "more than 4096 points"),
    ] {
        write(&run(points), &path).expect("it can be written");
        let error = RunFile::read(&path)
            .expect_err("it must not be read")
            .to_string();
        assert!(error.contains(part), "{part:?} is not in: {error}");
        assert!(error.contains("run.json"), "{error}");
    }
}

#[test]
fn a_histogram_that_promises_gigabytes_is_refused_by_its_header() {
    let mut wide: Histogram<u64> = Histogram::new_with_bounds(1, u64::MAX / 2, 5).expect("valid");
    wide.record(7).expect("in range");
    let mut bytes = Vec::new();
    V2Serializer::new()
        .serialize(&wide, &mut bytes)
        .expect("memory can be written");
    let text = serde_json::to_string(&STANDARD.encode(bytes)).expect("a string");
    let payload: HistogramV2 = serde_json::from_str(&text).expect("a string");
    assert!(matches!(
        payload.decode(),
        Err(HistogramError::Bounds { digits: 5, .. })
    ));
}

#[test]
fn only_a_regular_file_is_ever_replaced() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, link) = (
        directory.path().join("run.json"),
        directory.path().join("link.json"),
    );
    fs::write(&file, "old").expect("it can be written");
    symlink(&file, &link).expect("it can be linked");
    let run = run(vec![point("a", 1)]);
    write(&run, &link).expect("a link is followed");
    assert!(link.symlink_metadata().expect("it is there").is_symlink());
    assert_eq!(RunFile::read(&file).expect("it can be read"), run);

    write(&run, Path::new("/dev/null")).expect("a device is written to");
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
    let error = write(&run, directory.path())
        .expect_err("a directory")
        .to_string();
    assert!(error.contains("directory"), "{error}");
    let error = Draft::create(Path::new("/nonexistent/run.json")).expect_err("no directory");
    assert!(
        error.to_string().starts_with("/nonexistent/run.json: "),
        "{error}"
    );
}

#[test]
fn a_device_is_not_read() {
    let error = RunFile::read(Path::new("/dev/zero"))
        .expect_err("a device")
        .to_string();
    assert_eq!(error, "/dev/zero: not a regular file");
}

#[test]
fn what_an_older_file_does_not_say_is_absent_and_its_kind_is_known() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.json");
    for (modelled, kind) in [(true, Kind::Modelled), (false, Kind::Hardware)] {
        let mut old = serde_json::to_value(run(vec![point("a", 1)])).expect("JSON");
        let fields = old.as_object_mut().expect("an object");
        fields.remove("kind");
        fields.remove("work");
        fields.insert("modelled".to_owned(), modelled.into());
        fs::write(&path, old.to_string()).expect("it can be written");
        let read = RunFile::read(&path).expect("it can be read");
        assert_eq!((read.kind(), read.work), (kind, Work::Requests));
        assert_eq!(read.points[0].bare, None);
    }
}

#[test]
fn what_nothing_counted_is_not_in_the_file() {
    let mut counted = point("a", 1);
    counted.submissions = None;
    counted.commands = None;
    counted.submission_latency = None;
    let text = serde_json::to_string(&counted).expect("JSON");
    assert!(
        !text.contains("submission") && !text.contains("commands"),
        "{text}"
    );
    let read: BatchPoint = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, counted);
    assert_eq!((read.check(), read.commands_per_sync()), (Ok(()), None));
}
