use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use hwptop_abi::{GuestCell, InstanceArg, NOT_KNOWN, NOT_TIMED, SlowRecord, Stage};

use crate::{
    snapshot::{
        Activity, AttachedProbe, Dispatch, EventCounts, FailedRequest, GuestCounts,
        InstanceSnapshot, MeasuredBy, SlowEvent, SlowSubmissions, Snapshot, StageActivity,
        StageAttachment,
    },
    time::Clock,
    totals::{InstanceTotals, NO_INSTANCE, SlowCall, StageTotals, Stages, Totals},
};

mod looking;
mod objects;
mod processes;

use looking::LookingCosts;
use objects::Objects;
use processes::Processes;

/// The slow events one snapshot carries; the fastest give way.
const SLOW_SHOWN: usize = 256;
/// The failed requests one snapshot carries; the oldest give way.
const FAILURES_SHOWN: usize = 256;

/// What holds for every snapshot of a measurement.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The target as the user would write it.
    pub target: String,
    /// How the figures are taken.
    pub measured_by: MeasuredBy,
    /// The timing profile of the model, where one runs in this process.
    pub timing_profile: Option<String>,
    /// The batching policy of the guest queues, where the driver runs in this process.
    pub policy: Option<Cow<'static, str>>,
    /// The static probes that are attached.
    pub probes: Vec<AttachedProbe>,
    /// What times the kernel's stages; empty where the kernel is not looked at.
    pub stages: Vec<StageAttachment>,
    /// Events at least this long are kept one by one; `None` where the source says it with
    /// its totals.
    pub slow_threshold: Option<Duration>,
    /// The instances that are known beforehand: they are shown before they do
    /// anything.
    pub instances: Vec<InstanceArg>,
}

/// Makes snapshots from successive totals.
#[derive(Debug)]
pub struct Aggregator {
    origin: Origin,
    started: Instant,
    last: Instant,
    earlier: Vec<InstanceTotals>,
    objects: Objects,
    processes: Processes,
    looking: LookingCosts,
    slow_cut: u64,
    failures_cut: u64,
}

impl Aggregator {
    /// A measurement that begins at `now`.
    #[must_use]
    pub fn new(origin: Origin, now: Instant) -> Self {
        Self {
            origin,
            started: now,
            last: now,
            earlier: Vec::new(),
            objects: Objects::default(),
            processes: Processes::default(),
            looking: LookingCosts::default(),
            slow_cut: 0,
            failures_cut: 0,
        }
    }

    /// The same, with what the way into a program was found to cost.
    #[must_use]
    pub fn with_dispatch(mut self, dispatch: Dispatch) -> Self {
        self.looking.dispatch = dispatch;
        self
    }

