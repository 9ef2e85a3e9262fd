use std::time::{Duration, Instant, SystemTime};

use hwptop_abi::{InstanceArg, SlowRecord, Stage};

use crate::{
    snapshot::{
        Activity, AttachedProbe, EventCounts, GuestCounts, InstanceSnapshot, MeasuredBy, SlowEvent,
        Snapshot, StageActivity,
    },
    totals::{InstanceTotals, StageTotals, Totals},
};

/// The slow events one snapshot carries; the oldest give way.
const SLOW_SHOWN: usize = 256;

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
    pub policy: Option<&'static str>,
    /// The probes that are attached.
    pub probes: Vec<AttachedProbe>,
    /// Events beyond this latency are kept one by one.
    pub slow_threshold: Duration,
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
    slow_cut: u64,
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
            slow_cut: 0,
        }
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
        self.slow_cut += totals.slow.len().saturating_sub(SLOW_SHOWN) as u64;
        let instances: Vec<InstanceSnapshot> = totals
            .instances
            .iter()
            .map(|instance| self.instance(instance))
            .collect();
        let snapshot = Snapshot {
            taken_at: SystemTime::now(),
            interval,
            since_start: now.duration_since(self.started),
            target: self.origin.target.clone(),
            measured_by: self.origin.measured_by.clone(),
            timing_profile: self.origin.timing_profile.clone(),
            policy: self.origin.policy,
            probes: self.origin.probes.clone(),
            events: self.events(&totals),
            slow_threshold: self.origin.slow_threshold,
            slow: totals
                .slow
                .iter()
                .rev()
                .take(SLOW_SHOWN)
                .rev()
                .map(slow_event)
                .collect(),
            diagnostics: totals.diagnostics,
            instances,
        };
        self.earlier = totals.instances;
        snapshot
    }

    fn instance(&self, now: &InstanceTotals) -> InstanceSnapshot {
        let number = now.instance.number();
        let nothing = InstanceTotals::new(now.instance);
        let earlier = self
            .earlier
            .iter()
            .find(|earlier| earlier.instance.number() == number)
            .unwrap_or(&nothing);
        InstanceSnapshot {
            number,
            name: instance_name(now.instance),
            modelled: now.instance.is_modelled(),
            interval: activity_since(now, earlier),
            total: activity_since(now, &nothing),
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
            slow_dropped: totals.slow_dropped + self.slow_cut,
            ..EventCounts::default()
        };
        for stage in totals
            .instances
            .iter()
            .flat_map(|instance| &instance.stages)
        {
            events.seen += stage.0.seen;
            events.recorded += stage.recorded();
            events.lost += stage.0.lost_no_start;
        }
        events
    }
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

fn activity_since(now: &InstanceTotals, earlier: &InstanceTotals) -> Activity {
    let stage = |stage: Stage| stage_activity(&now.stage(stage).since(earlier.stage(stage)));
    let since = |now: u64, earlier: u64| now.saturating_sub(earlier);
    Activity {
        guest: GuestCounts {
            doorbells: since(now.guest.doorbells, earlier.guest.doorbells),
            descriptors: since(now.guest.descriptors, earlier.guest.descriptors),
            waits: since(now.guest.waits, earlier.guest.waits),
            faults: since(now.guest.faults, earlier.guest.faults),
        },
        request: stage(Stage::Request),
        submission: stage(Stage::Submission),
    }
}

fn stage_activity(totals: &StageTotals) -> StageActivity {
    StageActivity {
        seen: totals.0.seen,
        recorded: totals.recorded(),
        lost: totals.0.lost_no_start,
        items: totals.0.items,
        errors: totals.0.errors,
        latency: totals.latency(),
    }
}

fn slow_event(record: &SlowRecord) -> SlowEvent {
    SlowEvent {
        instance: instance_name(InstanceArg::from_raw(record.instance)),
        stage: Stage::from_number(record.stage).unwrap_or(Stage::Request),
        latency: Duration::from_nanos(record.latency_ns),
        hwpt: record.hwpt,
        items: record.items,
        tid: (record.tid != 0).then_some(record.tid),
        errno: record.errno,
    }
}

#[cfg(test)]
mod tests;
