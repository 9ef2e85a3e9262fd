//! What a batch is worth: a guest unmaps 1 to 1024 pages before each wait.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_abi::{InstanceArg, Stage, Vendor};
use hwptop_agent::{
    InstanceTotals, Recorder, Source as _, SourceError, ThreadCounters, instance_name, nanos,
};
use hwptop_driver::{
    Backend, DomainId, Guest, Pasid, ReplayError, Stream, TimingProfile, decorated_guest,
};

use crate::{
    run_file::{BatchPoint, CounterPoint, HistogramV2},
    timed::Timed,
};

/// The batch sizes of the sweep, in entries per request.
pub const BATCHES: [u32; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// The guest's domain and address space; any will do.
const TARGET: (DomainId, Pasid) = (DomainId(4), Pasid(0));
/// What the guest's wait descriptors write, as Linux does (`QI_DONE`).
const DONE: u32 = 2;
/// Doorbells between two looks at the clock.
const DOORBELLS_PER_LOOK: u32 = 16;

/// How to sweep.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Whose instances.
    pub vendor: Vendor,
    /// How many modelled instances, measured one after the other.
    pub instances: u16,
    /// How long each point is measured; a fifth of it is warm-up before.
    pub time: Duration,
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
pub enum BatchingError {
    /// The guest could not be set up.
    #[error("{instance}: {source}")]
    Setup {
        /// The instance's name.
        instance: String,
        /// The reason.
        source: ReplayError,
    },
    /// The guest could not go on.
    #[error("{instance}, batch {batch}: {source}")]
    Guest {
        /// The instance's name.
        instance: String,
        /// The batch size.
        batch: u32,
        /// The reason.
        source: ReplayError,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

/// Measures every batch size on every instance, or what it could before `stop` was
/// set. `progress` is told the instance, the batch and how many points are done.
///
/// # Errors
/// [`BatchingError`], naming instance and batch size.
pub fn batching(
    sweep: Sweep,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, u32, usize),
) -> Result<Vec<BatchPoint>, BatchingError> {
    let mut points = Vec::new();
    for number in 0..sweep.instances {
        let arg = InstanceArg::new(number, sweep.vendor, true);
        let instance = instance_name(arg);
        let failed = |batch, source| BatchingError::Guest {
            instance: instance.clone(),
            batch,
            source,
        };
        // Nothing is slow enough to be kept one by one.
        let recorder = Recorder::new(&[arg], Duration::MAX);
        let guest = decorated_guest(
            &Stream::synthetic(sweep.vendor, [TARGET]),
            number,
            &TimingProfile::of(sweep.vendor),
            |queue| Timed::new(queue, Some(recorder.clone()), 0),
            |backend| Timed::new(backend, Some(recorder.clone()), 0),
        )
        .map_err(|source| BatchingError::Setup {
            instance: instance.clone(),
            source,
        })?;
        let mut bench = Bench {
            guest,
            recorder,
            counters: ThreadCounters::open(),
        };
        for batch in BATCHES {
            progress(&instance, batch, points.len());
            bench
                .run(batch, sweep.time / 5, stop)
                .map_err(|source| failed(batch, source))?;
            let point = bench.point(&instance, batch, sweep.time, stop);
            if stop.load(Ordering::Relaxed) {
                return Ok(points);
            }
            points.push(point?);
        }
    }
    Ok(points)
}

struct Bench<B> {
    guest: Guest<B>,
    recorder: Recorder,
    counters: Option<ThreadCounters>,
}

impl<B: Backend> Bench<B> {
    fn point(
        &mut self,
        instance: &str,
        batch: u32,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<BatchPoint, BatchingError> {
        let before = self.totals()?;
        let counting = self
            .counters
            .as_mut()
            .is_some_and(|counters| counters.start().is_ok());
        let elapsed = self
            .run(batch, time, stop)
            .map_err(|source| BatchingError::Guest {
                instance: instance.to_owned(),
                batch,
                source,
            })?;
        let user_only = self
            .counters
            .as_ref()
            .is_some_and(ThreadCounters::is_user_only);
        let counted = self
            .counters
            .as_mut()
            .filter(|_| counting)
            .and_then(ThreadCounters::stop);
        let after = self.totals()?;
        let stage = |stage| after.stage(stage).since(before.stage(stage));
        let (request, submission) = (stage(Stage::Request), stage(Stage::Submission));
        Ok(BatchPoint {
            instance: instance.to_owned(),
            batch,
            entries: request.0.items,
            requests: request.0.seen,
            submissions: submission.0.seen,
            commands: submission.0.items,
            elapsed_ns: nanos(elapsed),
            request_latency: HistogramV2::encode(&request.latency()),
            submission_latency: HistogramV2::encode(&submission.latency()),
            counters: counted.map(|counted| CounterPoint {
                instructions: counted.instructions,
                cycles: counted.cycles,
                user_only,
            }),
        })
    }

    /// Lets the guest unmap `batch` pages per doorbell for `time`; returns how long
    /// it really took.
    fn run(
        &mut self,
        batch: u32,
        time: Duration,
        stop: &AtomicBool,
    ) -> Result<Duration, ReplayError> {
        let mut descriptors: Vec<[u64; 2]> = (0..u64::from(batch))
            .map(|page| self.guest.stream().unmap_page(page << 12))
            .collect();
        let stream = self.guest.stream();
        descriptors.push(stream.sync(self.guest.status_address(), DONE));
        let start = Instant::now();
        loop {
            for _ in 0..DOORBELLS_PER_LOOK {
                self.guest.submit(&descriptors)?;
            }
            let elapsed = start.elapsed();
            if elapsed >= time || stop.load(Ordering::Relaxed) {
                return Ok(elapsed);
            }
        }
    }

    fn totals(&mut self) -> Result<InstanceTotals, SourceError> {
        let mut totals = self.recorder.read()?;
        // The recorder was made for exactly one instance.
        Ok(totals.instances.swap_remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_measures_every_batch_as_one_request_per_wait() {
        let sweep = Sweep {
            vendor: Vendor::Vtd,
            instances: 2,
            time: Duration::from_millis(10),
        };
        let points = batching(sweep, &AtomicBool::new(false), |_, _, _| {}).expect("it runs");
        assert_eq!(points.len(), 2 * BATCHES.len());
        for point in &points {
            assert_eq!(point.entries, u64::from(point.batch) * point.requests);
            assert_eq!(point.commands, point.entries);
            // The model hands over at most 16 commands at a time, as mainline does.
            let submissions = u64::from(point.batch.div_ceil(16)) * point.requests;
            assert_eq!(point.submissions, submissions, "batch {}", point.batch);
            let latency = point
                .request_latency
                .decode()
                .expect("own histograms decode");
            assert_eq!(latency.len(), point.requests);
        }
        assert_eq!(points[0].instance, "model-vtd0");
        assert_eq!(points[BATCHES.len()].instance, "model-vtd1");
    }

    #[test]
    fn a_stopped_sweep_keeps_whole_points_only() {
        let sweep = Sweep {
            vendor: Vendor::Vtd,
            instances: 1,
            time: Duration::from_mins(1),
        };
        let stop = AtomicBool::new(true);
        let points = batching(sweep, &stop, |_, _, _| {}).expect("it stops");
        assert!(points.is_empty());
    }
}
