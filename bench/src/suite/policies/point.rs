use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use hwptop_abi::Vendor;
use hwptop_agent::nanos;
use hwptop_driver::Policy;

use crate::{run_file::Point, steadiness::Steadiness};

/// How a guest's commands get to hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Through the front end and requests, batched so.
    Requests(Policy),
    /// By a queue of hardware's that the guest fills itself (HW_QUEUE), without a
    /// request: for comparison, where the vendor has it.
    HwQueue,
}

impl Delivery {
    /// What is measured of each stream, in this order.
    pub const ALL: [Self; 4] = [
        Self::Requests(Policy::ALL[0]),
        Self::Requests(Policy::ALL[1]),
        Self::Requests(Policy::ALL[2]),
        Self::HwQueue,
    ];

    /// For tables and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests(policy) => policy.name(),
            Self::HwQueue => "hw-queue",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was measured of one stream, number of vCPUs and delivery.
#[derive(Clone, Debug)]
pub struct PolicyPoint {
    /// The capture, or the synthetic stream.
    pub stream: String,
    /// Whose commands they are.
    pub vendor: Vendor,
    /// vCPUs that share the queue.
    pub vcpus: usize,
    /// How its commands got to hardware.
    pub delivery: Delivery,
    /// Commands of the guest, syncs included.
    pub guest_commands: u64,
    /// Syncs of the guest.
    pub syncs: u64,
    /// Requests.
    pub requests: u64,
    /// Entries in them.
    pub entries: u64,
    /// Submissions to the hardware queue, each with one sync of the hardware; none where
    /// nothing sees them.
    pub submissions: Option<u64>,
    /// Commands in them.
    pub commands: Option<u64>,
    /// From queueing a sync to its completion, as a vCPU sees it; nanoseconds.
    pub sync_latency: Histogram<u64>,
    /// Of a request; nanoseconds.
    pub request_latency: Histogram<u64>,
    /// Instructions of the vCPUs' threads; none where there are no counters.
    pub instructions: Option<u64>,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether its rounds were steady, as far as they tell.
    pub steadiness: Option<Steadiness>,
}

impl PolicyPoint {
    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        Point::at([
            ("stream", self.stream.clone()),
            ("vcpus", self.vcpus.to_string()),
            ("delivery", self.delivery.name().to_owned()),
        ])
        .with("guest_commands", Some(self.guest_commands))
        .with("guest_syncs", Some(self.syncs))
        .with("requests", Some(self.requests))
        .with("entries", Some(self.entries))
        .with("submissions", self.submissions)
        .with("commands", self.commands)
        .with("elapsed", Some(nanos(self.elapsed)))
        .with("guest_commands_per_s", Some(self.guest_commands_per_s()))
        .with("entries_per_request", self.entries_per_request())
        .with("commands_per_sync", self.commands_per_sync())
        .with(
            "instructions_per_guest_command",
            self.instructions_per_guest_command(),
        )
        .with_times("sync_latency", &self.sync_latency)
        .with_times("request_latency", &self.request_latency)
        .with_steadiness(self.steadiness)
    }

    /// Entries per request, where there was any.
    #[must_use]
    pub fn entries_per_request(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.entries as f64 / self.requests as f64)
    }

    /// Commands per sync of the hardware, where it is seen.
    #[must_use]
    pub fn commands_per_sync(&self) -> Option<f64> {
        Some(self.commands? as f64 / self.submissions?.max(1) as f64)
    }

    /// Requests per sync of the guest.
    #[must_use]
    pub fn requests_per_guest_sync(&self) -> f64 {
        self.requests as f64 / self.syncs.max(1) as f64
    }

    /// Hardware syncs per sync of the guest, where they are seen.
    #[must_use]
    pub fn syncs_per_guest_sync(&self) -> Option<f64> {
        Some(self.submissions? as f64 / self.syncs.max(1) as f64)
    }

    /// Guest commands per second.
    #[must_use]
    pub fn guest_commands_per_s(&self) -> f64 {
        self.guest_commands as f64 / self.elapsed.as_secs_f64()
    }

    /// Instructions per guest command.
    #[must_use]
    pub fn instructions_per_guest_command(&self) -> Option<f64> {
        let instructions = self.instructions? as f64;
        Some(instructions / self.guest_commands.max(1) as f64)
    }
}
