use crate::BUCKETS;

/// Histograms of one request: the whole, its driver op, what is left.
pub const REQUEST_PARTS: usize = 3;

/// What one CPU knows of the requests of one slot. All counts are since load.
///
/// The parts share what they have in common, because a request is counted in one go when
/// it ends: seen = Σ `request`. Of the driver ops seen in them, Σ `op` + `ops_lost`; those are
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
    /// Slow or failed records that found their ring buffer full.
    pub records: u64,
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
    assert!(size_of::<RequestCell>() == 8 * 8 + REQUEST_PARTS * BUCKETS * 8);
    // The kernel's limit for one value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
    assert!(size_of::<RequestCell>() <= 32 * 1024);
    assert!(size_of::<LostCell>() == 40);
    assert!(size_of::<HwQueueCell>() == 16);
};
