//! What the batching policies make of guests' streams: each capture, replayed by 1 to
//! 8 vCPUs that share one guest queue.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hwptop_agent::{SourceError, ThreadCounters, nanos, snapshot::latency_histogram};
use hwptop_driver::{Capture, CaptureError, ReplayError};

mod machine;
mod point;
mod workload;

use machine::{Counted, Machine, machine};
pub use point::{Delivery, PolicyPoint};
use workload::Workload;

/// How many vCPUs share the queue.
pub const VCPUS: [usize; 4] = [1, 2, 4, 8];

/// Why the suite ended early.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    /// A built-in capture could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A capture cannot be replayed.
    #[error("{stream}: {source}")]
    Stream {
        /// The capture.
        stream: String,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// A guest could not be set up, or not go on.
    #[error("{stream}, {vcpus} vCPUs, {delivery}: {source}")]
    Guest {
        /// The stream.
        stream: String,
        /// The vCPUs.
        vcpus: usize,
        /// The delivery.
        delivery: Delivery,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

impl PoliciesError {
    /// Whether the machine is the reason, and not a stream.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Read(_) => true,
            Self::Guest { source, .. } | Self::Stream { source, .. } => source.is_the_machines(),
            Self::Capture(_) => false,
        }
    }
}

/// Measures every stream with every number of vCPUs and every delivery that it can
/// have, or what it could before `stop` was set; the deliveries directly after each
/// other, so that they can be compared. `captures` takes the place of the built-in
/// ones if it is not empty. `progress` is told stream, vCPUs, delivery and how many
/// points are done of how many.
///
/// # Errors
/// [`PoliciesError`], naming stream, vCPUs and delivery.
pub fn policies(
    captures: &[Capture],
    time: Duration,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, usize, Delivery, (usize, usize)),
) -> Result<Vec<PolicyPoint>, PoliciesError> {
    let workloads = Workload::all(captures)?;
    let deliveries = |workload: &Workload| -> &[Delivery] {
        let count = Delivery::ALL.len();
        &Delivery::ALL[..if workload.has_hw_queue {
            count
        } else {
            count - 1
        }]
    };
    let rows: usize = workloads.iter().map(|w| deliveries(w).len()).sum();
    let all = rows * VCPUS.len();
    let mut points = Vec::new();
    for workload in &workloads {
        for vcpus in VCPUS {
            let run = Run {
                workload,
                vcpus,
                time: time / ROUNDS,
                stop,
            };
            let mut benches = Vec::new();
            for &delivery in deliveries(workload) {
                let at = |error: Broken| error.at(workload, vcpus, delivery);
                let machine = machine(workload, delivery).map_err(at)?;
                benches.push(Bench::new(&run, delivery, machine).map_err(at)?);
            }
            // A round of each in turn: what else the machine does hits all alike.
            for _ in 0..ROUNDS {
                for (at, bench) in benches.iter_mut().enumerate() {
                    let delivery = bench.point.delivery;
                    progress(&workload.name, vcpus, delivery, (points.len() + at, all));
                    let result = bench.round(&run);
                    result.map_err(|error| error.at(workload, vcpus, delivery))?;
                    if stop.load(Ordering::Relaxed) {
                        return Ok(points);
                    }
                }
            }
            for bench in benches {
                let delivery = bench.point.delivery;
                let point = bench.finish();
                points.push(point.map_err(|error| error.at(workload, vcpus, delivery))?);
            }
        }
    }
    Ok(points)
}

/// What goes wrong at one point.
enum Broken {
    Guest(ReplayError),
    Read(SourceError),
}

impl Broken {
    fn at(self, workload: &Workload, vcpus: usize, delivery: Delivery) -> PoliciesError {
        match self {
            Self::Guest(source) => PoliciesError::Guest {
                stream: workload.name.clone(),
                vcpus,
                delivery,
                source: Box::new(source),
            },
            Self::Read(error) => error.into(),
        }
    }
}

