use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{
    Environment, Figure, HistogramV2, Kind, Labels, Point, ProcessRun, RunFile, SCHEMA, Work,
};
use crate::interval::{Interval, median, sorted};
use crate::steadiness::Steadiness;

/// The setting that says what a batch was, where it was no request.
const WORK: &str = "work";
/// The setting that says whose instructions and cycles are counted, where not all are.
const COUNTERS: &str = "counters";
/// The value of [`COUNTERS`].
const USER_ONLY: &str = "user only";

/// The suite's name.
pub(super) const SUITE: &str = "batching";

/// A sweep over batch sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchingRun {
    /// The target as given, e.g. `model:vtd,instances=2`.
    pub target: String,
    /// What stood behind the figures.
    pub kind: Kind,
    /// What a batch was.
    pub work: Work,
    /// The model's timing profile, stated in full, where there is one.
    pub timing_profile: Option<String>,
    /// Seconds since 1970-01-01 UTC at the start.
    pub started_unix_s: u64,
    /// The command line that repeats it.
    pub command: Vec<String>,
    /// The machine it ran on, and the binary.
    pub environment: Environment,
    /// Whether it came to its end; `false` where it was stopped before.
    pub complete: bool,
    /// The points of the sweep, in order of instance, then batch; of all processes together.
    pub points: Vec<BatchPoint>,
}

/// One batch size on one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchPoint {
    /// The instance's name.
    pub instance: String,
    /// Entries per request that the guest's queue held before each wait.
    pub batch: u32,
    /// Entries invalidated.
    pub entries: u64,
    /// Requests they took.
    pub requests: u64,
    /// Submissions to the hardware queue; absent where nothing counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submissions: Option<u64>,
    /// Commands in those, without the wait that ends each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<u64>,
    /// Wall time of the measured part in nanoseconds.
    pub elapsed_ns: u64,
    /// Latency of a request in nanoseconds; of some of them only, where timing each
    /// would take a part of what is measured.
    pub request_latency: HistogramV2,
    /// Latency of a submission in nanoseconds; absent where nothing measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_latency: Option<HistogramV2>,
    /// Nanoseconds per entry where it was measured in rounds: their median, with its 95 %
    /// confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_ns_per_entry: Option<Interval>,
    /// The part of that time in which the submitting thread had no CPU: the machine's other work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_cpu_share: Option<f64>,
    /// Whether and when its rounds became steady; absent where there were too few.
    #[serde(skip)]
    pub steadiness: Option<Steadiness>,
    /// The same requests from an array that is ready, sent without anything around them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare: Option<Beside>,
    /// The same entries as commands of a guest's queue, through the front end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Beside>,
    /// Hardware counters of the submitting thread; absent where the machine
    /// has none, never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<CounterPoint>,
}

/// The same batches in another way, in turns with the point's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Entries invalidated.
    pub entries: u64,
    /// Wall time in nanoseconds.
    pub elapsed_ns: u64,
    /// The point's own entries/s as a ratio of this way's: median of the rounds, with its
    /// 95 % confidence interval.
    pub ratio: Interval,
}

impl Beside {
    /// Entries per second.
    #[must_use]
    pub fn entries_per_s(&self) -> f64 {
        self.entries as f64 / (self.elapsed_ns as f64 / 1e9)
    }
}

/// Hardware counters over one point, on the thread that submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterPoint {
    /// Instructions retired.
    pub instructions: u64,
    /// CPU cycles.
    pub cycles: u64,
    /// Whether the kernel's part is left out, for want of the right to see it.
    #[serde(default)]
    pub user_only: bool,
}

impl BatchPoint {
    /// Nanoseconds of wall time per entry: the median of the rounds, where there were any.
    #[must_use]
    pub fn ns_per_entry(&self) -> f64 {
        let whole = || self.elapsed_ns as f64 / self.entries as f64;
        let rounds = self.round_ns_per_entry;
        rounds.map_or_else(whole, |rounds| rounds.median)
    }

    /// Entries per second at that time per entry.
    #[must_use]
    pub fn entries_per_s(&self) -> f64 {
        1e9 / self.ns_per_entry()
    }

    /// Commands per sync on the hardware queue, where they were counted.
    #[must_use]
    pub fn commands_per_sync(&self) -> Option<f64> {
        Some(self.commands? as f64 / self.submissions? as f64)
    }

    /// Submissions to the hardware queue per batch, where they were counted.
    #[must_use]
    pub fn submissions_per_batch(&self) -> Option<f64> {
        let batches = self.entries as f64 / f64::from(self.batch);
        Some(self.submissions? as f64 / batches)
    }

