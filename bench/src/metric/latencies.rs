use super::{LOWER, Metric, metric};

/// Distributions: their percentiles are metrics, `NAME_p50` to `NAME_p99.9`.
pub const LATENCIES: &[Metric] = &[
    metric(
        "request_latency",
        "ns",
        LOWER,
        "of a request, from call to return",
    ),
    metric(
        "driver_op_latency",
        "ns",
        LOWER,
        "of the IOMMU driver's part of a request, its submissions included",
    ),
    metric(
        "unattributed_latency",
        "ns",
        LOWER,
        "of a request without its driver op",
    ),
    metric(
        "submission_latency",
        "ns",
        LOWER,
        "of a submission to the hardware queue",
    ),
    metric(
        "sync_latency",
        "ns",
        LOWER,
        "from a guest's sync to its completion, as a vCPU sees it",
    ),
    metric(
        "response_latency",
        "ns",
        LOWER,
        "from when a guest's group of commands was due at a fixed rate to its sync's completion: \
         without coordinated omission",
    ),
    metric(
        "service_latency",
        "ns",
        LOWER,
        "from when the group was submitted to its sync's completion",
    ),
    metric(
        "attach_latency",
        "ns",
        LOWER,
        "from nothing to every kernel probe on its function",
    ),
    metric(
        "detach_latency",
        "ns",
        LOWER,
        "until every kernel probe is off again",
    ),
    metric(
        "update_latency",
        "ns",
        LOWER,
        "CPU time to take in a snapshot",
    ),
    metric(
        "frame_latency",
        "ns",
        LOWER,
        "CPU time to draw a frame and find what has changed",
    ),
    metric(
        "key_latency",
        "ns",
        LOWER,
        "from a key to the last byte of its frame",
    ),
    metric(
        "snapshot_latency",
        "ns",
        LOWER,
        "from a snapshot to the last byte of its frame",
    ),
];
