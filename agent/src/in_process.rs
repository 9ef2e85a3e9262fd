//! Timing without eBPF: the measured process counts into cells of its own.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use std::{collections::VecDeque, convert::Infallible, time::Duration};

use hwptop_abi::{
    BATCH_BUCKETS, BUCKETS, Batch, Bucket, ERROR_CODES, GuestCell, InstanceArg, NOT_KNOWN,
    PROBE_STAGES, SLOW_WINDOW_NS, SlowCell, SlowRecord, Stage, StageCell, error_index,
};
use rustix::thread::sched_getcpu;

use crate::{
    nanos,
    slow::{SlowOptions, Thresholds},
    time::monotonic_ns,
    totals::{InstanceTotals, Source, SourceError, StageTotals, Totals, settled},
};

/// Slow events kept between two reads; the oldest give way.
const SLOW_KEPT: usize = 1024;

/// Counts what a process measures of itself. Cheap to clone; every clone counts
/// into the same cells.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// By stage.
    slow_ns: [AtomicU64; PROBE_STAGES as usize],
    instances: Vec<InstanceCells>,
    slow: Mutex<Slow>,
}

#[derive(Debug)]
struct Slow {
    records: VecDeque<SlowRecord>,
    counts: SlowCell,
    thresholds: Thresholds,
}

#[derive(Debug)]
struct InstanceCells {
    instance: InstanceArg,
    doorbells: AtomicU64,
    descriptors: AtomicU64,
    waits: AtomicU64,
    faults: AtomicU64,
    stages: [Cell; PROBE_STAGES as usize],
}

#[derive(Debug)]
struct Cell {
    items: AtomicU64,
    errors: AtomicU64,
    total_ns: AtomicU64,
    buckets: Box<[AtomicU64]>,
    batches: Box<[AtomicU64]>,
    error_codes: Box<[AtomicU64]>,
}

impl Default for Cell {
    fn default() -> Self {
        let counters = |len| (0..len).map(|_| AtomicU64::default()).collect();
        Self {
            items: AtomicU64::default(),
            errors: AtomicU64::default(),
            total_ns: AtomicU64::default(),
            buckets: counters(BUCKETS),
            batches: counters(BATCH_BUCKETS),
            error_codes: counters(ERROR_CODES),
        }
    }
}

/// One end of a stage, as the process saw it.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Which stage ended.
    pub stage: Stage,
    /// Position of the instance among those given to [`Recorder::new`].
    pub instance: usize,
    /// HWPT id.
    pub hwpt: u32,
    /// Entries or commands.
    pub items: u32,
    /// 0, or the errno that ended it.
    pub errno: u32,
    /// How long it took.
    pub latency: Duration,
}

impl Recorder {
    /// A recorder for these instances; slow events are kept one by one.
    #[must_use]
    pub fn new(instances: &[InstanceArg], slow: impl Into<SlowOptions>) -> Self {
        let thresholds = Thresholds::new(&slow.into());
        let slow_ns = thresholds.config().slow_ns;
        let instances = instances
            .iter()
            .map(|&instance| InstanceCells {
                instance,
                doorbells: AtomicU64::default(),
                descriptors: AtomicU64::default(),
                waits: AtomicU64::default(),
                faults: AtomicU64::default(),
                stages: Default::default(),
            })
            .collect();
        Self(Arc::new(Shared {
            slow_ns: Stage::PROBED.map(|stage| slow_ns[stage as usize].into()),
            instances,
            slow: Mutex::new(Slow {
                records: VecDeque::new(),
                counts: SlowCell::default(),
                thresholds,
            }),
        }))
    }

    /// Counts one end. An instance that was not announced is ignored, and so is
    /// a stage that no static probe delimits.
    pub fn record(&self, seen: Observation) {
        let Some(cells) = self.0.instances.get(seen.instance) else {
            return;
        };
        let Some(cell) = cells.stages.get(seen.stage as usize) else {
            return;
        };
        let latency_ns = nanos(seen.latency);
        cell.buckets[Bucket::of(latency_ns).index()].fetch_add(1, Ordering::Relaxed);
        cell.batches[Batch::of(seen.items).index()].fetch_add(1, Ordering::Relaxed);
        cell.total_ns.fetch_add(latency_ns, Ordering::Relaxed);
        cell.items
            .fetch_add(u64::from(seen.items), Ordering::Relaxed);
        if seen.errno != 0 {
            cell.errors.fetch_add(1, Ordering::Relaxed);
            let code = error_index(seen.errno.into());
            cell.error_codes[code].fetch_add(1, Ordering::Relaxed);
        }
        let slow_ns = &self.0.slow_ns[seen.stage as usize];
        if latency_ns >= slow_ns.load(Ordering::Relaxed) {
            self.keep_slow(cells.instance, &seen, latency_ns);
        }
    }

