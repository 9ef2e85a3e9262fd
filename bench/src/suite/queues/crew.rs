use std::{
    hint,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hwptop_agent::{ThreadCounters, nanos, snapshot::latency_histogram};
use hwptop_driver::ReplayError;

use super::Queue;
use crate::steadiness::ROUNDS;

/// A wait longer than this is slept, up to this long before its end: what a sleep may be too long.
const SPIN: Duration = Duration::from_micros(150);

/// How long a sleep is at most: then it is seen whether to stop.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// What an open loop may take at most, as a multiple of the time in which it is fed: where the
/// queue is slower than the rate, what is left would take for ever.
const DRAIN: u32 = 2;

/// vCPUs that submit groups of commands, each ended by a sync, to queues; each on a thread of its
/// own. Each goes through the groups in order and begins at its share of them; from one round to
/// the next it goes on where it was.
pub(in crate::suite) struct Crew<'a> {
    units: &'a [Vec<[u64; 2]>],
    stop: &'a AtomicBool,
    /// Of each vCPU: its next group.
    places: Vec<usize>,
}

/// What vCPUs did in a closed loop.
pub(in crate::suite) struct Done {
    /// From queueing a sync to its completion, in nanoseconds.
    pub(in crate::suite) latency: Histogram<u64>,
    /// Commands without the syncs; a sync without commands counts as one.
    pub(in crate::suite) entries: u64,
    /// Of the vCPUs' threads; none where there are no counters.
    pub(in crate::suite) instructions: Option<u64>,
    /// From the first vCPU's beginning to the last one's end.
    pub(in crate::suite) elapsed: Duration,
}

/// How many entries are due per second, of all vCPUs together; above 0.
#[derive(Clone, Copy, Debug)]
pub(in crate::suite) struct Rate(pub(in crate::suite) f64);

/// What vCPUs did in an open loop.
pub(in crate::suite) struct Served {
    /// From when a group was due to its sync's completion, in nanoseconds. A group that was never
    /// started is in it with how long it had been due at the end.
    pub(in crate::suite) response: Histogram<u64>,
    /// From when it was submitted, in nanoseconds: what a closed loop would call its latency.
    pub(in crate::suite) service: Histogram<u64>,
    /// As in [`Done`].
    pub(in crate::suite) entries: u64,
    /// Groups that were due and never started.
    pub(in crate::suite) not_started: u64,
    /// As in [`Done`].
    pub(in crate::suite) elapsed: Duration,
    /// Mean response in nanoseconds of the groups that were due in each part of the time.
    pub(in crate::suite) rounds: Vec<f64>,
}

/// What one vCPU did.
struct Vcpu<T> {
    began: Instant,
    ended: Instant,
    place: usize,
    of: T,
}

struct Closed {
    latency: Histogram<u64>,
    entries: u64,
    instructions: Option<u64>,
}

struct Open {
    response: Histogram<u64>,
    service: Histogram<u64>,
    entries: u64,
    not_started: u64,
    /// Of each part of the time: sum of the responses in seconds, and how many.
    parts: Vec<(f64, u64)>,
}

/// What a group counts as.
fn entries(unit: &[[u64; 2]]) -> u64 {
    unit.len().max(1) as u64
}

impl<'a> Crew<'a> {
    /// `vcpus` of them in all.
    pub(in crate::suite) fn new(
        units: &'a [Vec<[u64; 2]>],
        vcpus: usize,
        stop: &'a AtomicBool,
    ) -> Self {
        let place = |vcpu| units.len() * vcpu / vcpus;
        Self {
            units,
            stop,
            places: (0..vcpus).map(place).collect(),
        }
    }

    /// Lets the first `vcpus` submit for `time`, each the next group when its last one completed;
    /// they are spread evenly over `queues`. Each submits one group at least.
    pub(in crate::suite) fn closed(
        &mut self,
        queues: &[Box<dyn Queue>],
        vcpus: usize,
        time: Duration,
    ) -> Result<Done, ReplayError> {
        let queues: Vec<&dyn Queue> = queues.iter().map(|queue| &**queue).collect();
        let all = self.all(&queues, vcpus, |queue, vcpu, place| {
            self.closed_loop(queue, (vcpu, place), time)
        })?;
        let mut done = Done {
            latency: latency_histogram(),
            entries: 0,
            instructions: Some(0),
            elapsed: elapsed(&all),
        };
        for (place, vcpu) in self.places.iter_mut().zip(all) {
            *place = vcpu.place;
            done.latency += &vcpu.of.latency;
            done.entries += vcpu.of.entries;
            let both = done.instructions.zip(vcpu.of.instructions);
            done.instructions = both.map(|(sum, more)| sum + more);
        }
        Ok(done)
    }

    /// Lets all vCPUs submit to `queue` for `time`, each group when it is due at `rate`, or as soon
    /// after that as its vCPU has completed the ones before.
    pub(in crate::suite) fn open(
        &mut self,
        queue: &dyn Queue,
        rate: Rate,
        time: Duration,
    ) -> Result<Served, ReplayError> {
        let vcpus = self.places.len();
        let all = self.all(&[queue], vcpus, |queue, vcpu, place| {
            self.open_loop(queue, (vcpu, place), rate, time)
        })?;
        let mut parts = vec![(0.0, 0_u64); ROUNDS as usize];
        let mut served = Served {
            response: latency_histogram(),
            service: latency_histogram(),
            entries: 0,
            not_started: 0,
            elapsed: elapsed(&all),
            rounds: Vec::new(),
        };
        for (place, vcpu) in self.places.iter_mut().zip(all) {
            *place = vcpu.place;
            served.response += &vcpu.of.response;
            served.service += &vcpu.of.service;
            served.entries += vcpu.of.entries;
            served.not_started += vcpu.of.not_started;
            for (sum, more) in parts.iter_mut().zip(vcpu.of.parts) {
                *sum = (sum.0 + more.0, sum.1 + more.1);
            }
        }
        let mean = |(seconds, count): &(f64, u64)| seconds * 1e9 / *count as f64;
        served.rounds = parts.iter().map(mean).collect();
        Ok(served)
    }

