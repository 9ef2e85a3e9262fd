use crate::{BATCH_BUCKETS, BUCKETS, ERROR_CODES, cell::sum};

/// Histograms of one request: the whole, its driver op, what is left.
pub const REQUEST_PARTS: usize = 3;

/// What one CPU knows of the requests of one slot. All counts are since load.
///
/// The parts share what they have in common, because a request is counted in one go when
/// it ends: seen = Σ `request` = Σ `batches`, errors = Σ `error_codes`. Of the driver ops seen in them, Σ `op` + `ops_lost`; those are
/// the requests that are not split: their time is `unsplit_ns`, and
/// `request_ns` − `unsplit_ns` − `op_ns` is the sum of what is in `rest`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RequestCell {
    /// Requests that ended.
    pub seen: u64,
    /// Entries that were handled.
    pub items: u64,
    /// Requests that ended with an error.
    pub errors: u64,
    /// Driver ops that ended with an error.
    pub op_errors: u64,
    /// Sum of the requests' latencies, in nanoseconds.
    pub request_ns: u64,
    /// Sum of the driver ops' latencies, in nanoseconds.
    pub op_ns: u64,
    /// Driver ops of which the begin, the end or both were not seen.
    pub ops_lost: u64,
    /// Sum of the latencies of the requests that they were in, in nanoseconds.
    pub unsplit_ns: u64,
    /// Latencies of requests by [`crate::Bucket`].
    pub request: [u64; BUCKETS],
    /// Latencies of their driver ops; a request that ended before has none.
    pub op: [u64; BUCKETS],
    /// Latencies of requests less their driver ops, of those that are split.
    pub rest: [u64; BUCKETS],
    /// Requests by how many entries were handled, by [`crate::Batch`].
    pub batches: [u64; BATCH_BUCKETS],
    /// Requests that ended with an error by its code, by [`crate::error_index`].
    pub error_codes: [u64; ERROR_CODES],
    /// The driver ops among them: `op_errors` = Σ `op_error_codes`.
    pub op_error_codes: [u64; ERROR_CODES],
}

impl RequestCell {
    /// A cell in which nothing was counted.
    pub const ZERO: Self = Self {
        seen: 0,
        items: 0,
        errors: 0,
        op_errors: 0,
        request_ns: 0,
        op_ns: 0,
        ops_lost: 0,
        unsplit_ns: 0,
        request: [0; BUCKETS],
        op: [0; BUCKETS],
        rest: [0; BUCKETS],
        batches: [0; BATCH_BUCKETS],
        error_codes: [0; ERROR_CODES],
        op_error_codes: [0; ERROR_CODES],
    };

    /// Whether every request is counted wherever it belongs. While programs run, a copy of the
    /// cell can be in the middle of one.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let (ops, rest) = (sum(&self.op), sum(&self.rest));
        // Nothing is split where driver ops are not timed.
        let split = rest + self.ops_lost;
        self.seen == sum(&self.request)
            && self.seen == sum(&self.batches)
            && (split == self.seen || split == 0)
            && ops <= rest
            && self.errors == sum(&self.error_codes)
            && self.op_errors == sum(&self.op_error_codes)
    }
}

/// Ends that no start was found for, and what else went by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostCell {
    /// Requests.
    pub requests: u64,
    /// Requests that began and did not end before the next one on their thread, where
    /// kretprobes are to see the end.
    pub requests_unfinished: u64,
    /// Driver ops outside any request.
    pub ops: u64,
    /// Submissions.
    pub submissions: u64,
    /// Failed requests that found their ring buffer full.
    pub failures: u64,
}

/// `IOMMU_HW_QUEUE_ALLOC` calls: an assigned queue takes the guest's invalidations past the
/// requests.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HwQueueCell {
    /// Queues that were given to a guest.
    pub allocated: u64,
    /// Calls that failed.
    pub failed: u64,
}

const _: () = {
    assert!(
        size_of::<RequestCell>()
            == (8 + REQUEST_PARTS * BUCKETS + BATCH_BUCKETS + 2 * ERROR_CODES) * 8
    );
    // The kernel's limit for one value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
    assert!(size_of::<RequestCell>() <= 32 * 1024);
    assert!(size_of::<LostCell>() == 40);
    assert!(size_of::<HwQueueCell>() == 16);
};
