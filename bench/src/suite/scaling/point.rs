use std::time::Duration;

use hdrhistogram::Histogram;
use hwptop_abi::Vendor;
use hwptop_agent::nanos;

use crate::{Interval, run_file::Point, steadiness::Steadiness};

/// What so many instances with so many producers got done.
#[derive(Clone, Debug)]
pub struct ScalingPoint {
    /// Whose commands they are.
    pub vendor: Vendor,
    /// Instances.
    pub instances: u16,
    /// Producers of each: vCPUs, each a thread.
    pub producers: u16,
    /// Guests' queues in all; fewer than producers where those share one.
    pub queues: usize,
    /// The guests' commands that were done, without syncs.
    pub guest_entries: u64,
    /// Requests.
    pub requests: u64,
    /// Entries in them.
    pub entries: u64,
    /// Submissions to the hardware queues; none where nothing sees them.
    pub submissions: Option<u64>,
    /// Commands in them.
    pub commands: Option<u64>,
    /// How long it took.
    pub elapsed: Duration,
    /// Entries per second of all producers together, with the interval over the rounds.
    pub per_s: Option<Interval>,
    /// That by producer, as a ratio of what one producer alone gets done, with the interval over
    /// the rounds; none for one alone.
    pub efficiency: Option<Interval>,
    /// From queueing a sync to its completion; nanoseconds.
    pub sync_latency: Histogram<u64>,
    /// Of a request; nanoseconds.
    pub request_latency: Histogram<u64>,
    /// Whether its rounds were steady, as far as they tell.
    pub steadiness: Option<Steadiness>,
}

impl ScalingPoint {
    /// Producers of all instances together.
    #[must_use]
    pub fn all(&self) -> u32 {
        u32::from(self.instances) * u32::from(self.producers)
    }

    /// Entries per second of each producer.
    #[must_use]
    pub fn per_s_each(&self) -> Option<f64> {
        Some(self.per_s?.median / f64::from(self.all()))
    }

    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        Point::at([
            ("instances", self.instances.to_string()),
            ("producers", self.producers.to_string()),
        ])
        .with("guest_entries", Some(self.guest_entries))
        .with("requests", Some(self.requests))
        .with("entries", Some(self.entries))
        .with("submissions", self.submissions)
        .with("commands", self.commands)
        .with("elapsed", Some(nanos(self.elapsed)))
        .with("entries_per_s", self.per_s)
        .with("entries_per_s_per_producer", self.per_s_each())
        .with("efficiency", self.efficiency)
        .with_times("sync_latency", &self.sync_latency)
        .with_times("request_latency", &self.request_latency)
        .with_steadiness(self.steadiness)
    }
}