    /// Instructions per entry, where they were counted.
    #[must_use]
    pub fn instructions_per_entry(&self) -> Option<f64> {
        self.counters
            .map(|counters| counters.instructions as f64 / self.entries as f64)
    }

    /// Cycles per entry, where they were counted.
    #[must_use]
    pub fn cycles_per_entry(&self) -> Option<f64> {
        self.counters
            .map(|counters| counters.cycles as f64 / self.entries as f64)
    }
}

impl BatchingRun {
    /// The sweep of `run`, where that is one; of several processes, their sums, and the median
    /// of what each measured in rounds.
    pub(super) fn of(run: &RunFile) -> Option<Self> {
        if run.suite != SUITE {
            return None;
        }
        let user_only = run.settings.get(COUNTERS).is_some_and(|of| of == USER_ONLY);
        let mut points: Vec<(&Labels, Vec<BatchPoint>)> = Vec::new();
        for point in run.runs.iter().flat_map(|run| &run.points) {
            let batch = BatchPoint::of(point, user_only)?;
            match points
                .iter_mut()
                .find(|(labels, _)| **labels == point.labels)
            {
                Some((_, same)) => same.push(batch),
                None => points.push((&point.labels, vec![batch])),
            }
        }
        Some(Self {
            target: run.target.clone().unwrap_or_default(),
            kind: run.kind,
            work: match run.settings.get(WORK) {
                Some(work) if work == Work::Unmap.name() => Work::Unmap,
                _ => Work::Requests,
            },
            timing_profile: run.timing_profile.clone(),
            started_unix_s: run.started_unix_s,
            command: run.command.clone(),
            environment: run.environment.clone(),
            complete: run.complete,
            points: points
                .into_iter()
                .filter_map(|(_, same)| BatchPoint::together(&same))
                .collect(),
        })
    }
}

impl From<BatchingRun> for RunFile {
    fn from(run: BatchingRun) -> Self {
        let mut settings = BTreeMap::new();
        if run.work != Work::Requests {
            settings.insert(WORK.to_owned(), run.work.name().to_owned());
        }
        let mut counters = run.points.iter().filter_map(|point| point.counters);
        if counters.any(|counters| counters.user_only) {
            settings.insert(COUNTERS.to_owned(), USER_ONLY.to_owned());
        }
        Self {
            schema: SCHEMA.to_owned(),
            suite: SUITE.to_owned(),
            target: Some(run.target),
            kind: run.kind,
            timing_profile: run.timing_profile,
            settings,
            started_unix_s: run.started_unix_s,
            command: run.command,
            environment: run.environment,
            complete: run.complete,
            dropped: 0,
            runs: vec![ProcessRun {
                order: 0,
                started_unix_s: run.started_unix_s,
                cpus: Vec::new(),
                points: run.points.into_iter().map(Point::from).collect(),
            }],
            base: None,
        }
    }
}

impl From<BatchPoint> for Point {
    fn from(point: BatchPoint) -> Self {
        let ns = point.round_ns_per_entry.map(Figure::from);
        let ns = ns.unwrap_or_else(|| point.ns_per_entry().into());
        let commands_per_sync = point.commands_per_sync();
        let (instructions, cycles) = (point.instructions_per_entry(), point.cycles_per_entry());
        let mut made = Self::at([
            ("instance", point.instance),
            ("batch", point.batch.to_string()),
        ])
        .with("entries", Some(point.entries))
        .with("requests", Some(point.requests))
        .with("submissions", point.submissions)
        .with("commands", point.commands)
        .with("elapsed", Some(point.elapsed_ns))
        .with("ns_per_entry", Some(ns))
        .with("off_cpu_share", point.off_cpu_share)
        .with("commands_per_sync", commands_per_sync)
        .with("instructions", point.counters.map(|of| of.instructions))
        .with("cycles", point.counters.map(|of| of.cycles))
        .with("instructions_per_entry", instructions)
        .with("cycles_per_entry", cycles)
        .with_steadiness(point.steadiness)
        .with_latency("request_latency", Some(point.request_latency))
        .with_latency("submission_latency", point.submission_latency);
        for (way, beside) in [("bare", point.bare), ("guest", point.guest)] {
            if let Some(beside) = beside {
                made = made
                    .with(&format!("{way}_entries"), Some(beside.entries))
                    .with(&format!("{way}_elapsed"), Some(beside.elapsed_ns))
                    .with(&format!("ratio_to_{way}"), Some(beside.ratio));
            }
        }
        made
    }
}

