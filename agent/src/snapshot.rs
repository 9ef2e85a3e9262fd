//! The one type that every view, exporter and file is made from.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hwptop_abi::Stage;

mod activity;
mod csv;
mod json;

pub use activity::{Activity, DriverCounts, GuestCounts, StageActivity};
pub use csv::{CSV_HEADER, csv_rows};
pub use json::{Document, SCHEMA};

/// How the figures were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeasuredBy {
    /// eBPF programs on the driver's static probes.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedProbe {
    /// `provider:name` of the static probe.
    pub name: String,
    /// File offset of the instruction it sits on.
    pub offset: u64,
}

/// What became of the events since the measurement began:
/// seen = recorded + lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Ends that reached a program.
    pub seen: u64,
    /// Ends that are in a histogram.
    pub recorded: u64,
    /// Ends that are not: no start known, or an instance number out of range.
    pub lost: u64,
    /// Slow events that were not kept one by one: the ring buffer was full, or a
    /// snapshot had too many. They are recorded in the histograms all the same, so
    /// they are not part of `lost`.
    pub slow_dropped: u64,
}

/// One event beyond the slow threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowEvent {
    /// The instance's name.
    pub instance: String,
    /// Which stage was slow.
    pub stage: Stage,
    /// How long it took.
    pub latency: Duration,
    /// HWPT id, 0 where a submission is for no HWPT.
    pub hwpt: u32,
    /// Entries or commands.
    pub items: u32,
    /// Thread id, where it is known.
    pub tid: Option<u32>,
    /// 0, or the errno that ended it.
    pub errno: u32,
}

/// One instance at one moment.
#[derive(Clone, Debug)]
pub struct InstanceSnapshot {
    /// Its number, from 0.
    pub number: u16,
    /// Its name, as the kernel or the model gives it.
    pub name: String,
    /// Whether a model stands behind it instead of hardware.
    pub modelled: bool,
    /// What happened in the interval.
    pub interval: Activity,
    /// What happened since the measurement began.
    pub total: Activity,
    /// The driver's own counts since it began, where it runs in this process.
    pub driver: Option<DriverCounts>,
    /// Why its guest queue is frozen, where it is.
    pub fault: Option<String>,
}

/// Everything known at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at: SystemTime,
    /// The length of the interval that `InstanceSnapshot::interval` covers.
    pub interval: Duration,
    /// Since the measurement began.
    pub since_start: Duration,
    /// The target as the user would write it, e.g. `model:vtd,instances=2`.
    pub target: String,
    /// How the figures were taken.
    pub measured_by: MeasuredBy,
    /// The batching policy of the guest queues, where the driver runs in this process.
    pub policy: Option<&'static str>,
    /// The timing profile of the model, where one runs in this process.
    pub timing_profile: Option<String>,
    /// The probes that are attached.
    pub probes: Vec<AttachedProbe>,
    /// What became of the events.
    pub events: EventCounts,
    /// Events beyond this latency are in `slow`.
    pub slow_threshold: Duration,
    /// The slow events of the interval, oldest first, bounded in number.
    pub slow: Vec<SlowEvent>,
    /// What the eBPF programs themselves had to say in the interval.
    pub diagnostics: Vec<String>,
    /// By instance number.
    pub instances: Vec<InstanceSnapshot>,
}

impl Snapshot {
    /// Whether any figure in it comes from a model.
    #[must_use]
    pub fn is_modelled(&self) -> bool {
        self.instances.iter().any(|instance| instance.modelled)
    }
}

/// An empty latency histogram in nanoseconds with the range and precision that
/// snapshots use: 1 ns to 68.7 s, two significant digits (the eBPF buckets
/// it is filled from are coarser, at 3.1 %).
///
/// # Panics
/// Never: the bounds are constants that hdrhistogram accepts.
#[must_use]
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, hwptop_abi::MAX_TRACKABLE_NS, 2)
        .expect("constant bounds are valid")
}