    /// Runs `one` on a thread for each vCPU, with its queue, its number there, and its place.
    fn all<T: Send>(
        &self,
        queues: &[&dyn Queue],
        vcpus: usize,
        one: impl Fn(&dyn Queue, usize, usize) -> Result<Vcpu<T>, ReplayError> + Sync,
    ) -> Result<Vec<Vcpu<T>>, ReplayError> {
        let each = vcpus.div_ceil(queues.len().max(1)).max(1);
        let barrier = Barrier::new(vcpus);
        let results: Vec<_> = thread::scope(|scope| {
            let places = self.places.iter().take(vcpus).enumerate();
            let threads = places.map(|(number, &place)| {
                let (barrier, one) = (&barrier, &one);
                let queue = queues[number / each];
                scope.spawn(move || {
                    barrier.wait();
                    one(queue, number % each, place)
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(ScopedJoinHandle::join).collect()
        });
        let results = results.into_iter().map(|result| match result {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.collect()
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps while that is long, and is busy for the rest. Returns early when it is to stop.
    fn wait_until(&self, then: Instant) {
        while !self.is_stopped() {
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match left.checked_sub(SPIN) {
                Some(long) if !long.is_zero() => thread::sleep(long.min(SLEEP_MAX)),
                _ => hint::spin_loop(),
            }
        }
    }

    fn closed_loop(
        &self,
        queue: &dyn Queue,
        (vcpu, mut place): (usize, usize),
        time: Duration,
    ) -> Result<Vcpu<Closed>, ReplayError> {
        let mut latency = latency_histogram();
        let mut done = 0;
        let mut counters = ThreadCounters::open();
        let counting = counters.as_mut().is_some_and(|c| c.start().is_ok());
        let began = Instant::now();
        let mut ended = began;
        for round in 1_u32.. {
            let unit = &self.units[place];
            let start = Instant::now();
            queue.submit(vcpu, round, unit)?;
            ended = Instant::now();
            latency.saturating_record(nanos(ended - start));
            done += entries(unit);
            place = (place + 1) % self.units.len();
            if ended - began >= time || self.is_stopped() {
                break;
            }
        }
        let counted = counters.as_mut().filter(|_| counting);
        let counted = counted.and_then(ThreadCounters::stop);
        Ok(Vcpu {
            began,
            ended,
            place,
            of: Closed {
                latency,
                entries: done,
                instructions: counted.map(|counted| counted.instructions),
            },
        })
    }

    fn open_loop(
        &self,
        queue: &dyn Queue,
        (vcpu, mut place): (usize, usize),
        Rate(rate): Rate,
        time: Duration,
    ) -> Result<Vcpu<Open>, ReplayError> {
        let vcpus = self.places.len() as f64;
        let began = Instant::now();
        let mut ended = began;
        let mut open = Open {
            response: latency_histogram(),
            service: latency_histogram(),
            entries: 0,
            not_started: 0,
            parts: vec![(0.0, 0); ROUNDS as usize],
        };
        // Seconds until a group is due; the vCPUs' are spread.
        let mut due_s = entries(&self.units[place]) as f64 / rate * vcpu as f64;
        let mut round = 0_u32;
        loop {
            round = round.wrapping_add(1);
            let due = Duration::from_secs_f64(due_s.min(time.as_secs_f64()));
            if due >= time {
                break;
            }
            let unit = &self.units[place];
            self.wait_until(began + due);
            if self.is_stopped() {
                break;
            }
            let start = Instant::now();
            let response = if start - began < time * DRAIN {
                queue.submit(vcpu, round, unit)?;
                ended = Instant::now();
                open.service.saturating_record(nanos(ended - start));
                open.entries += entries(unit);
                ended.saturating_duration_since(began + due)
            } else {
                open.not_started += 1;
                start.saturating_duration_since(began + due)
            };
            open.response.saturating_record(nanos(response));
            open.add_to_part(due.div_duration_f64(time), response);
            due_s += entries(unit) as f64 * vcpus / rate;
            place = (place + 1) % self.units.len();
        }
        Ok(Vcpu {
            began,
            ended,
            place,
            of: open,
        })
    }
}

impl Open {
    /// Counts a group that was due at a share of the time, 0 to 1.
    fn add_to_part(&mut self, share: f64, response: Duration) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the number of parts"
        )]
        let part = (share * self.parts.len() as f64) as usize;
        if let Some((seconds, count)) = self.parts.get_mut(part) {
            *seconds += response.as_secs_f64();
            *count += 1;
        }
    }
}

/// From the first beginning to the last end.
fn elapsed<T>(all: &[Vcpu<T>]) -> Duration {
    let first = all.iter().map(|vcpu| vcpu.began).min();
    let last = all.iter().map(|vcpu| vcpu.ended).max();
    first
        .zip(last)
        .map_or(Duration::ZERO, |(first, last)| last - first)
}
