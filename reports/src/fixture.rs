//! Run files for tests: the same figures every time.

use std::path::PathBuf;

use hdrhistogram::Histogram;
use hwptop_bench::run_file::{
    BatchPoint, BatchingRun, CounterPoint, Environment, HistogramV2, Kind, Point, ProcessRun,
    RunFile, Work,
};

use crate::{Inputs, document::Document, report};

/// `count` latencies from `ns` up with a tail as latencies have it.
fn latencies(count: u64, ns: u64) -> HistogramV2 {
    let mut histogram = Histogram::new_with_bounds(1, (1 << 36) - 1, 2).unwrap();
    for index in 0..count {
        let rank = (index + 1) as f64 / (count + 1) as f64;
        let tail = 1.0 / (1.0 - rank);
        let factor = 1.0 + 0.12 * tail.ln() + 0.004 * tail;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        histogram.record((ns as f64 * factor) as u64).unwrap();
    }
    HistogramV2::encode(&histogram)
}

/// One batch size where a request costs `fixed_ns` and each entry `entry_ns`.
pub(crate) fn point(instance: &str, batch: u32, fixed_ns: u64, entry_ns: u64) -> BatchPoint {
    let requests = (65_536 / u64::from(batch)).max(256);
    let entries = requests * u64::from(batch);
    let request_ns = fixed_ns + entry_ns * u64::from(batch);
    let submissions = requests * u64::from(batch.div_ceil(16));
    BatchPoint {
        instance: instance.to_owned(),
        batch,
        entries,
        requests,
        submissions: Some(submissions),
        commands: Some(entries),
        elapsed_ns: requests * request_ns,
        request_latency: latencies(requests, request_ns),
        submission_latency: Some(latencies(submissions, 400)),
        round_ns_per_entry: None,
        off_cpu_share: None,
        steadiness: None,
        bare: None,
        guest: None,
        counters: None,
    }
}

/// A sweep over `instances`, each a little slower than the one before.
pub(crate) fn run(instances: &[&str]) -> BatchingRun {
    let points = (0..).zip(instances).flat_map(|(index, name)| {
        (0..=10).map(move |power| point(name, 1 << power, 1500 + 900 * index, 110 + 25 * index))
    });
    BatchingRun {
        target: "model:vtd,instances=2".to_owned(),
        kind: Kind::Modelled,
        work: Work::Requests,
        timing_profile: Some(
            "timing profile strict-700ns: 250 ns per submission; modelled, not measured here: a \
             paper"
                .to_owned(),
        ),
        started_unix_s: 1_700_000_000,
        command: [
            "hwptop",
            "bench",
            "batching",
            "--target",
            "model",
            "-o",
            "a run.json",
        ]
        .map(str::to_owned)
        .to_vec(),
        environment: Environment {
            hwptop: "0.1.0".to_owned(),
            kernel: "6.12.0".to_owned(),
            cpu: "Example CPU @ 2.00GHz".to_owned(),
            cpus: 2,
            revision: None,
            governor: None,
            virtualisation: None,
            ebpf_programs: None,
            profile: None,
            probes: None,
        },
        complete: true,
        points: points.collect(),
    }
}

/// What no name should hold, and any can: a run file is only a file.
pub(crate) const HOSTILE: &str =
    "<script>alert(1)</script>&amp;\0\u{1b}[31m\n\t\u{9b}\u{ffff}|a_b*`[x](y)\"'\\";

/// [`HOSTILE`] wherever a run file has text.
pub(crate) fn hostile() -> Vec<(PathBuf, BatchingRun)> {
    let mut runs = with_counters();
    let run = &mut runs[0].1;
    for text in [
        &mut run.target,
        &mut run.environment.hwptop,
        &mut run.environment.kernel,
        &mut run.environment.cpu,
    ]
    .into_iter()
    .chain(&mut run.timing_profile)
    .chain(&mut run.command)
    .chain(run.points.iter_mut().map(|point| &mut point.instance))
    {
        text.push_str(HOSTILE);
    }
    let mut later = runs.clone();
    later[0].0 = format!("runs/{}.json", HOSTILE.replace('/', "")).into();
    runs.append(&mut later);
    runs
}

/// Two modelled instances in one file.
pub(crate) fn two_instances() -> Vec<(PathBuf, BatchingRun)> {
    vec![(
        PathBuf::from("runs/run.json"),
        run(&["model-vtd0", "model-vtd1"]),
    )]
}

/// The same with hardware counters.
pub(crate) fn with_counters() -> Vec<(PathBuf, BatchingRun)> {
    let mut runs = two_instances();
    for point in &mut runs[0].1.points {
        let counters = CounterPoint {
            instructions: point.entries * 1234,
            cycles: point.entries * 2345,
            user_only: false,
        };
        point.counters = Some(counters);
    }
    runs
}

/// What a report is made of these sweeps.
pub(crate) fn inputs(runs: &[(PathBuf, BatchingRun)]) -> Inputs {
    let run = |(path, run): &(PathBuf, BatchingRun)| (path.clone(), RunFile::from(run.clone()));
    Inputs {
        runs: runs.iter().map(run).collect(),
        ..Inputs::default()
    }
}

pub(crate) fn document(runs: &[(PathBuf, BatchingRun)]) -> Document {
    report::document(&inputs(runs)).unwrap()
}

/// A run of another suite: `points` of one process.
pub(crate) fn of_suite(suite: &str, points: Vec<Point>) -> RunFile {
    let sweep = RunFile::from(run(&["model-vtd0"]));
    RunFile {
        suite: suite.to_owned(),
        runs: vec![ProcessRun {
            points,
            ..ProcessRun::default()
        }],
        ..sweep
    }
}

/// Three policies on two streams with four numbers of vCPUs.
pub(crate) fn policies() -> RunFile {
    let mut points = Vec::new();
    for (stream, base) in [("unmap", 1e6), ("map", 3e6)] {
        for vcpus in [1_u8, 2, 4, 8] {
            for (delivery, times) in [("single", 1.0), ("array", 2.0), ("coalesce", 2.5)] {
                let point = Point::at([
                    ("stream", stream.to_owned()),
                    ("vcpus", vcpus.to_string()),
                    ("delivery", delivery.to_owned()),
                ]);
                let rate = base * times / f64::from(vcpus).sqrt();
                points.push(
                    point
                        .with("guest_commands_per_s", Some(rate))
                        .with_latency("sync_latency", Some(latencies(500, 3000))),
                );
            }
        }
    }
    of_suite("policies", points)
}

/// A sweep that is measured by so many processes, each `times` as slow as usual and a little off.
pub(crate) fn processes(count: u32, times: f64) -> Vec<ProcessRun> {
    let process = |order: u32| {
        let off = 1.0 + f64::from(order * 7 % 5) * 0.002;
        let point = Point::at([("variant", "hwptop".to_owned())]);
        ProcessRun {
            order,
            started_unix_s: 0,
            cpus: Vec::new(),
            points: vec![point.with("ns_per_pair", Some(130.0 * times * off))],
        }
    };
    (0..count).map(process).collect()
}
