use std::time::{Duration, SystemTime};

use hwptop_abi::Stage;
use serde::{Deserialize, Serialize};

use super::{Process, serial};
use crate::slow::Percentile;

/// One event beyond the slow threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowEvent {
    /// The instance's name; `None` where none was reached, or nothing tells which one was.
    pub instance: Option<String>,
    /// Which stage was slow.
    #[serde(with = "serial::stage")]
    pub stage: Stage,
    /// How long it took.
    #[serde(rename = "latency_ns", with = "serial::ns")]
    pub latency: Duration,
    /// When it ended, where that is known.
    #[serde(
        rename = "ended_at_unix_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "serial::some_unix_ns"
    )]
    pub ended_at: Option<SystemTime>,
    /// HWPT id, 0 where a submission is for no HWPT.
    pub hwpt: u32,
    /// Entries that were handled, or commands.
    pub items: u32,
    /// Entries that a request asked for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
    /// The driver op of a request, where it was timed.
    #[serde(
        rename = "driver_op_ns",
        default,
        skip_serializing_if = "Option::is_none",
        with = "serial::some_ns"
    )]
    pub driver_op: Option<Duration>,
    /// What a request submitted, where submissions are timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submissions: Option<SlowSubmissions>,
    /// Whose it was, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Thread id, where it is known.
    pub tid: Option<u32>,
    /// The CPU that it ended on, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// 0, or the errno that ended it.
    pub errno: u32,
    /// The kernel's stack when it ended, innermost first, as `function+0x12`; `None` where it
    /// was not asked for or cannot be had.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "serial::bounded::some"
    )]
    pub stack: Option<Vec<String>>,
}

/// The submissions made within one request, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowSubmissions {
    /// How many.
    pub count: u32,
    /// Commands in them.
    pub commands: u32,
    /// How long they took.
    #[serde(rename = "time_ns", with = "serial::ns")]
    pub time: Duration,
}

/// Thresholds that follow a percentile of everything since the measurement began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowRunning {
    /// Which one.
    pub percentile: Percentile,
    /// What it said when the interval began, of the stages that did anything by then.
    #[serde(deserialize_with = "serial::bounded::deserialize")]
    pub thresholds: Vec<StageThreshold>,
}

/// From which latency on events of a stage are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageThreshold {
    /// The stage.
    #[serde(with = "serial::stage")]
    pub stage: Stage,
    /// The latency.
    #[serde(rename = "threshold_ns", with = "serial::ns")]
    pub threshold: Duration,
    /// Whether it is the percentile's; else that cannot be told yet.
    #[serde(default)]
    pub is_told: bool,
}
