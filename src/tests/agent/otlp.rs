//! What a collector is told that has OpenTelemetry's own messages.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Agent, LONG};
use crate::{
    recording::recorded,
    run::{HWPTOP, hwptop},
    tmux::eventually,
};

const COLLECTOR: &str = include_str!("collector.py");

/// A running collector. Dropping it ends it.
struct Collector {
    child: Child,
    lines: Receiver<String>,
    url: String,
}

impl Collector {
    fn answering(answers: &[&str]) -> Self {
        let python =
            env::var_os("HWPTOP_PYTHON").expect("HWPTOP_PYTHON, which `cargo xtask test` sets");
        let mut child = Command::new(python)
            .args(["-c", COLLECTOR])
            .args(answers)
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (tell, lines) = mpsc::channel();
        // Read as it comes: it would wait for room in the pipe.
        thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            lines.map(|line| tell.send(line)).all(|sent| sent.is_ok())
        });
        let port = lines.recv_timeout(LONG).expect("it says its port");
        let url = format!("http://127.0.0.1:{port}");
        Self { child, lines, url }
    }

    /// The next request; nothing where it was ended.
    fn next(&self) -> Option<Value> {
        let line = self.lines.recv_timeout(LONG).ok()?;
        Some(serde_json::from_str(&line).expect("it is JSON"))
    }

    /// Every request that was not yet read.
    fn rest(mut self) -> Vec<Value> {
        self.child.kill().expect("it runs");
        std::iter::from_fn(|| self.next()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A push, by name of its metrics.
struct Push {
    resource: BTreeMap<String, String>,
    metrics: BTreeMap<String, Value>,
}

impl Push {
    fn of(line: &Value) -> Self {
        assert_eq!(line["path"], "/v1/metrics");
        assert_eq!(line["type"], "application/x-protobuf");
        assert_eq!(line["unknown_bytes"], 0);
        let of_resource = &line["request"]["resource_metrics"][0];
        let metrics = &of_resource["scope_metrics"][0]["metrics"];
        let metrics = metrics.as_array().expect("there are metrics");
        let name = |one: &Value| one["name"].as_str().expect("a name").to_owned();
        Self {
            resource: attributes(&of_resource["resource"]),
            metrics: metrics.iter().map(|one| (name(one), one.clone())).collect(),
        }
    }

    /// The points of a metric, by their attributes.
    fn points(&self, name: &str, kind: &str) -> Vec<(BTreeMap<String, String>, &Value)> {
        let points = self.metrics[name][kind]["data_points"].as_array();
        let points = points.unwrap_or_else(|| panic!("{name} is no {kind}"));
        points.iter().map(|one| (attributes(one), one)).collect()
    }

    /// The one point of a counter of `stage` of `iommu`.
    fn of_stage(&self, name: &str, kind: &str, iommu: &str, stage: &str) -> &Value {
        let points = self.points(name, kind);
        let is_it = |labels: &BTreeMap<String, String>| {
            labels["iommu"] == iommu && labels["stage"] == stage && labels["kind"] == "modelled"
        };
        let mut points = points.into_iter().filter(|(labels, _)| is_it(labels));
        let (_, point) = points.next().expect("it is there");
        assert!(points.next().is_none(), "{name} of {iommu} is there twice");
        point
    }

    fn seen(&self) -> u64 {
        number(&self.points("hwptop.events.seen", "sum")[0].1["as_int"])
    }
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    let attributes = of["attributes"].as_array().into_iter().flatten();
    attributes
        .map(|one| {
            let value = one["value"]["string_value"].as_str().expect("a string");
            (
                one["key"].as_str().expect("a key").to_owned(),
                value.to_owned(),
            )
        })
        .collect()
}

/// 64-bit numbers are strings in protobuf's JSON, and 0 is left out.
fn number(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or("0");
    text.parse().expect("a number")
}

/// Every figure of `snapshot`, which was the last, is in the push.
fn assert_same(push: &Push, snapshot: &Value) {
    assert_eq!(Some(push.seen()), snapshot["events"]["seen"].as_u64());
    let mut compared = 0;
    for instance in snapshot["instances"].as_array().expect("instances") {
        let iommu = instance["name"].as_str().expect("a name");
        for (stage, figures) in instance["total"]["stages"].as_object().expect("stages") {
            let count = |name: &str| {
                let name = format!("hwptop.stage.{name}");
                number(&push.of_stage(&name, "sum", iommu, stage)["as_int"])
            };
            for (metric, field) in [
                ("events", "seen"),
                ("items", "items"),
                ("errors", "errors"),
                ("lost", "lost"),
            ] {
                assert_eq!(Some(count(metric)), figures[field].as_u64(), "{metric}");
            }
            let latency = push.of_stage("hwptop.stage.latency", "histogram", iommu, stage);
            assert_histogram(latency, figures);
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
    for (name, metric) in &push.metrics {
        let is_cumulative = |kind: &str| {
            metric[kind]["aggregation_temporality"] == "AGGREGATION_TEMPORALITY_CUMULATIVE"
        };
        let is_sound = metric.get("gauge").is_some()
            || is_cumulative("histogram")
            || (is_cumulative("sum") && metric["sum"]["is_monotonic"] == true);
        assert!(is_sound, "{name}: {metric}");
        assert!(
            metric["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    assert_eq!(push.metrics["hwptop.stage.latency"]["unit"], "s");
    assert_eq!(push.resource["service.name"], "hwptop");
    assert_eq!(push.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(!push.resource["host.name"].is_empty());
}

/// The bucket that the quantile is in.
fn bucket_of(quantile: f64, counts: &[u64], recorded: u64) -> usize {
    let rank = quantile * recorded as f64;
    let mut below = 0;
    let at = counts.iter().position(|count| {
        below += count;
        below as f64 >= rank
    });
    at.expect("one of them has it")
}

fn assert_histogram(point: &Value, figures: &Value) {
    let recorded = figures["recorded"].as_u64().expect("a count");
    assert_eq!(number(&point["count"]), recorded);
    let counts = point["bucket_counts"].as_array().expect("buckets");
    let counts: Vec<u64> = counts.iter().map(number).collect();
    assert_eq!(counts.iter().sum::<u64>(), recorded);
    let bounds = point["explicit_bounds"].as_array().expect("bounds");
    let bounds: Vec<f64> = bounds.iter().filter_map(Value::as_f64).collect();
    assert_eq!(bounds.len() + 1, counts.len());
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
        let ours = figures[format!("latency_ns_{name}")]
            .as_f64()
            .expect("a latency")
            / 1e9;
        let at = bucket_of(quantile, &counts, recorded);
        let low = at.checked_sub(1).map_or(0.0, |before| bounds[before]);
        assert!(low < ours && ours <= bounds[at], "{name}: {low} {ours}");
    }
}

#[test]
#[ignore = "needs Python's OpenTelemetry: decodes what is pushed"]
fn the_last_push_is_the_last_snapshot() {
    let collector = Collector::answering(&["200"]);
    let options = ["--passes", "1", "--speed", "4", "--otlp-interval", "100ms"];
    let agent = Agent::of_model(
        "50ms",
        &[&options[..], &["--otlp", &collector.url]].concat(),
    );
    let to = format!("OTLP to {}/v1/metrics every 100ms", collector.url);
    assert!(agent.said.contains(&to), "{}", agent.said);
    let view = hwptop(&[
        "top",
        "--target",
        &agent.target(),
        "--count",
        "100000",
        "--format",
        "json",
    ]);
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("OTLP"), "{said}");
    let last = view.stdout.lines().next_back().expect("it was shown");
    let last: Value = serde_json::from_str(last).expect("it is JSON");
    let pushes: Vec<Push> = collector.rest().iter().map(Push::of).collect();
    assert!(pushes.len() > 2, "{} pushes", pushes.len());
    assert!(pushes.is_sorted_by_key(Push::seen));
    assert_same(pushes.last().expect("there are some"), &last);
    // Counters began when the measurement did, in every push.
    let started = |push: &Push| {
        let (_, point) = push.points("hwptop.events.seen", "sum")[0].clone();
        let at = |name: &str| number(&point[name]);
        assert!(at("start_time_unix_nano") < at("time_unix_nano"));
        at("start_time_unix_nano")
    };
    let first = started(&pushes[0]);
    assert!(pushes.iter().all(|push| started(push) == first));
}

#[test]
#[ignore = "needs Python's OpenTelemetry: decodes what is pushed"]
fn exponential_histograms_have_every_latency_within_6_percent() {
    let collector = Collector::answering(&["200"]);
    let (_folder, path) = recorded();
    let mut command = Command::new(HWPTOP);
    command.args([
        "agent",
        "--speed",
        "max",
        "--otlp-histograms",
        "exponential",
    ]);
    command.args([
        "--otlp",
        &collector.url,
        "--target",
        &format!("file:{path}"),
    ]);
    assert_eq!(Agent::start(command).ended().0, Some(0));
    let whole = hwptop(&["replay", &path, "--once", "--format", "json"]).json();
    let push = Push::of(&collector.rest()[0]);
    for instance in whole["instances"].as_array().expect("instances") {
        let iommu = instance["name"].as_str().expect("a name");
        for (stage, figures) in instance["total"]["stages"].as_object().expect("stages") {
            let name = "hwptop.stage.latency";
            let point = push.of_stage(name, "exponential_histogram", iommu, stage);
            let recorded = figures["recorded"].as_u64().expect("a count");
            assert_eq!(number(&point["count"]), recorded);
            let counts = point["positive"]["bucket_counts"].as_array();
            let counts: Vec<u64> = counts.expect("buckets").iter().map(number).collect();
            assert_eq!(counts.iter().sum::<u64>(), recorded);
            assert_eq!(point["scale"], 4);
            let offset = point["positive"]["offset"].as_f64().expect("a number");
            let at = bucket_of(0.99, &counts, recorded);
            let low = ((offset + at as f64) / 16.0).exp2();
            let ours = figures["latency_ns_p99"].as_f64().expect("a latency") / 1e9;
            let (least, most) = (low / 1.016, low * 1.0443 * 1.016);
            assert!(least < ours && ours < most, "{least} {ours} {most}");
        }
    }
}

#[test]
#[ignore = "needs Python's OpenTelemetry: decodes what is pushed"]
fn a_recording_is_pushed_as_it_was_made() {
    let collector = Collector::answering(&["200"]);
    let (_folder, path) = recorded();
    let mut command = Command::new(HWPTOP);
    command.args([
        "agent",
        "--target",
        &format!("file:{path}"),
        "--speed",
        "max",
    ]);
    command.args(["--otlp", &collector.url]);
    let (code, said, _) = Agent::start(command).ended();
    assert_eq!(code, Some(0), "{said}");
    let whole = hwptop(&["replay", &path, "--once", "--format", "json"]).json();
    let pushes = collector.rest();
    // It was over before the first was due.
    assert_eq!(pushes.len(), 1);
    let push = Push::of(&pushes[0]);
    assert_same(&push, &whole);
    let (info, _) = &push.points("hwptop.target.info", "gauge")[0];
    assert_eq!(info["measured_by"], "in-process");
    assert_eq!(info["kinds"], "modelled");
    // The points are of then, and not of now.
    let (_, point) = push.points("hwptop.events.seen", "sum")[0].clone();
    assert_eq!(
        Some(number(&point["time_unix_nano"])),
        whole["taken_at_unix_ns"].as_u64()
    );
}

#[test]
#[ignore = "needs Python's OpenTelemetry: answers as a collector may"]
fn a_collector_that_refuses_is_told_once_and_gets_everything_later() {
    let collector = Collector::answering(&["500", "429", "307", "garbage", "200"]);
    let options = ["--otlp-interval", "50ms", "--otlp", &collector.url];
    let agent = Agent::of_model("50ms", &options);
    let mut answers = Vec::new();
    for _ in 0..6 {
        let push = collector.next().expect("it goes on");
        answers.push(push["answer"].as_str().expect("a word").to_owned());
    }
    assert_eq!(answers, ["500", "429", "307", "garbage", "200", "200"]);
    let scrape = agent.scrape();
    let count = |name: &str| scrape[&format!("hwptop_agent_otlp_{name}_total")];
    assert!((count("failed") - 4.0).abs() < 0.5, "{}", count("failed"));
    assert!(count("pushed") > 0.5);
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[0].contains("answers 500 Internal Server Error: come later"),
        "{said}"
    );
    assert!(lines[1].contains("takes metrics again"), "{said}");
}

#[test]
#[ignore = "needs Python's OpenTelemetry: hangs as a collector may"]
fn a_collector_that_hangs_holds_up_neither_the_snapshots_nor_the_end() {
    let collector = Collector::answering(&["hang"]);
    let options = ["--otlp-interval", "50ms", "--otlp", &collector.url];
    let agent = Agent::of_model("50ms", &options);
    collector.next().expect("it is asked");
    let seen = || agent.first_scrape()["hwptop_events_seen_total"];
    let first = seen();
    eventually("snapshots go on", || seen() > first);
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    agent.signal("TERM");
    let (code, said, _) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(start.elapsed() < Duration::from_secs(15), "{said}");
    assert!(
        said.contains("the last push was not taken in time"),
        "{said}"
    );
}
