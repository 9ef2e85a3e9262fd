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
    slow: Vec<Event>,
}

/// Thresholds that follow a percentile.
#[derive(Debug, Serialize)]
struct Running {
    percentile: String,
    threshold_ns: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Event {
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
            slow: snapshot.slow.iter().map(Event::of).collect(),
        }
    }
}

impl Event {
    fn of(slow: &SlowEvent) -> Self {
        let ended_at = slow.ended_at;
        let since_epoch = ended_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let process = slow.process.as_ref();
        Self {
            instance: slow.instance.clone(),
            stage: slow.stage.name(),
            latency_ns: nanos(slow.latency),
            ended_at_unix_ns: since_epoch.map(nanos),
            hwpt: slow.hwpt,
            items: slow.items,
            asked: slow.asked,
            driver_op_ns: slow.driver_op.map(nanos),
            submissions: slow.submissions.map(|made| made.count),
            commands: slow.submissions.map(|made| made.commands),
            submissions_ns: slow.submissions.map(|made| nanos(made.time)),
            pid: process.map(|process| process.id),
            process: process.and_then(|process| process.name.clone()),
            tid: slow.tid,
            cpu: slow.cpu,
            errno: slow.errno,
            errno_name: errno_name(slow.errno),
            stack: slow.stack.clone(),
        }
    }
}
