//! The slow events, and what is slow.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use serde::Serialize;

use crate::{
    nanos,
    snapshot::{SlowEvent, Snapshot, errno_name},
};

#[derive(Debug, Serialize)]
pub(super) struct SlowPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_threshold_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_running: Option<Running>,
    slow: Vec<SlowDocument>,
}

/// Thresholds that follow a percentile.
#[derive(Debug, Serialize)]
struct Running {
    percentile: String,
    threshold_ns: BTreeMap<&'static str, u64>,
}

/// A slow event as it is written in JSON.
#[derive(Debug, Serialize)]
pub struct SlowDocument {
    instance: Option<String>,
    stage: &'static str,
    latency_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at_unix_ns: Option<u64>,
    hwpt: u32,
    items: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_op_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submissions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submissions_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<u32>,
    errno: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Vec<String>>,
}

impl SlowPart {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            slow_threshold_ns: snapshot.slow_threshold.map(nanos),
            slow_running: snapshot.slow_running.as_ref().map(|running| Running {
                percentile: running.percentile.to_string(),
                threshold_ns: running
                    .thresholds
                    .iter()
                    .map(|one| (one.stage.name(), nanos(one.threshold)))
                    .collect(),
            }),
            slow: snapshot.slow.iter().map(SlowEvent::document).collect(),
        }
    }
}

impl SlowEvent {
    /// As it is written in JSON: durations in nanoseconds, what is not known absent or null.
    #[must_use]
    pub fn document(&self) -> SlowDocument {
        let ended_at = self.ended_at;
        let since_epoch = ended_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let process = self.process.as_ref();
        SlowDocument {
            instance: self.instance.clone(),
            stage: self.stage.name(),
            latency_ns: nanos(self.latency),
            ended_at_unix_ns: since_epoch.map(nanos),
            hwpt: self.hwpt,
            items: self.items,
            asked: self.asked,
            driver_op_ns: self.driver_op.map(nanos),
            submissions: self.submissions.map(|made| made.count),
            commands: self.submissions.map(|made| made.commands),
            submissions_ns: self.submissions.map(|made| nanos(made.time)),
            pid: process.map(|process| process.id),
            process: process.and_then(|process| process.name.clone()),
            tid: self.tid,
            cpu: self.cpu,
            errno: self.errno,
            errno_name: errno_name(self.errno),
            stack: self.stack.clone(),
        }
    }
}
