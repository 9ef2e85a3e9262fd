use std::time::Duration;

use crate::{
    snapshot::{Activity, EventCounts, PerfCounts, Snapshot, Stage},
    totals::HwQueues,
};

/// What was counted before a recording begins, where the measurement is older than that. Totals
/// by instance and object are sums of a recording's intervals; the others are not.
#[derive(Clone, Debug)]
pub struct Since {
    measured: Duration,
    events: EventCounts,
    failures_dropped: u64,
    hw_queues: Option<HwQueues>,
    perf: Option<PerfCounts>,
}

impl Since {
    /// The recording begins where the interval of `last` ends.
    #[must_use]
    pub fn end_of(last: &Snapshot) -> Self {
        Self {
            measured: last.since_start,
            events: last.events,
            failures_dropped: last.failures_dropped,
            hw_queues: last.hw_queues,
            perf: last.perf.clone(),
        }
    }

    /// The recording begins with the interval of `first`; `None` where the measurement does, too.
    /// What was lost in that interval and is in no instance's counts is taken for earlier.
    #[must_use]
    pub fn begin_of(first: &Snapshot) -> Option<Self> {
        let measured = first.since_start.checked_sub(first.interval)?;
        if measured.is_zero() {
            return None;
        }
        let mut since = Self {
            measured,
            ..Self::end_of(first)
        };
        let instances = first.instances.iter().map(|one| &one.interval);
        let unreached = first.objects.iter().filter(|one| one.instance.is_none());
        for activity in instances.chain(unreached.map(|one| &one.interval)) {
            since.take_out(activity);
        }
        let kept = first.slow.len() as u64;
        since.events.slow_seen = since.events.slow_seen.saturating_sub(kept);
        for count in since.perf.iter_mut().flat_map(|perf| &mut perf.counts) {
            let counted = count.interval.unwrap_or(0);
            count.total = count.total.map(|total| total.saturating_sub(counted));
        }
        Some(since)
    }

    fn take_out(&mut self, activity: &Activity) {
        // What is left of a request is no event of its own.
        let stages = Stage::ALL.into_iter();
        for stage in stages.filter(|stage| *stage != Stage::Unattributed) {
            let stage = activity.stage(stage);
            for (sum, of_interval) in [
                (&mut self.events.seen, stage.seen),
                (&mut self.events.recorded, stage.recorded),
                (&mut self.events.lost, stage.lost),
            ] {
                *sum = sum.saturating_sub(of_interval);
            }
        }
    }

    /// Leaves of `snapshot` what was counted since.
    pub fn leave(&self, snapshot: &mut Snapshot) {
        snapshot.since_start = snapshot.since_start.saturating_sub(self.measured);
        let (events, before) = (&mut snapshot.events, &self.events);
        for (now, before) in [
            (&mut events.seen, before.seen),
            (&mut events.recorded, before.recorded),
            (&mut events.lost, before.lost),
            (&mut events.slow_seen, before.slow_seen),
            (&mut events.slow_dropped, before.slow_dropped),
            (&mut snapshot.failures_dropped, self.failures_dropped),
        ] {
            *now = now.saturating_sub(before);
        }
        if let (Some(now), Some(before)) = (&mut snapshot.hw_queues, self.hw_queues) {
            now.allocated = now.allocated.saturating_sub(before.allocated);
            now.failed = now.failed.saturating_sub(before.failed);
        }
        if let (Some(now), Some(before)) = (&mut snapshot.perf, &self.perf) {
            leave_counted_since(now, before);
        }
        for instance in &mut snapshot.instances {
            // The driver's own counts since it began, which no total here would agree with.
            instance.driver = None;
        }
    }
}

fn leave_counted_since(now: &mut PerfCounts, before: &PerfCounts) {
    for count in &mut now.counts {
        let same = before.counts.iter().find(|one| one.event == count.event);
        if let (Some(total), Some(before)) = (&mut count.total, same.and_then(|one| one.total)) {
            *total = total.saturating_sub(before);
        }
    }
}