    /// Counts one doorbell of the guest queue in front of an instance.
    pub fn record_doorbell(&self, instance: usize, descriptors: u64, waits: u64) {
        if let Some(cells) = self.0.instances.get(instance) {
            cells.doorbells.fetch_add(1, Ordering::Relaxed);
            cells.descriptors.fetch_add(descriptors, Ordering::Relaxed);
            cells.waits.fetch_add(waits, Ordering::Relaxed);
        }
    }

    /// Counts one fault that froze the guest queue in front of an instance.
    pub fn record_fault(&self, instance: usize) {
        if let Some(cells) = self.0.instances.get(instance) {
            cells.faults.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn keep_slow(&self, instance: InstanceArg, seen: &Observation, latency_ns: u64) {
        let end_ns = monotonic_ns();
        let is_request = seen.stage == Stage::Request;
        let mut slow = self.0.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if !slow.has_room(end_ns) {
            return;
        }
        slow.records.push_back(SlowRecord {
            end_ns,
            latency_ns,
            instance: instance.raw(),
            stage: seen.stage as u32,
            hwpt: seen.hwpt,
            items: seen.items,
            errno: seen.errno,
            asked: if is_request && seen.errno == 0 {
                seen.items
            } else {
                NOT_KNOWN
            },
            cpu: u32::try_from(sched_getcpu()).unwrap_or(NOT_KNOWN),
            ..SlowRecord::UNKNOWN
        });
    }
}

impl Slow {
    /// Counts a slow event; whether it is kept. As the eBPF programs do it on each CPU.
    fn has_room(&mut self, end_ns: u64) -> bool {
        let counts = &mut self.counts;
        counts.seen += 1;
        if end_ns >= counts.window_ns.saturating_add(SLOW_WINDOW_NS) {
            counts.window_ns = end_ns;
            counts.let_through = 0;
        }
        let is_kept = counts.let_through < self.thresholds.config().slow_rate;
        if is_kept {
            counts.let_through += 1;
        }
        let oldest =
            is_kept && self.records.len() == SLOW_KEPT && self.records.pop_front().is_some();
        counts.dropped += u64::from(!is_kept || oldest);
        is_kept
    }
}

impl Source for Recorder {
    fn read(&mut self) -> Result<Totals, SourceError> {
        let mut slow = self.0.slow.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals = Totals {
            instances: self.0.instances.iter().map(InstanceCells::totals).collect(),
            slow: slow.records.drain(..).map(Into::into).collect(),
            slow_seen: slow.counts.seen,
            slow_dropped: slow.counts.dropped,
            ..Totals::default()
        };
        if slow.thresholds.follow(&mut totals) {
            let config = slow.thresholds.config();
            for (slow_ns, now) in self.0.slow_ns.iter().zip(config.slow_ns) {
                slow_ns.store(now, Ordering::Relaxed);
            }
        }
        Ok(totals)
    }
}

impl InstanceCells {
    fn totals(&self) -> InstanceTotals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut totals = InstanceTotals::new(self.instance);
        totals.guest = GuestCell {
            doorbells: read(&self.doorbells),
            descriptors: read(&self.descriptors),
            waits: read(&self.waits),
            faults: read(&self.faults),
        };
        for (totals, cell) in totals.stages.iter_mut().zip(&self.stages) {
            *totals = cell.totals();
        }
        totals
    }
}

impl Cell {
    /// Nothing is lost here; what is in the middle of being counted was not seen yet.
    fn totals(&self) -> StageTotals {
        let read = || Ok::<_, Infallible>(vec![self.copy()]);
        let Ok(cells) = settled(read, StageCell::is_settled);
        let mut totals = StageTotals::default();
        for cell in &cells {
            totals.add(cell);
        }
        totals.leave_the_unsettled();
        totals
    }