    /// The target as the user would write it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.origin.target
    }

    /// How the figures are taken.
    #[must_use]
    pub fn measured_by(&self) -> &MeasuredBy {
        &self.origin.measured_by
    }

    /// The snapshot of `totals`, read at `now`; its interval began at the last one.
    pub fn snapshot(&mut self, mut totals: Totals, now: Instant) -> Snapshot {
        let interval = now.duration_since(self.last);
        self.last = now;
        self.announce(&mut totals.instances);
        self.slow_cut += keep_slowest(&mut totals.slow, SLOW_SHOWN);
        self.failures_cut += keep_newest(&mut totals.failures, FAILURES_SHOWN);
        let events = self.events(&totals);
        let run_times = totals.run_times.take();
        let looking = run_times.map(|times| self.looking.of(times, events.seen, interval));
        let clock = Clock::now();
        let names = Names(&totals.instances);
        self.processes.keep(
            totals.objects.iter().map(|object| object.key),
            totals
                .failures
                .iter()
                .chain(totals.slow.iter().map(|slow| &slow.record))
                .map(|record| record.tgid),
        );
        let (objects, objects_left_out) =
            self.objects
                .snapshots(totals.objects, &names, &mut self.processes);
        let snapshot = Snapshot {
            taken_at: clock.wall,
            interval,
            since_start: now.duration_since(self.started),
            target: self.origin.target.clone(),
            measured_by: self.origin.measured_by.clone(),
            timing_profile: self.origin.timing_profile.clone(),
            policy: self.origin.policy.clone(),
            probes: self.origin.probes.clone(),
            stages: self.origin.stages.clone(),
            events,
            slow_threshold: self.origin.slow_threshold,
            slow_running: totals.slow_running,
            slow: totals
                .slow
                .into_iter()
                .map(|slow| names.slow(slow, clock, &mut self.processes))
                .collect(),
            diagnostics: totals.diagnostics,
            blind: totals.blind,
            instances: totals
                .instances
                .iter()
                .map(|instance| self.instance(instance))
                .collect(),
            objects,
            objects_left_out,
            failures: totals
                .failures
                .iter()
                .map(|record| names.failure(record, &mut self.processes))
                .collect(),
            failures_dropped: totals.failures_dropped + self.failures_cut,
            hw_queues: totals.hw_queues,
            perf: None,
            looking,
        };
        self.earlier = totals.instances;
        snapshot
    }

    fn instance(&self, now: &InstanceTotals) -> InstanceSnapshot {
        let number = now.instance.number();
        let earlier = self
            .earlier
            .iter()
            .find(|earlier| earlier.instance.number() == number);
        InstanceSnapshot {
            number,
            name: now.display_name(),
            kind: now.kind,
            interval: Activity {
                guest: guest_since(&now.guest, earlier.map(|earlier| &earlier.guest)),
                ..activity_since(&now.stages, earlier.map(|earlier| &earlier.stages))
            },
            total: Activity {
                guest: guest_since(&now.guest, None),
                ..activity_since(&now.stages, None)
            },
            driver: None,
            fault: None,
        }
    }

    /// Adds the announced instances that have not done anything.
    fn announce(&self, instances: &mut Vec<InstanceTotals>) {
        for &announced in &self.origin.instances {
            let number = announced.number();
            if instances
                .iter()
                .all(|known| known.instance.number() != number)
            {
                instances.push(InstanceTotals::new(announced));
            }
        }
        instances.sort_by_key(|known| known.instance.number());
    }

    fn events(&self, totals: &Totals) -> EventCounts {
        let mut events = EventCounts {
            seen: totals.unattributed,
            lost: totals.unattributed,
            slow_seen: totals.slow_seen,
            slow_dropped: totals.slow_dropped + self.slow_cut,
            ..EventCounts::default()
        };
        let stages = totals.all_stages();
        for (number, totals) in stages.flat_map(|stages| stages.iter().enumerate()) {
            // What is left of a request is no event of its own.
            if number != Stage::Unattributed as usize {
                events.seen += totals.0.seen;
                events.recorded += totals.recorded();
                events.lost += totals.0.lost_no_start;
            }
        }
        events
    }
}

/// Leaves the newest `most` records, which are the last; returns how many went.
fn keep_newest(records: &mut Vec<SlowRecord>, most: usize) -> u64 {
    let excess = records.len().saturating_sub(most);
    records.drain(..excess);
    excess as u64
}

/// Leaves the `most` slowest, in their order; returns how many went.
fn keep_slowest(calls: &mut Vec<SlowCall>, most: usize) -> u64 {
    let excess = calls.len().saturating_sub(most);
    if excess > 0 {
        calls.sort_by_key(|call| call.record.latency_ns);
        calls.drain(..excess);
    }
    calls.sort_by_key(|call| call.record.end_ns);
    excess as u64
}

/// The instance's name: `model-vtd0` for a model, `vtd0` for an IOMMU unit that the
/// driver drives.
#[must_use]
pub fn instance_name(instance: InstanceArg) -> String {
    let origin = if instance.is_modelled() { "model-" } else { "" };
    match instance.vendor() {
        // `smmuv3.0`: a number behind a digit would be read as one with it.
        Ok(vendor) if vendor.name().ends_with(|last: char| last.is_ascii_digit()) => {
            format!("{origin}{}.{}", vendor.name(), instance.number())
        }
        Ok(vendor) => format!("{origin}{}{}", vendor.name(), instance.number()),
        Err(code) => format!("{origin}vendor{code:#x}-{}", instance.number()),
    }
}

