//! What only a look into the kernel has to tell.

use serde::Serialize;

use super::Figures;
use crate::{
    nanos,
    snapshot::{Activity, FailedRequest, How, ObjectSnapshot, Snapshot, Split, errno_name},
};

#[derive(Debug, Serialize)]
pub(super) struct Kernel {
    stages_attached: Vec<Attachment>,
    objects: Vec<Object>,
    objects_left_out: usize,
    failures: Vec<Failure>,
    failures_dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw_queues: Option<HwQueues>,
}

#[derive(Debug, Serialize)]
struct Attachment {
    stage: &'static str,
    site: String,
    how: Option<&'static str>,
    why_not_better: Option<String>,
}

#[derive(Debug, Serialize)]
struct Object {
    instance: Option<String>,
    #[serde(flatten)]
    owner: Owner,
    interval: Figures,
    total: Figures,
}

/// All null but `other` for what is not kept apart.
#[derive(Debug, Serialize)]
struct Owner {
    other: bool,
    pid: Option<u32>,
    process: Option<String>,
    context: Option<u32>,
    hwpt: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Failure {
    instance: Option<String>,
    hwpt: u32,
    pid: Option<u32>,
    process: Option<String>,
    tid: Option<u32>,
    asked: Option<u32>,
    handled: u32,
    errno: u32,
    errno_name: Option<&'static str>,
    latency_ns: u64,
}

#[derive(Debug, Serialize)]
struct HwQueues {
    allocated: u64,
    failed: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct SplitPart {
    request_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_op_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_op: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unattributed_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unattributed: Option<f64>,
    clamped: bool,
}

impl From<Split> for SplitPart {
    fn from(split: Split) -> Self {
        let share = |ns: Option<u64>| ns.map(|ns| split.share(ns));
        Self {
            request_ns: split.request_ns,
            driver_op_ns: split.driver_op_ns,
            driver_op: share(split.driver_op_ns),
            submission_ns: split.submission_ns,
            submission: share(split.submission_ns),
            unattributed_ns: split.unattributed_ns,
            unattributed: share(split.unattributed_ns),
            clamped: split.clamped,
        }
    }
}

impl Kernel {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let attachments = snapshot.stages.iter().map(|one| Attachment {
            stage: one.stage.name(),
            site: one.site.clone(),
            how: one.how.map(How::name),
            why_not_better: one.why_not_better.clone(),
        });
        Self {
            stages_attached: attachments.collect(),
            objects: snapshot
                .objects
                .iter()
                .map(|one| object(snapshot, one))
                .collect(),
            objects_left_out: snapshot.objects_left_out,
            failures: snapshot.failures.iter().map(failure).collect(),
            failures_dropped: snapshot.failures_dropped,
            hw_queues: snapshot.hw_queues.map(|counts| HwQueues {
                allocated: counts.allocated,
                failed: counts.failed,
            }),
        }
    }
}

fn object(snapshot: &Snapshot, object: &ObjectSnapshot) -> Object {
    let owner = object.owner.as_ref();
    let instance = object.instance;
    let part =
        |activity: &Activity| snapshot.figures(activity, snapshot.stages_of_object(activity));
    Object {
        instance: instance.and_then(|number| Some(snapshot.instance_name(number)?.to_owned())),
        owner: Owner {
            other: owner.is_none(),
            pid: owner.map(|owner| owner.process.id),
            process: owner.and_then(|owner| owner.process.name.clone()),
            context: owner.and_then(|owner| owner.context),
            hwpt: owner.map(|owner| owner.hwpt),
        },
        interval: part(&object.interval),
        total: part(&object.total),
    }
}

fn failure(failed: &FailedRequest) -> Failure {
    let process = failed.process.as_ref();
    Failure {
        instance: failed.instance.clone(),
        hwpt: failed.hwpt,
        pid: process.map(|process| process.id),
        process: process.and_then(|process| process.name.clone()),
        tid: failed.tid,
        asked: failed.asked,
        handled: failed.handled,
        errno: failed.errno,
        errno_name: errno_name(failed.errno),
        latency_ns: nanos(failed.latency),
    }
}
