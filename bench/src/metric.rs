//! What suites measure: names, units and which way is better.

use serde::{Deserialize, Serialize};

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The less the better: a cost or a latency.
    Lower,
    /// The more the better: a rate, or a ratio to something dearer.
    Higher,
}

/// Something that a suite measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As in run files and rules.
    pub name: &'static str,
    /// What one of it is.
    pub unit: &'static str,
    /// Which way is better; none where it is neither: a count of what was done.
    pub better: Option<Better>,
    /// What it is.
    pub what: &'static str,
}

impl Metric {
    /// The metric of that name: one of [`METRICS`], or a percentile of one of [`LATENCIES`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let metrics = METRICS.iter().find(|metric| metric.name == name);
        let latency = || {
            let (of, percentile) = name.rsplit_once('_')?;
            PERCENTILES.iter().find(|(name, _)| *name == percentile)?;
            LATENCIES.iter().find(|metric| metric.name == of)
        };
        metrics.or_else(latency).copied()
    }
}

/// The percentiles of a latency that are metrics, with their quantiles.
pub const PERCENTILES: [(&str, f64); 4] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

const fn metric(
    name: &'static str,
    unit: &'static str,
    better: Option<Better>,
    what: &'static str,
) -> Metric {
    Metric {
        name,
        unit,
        better,
        what,
    }
}

const LOWER: Option<Better> = Some(Better::Lower);
const HIGHER: Option<Better> = Some(Better::Higher);

/// Distributions: their percentiles are metrics, `NAME_p50` to `NAME_p99.9`.
pub const LATENCIES: [Metric; 3] = [
    metric(
        "request_latency",
        "ns",
        LOWER,
        "of a request, from call to return",
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
];

/// Single figures.
pub const METRICS: [Metric; 22] = [
    metric("entries", "entries", None, "entries invalidated"),
    metric("requests", "requests", None, "requests they took"),
    metric(
        "submissions",
        "submissions",
        None,
        "hand-overs to the hardware queue",
    ),
    metric(
        "commands",
        "commands",
        None,
        "commands in them, without the sync that ends each",
    ),
    metric("elapsed", "ns", None, "wall time of what was measured"),
    metric(
        "instructions",
        "instructions",
        None,
        "retired by the thread that submits",
    ),
    metric(
        "cycles",
        "cycles",
        None,
        "of the CPU, on the thread that submits",
    ),
    metric("ns_per_entry", "ns/entry", LOWER, "wall time per entry"),
    metric(
        "instructions_per_entry",
        "instructions/entry",
        LOWER,
        "retired per entry",
    ),
    metric(
        "cycles_per_entry",
        "cycles/entry",
        LOWER,
        "CPU cycles per entry",
    ),
    metric(
        "ratio_to_bare",
        "ratio",
        HIGHER,
        "entries/s to those of a bare loop, in turns with it",
    ),
    metric(
        "ratio_to_guest",
        "ratio",
        HIGHER,
        "entries/s to those of a guest's queue, in turns with it",
    ),
    metric(
        "bare_entries",
        "entries",
        None,
        "entries invalidated by the bare loop",
    ),
    metric("bare_elapsed", "ns", None, "wall time of the bare loop"),
    metric(
        "guest_entries",
        "entries",
        None,
        "entries invalidated by the guest's queue",
    ),
    metric(
        "guest_elapsed",
        "ns",
        None,
        "wall time of the guest's queue",
    ),
    metric(
        "guest_commands",
        "commands",
        None,
        "commands of the guest, syncs included",
    ),
    metric("guest_syncs", "syncs", None, "syncs of the guest"),
    metric("guest_commands_per_s", "commands/s", HIGHER, "of the guest"),
    metric(
        "entries_per_request",
        "entries/request",
        HIGHER,
        "batch factor of requests",
    ),
    metric(
        "commands_per_sync",
        "commands/sync",
        HIGHER,
        "batch factor of the hardware queue",
    ),
    metric(
        "instructions_per_guest_command",
        "instructions/command",
        LOWER,
        "retired by the vCPUs' threads",
    ),
];
