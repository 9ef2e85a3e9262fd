use hdrhistogram::Histogram;
use hwptop_abi::Stage;

/// What a stage of one instance did.
#[derive(Clone, Debug)]
pub struct StageActivity {
    /// Ends that reached a program.
    pub seen: u64,
    /// Ends in `latency`.
    pub recorded: u64,
    /// Ends whose start is not known.
    pub lost: u64,
    /// Entries (request) or commands (submission) the ends carried.
    pub items: u64,
    /// Ends with an error.
    pub errors: u64,
    /// Sum of the recorded latencies in nanoseconds: exact, where `latency` is not.
    pub total_ns: u64,
    /// Latencies in nanoseconds.
    pub latency: Histogram<u64>,
}

impl Default for StageActivity {
    fn default() -> Self {
        Self {
            seen: 0,
            recorded: 0,
            lost: 0,
            items: 0,
            errors: 0,
            total_ns: 0,
            latency: Histogram::new(2).expect("two significant digits are valid"),
        }
    }
}

impl StageActivity {
    /// Items per event: entries per request, commands per submission. `None`
    /// before the first event.
    #[must_use]
    pub fn batch_factor(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.items as f64 / self.seen as f64)
    }

    /// The latency at `quantile` (0 to 1) in nanoseconds, `None` where nothing
    /// was recorded.
    #[must_use]
    pub fn latency_ns(&self, quantile: f64) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at_quantile(quantile))
    }

    /// The mean latency in nanoseconds, from the exact sum; `None` where nothing was
    /// recorded.
    #[must_use]
    pub fn latency_ns_mean(&self) -> Option<f64> {
        (self.recorded > 0).then(|| self.total_ns as f64 / self.recorded as f64)
    }

    /// The longest latency in nanoseconds, `None` where nothing was recorded.
    #[must_use]
    pub fn latency_ns_max(&self) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.max())
    }
}

/// What the guest queue in front of one instance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestCounts {
    /// Doorbells handled.
    pub doorbells: u64,
    /// Descriptors consumed.
    pub descriptors: u64,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Faults that froze the queue.
    pub faults: u64,
}

/// What one instance did.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// In front of it.
    pub guest: GuestCounts,
    /// `IOMMU_HWPT_INVALIDATE` or the driver call that stands for it.
    pub request: StageActivity,
    /// Hand-overs to its hardware queue.
    pub submission: StageActivity,
    /// The IOMMU driver's part of the requests (kernel probes only).
    pub driver_op: StageActivity,
    /// The requests without their driver op (kernel probes only).
    pub unattributed: StageActivity,
    /// Hand-overs outside any request (kernel probes only).
    pub host_submission: StageActivity,
}

impl Activity {
    /// The part that belongs to `stage`.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageActivity {
        match stage {
            Stage::Request => &self.request,
            Stage::Submission => &self.submission,
            Stage::DriverOp => &self.driver_op,
            Stage::Unattributed => &self.unattributed,
            Stage::HostSubmission => &self.host_submission,
        }
    }

    /// What went wrong, each failure once: a submission that fails makes its request
    /// fail, and that freezes the guest's queue, so the level that counted most has
    /// seen them all. What fails outside any request comes on top.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.guest
            .faults
            .max(self.request.errors)
            .max(self.submission.errors)
            .saturating_add(self.host_submission.errors)
    }
}

/// What the driver itself counted, to hold against what the probes saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverCounts {
    /// Guest descriptors by the specification's name, in the order of their type.
    pub descriptors: Vec<(&'static str, u64)>,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Requests issued.
    pub requests: u64,
    /// Entries in them that were handled.
    pub entries: u64,
    /// Requests that failed.
    pub request_errors: u64,
    /// Submissions to the instance's hardware queue.
    pub submissions: u64,
    /// Commands in them, without the wait that ends each.
    pub commands: u64,
    /// Submissions that failed.
    pub submission_errors: u64,
    /// Guest queue faults.
    pub faults: u64,
}