    fn copy(&self) -> StageCell {
        let mut cell = StageCell::ZERO;
        cell.errors = self.errors.load(Ordering::Relaxed);
        cell.total_ns = self.total_ns.load(Ordering::Relaxed);
        cell.items = self.items.load(Ordering::Relaxed);
        for (counts, counters) in [
            (&mut cell.buckets[..], &self.buckets),
            (&mut cell.batches, &self.batches),
            (&mut cell.error_codes, &self.error_codes),
        ] {
            for (count, counter) in counts.iter_mut().zip(counters) {
                *count = counter.load(Ordering::Relaxed);
            }
        }
        cell.seen = cell.buckets.iter().sum();
        cell
    }
}

#[cfg(test)]
mod tests {
    use hwptop_abi::Vendor;

    use super::*;
    use crate::slow::SlowThreshold;

    fn observation(latency_ns: u64) -> Observation {
        Observation {
            stage: Stage::Request,
            instance: 0,
            hwpt: 1,
            items: 4,
            errno: 0,
            latency: Duration::from_nanos(latency_ns),
        }
    }

    #[test]
    fn what_is_recorded_is_what_is_read() {
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let mut recorder = Recorder::new(&[instance], Duration::from_micros(1));
        recorder.record(observation(100));
        recorder.record(Observation {
            errno: 5,
            ..observation(5_000)
        });
        recorder.record_doorbell(0, 2, 1);
        let totals = recorder.read().expect("memory can be read");
        let request = totals.instances[0].stage(Stage::Request);
        assert_eq!(
            (request.0.seen, request.recorded(), request.0.items),
            (2, 2, 8)
        );
        assert!(request.is_settled());
        assert_eq!(request.0.batches[4], 2);
        assert_eq!((request.0.errors, request.0.error_codes[5]), (1, 1));
        assert_eq!(totals.instances[0].guest.waits, 1);
        assert_eq!(
            totals
                .slow
                .iter()
                .map(|slow| slow.record.latency_ns)
                .collect::<Vec<_>>(),
            [5_000]
        );
        assert!(recorder.read().expect("memory can be read").slow.is_empty());
    }

    #[test]
    fn slow_events_are_bounded_and_their_loss_is_counted() {
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let options = |rate| SlowOptions {
            rate,
            ..Duration::ZERO.into()
        };
        for (rate, kept) in [(u32::MAX, SLOW_KEPT), (100, 100)] {
            let mut recorder = Recorder::new(&[instance], options(rate));
            for _ in 0..SLOW_KEPT + 3 {
                recorder.record(observation(10));
            }
            let totals = recorder.read().expect("memory can be read");

            assert_eq!(totals.slow_seen, SLOW_KEPT as u64 + 3);
            let dropped = totals.slow_seen - kept as u64;
            assert_eq!((totals.slow.len(), totals.slow_dropped), (kept, dropped));
        }
    }

    #[test]
    fn what_is_slow_follows_the_percentile_from_the_first_read_on() {
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let mut options = SlowOptions::from(Duration::ZERO);
        options.threshold = SlowThreshold::Percentile("p90".parse().unwrap());
        let mut recorder = Recorder::new(&[instance], options);
        let mut round = || {
            for latency in 1..=100 {
                recorder.record(observation(latency * 1_000));
            }
            recorder.read().expect("memory can be read")
        };
        // Nothing is as long as what holds at first.
        let first = round();
        assert_eq!((first.slow.len(), first.slow_seen), (0, 0));
        let at_first = first.slow_running.unwrap().thresholds;
        assert_eq!(at_first[0].threshold, Duration::from_millis(1));
        let second = round();
        let at = second.slow_running.unwrap().thresholds[0].threshold;
        let slow: Vec<u64> = second
            .slow
            .iter()
            .map(|one| one.record.latency_ns)
            .collect();
        assert!((9..=10).contains(&slow.len()), "{slow:?}");
        assert!(
            slow.iter()
                .all(|latency| u128::from(*latency) >= at.as_nanos())
        );
        assert_eq!(slow.last(), Some(&100_000));
    }
}
