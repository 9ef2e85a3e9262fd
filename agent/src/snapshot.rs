//! The one type that every view, exporter and file is made from.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::totals::{HwQueues, InstanceKind};

mod activity;
mod attachment;
mod csv;
mod encoding;
mod errno;
mod json;
mod looking;
mod narrowed;
mod object;
mod perf;
mod scope;
mod serial;
mod slow;
mod split;
mod tally;

pub use activity::{Activity, DriverCounts, GuestCounts, StageActivity};
pub use attachment::{How, StageAttachment};
pub use csv::{CSV_HEADER, csv_rows, quoted as csv_quoted};
pub use encoding::{HistogramError, HistogramV2};
pub use errno::errno_name;
pub use hwptop_abi::Stage;
pub use json::{Document, SCHEMA, SlowDocument};
pub use looking::{Dispatch, Looking, ProgramTime, Sample};
pub use object::{FailedRequest, ObjectSnapshot, Owner, Process};
pub use perf::{PerfAbsent, PerfCount, PerfCounts, PerfEvent, Work};
pub use scope::{ObjectScope, Scope};
pub use slow::{SlowEvent, SlowRunning, SlowSubmissions, StageThreshold};
pub use split::Split;
pub use tally::{BatchSizes, Errno, ErrorCodes, Items, Kind, Tally};

/// How the figures were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasuredBy {
    /// eBPF programs: on the driver's static probes, which [`Snapshot::probes`] names,
    /// or in the kernel, where [`Snapshot::stages`] says how.
    Ebpf,
    /// Clock reads in the measured process; `why` names what eBPF lacked.
    InProcess {
        /// What is missing and what would provide it, in one line.
        why: String,
    },
}

impl MeasuredBy {
    /// Its name in JSON and CSV.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ebpf => "ebpf",
            Self::InProcess { .. } => "in-process",
        }
    }
}

/// One probe and where it sits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedProbe {
    /// `provider:name` of the static probe.
    pub name: String,
    /// File offset of the instruction it sits on.
    #[serde(rename = "file_offset")]
    pub offset: u64,
}

/// What became of the events since the measurement began:
/// seen = recorded + lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Ends that reached a program.
    pub seen: u64,
    /// Ends that are in a histogram.
    pub recorded: u64,
    /// Ends that are not: no start known, the end missed, or an instance number out of range.
    pub lost: u64,
    /// Events beyond the slow threshold: those that snapshots carried, and `slow_dropped`.
    #[serde(default)]
    pub slow_seen: u64,
    /// Slow events that were not kept one by one: they were more than the rate allows, the
    /// ring buffer was full, or a snapshot had too many. They are recorded in the histograms
    /// all the same, so they are not part of `lost`.
    pub slow_dropped: u64,
}

/// One instance at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceSnapshot {
    /// Its number, from 0.
    pub number: u16,
    /// Its name, as the kernel or the model gives it.
    pub name: String,
    /// What stands behind it.
    pub kind: InstanceKind,
    /// What happened in the interval.
    pub interval: Activity,
    /// What happened since the measurement began.
    #[serde(default, skip_serializing_if = "Activity::is_empty")]
    pub total: Activity,
    /// The driver's own counts since it began, where it runs in this process.
    pub driver: Option<DriverCounts>,
    /// Why its guest queue is frozen, where it is.
    pub fault: Option<String>,
}

/// Everything known at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    #[serde(rename = "taken_at_unix_ns", with = "serial::unix_ns")]
    pub taken_at: SystemTime,
    /// The length of the interval that `InstanceSnapshot::interval` covers.
    #[serde(rename = "interval_ns", with = "serial::ns")]
    pub interval: Duration,
    /// Since the measurement began.
    #[serde(rename = "since_start_ns", with = "serial::ns")]
    pub since_start: Duration,
    /// The target as the user would write it, e.g. `model:vtd,instances=2`.
    pub target: String,
    /// How the figures were taken.
    pub measured_by: MeasuredBy,
    /// The batching policy of the guest queues, where the driver runs in this process.
    pub policy: Option<Cow<'static, str>>,
    /// The timing profile of the model, where one runs in this process.
    pub timing_profile: Option<String>,
    /// The static probes that are attached.
    pub probes: Vec<AttachedProbe>,
    /// What times the kernel's stages, and what does not; empty where the kernel is not
    /// looked at.
    pub stages: Vec<StageAttachment>,
    /// What became of the events.
    pub events: EventCounts,
    /// Events at least this long are in `slow`; `None` where `slow_running` says it.
    #[serde(
        rename = "slow_threshold_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "serial::some_ns"
    )]
    pub slow_threshold: Option<Duration>,
    /// The thresholds in the interval, where they follow a percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_running: Option<SlowRunning>,
    /// The slow events of the interval, oldest first; where there are too many, the slowest.
    #[serde(deserialize_with = "serial::bounded::deserialize")]
    pub slow: Vec<SlowEvent>,
    /// What the eBPF programs themselves had to say in the interval.
    pub diagnostics: Vec<String>,
    /// Why the probes did not see everything in the interval, though they are attached: the
    /// kernel was told not to run them. What happened meanwhile is in no count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<String>,
    /// By instance number.
    #[serde(deserialize_with = "serial::bounded::deserialize")]
    pub instances: Vec<InstanceSnapshot>,
    /// Where requests come from, those with the most in the interval first; part of what
    /// `instances` counts. Bounded in number.
    #[serde(deserialize_with = "serial::bounded::deserialize")]
    pub objects: Vec<ObjectSnapshot>,
    /// Objects that are known but not in `objects`: there are too many.
    pub objects_left_out: usize,
    /// The failed requests of the interval, oldest first, bounded in number.
    pub failures: Vec<FailedRequest>,
    /// Failed requests that no snapshot carried, since the measurement began.
    pub failures_dropped: u64,
    /// Allocations of hardware queues since the measurement began, where they are
    /// counted.
    pub hw_queues: Option<HwQueues>,
    /// What the process did on its CPUs, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perf: Option<PerfCounts>,
    /// What the measurement itself costs, where programs of ours run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looking: Option<Looking>,
}

