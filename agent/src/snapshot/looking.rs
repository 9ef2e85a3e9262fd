use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::serial;
use crate::nanos;

/// What a program of ours took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramTime {
    /// Its name in the eBPF object.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// How long it ran in all, in nanoseconds.
    pub ns: u64,
}

/// The last time in which the kernel timed our programs: not all the time, because that alone
/// makes them slower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How long it was.
    #[serde(rename = "length_ns", with = "serial::ns")]
    pub length: Duration,
    /// How often programs ran in it.
    pub runs: u64,
    /// How long they ran, in nanoseconds.
    pub ns: u64,
    /// Requests in it.
    pub requests: u64,
    /// Events in it: requests, driver ops and submissions.
    pub events: u64,
}

/// What it costs to get into a program that does nothing and back, at the beginning and at the
/// end of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Nanoseconds per begin/end pair; `None` where that is not known.
    pub pair_ns: Option<f64>,
    /// What the kernel's timing counts for a run that does nothing: its own clock reads. `None`
    /// where that is not known.
    pub timed_run_ns: Option<f64>,
    /// On what it was measured, or why it was not.
    pub how: String,
}

/// What the measurement itself costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looking {
    /// The clock that the programs read.
    pub clock: String,
    /// What this machine's kernel makes its clocks from, where it says so.
    pub clock_source: Option<String>,
    /// The way into a program and back.
    pub dispatch: Dispatch,
    /// Whether the programs were timed in all of the interval: what follows is exact then, else
    /// an estimate by the last sample.
    pub timed: bool,
    /// Why the programs are not timed any more, or never were.
    pub not_timed: Option<String>,
    /// How often programs ran in the interval.
    pub runs: Option<u64>,
    /// How long they ran in the interval, in nanoseconds.
    pub ns: Option<u64>,
    /// The last time in which they were timed.
    pub sample: Option<Sample>,
    /// The programs in that time.
    pub programs: Vec<ProgramTime>,
}

impl Looking {
    /// Nanoseconds that looking costs a request, with the way into the programs where that is
    /// known; `None` where no request was seen while programs were timed.
    #[must_use]
    pub fn ns_per_request(&self) -> Option<f64> {
        let sample = self.sample.as_ref()?;
        self.per(sample, sample.requests)
    }

    /// As [`Self::ns_per_request`], for one event: a request, driver op or submission.
    #[must_use]
    pub fn ns_per_event(&self) -> Option<f64> {
        let sample = self.sample.as_ref()?;
        self.per(sample, sample.events)
    }

    fn per(&self, sample: &Sample, count: u64) -> Option<f64> {
        (count > 0).then(|| self.untimed(sample.runs, sample.ns) / count as f64)
    }

    /// The part of one core that programs took in an interval of this length, without the way
    /// into them.
    #[must_use]
    pub fn programs_core_share(&self, interval: Duration) -> Option<f64> {
        share(self.ns? as f64, interval)
    }

    /// As [`Self::programs_core_share`], with the way into them where that is known.
    #[must_use]
    pub fn core_share(&self, interval: Duration) -> Option<f64> {
        let (runs, ns) = (self.runs?, self.ns?);
        let ns = if self.timed {
            ns as f64 + self.dispatch(runs)
        } else {
            self.untimed(runs, ns)
        };
        share(ns, interval)
    }

    /// What so many runs, timed at `ns`, take while they are not timed, which is nearly always.
    fn untimed(&self, runs: u64, ns: u64) -> f64 {
        let timing = runs as f64 * self.dispatch.timed_run_ns.unwrap_or(0.0);
        (ns as f64 - timing).max(0.0) + self.dispatch(runs)
    }

    /// The way into the programs, so many times: a pair is two runs.
    fn dispatch(&self, runs: u64) -> f64 {
        runs as f64 * self.dispatch.pair_ns.unwrap_or(0.0) / 2.0
    }
}

fn share(ns: f64, interval: Duration) -> Option<f64> {
    (!interval.is_zero()).then(|| ns / nanos(interval) as f64)
}