impl BatchPoint {
    /// None where `point` is no point of a sweep.
    pub(super) fn of(point: &Point, user_only: bool) -> Option<Self> {
        let count = |metric: &str| {
            let value = point.value(metric)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked when it was read: 0 to 2^53"
            )]
            let value = value as u64;
            Some(value)
        };
        let counted = |metric: &str| count(metric).filter(|&count| count > 0);
        let beside = |way: &str| {
            Some(Beside {
                entries: counted(&format!("{way}_entries"))?,
                elapsed_ns: counted(&format!("{way}_elapsed"))?,
                ratio: point.figures.get(&format!("ratio_to_{way}"))?.interval()?,
            })
        };
        Some(Self {
            instance: point.labels.get("instance")?.clone(),
            batch: point.labels.get("batch")?.parse().ok().filter(|&n| n > 0)?,
            entries: counted("entries")?,
            requests: counted("requests")?,
            submissions: counted("submissions"),
            commands: counted("commands"),
            elapsed_ns: counted("elapsed")?,
            request_latency: point.latencies.get("request_latency")?.clone(),
            submission_latency: point.latencies.get("submission_latency").cloned(),
            round_ns_per_entry: point.figures.get("ns_per_entry")?.interval(),
            off_cpu_share: point.value("off_cpu_share"),
            steadiness: point.steadiness(),
            bare: beside("bare"),
            guest: beside("guest"),
            counters: count("instructions")
                .zip(count("cycles"))
                .map(|(instructions, cycles)| CounterPoint {
                    instructions,
                    cycles,
                    user_only,
                }),
        })
    }

    /// One point of the same of several processes.
    fn together(same: &[Self]) -> Option<Self> {
        let (first, more) = same.split_first()?;
        let mut sum = first.clone();
        if more.is_empty() {
            return Some(sum);
        }
        let all = |of: fn(&Self) -> Option<u64>| sum_of(same.iter().map(of));
        sum.entries = all(|point| Some(point.entries))?;
        sum.requests = all(|point| Some(point.requests))?;
        sum.elapsed_ns = all(|point| Some(point.elapsed_ns))?;
        sum.submissions = all(|point| point.submissions);
        sum.commands = all(|point| point.commands);
        let latencies = same.iter().map(|point| Some(&point.request_latency));
        sum.request_latency = added(latencies)?;
        let latencies = same.iter().map(|point| point.submission_latency.as_ref());
        sum.submission_latency = added(latencies);
        let shares: Vec<f64> = same
            .iter()
            .filter_map(|point| point.off_cpu_share)
            .collect();
        let shares = sorted(&shares);
        let ns: Vec<f64> = same.iter().map(Self::ns_per_entry).collect();
        sum.round_ns_per_entry = Interval::median_of(&ns);
        sum.off_cpu_share = median(&shares);
        // Of several, what the worst of them is.
        let each = same.iter().map(|point| point.steadiness);
        sum.steadiness = each
            .max_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal))
            .flatten();
        sum.bare = Beside::together(same.iter().map(|point| point.bare.as_ref()));
        sum.guest = Beside::together(same.iter().map(|point| point.guest.as_ref()));
        sum.counters = first.counters.and_then(|counters| {
            Some(CounterPoint {
                instructions: all(|point| Some(point.counters?.instructions))?,
                cycles: all(|point| Some(point.counters?.cycles))?,
                ..counters
            })
        });
        Some(sum)
    }
}

impl Beside {
    /// None where a process has none.
    fn together<'a>(same: impl Iterator<Item = Option<&'a Self>>) -> Option<Self> {
        let same = same.collect::<Option<Vec<_>>>()?;
        let ratios: Vec<f64> = same.iter().map(|beside| beside.ratio.median).collect();
        Some(Self {
            entries: sum_of(same.iter().map(|beside| Some(beside.entries)))?,
            elapsed_ns: sum_of(same.iter().map(|beside| Some(beside.elapsed_ns)))?,
            ratio: Interval::median_of(&ratios)?,
        })
    }
}

/// None where one is none, or they are more than any run has.
fn sum_of(mut values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.try_fold(0_u64, |sum, value| sum.checked_add(value?))
}

/// None where a process has none, or they are of different resolution.
fn added<'a>(latencies: impl Iterator<Item = Option<&'a HistogramV2>>) -> Option<HistogramV2> {
    let mut sum: Option<hdrhistogram::Histogram<u64>> = None;
    for latency in latencies {
        let mut latency = latency?.decode().ok()?;
        if let Some(sum) = &mut sum {
            sum.add(&latency).ok()?;
        } else {
            // What is read has room for its own longest, and another's may be longer.
            latency.auto(true);
            sum = Some(latency);
        }
    }
    sum.map(|sum| HistogramV2::encode(&sum))
}