fn guest_since(now: &GuestCell, earlier: Option<&GuestCell>) -> GuestCounts {
    let earlier = earlier.copied().unwrap_or_default();
    GuestCounts {
        doorbells: now.doorbells.saturating_sub(earlier.doorbells),
        descriptors: now.descriptors.saturating_sub(earlier.descriptors),
        waits: now.waits.saturating_sub(earlier.waits),
        faults: now.faults.saturating_sub(earlier.faults),
    }
}

/// What the stages did since `earlier`, or since the measurement began; nothing of a
/// guest.
fn activity_since(now: &Stages, earlier: Option<&Stages>) -> Activity {
    let stage = |stage: Stage| {
        let now = &now[stage as usize];
        match earlier.map(|earlier| &earlier[stage as usize]) {
            Some(earlier) => stage_activity(&now.since(earlier)),
            None => stage_activity(now),
        }
    };
    Activity {
        guest: GuestCounts::default(),
        request: stage(Stage::Request),
        submission: stage(Stage::Submission),
        driver_op: stage(Stage::DriverOp),
        unattributed: stage(Stage::Unattributed),
        host_submission: stage(Stage::HostSubmission),
    }
}

fn stage_activity(totals: &StageTotals) -> StageActivity {
    StageActivity {
        seen: totals.0.seen,
        recorded: totals.recorded(),
        lost: totals.0.lost_no_start,
        items: totals.0.items,
        errors: totals.0.errors,
        total_ns: totals.0.total_ns,
        latency: totals.latency(),
        batches: totals.batches(),
        error_codes: totals.error_codes(),
    }
}

/// The instances of one read, to call records by their names.
struct Names<'a>(&'a [InstanceTotals]);

impl Names<'_> {
    fn of(&self, number: u16) -> Option<String> {
        let known = self.0.iter().find(|one| one.instance.number() == number);
        known.map(InstanceTotals::display_name)
    }

    fn slow(&self, slow: SlowCall, clock: Clock, processes: &mut Processes) -> SlowEvent {
        let SlowCall { record, stack } = slow;
        let instance = InstanceArg::from_raw(record.instance);
        let is_one = instance.number() != NO_INSTANCE;
        let is_timed = record.op_ns != NOT_TIMED;
        SlowEvent {
            instance: is_one.then(|| {
                let known = self.of(instance.number());
                known.unwrap_or_else(|| instance_name(instance))
            }),
            stage: Stage::from_number(record.stage).unwrap_or(Stage::Request),
            latency: Duration::from_nanos(record.latency_ns),
            ended_at: (record.end_ns != 0).then(|| clock.wall_at(record.end_ns)),
            hwpt: record.hwpt,
            items: record.items,
            asked: known(record.asked),
            driver_op: is_timed.then(|| Duration::from_nanos(record.op_ns)),
            submissions: known(record.submissions).map(|count| SlowSubmissions {
                count,
                commands: record.commands,
                time: Duration::from_nanos(record.submissions_ns),
            }),
            process: (record.tgid != 0).then(|| processes.process(record.tgid)),
            tid: (record.tid != 0).then_some(record.tid),
            cpu: known(record.cpu),
            errno: record.errno,
            stack: (!stack.is_empty()).then_some(stack),
        }
    }

    fn failure(&self, record: &SlowRecord, processes: &mut Processes) -> FailedRequest {
        FailedRequest {
            instance: self.of(InstanceArg::from_raw(record.instance).number()),
            hwpt: record.hwpt,
            process: (record.tgid != 0).then(|| processes.process(record.tgid)),
            tid: (record.tid != 0).then_some(record.tid),
            asked: known(record.asked),
            handled: record.items,
            errno: record.errno,
            latency: Duration::from_nanos(record.latency_ns),
        }
    }
}

/// A number that may not be known.
fn known(number: u32) -> Option<u32> {
    (number != NOT_KNOWN).then_some(number)
}

#[cfg(test)]
mod tests;
