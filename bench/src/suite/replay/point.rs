use std::time::Duration;

use hdrhistogram::Histogram;
use hwptop_abi::Vendor;
use hwptop_agent::nanos;
use hwptop_driver::Policy;

use super::Load;
use crate::{Interval, run_file::Point, steadiness::Steadiness};

/// What was measured of one stream, number of vCPUs, policy and load.
#[derive(Clone, Debug)]
pub struct ReplayPoint {
    /// The capture.
    pub stream: String,
    /// Whose commands they are.
    pub vendor: Vendor,
    /// vCPUs that share the queue.
    pub vcpus: usize,
    /// How its commands became requests.
    pub policy: Policy,
    /// How fast groups were due.
    pub load: Load,
    /// Entries due per second, in an open loop.
    pub offered: Option<f64>,
    /// The guest's commands that were done, without its syncs; a sync without a command counts as
    /// one.
    pub guest_entries: u64,
    /// Requests.
    pub requests: u64,
    /// Entries in them, after the policy.
    pub entries: u64,
    /// Groups that were due and never came to their turn, in an open loop.
    pub not_started: Option<u64>,
    /// From when a group was due to the completion of its sync, in an open loop; nanoseconds.
    pub response: Option<Histogram<u64>>,
    /// The same from when it was submitted; nanoseconds.
    pub service: Histogram<u64>,
    /// Of a request; nanoseconds.
    pub request_latency: Histogram<u64>,
    /// The guest's commands done per second in a closed loop, with the interval over the rounds.
    pub per_s: Option<Interval>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether its rounds were steady, as far as they tell.
    pub steadiness: Option<Steadiness>,
}

impl ReplayPoint {
    /// The guest's commands done per second, without syncs: the median of the rounds of a closed
    /// loop, all of an open one.
    #[must_use]
    pub fn entries_per_s(&self) -> f64 {
        // What took no time that a clock can tell is no rate.
        let seconds = self.elapsed.max(Duration::from_nanos(1)).as_secs_f64();
        let all = self.guest_entries as f64 / seconds;
        self.per_s.map_or(all, |rounds| rounds.median)
    }

    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        let point = Point::at([
            ("stream", self.stream.clone()),
            ("vcpus", self.vcpus.to_string()),
            ("policy", self.policy.name().to_owned()),
            ("load", self.load.to_string()),
        ])
        .with("guest_entries", Some(self.guest_entries))
        .with("requests", Some(self.requests))
        .with("entries", Some(self.entries))
        .with("elapsed", Some(nanos(self.elapsed)))
        // At a rate that is kept, it would tell of the rate.
        .with("entries_per_s", self.per_s)
        .with("offered_entries_per_s", self.offered)
        .with("groups_not_started", self.not_started)
        .with_times("service_latency", &self.service)
        .with_times("request_latency", &self.request_latency)
        .with_steadiness(self.steadiness);
        match &self.response {
            Some(response) => point.with_times("response_latency", response),
            None => point,
        }
    }
}