/// Rounds of each point.
const ROUNDS: u32 = 5;

/// The vCPUs of one point.
struct Run<'a> {
    workload: &'a Workload,
    vcpus: usize,
    time: Duration,
    stop: &'a AtomicBool,
}

/// What one vCPU did.
struct Vcpu {
    latency: Histogram<u64>,
    instructions: Option<u64>,
}

/// One delivery that is being measured.
struct Bench {
    machine: Box<dyn Machine>,
    before: Counted,
    point: PolicyPoint,
}

impl Bench {
    /// Warms up.
    fn new(
        run: &Run<'_>,
        delivery: Delivery,
        mut machine: Box<dyn Machine>,
    ) -> Result<Self, Broken> {
        run.all_vcpus(&*machine)?;
        Ok(Self {
            before: machine.read()?,
            machine,
            point: PolicyPoint {
                stream: run.workload.name.clone(),
                vendor: run.workload.stream.vendor(),
                vcpus: run.vcpus,
                delivery,
                guest_commands: 0,
                syncs: 0,
                requests: 0,
                entries: 0,
                submissions: 0,
                commands: 0,
                sync_latency: latency_histogram(),
                request_latency: latency_histogram(),
                instructions: Some(0),
                elapsed: Duration::ZERO,
            },
        })
    }

    fn round(&mut self, run: &Run<'_>) -> Result<(), Broken> {
        let start = Instant::now();
        let vcpus = run.all_vcpus(&*self.machine)?;
        self.point.elapsed += start.elapsed();
        for vcpu in vcpus {
            self.point.sync_latency += &vcpu.latency;
            let sum = self.point.instructions.zip(vcpu.instructions);
            self.point.instructions = sum.map(|(sum, more)| sum + more);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<PolicyPoint, Broken> {
        let (before, after) = (&self.before, self.machine.read()?);
        let request = after.request.since(&before.request);
        let submission = after.submission.since(&before.submission);
        Ok(PolicyPoint {
            guest_commands: after.guest_commands - before.guest_commands,
            syncs: after.syncs - before.syncs,
            requests: request.0.seen,
            entries: request.0.items,
            submissions: submission.0.seen,
            commands: submission.0.items,
            request_latency: request.latency(),
            ..self.point
        })
    }
}

impl Run<'_> {
    /// Lets the vCPUs replay for a round.
    fn all_vcpus(&self, machine: &dyn Machine) -> Result<Vec<Vcpu>, Broken> {
        let barrier = Barrier::new(self.vcpus);
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.vcpus)
                .map(|vcpu| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        self.one_vcpu(machine, vcpu)
                    })
                })
                .collect();
            threads.into_iter().map(ScopedJoinHandle::join).collect()
        });
        results
            .into_iter()
            .map(|result| match result {
                Ok(result) => result.map_err(Broken::Guest),
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    }

    /// One vCPU replays the stream in a closed loop, beginning at its share of it.
    fn one_vcpu(&self, machine: &dyn Machine, vcpu: usize) -> Result<Vcpu, ReplayError> {
        let mut latency = latency_histogram();
        let mut counters = ThreadCounters::open();
        let counting = counters.as_mut().is_some_and(|c| c.start().is_ok());
        let units = &self.workload.units;
        let first = units.len() * vcpu / self.vcpus;
        let begin = Instant::now();
        for (round, unit) in (1_u32..).zip(units.iter().cycle().skip(first)) {
            let start = Instant::now();
            machine.submit(vcpu, round, unit)?;
            latency.saturating_record(nanos(start.elapsed()));
            if begin.elapsed() >= self.time || self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let counted = counters
            .as_mut()
            .filter(|_| counting)
            .and_then(ThreadCounters::stop);
        Ok(Vcpu {
            latency,
            instructions: counted.map(|counted| counted.instructions),
        })
    }
}

#[cfg(test)]
mod tests;
