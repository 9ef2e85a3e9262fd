//! What suites measure: names, units and which way is better.

use serde::{Deserialize, Serialize};

mod latencies;

pub use latencies::LATENCIES;

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

/// Single figures.
pub const METRICS: &[Metric] = &[
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
    metric("events_lost", "events", None, "ends without a beginning"),
    metric("request_time", "ns", None, "sum over all requests"),
    metric("driver_op_time", "ns", None, "of that, without submissions"),
    metric("submission_time", "ns", None, "of that, in submissions"),
    metric("unattributed_time", "ns", None, "of that, in none of those"),
    metric("driver_op_share", "ratio", None, "its own part of requests"),
    metric("submission_share", "ratio", None, "their part of requests"),
    metric("unattributed_share", "ratio", None, "the rest of a request"),
    metric(
        "driver_op_ns_per_request",
        "ns/request",
        LOWER,
        "mean of the driver op's own part",
    ),
    metric(
        "submission_ns_per_request",
        "ns/request",
        LOWER,
        "mean of the submissions' part",
    ),
    metric(
        "unattributed_ns_per_request",
        "ns/request",
        LOWER,
        "mean of the rest",
    ),
    metric("elapsed", "ns", None, "wall time of what was measured"),
    metric(
        "steady",
        "ratio",
        None,
        "1 where rounds became steady, 0 else",
    ),
    metric(
        "steady_from_share",
        "ratio",
        None,
        "the part of the rounds that was before they were steady",
    ),
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
    metric(
        "ns_per_entry",
        "ns/entry",
        LOWER,
        "wall time per entry, median of the rounds",
    ),
    metric(
        "off_cpu_share",
        "part of 1",
        None,
        "of the time in which the thread that submits had no CPU",
    ),
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
        "entries that guests' queues asked for: their commands without syncs",
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
    metric(
        "entries_per_s",
        "entries/s",
        HIGHER,
        "commands of guests done, syncs left out",
    ),
    metric(
        "entries_per_s_per_producer",
        "entries/s",
        HIGHER,
        "that of each producer",
    ),
    metric(
        "efficiency",
        "ratio",
        HIGHER,
        "entries/s of a producer among others to those of one alone, in turns with it",
    ),
    metric(
        "offered_entries_per_s",
        "entries/s",
        None,
        "that were due at a fixed rate",
    ),
    metric(
        "groups_not_started",
        "groups",
        None,
        "groups of commands that were due and never came to their turn",
    ),
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
    metric(
        "instructions_per_interval",
        "instructions/interval",
        LOWER,
        "executed per interval of a recording that is replayed",
    ),
    metric(
        "ns_per_guest_command",
        "ns/command",
        LOWER,
        "of the front end, median of the rounds",
    ),
    metric(
        "fastest_ns_per_guest_command",
        "ns/command",
        LOWER,
        "of the front end in its fastest round",
    ),
    metric(
        "ns_per_pair",
        "ns/pair",
        LOWER,
        "a begin/end pair under hwptop's static probes",
    ),
    metric(
        "reference_ns_per_pair",
        "ns/pair",
        None,
        "a begin/end pair under what they are held against",
    ),
    metric(
        "ns_per_request",
        "ns/request",
        LOWER,
        "a request under hwptop's kernel probes",
    ),
    metric(
        "reference_ns_per_request",
        "ns/request",
        None,
        "a request under what they are held against",
    ),
    metric(
        "ns_per_event",
        "ns/event",
        LOWER,
        "what a begin/end pair in the kernel adds",
    ),
    metric(
        "event_ratio",
        "ratio",
        LOWER,
        "that to what an empty pair adds",
    ),
    metric(
        "ratio_to_unprobed",
        "ratio",
        HIGHER,
        "requests/s to those without a probe",
    ),
    metric(
        "hwptop_ratio",
        "ratio",
        LOWER,
        "hwptop's cost to that of what it is held against",
    ),
    metric(
        "cpu_per_million_events",
        "s",
        LOWER,
        "CPU time that hwptop takes for a million events",
    ),
    metric(
        "reference_cpu_per_million_events",
        "s",
        None,
        "CPU time that what it is held against takes for them",
    ),
    metric(
        "core_share",
        "ratio",
        LOWER,
        "CPU time as a part of one core",
    ),
    metric(
        "reference_core_share",
        "ratio",
        None,
        "the same of what is held against it",
    ),
    metric(
        "peak_resident",
        "bytes",
        LOWER,
        "the most memory that was resident",
    ),
    metric(
        "snapshots",
        "snapshots",
        None,
        "that were printed while the agent was watched",
    ),
    metric(
        "act_ns",
        "ns",
        LOWER,
        "median time of the act: to start, to answer a scrape, to let go",
    ),
    metric(
        "producers_ratio",
        "ratio",
        HIGHER,
        "events/s of two producers to those of one",
    ),
    metric(
        "frame_ratio",
        "ratio",
        LOWER,
        "a frame to the bare diff of the same buffers, both medians",
    ),
    metric(
        "bytes_per_frame",
        "bytes/frame",
        LOWER,
        "written to the terminal",
    ),
    metric("cells_per_frame", "cells/frame", None, "that had changed"),
    metric(
        "cpu_ratio",
        "ratio",
        LOWER,
        "CPU time with the dashboard to that of what it is held against",
    ),
    metric("gate_failed", "gates", None, "1 where the gate said FAIL"),
    metric(
        "gate_indeterminate",
        "gates",
        None,
        "1 where it could not tell",
    ),
    metric(
        "gate_pairs",
        "pairs",
        None,
        "pairs of processes that it measured",
    ),
    metric("gate_seconds", "s", None, "how long it took"),
    metric(
        "gate_worse",
        "ratio",
        None,
        "how many times worse the worst metric was that it hangs on",
    ),
    metric(
        "gate_effect",
        "ratio",
        None,
        "slow-down that gates were played with, as a part",
    ),
    metric("gates_played", "gates", None, "gates that were played"),
    metric("gates_caught", "gates", None, "those that said FAIL"),
    metric(
        "unpaired_width",
        "ratio",
        None,
        "how many times as wide intervals are where runs are not taken as pairs",
    ),
    metric(
        "criterion_regressed",
        "metrics",
        None,
        "metrics that criterion's default rule called regressed",
    ),
];

#[cfg(test)]
mod tests;
