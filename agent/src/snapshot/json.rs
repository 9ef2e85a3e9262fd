use std::{borrow::Cow, collections::BTreeMap, time::UNIX_EPOCH};

use hwptop_abi::Stage;
use serde::Serialize;

use super::{Activity, InstanceSnapshot, MeasuredBy, Snapshot, StageActivity, errno_name};
use crate::{nanos, totals::InstanceKind};

mod costs;
mod kernel;
mod slow;

pub use slow::SlowDocument;

/// Schema of a snapshot in JSON.
pub const SCHEMA: &str = "hwptop.snapshot/1";

/// A snapshot as it is written in JSON. Durations are in the unit that their
/// name ends in; what is not known is absent or null, never 0.
#[derive(Debug, Serialize)]
pub struct Document {
    schema: &'static str,
    taken_at_unix_ns: u64,
    interval_ns: u64,
    since_start_ns: u64,
    target: String,
    modelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing_profile: Option<String>,
    measured_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ebpf_missing: Option<String>,
    probes: Vec<Probe>,
    events: Events,
    #[serde(flatten)]
    slow: slow::SlowPart,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blind: Option<String>,
    instances: Vec<Instance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perf: Option<costs::Perf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    looking: Option<costs::LookingPart>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    kernel: Option<kernel::Kernel>,
}

#[derive(Debug, Serialize)]
struct Probe {
    name: String,
    file_offset: u64,
}

#[derive(Debug, Serialize)]
struct Events {
    seen: u64,
    recorded: u64,
    lost: u64,
    slow_seen: u64,
    slow_dropped: u64,
}

#[derive(Debug, Serialize)]
struct Instance {
    name: String,
    kind: &'static str,
    modelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    interval: Part,
    total: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Driver>,
}

#[derive(Debug, Serialize)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<Guest>,
    #[serde(flatten)]
    figures: Figures,
}

/// What instances and objects have in common.
#[derive(Debug, Serialize)]
struct Figures {
    errors: u64,
    stages: BTreeMap<&'static str, StagePart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<kernel::SplitPart>,
}

#[derive(Debug, Serialize)]
struct Guest {
    doorbells: u64,
    descriptors: u64,
    waits: u64,
    faults: u64,
}

#[derive(Debug, Serialize)]
struct StagePart {
    seen: u64,
    recorded: u64,
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    errors: u64,
    batch_factor: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<BatchPart>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_codes: Vec<ErrorPart>,
    latency_ns_total: u64,
    latency_ns_mean: Option<f64>,
    latency_ns_p50: Option<u64>,
    latency_ns_p99: Option<u64>,
    latency_ns_p999: Option<u64>,
    latency_ns_max: Option<u64>,
}

/// Ends of one batch size. One above 63 is the least of its bucket.
#[derive(Debug, Serialize)]
struct BatchPart {
    items: u32,
    count: u64,
}

/// Ends with one errno; null for all codes that Linux has no name for.
#[derive(Debug, Serialize)]
struct ErrorPart {
    errno: Option<u32>,
    errno_name: Option<&'static str>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Driver {
    descriptors: BTreeMap<Cow<'static, str>, u64>,
    waits: u64,
    requests: u64,
    entries: u64,
    request_errors: u64,
    submissions: u64,
    commands: u64,
    submission_errors: u64,
    faults: u64,
}

impl Snapshot {
    /// The snapshot as a JSON document of schema [`SCHEMA`].
    #[must_use]
    pub fn document(&self) -> Document {
        let ebpf_missing = match &self.measured_by {
            MeasuredBy::Ebpf => None,
            MeasuredBy::InProcess { why } => Some(why.clone()),
        };
        let since_epoch = self.taken_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Document {
            schema: SCHEMA,
            taken_at_unix_ns: nanos(since_epoch),
            interval_ns: nanos(self.interval),
            since_start_ns: nanos(self.since_start),
            target: self.target.clone(),
            modelled: self.is_modelled(),
            policy: self.policy.clone(),
            timing_profile: self.timing_profile.clone(),
            measured_by: self.measured_by.name(),
            ebpf_missing,
            probes: self
                .probes
                .iter()
                .map(|probe| Probe {
                    name: probe.name.clone(),
                    file_offset: probe.offset,
                })
                .collect(),
            events: Events {
                seen: self.events.seen,
                recorded: self.events.recorded,
                lost: self.events.lost,
                slow_seen: self.events.slow_seen,
                slow_dropped: self.events.slow_dropped,
            },
            slow: slow::SlowPart::of(self),
            diagnostics: self.diagnostics.clone(),
            blind: self.blind.clone(),
            instances: self
                .instances
                .iter()
                .map(|one| self.instance(one))
                .collect(),
            perf: costs::Perf::of(self),
            looking: costs::LookingPart::of(self),
            kernel: self.is_of_the_kernel().then(|| kernel::Kernel::of(self)),
        }
    }

    fn instance(&self, instance: &InstanceSnapshot) -> Instance {
        Instance {
            name: instance.name.clone(),
            kind: instance.kind.name(),
            modelled: instance.kind == InstanceKind::Modelled,
            fault: instance.fault.clone(),
            interval: self.part(&instance.interval),
            total: self.part(&instance.total),
            driver: instance.driver.as_ref().map(|driver| Driver {
                descriptors: driver.descriptors.iter().cloned().collect(),
                waits: driver.waits,
                requests: driver.requests,
                entries: driver.entries,
                request_errors: driver.request_errors,
                submissions: driver.submissions,
                commands: driver.commands,
                submission_errors: driver.submission_errors,
                faults: driver.faults,
            }),
        }
    }

    fn part(&self, activity: &Activity) -> Part {
        Part {
            guest: self.guest_of(activity).map(|guest| Guest {
                doorbells: guest.doorbells,
                descriptors: guest.descriptors,
                waits: guest.waits,
                faults: guest.faults,
            }),
            figures: self.figures(activity, self.stages_of(activity)),
        }
    }

    fn figures(&self, activity: &Activity, stages: impl Iterator<Item = Stage>) -> Figures {
        Figures {
            errors: activity.errors(),
            stages: stages
                .map(|stage| (stage.name(), stage_part(stage, activity.stage(stage))))
                .collect(),
            split: self.split(activity).map(Into::into),
        }
    }
}

fn stage_part(of: Stage, stage: &StageActivity) -> StagePart {
    let items = stage.items_of(of);
    StagePart {
        seen: stage.seen,
        recorded: stage.recorded,
        lost: stage.lost,
        items,
        errors: stage.errors,
        batch_factor: items.and_then(|_| stage.batch_factor()),
        batches: stage
            .batches
            .iter()
            .map(|(items, count)| BatchPart { items, count })
            .collect(),
        error_codes: stage
            .error_codes
            .iter()
            .map(|(errno, count)| ErrorPart {
                errno: (errno != 0).then_some(errno),
                errno_name: errno_name(errno),
                count,
            })
            .collect(),
        latency_ns_total: stage.total_ns,
        latency_ns_mean: stage.latency_ns_mean(),
        latency_ns_p50: stage.latency_ns(0.5),
        latency_ns_p99: stage.latency_ns(0.99),
        latency_ns_p999: stage.latency_ns(0.999),
        latency_ns_max: stage.latency_ns_max(),
    }
}
