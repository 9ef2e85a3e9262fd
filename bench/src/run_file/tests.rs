use std::{fs, os::unix::fs::symlink};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use hwptop_agent::snapshot::latency_histogram;

use super::*;
use crate::Interval;

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
        off_cpu_share: None,
        steadiness: None,
        bare: None,
        guest: None,
        counters: None,
    }
}

fn sweep(points: Vec<BatchPoint>) -> BatchingRun {
    BatchingRun {
        target: "model".to_owned(),
        kind: Kind::Modelled,
        work: Work::Requests,
        timing_profile: None,
        started_unix_s: 1,
        command: Vec::new(),
        environment: Environment::of_this_machine(Some("abc")),
        complete: true,
        points,
    }
}

fn run(points: Vec<BatchPoint>) -> RunFile {
    sweep(points).into()
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
            "runs[0].points[1]: the point with {\"batch\": \"1\", \"instance\": \"a\"} is there twice",
        ),
        (with(|point| point.entries = 0), "no point of a batch sweep"),
        (
            with(|point| point.elapsed_ns = u64::MAX),
            "elapsed is 18446744073709552000",
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
fn figures_are_numbers_within_their_intervals() {
    let figure = |low, value, high| {
        let mut run = run(vec![point("a", 1)]);
        let figures = &mut run.runs[0].points[0].figures;
        let figure = Figure {
            value,
            low: Some(low),
            high: Some(high),
        };
        figures.insert("ratio_to_bare".to_owned(), figure);
        run.check("x")
    };
    assert!(figure(0.5, 1.0, 1.0).is_ok());
    for (low, value, high) in [
        (1.1, 1.0, 1.2),
        (0.9, 1.3, 1.2),
        (-0.1, 1.0, 1.2),
        (0.9, f64::NAN, 1.2),
        (0.9, 1.0, f64::INFINITY),
    ] {
        let error = figure(low, value, high).expect_err("no figure").to_string();
        assert!(error.contains("ratio_to_bare is"), "{error}");
    }
}

#[test]
fn what_cannot_be_a_metric_is_refused_and_what_a_later_version_may_have_is_not() {
    let named = |name: &str| {
        let mut run = run(vec![point("a", 1)]);
        run.runs[0].points[0] = run.runs[0].points[0].clone().with(name, Some(1.0));
        run.check("x")
    };
    assert!(named("joules_per_entry").is_ok());
    for name in ["", "a b", "x\u{1b}[2J", "Ns", &"x".repeat(65)] {
        assert!(named(name).is_err(), "{name}");
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

/// As the first version wrote it.
fn first(point: &BatchPoint, modelled: bool) -> serde_json::Value {
    serde_json::json!({
        "schema": "hwptop.run/1", "suite": "batching", "target": "model:vtd", "modelled": modelled,
        "timing_profile": null, "started_unix_s": 5, "command": ["hwptop"],
        "environment": {"hwptop": "0.1.0", "kernel": "6.12.0", "cpu": "A CPU", "cpus": 2},
        "points": [point],
    })
}

#[test]
fn a_file_of_the_first_schema_is_a_run_of_one_process() {
    for (modelled, kind) in [(true, Kind::Modelled), (false, Kind::Hardware)] {
        let point = point("a", 1);
        let text = first(&point, modelled).to_string();
        let read = RunFile::parse(&text, "run.json").expect("it can be read");
        let sweep = read.batching().expect("a sweep");
        assert_eq!((sweep.kind, sweep.work), (kind, Work::Requests));
        assert_eq!((read.runs.len(), sweep.points), (1, vec![point]));
        assert!(read.complete);
        assert_eq!(read.environment.revision, None);
    }
}

#[test]
fn other_schemas_are_named() {
    let error = RunFile::parse(r#"{"schema": "hwptop.run/3"}"#, "run.json");
    assert_eq!(
        error.expect_err("a later one").to_string(),
        "run.json: schema is \"hwptop.run/3\", this version reads \"hwptop.run/2\" and \"hwptop.run/1\""
    );
    for text in ["{}", "[]", "7", "\"x\"", "", "{\"schema\": 2}"] {
        let error = RunFile::parse(text, "run.json").expect_err("foreign");
        assert!(
            error
                .to_string()
                .starts_with("run.json: not a hwptop run file: "),
            "{error}"
        );
    }
}

#[test]
fn points_of_several_processes_are_one_sweep() {
    let mut slower = point("a", 1);
    slower.elapsed_ns *= 3;
    slower.submission_latency = None;
    // Longer than any histogram of the first process has room for.
    let mut latency = Histogram::<u64>::new(2).expect("two digits are valid");
    latency.record(7_000_000).expect("it grows");
    slower.request_latency = HistogramV2::encode(&latency);
    let mut first = point("a", 1);
    let mut latency = Histogram::<u64>::new(2).expect("two digits are valid");
    latency.record(700).expect("it grows");
    first.request_latency = HistogramV2::encode(&latency);
    let mut both = run(vec![first, point("b", 1)]);
    both.runs.push(run(vec![slower]).runs.remove(0));
    let sweep = both.batching().expect("a sweep");
    let points: Vec<_> = sweep.points.iter().map(|of| of.instance.as_str()).collect();
    assert_eq!(points, ["a", "b"]);
    let a = &sweep.points[0];
    assert_eq!((a.entries, a.elapsed_ns), (20, 36_000));
    let range = Interval {
        median: 1800.0,
        low: 900.0,
        high: 2700.0,
    };
    assert_eq!(a.round_ns_per_entry, Some(range));
    assert_eq!(a.request_latency.decode().expect("a sum").len(), 2);
    // One of them has none.
    assert_eq!(a.submission_latency, None);
    assert_eq!(sweep.points[1], point("b", 1));
}

#[test]
fn what_is_better_or_worse_can_be_compared_in_the_order_of_the_suite() {
    let mut latency = latency_histogram();
    latency.record_n(700, 200).expect("in range");
    let mut second = point("a", 64);
    second.request_latency = HistogramV2::encode(&latency);
    second.submission_latency = None;
    let keys = run(vec![point("a", 1), second]).runs[0].comparable();
    let keys: Vec<_> = keys
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    assert_eq!(
        keys,
        [
            "commands_per_sync{batch=1,instance=a} 1",
            "ns_per_entry{batch=1,instance=a} 900",
            "commands_per_sync{batch=64,instance=a} 1",
            "ns_per_entry{batch=64,instance=a} 900",
            // 200 latencies have 20 beyond their 90th percentile, and 2 beyond the next.
            "request_latency_p50{batch=64,instance=a} 703",
            "request_latency_p90{batch=64,instance=a} 703",
        ]
    );
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
    assert_eq!((&read, read.commands_per_sync()), (&counted, None));
    let point = Point::from(counted.clone());
    let text = serde_json::to_string(&point).expect("JSON");
    assert!(
        !text.contains("submission") && !text.contains("commands"),
        "{text}"
    );
    assert_eq!(BatchPoint::of(&point, false), Some(counted));
}

#[test]
fn what_would_do_something_to_a_terminal_is_refused_with_its_place() {
    for (place, change) in [
        ("suite", (|run| run.suite.push('\x1b')) as fn(&mut RunFile)),
        ("target", |run| run.target = Some("model\x07".to_owned())),
        ("settings", |run| {
            run.settings.insert("a\nb".to_owned(), String::new());
        }),
        ("environment", |run| {
            run.environment.revision = Some("\x1b[2J".to_owned());
        }),
        ("base.environment", |run| {
            let mut environment = run.environment.clone();
            environment.hwptop.push('\r');
            run.base = Some(Base {
                program: String::new(),
                environment,
                runs: Vec::new(),
            });
        }),
    ] {
        let mut run = run(Vec::new());
        RunFile::check(&run, "run.json").expect("good");
        change(&mut run);
        let error = RunFile::check(&run, "run.json").expect_err(place);
        let error = error.to_string();
        let begin = format!("run.json: {place}: ");
        assert!(error.starts_with(&begin), "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn a_debug_build_or_other_probes_cannot_be_compared_and_what_is_not_told_can() {
    let own = run(Vec::new());
    let with = |profile: Option<&str>, probes: Option<&str>| {
        let mut base = run(Vec::new());
        base.environment.profile = profile.map(str::to_owned);
        base.environment.probes = probes.map(|probes| vec![probes.to_owned()]);
        let differences = own.differences(&base).into_iter();
        let told = differences.map(|one| (one.to_string(), one.is_of_the_machine));
        told.collect::<Vec<_>>()
    };
    let profile = own.environment.profile.as_deref();
    assert_eq!(with(profile, Some("none")), []);
    // As older versions wrote them.
    assert_eq!(with(None, None), []);
    let other = with(Some("other"), None);
    let said = format!("build profile is \"other\" in the base and {profile:?} in the other");
    assert_eq!(other, [(said.replace("Some(", "").replace(')', ""), false)]);
    let said = "probes is \"static probes\" in the base and \"none\" in the other";
    let other = with(profile, Some("static probes"));
    assert_eq!(other, [(said.to_owned(), false)]);
}

#[test]
fn what_is_stored_of_this_project_is_run_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/baselines");
    let mut suites = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let run = RunFile::read(&entry.expect("it can be listed").path()).expect("a run file");
        let metrics: Vec<_> = run.runs[0].comparable();
        assert!(!metrics.is_empty(), "{}", run.suite);
        suites.push(run.suite);
    }
    suites.sort();
    suites.dedup();
    assert_eq!(suites, ["batching", "instructions"]);
}

#[test]
fn what_a_batch_costs_is_a_line_that_foretells_larger_ones() {
    let measured = |instance, batch: u32| BatchPoint {
        // 600 ns a request, 10 ns an entry, in rounds; what other programs took is in the whole.
        round_ns_per_entry: Interval::range_of(&[600.0 / f64::from(batch) + 10.0]),
        elapsed_ns: 1_000_000,
        ..point(instance, batch)
    };
    let batches = [1, 2, 4, 8, 16, 32, 64, 128];
    let two = ["a", "b"].map(|instance| batches.map(|batch| measured(instance, batch)));
    let run = sweep(two.concat());
    let fitted = run.fitted();
    let names: Vec<_> = fitted.iter().map(|of| of.instance).collect();
    assert_eq!(names, ["a", "b"]);
    for of in fitted {
        let line = of.line.expect("8 sizes");
        assert!((line.intercept.value - 600.0).abs() < 1e-6, "{line:?}");
        assert!((line.slope.value - 10.0).abs() < 1e-6, "{line:?}");
        let prediction = of.prediction.expect("64 was measured");
        assert_eq!((prediction.batch, prediction.from), (64, 32));
        assert!(prediction.error().abs() < 1e-6, "{prediction:?}");
    }
    // Without the batch itself, and with too few below it.
    let run = sweep(vec![measured("a", 1), measured("a", 2), measured("a", 4)]);
    assert!(run.fitted()[0].prediction.is_none());
    let run = sweep(vec![measured("a", 32), measured("a", 64)]);
    assert!(run.fitted()[0].line.is_err() && run.fitted()[0].prediction.is_none());
}
