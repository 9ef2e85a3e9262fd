//! How long a guest waits for its invalidations when captured streams are replayed: in a closed
//! loop, where each vCPU goes on when the last sync completed, and in open loops at fixed rates,
//! where the next group is due whether or not it has.
//!
//! A closed loop asks less of a slow system: while a sync takes long, nothing else is asked for,
//! and is not seen to wait (G. Tene's coordinated omission). In an open loop a group's time begins
//! when it was due, and what was due and never came to its turn is in the figures, too.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_abi::Vendor;
use hwptop_agent::snapshot::latency_histogram;
use hwptop_driver::{Capture, Policy, ReplayError};

mod point;

pub use point::ReplayPoint;

use super::queues::{Broken, Counted, Crew, Ground, GuestsOn, Queue, Rate, StreamsError, Workload};
use crate::{
    Interval,
    steadiness::{ROUNDS, Steadiness},
};

/// Entries due per second, at most.
const RATE_MAX: f64 = 1e8;
/// The largest share of the closed loop's rate, in percent.
const PERCENT_MAX: f64 = 1000.0;

/// How fast groups are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Each when the last one of its vCPU completed.
    Closed,
    /// At this percentage of what the closed loop got done.
    Percent(f64),
    /// So many entries per second: the guest's commands without its syncs.
    PerSecond(f64),
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::PerSecond(rate) => write!(f, "{rate}/s"),
        }
    }
}

/// From `80%` or `20000`.
impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, max) = match text.strip_suffix('%') {
            Some(percent) => (percent, PERCENT_MAX),
            None => (text.strip_suffix("/s").unwrap_or(text), RATE_MAX),
        };
        let number = number.parse().ok();
        let number: f64 = number
            .filter(|number| *number > 0.0 && *number <= max)
            .ok_or_else(|| {
                format!(
                    "{text:?} is no rate: take entries per second, up to {RATE_MAX:.0}, or a \
                     percentage of the closed loop's, up to {PERCENT_MAX:.0}%"
                )
            })?;
        Ok(if text.ends_with('%') {
            Self::Percent(number)
        } else {
            Self::PerSecond(number)
        })
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Where the guests are.
    pub on: GuestsOn,
    /// Whose; none: those of the captures.
    pub vendor: Option<Vendor>,
    /// Streams in the place of the built-in ones, if any.
    pub captures: Vec<Capture>,
    /// Under which policies.
    pub policies: Vec<Policy>,
    /// How many vCPUs share a guest's queue, 1 to 64.
    pub vcpus: Vec<u16>,
    /// The rates of the open loops, after the closed one.
    pub rates: Vec<Load>,
    /// How long each point.
    pub time: Duration,
}

/// Measures every stream with every number of vCPUs, policy and load, or what it could before
/// `stop` was set. `progress` is told what is measured, and how many points are done of how many.
///
/// # Errors
/// [`StreamsError`], naming the stream.
pub fn replay(
    config: &ReplayConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, (usize, usize)),
) -> Result<Vec<ReplayPoint>, StreamsError> {
    let ground = config.on.open(config.vendor)?;
    let workloads = Workload::captures(&config.captures, ground.vendor)?;
    let each = config.policies.len() * (1 + config.rates.len());
    let all = workloads.len() * config.vcpus.len() * each;
    let mut points = Vec::new();
    for workload in &workloads {
        for &vcpus in &config.vcpus {
            let place = Place {
                config,
                workload,
                vcpus: usize::from(vcpus),
                stop,
            };
            let at = |broken: Broken| broken.at(format!("{}, {vcpus} vCPUs", workload.name));
            let queue = place.queue(&ground).map_err(Broken::from);
            let mut queues = [queue.map_err(at)?];
            let done = points.len();
            let measured = place.loops(&mut queues, |more, policy, load| {
                let what = format!("{}, {vcpus} vCPUs, {policy}, {load}", workload.name);
                progress(&what, (done + more, all));
            });
            points.extend(measured.map_err(at)?);
            if stop.load(Ordering::Relaxed) {
                return Ok(points);
            }
        }
    }
    Ok(points)
}