impl Snapshot {
    /// Whether any figure in it comes from a model.
    #[must_use]
    pub fn is_modelled(&self) -> bool {
        self.kinds().contains(&InstanceKind::Modelled)
    }

    /// What stands behind the instances, each kind once.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<InstanceKind> {
        self.instances.iter().map(|one| one.kind).collect()
    }

    /// The name of the instance with this number, if there is one.
    #[must_use]
    pub fn instance_name(&self, number: u16) -> Option<&str> {
        let instance = self.instances.iter().find(|one| one.number == number);
        instance.map(|one| one.name.as_str())
    }

    /// Whether the kernel is looked at: what has stages beyond those of the driver's
    /// static probes.
    #[must_use]
    pub fn is_of_the_kernel(&self) -> bool {
        !self.stages.is_empty()
    }

    /// Whether something times `stage` in the kernel.
    #[must_use]
    pub fn times(&self, stage: Stage) -> bool {
        let attached = |stage| {
            let of_stage = |one: &StageAttachment| one.stage == stage && one.how.is_some();
            self.stages.iter().any(of_stage)
        };
        match stage {
            Stage::Request | Stage::DriverOp | Stage::Submission => attached(stage),
            Stage::Unattributed => attached(Stage::Request) && attached(Stage::DriverOp),
            Stage::HostSubmission => attached(Stage::Submission),
        }
    }

    /// The stages to show of `activity`, outermost first: those that static probes
    /// delimit always, any other where something times it or it was counted.
    pub fn stages_of(&self, activity: &Activity) -> impl Iterator<Item = Stage> {
        let outermost_first = [
            Stage::Request,
            Stage::DriverOp,
            Stage::Submission,
            Stage::Unattributed,
            Stage::HostSubmission,
        ];
        outermost_first.into_iter().filter(|&stage| {
            Stage::PROBED.contains(&stage) || self.times(stage) || activity.stage(stage).seen > 0
        })
    }

    /// What the guest queue in front of an instance did; `None` where there is none: the
    /// kernel is looked at and nothing counted.
    #[must_use]
    pub fn guest_of(&self, activity: &Activity) -> Option<GuestCounts> {
        let guest = activity.guest;
        (!self.is_of_the_kernel() || guest != GuestCounts::default()).then_some(guest)
    }

    /// As [`Self::stages_of`], for an object: it has no part in what happens outside any
    /// request.
    pub fn stages_of_object(&self, activity: &Activity) -> impl Iterator<Item = Stage> {
        self.stages_of(activity)
            .filter(|stage| *stage != Stage::HostSubmission)
    }

    /// Where the time of the requests in `activity` went; `None` where the kernel is not
    /// looked at or no request was timed.
    #[must_use]
    pub fn split(&self, activity: &Activity) -> Option<Split> {
        Split::of(activity, |stage| self.times(stage))
    }
}

/// An empty latency histogram in nanoseconds with the range and precision that
/// snapshots use: 1 ns to 68.7 s, two significant digits (the eBPF buckets
/// it is filled from are coarser, at 3.1 %).
#[must_use]
pub fn latency_histogram() -> Histogram<u64> {
    histogram_up_to(hwptop_abi::MAX_TRACKABLE_NS)
}

/// As [`latency_histogram`], up to `ns` only; less than 2 ns are taken as 2.
pub(crate) fn histogram_up_to(ns: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, ns.max(2), 2).expect("these bounds are valid")
}

#[cfg(test)]
mod tests;