/// A stream with a number of vCPUs.
struct Place<'a> {
    config: &'a ReplayConfig,
    workload: &'a Workload,
    vcpus: usize,
    stop: &'a AtomicBool,
}

impl<'a> Place<'a> {
    fn queue(&self, ground: &Ground) -> Result<Box<dyn Queue>, ReplayError> {
        ground.queue(&self.workload.stream, 0)
    }

    fn crew(&self) -> Crew<'a> {
        Crew::new(&self.workload.units, self.vcpus, self.stop)
    }

    /// Whole points only where it is stopped.
    fn loops(
        &self,
        queues: &mut [Box<dyn Queue>; 1],
        mut progress: impl FnMut(usize, &str, Load),
    ) -> Result<Vec<ReplayPoint>, Broken> {
        let mut points = Vec::new();
        for &policy in &self.config.policies {
            queues[0].set_policy(policy);
            progress(points.len(), policy.name(), Load::Closed);
            let closed = self.closed(queues, policy)?;
            let fastest = closed.entries_per_s();
            if self.stop.load(Ordering::Relaxed) {
                return Ok(points);
            }
            points.push(closed);
            for &load in &self.config.rates {
                let rate = match load {
                    Load::Closed => continue,
                    Load::Percent(percent) => fastest * percent / 100.0,
                    Load::PerSecond(rate) => rate,
                };
                progress(points.len(), policy.name(), load);
                let open = self.open(queues, policy, (load, rate))?;
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(points);
                }
                points.push(open);
            }
        }
        Ok(points)
    }

    fn closed(
        &self,
        queues: &mut [Box<dyn Queue>; 1],
        policy: Policy,
    ) -> Result<ReplayPoint, Broken> {
        let mut crew = self.crew();
        crew.closed(queues, self.vcpus, self.config.time / 5)?;
        let before = queues[0].read()?;
        let mut point = self.point(policy, Load::Closed);
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let done = crew.closed(queues, self.vcpus, self.config.time / ROUNDS)?;
            rounds.push(done.elapsed.as_secs_f64() / done.entries as f64);
            point.service += &done.latency;
            point.guest_entries += done.entries;
            point.elapsed += done.elapsed;
        }
        let counted = queues[0].read()?.since(&before);
        let per_s: Vec<f64> = rounds.iter().map(|seconds| 1.0 / seconds).collect();
        point.per_s = Interval::median_of(&per_s);
        Ok(point.with(&counted, &rounds))
    }

    fn open(
        &self,
        queues: &mut [Box<dyn Queue>; 1],
        policy: Policy,
        (load, rate): (Load, f64),
    ) -> Result<ReplayPoint, Broken> {
        let mut crew = self.crew();
        // It is warm from the closed loop, but not in this rhythm.
        crew.open(&*queues[0], Rate(rate), self.config.time / 5)?;
        let before = queues[0].read()?;
        let served = crew.open(&*queues[0], Rate(rate), self.config.time)?;
        let counted = queues[0].read()?.since(&before);
        let point = ReplayPoint {
            offered: Some(rate),
            response: Some(served.response),
            service: served.service,
            guest_entries: served.entries,
            not_started: Some(served.not_started),
            elapsed: served.elapsed,
            ..self.point(policy, load)
        };
        Ok(point.with(&counted, &served.rounds))
    }

    /// With nothing measured.
    fn point(&self, policy: Policy, load: Load) -> ReplayPoint {
        ReplayPoint {
            stream: self.workload.name.clone(),
            vendor: self.workload.stream.vendor(),
            vcpus: self.vcpus,
            policy,
            load,
            offered: None,
            guest_entries: 0,
            requests: 0,
            entries: 0,
            not_started: None,
            response: None,
            service: latency_histogram(),
            request_latency: latency_histogram(),
            per_s: None,
            elapsed: Duration::ZERO,
            steadiness: None,
        }
    }
}

impl ReplayPoint {
    fn with(self, counted: &Counted, rounds: &[f64]) -> Self {
        Self {
            requests: counted.request.0.seen,
            entries: counted.request.0.items,
            request_latency: counted.request.latency(),
            steadiness: Steadiness::of(rounds),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
