//! What a second producer adds: recording is per CPU, so that it should be a second time as much.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_agent::{Ebpf, TargetProcess};
use hwptop_driver::{ObjectId, probes};
use rustix::thread::gettid;

use super::AgentCostError;
use crate::{Interval, cpus};

/// Begin/end pairs of each producer and measurement.
const PAIRS: u64 = 200_000;

/// Whose events two producers make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Each those of an instance of its own.
    OwnInstances,
    /// Both those of one.
    OneInstance,
}

/// What two producers get done.
#[derive(Clone, Debug)]
pub struct Scaling {
    /// Whose events.
    pub on: On,
    /// Pairs per second of two as a ratio of those of one, by round.
    pub ratio: Vec<f64>,
}

impl On {
    /// Both, in the order they are printed.
    pub const ALL: [Self; 2] = [Self::OwnInstances, Self::OneInstance];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnInstances => "2 producers, an instance each",
            Self::OneInstance => "2 producers, one instance",
        }
    }
}

impl Scaling {
    /// The least that the ratio should be.
    pub const GOAL: f64 = 1.8;

    /// The ratio: median, smallest and largest of the rounds.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        Interval::range_of(&self.ratio)
    }
}

/// On a line of the cache of its own, as a driver's would be.
#[derive(Default)]
#[repr(align(128))]
struct Tickets(AtomicU64);

/// Measures one producer and two in turns. Nothing where there is one CPU only.
pub(super) fn producers(rounds: u32) -> Result<Vec<Scaling>, AgentCostError> {
    let cpus = cpus::allowed()?;
    if cpus.len() < 2 {
        return Ok(Vec::new());
    }
    let _probes = Ebpf::attach(&TargetProcess::current()?, Duration::MAX)?;
    let mut scalings = On::ALL.map(|on| Scaling {
        on,
        ratio: Vec::new(),
    });
    for _ in 0..rounds {
        for scaling in &mut scalings {
            // ABBA.
            let mut took = [0.0; 2];
            for producers in [1, 2, 2, 1] {
                took[producers - 1] += run(producers, scaling.on, &cpus)?;
            }
            scaling.ratio.push(2.0 * took[0] / took[1]);
        }
    }
    Ok(scalings.into())
}

/// Seconds that `producers` take for [`PAIRS`] each.
fn run(producers: usize, on: On, cpus: &[usize]) -> Result<f64, AgentCostError> {
    let tickets: [Tickets; 2] = Default::default();
    let barrier = Barrier::new(producers);
    let times = thread::scope(|scope| {
        let threads = (0..producers).map(|number| {
            let (barrier, tickets) = (&barrier, &tickets);
            let cpu = cpus[number];
            let instance = match on {
                On::OwnInstances => number,
                On::OneInstance => 0,
            };
            scope.spawn(move || -> Result<(Instant, Instant), rustix::io::Errno> {
                let pinned = cpus::move_to(gettid(), cpu);
                barrier.wait();
                pinned?;
                let start = Instant::now();
                pairs(instance, &tickets[instance]);
                Ok((start, Instant::now()))
            })
        });
        let threads: Vec<_> = threads.collect();
        let times = threads.into_iter().map(|thread| {
            let joined = thread.join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        times.collect::<Result<Vec<_>, _>>()
    })?;
    let first = times.iter().map(|(start, _)| *start).min();
    let last = times.iter().map(|(_, end)| *end).max();
    Ok(first
        .zip(last)
        .map_or(0.0, |(first, last)| (last - first).as_secs_f64()))
}

fn pairs(instance: usize, tickets: &Tickets) {
    let number = u16::try_from(instance).unwrap_or_default();
    let instance = InstanceArg::new(number, Vendor::Vtd, true);
    for _ in 0..PAIRS {
        let ticket = tickets.0.fetch_add(1, Ordering::Relaxed) + 1;
        probes::invalidate_begin(ticket, instance, ObjectId(1), 1);
        probes::invalidate_end(ticket, instance, ObjectId(1), 1, 0);
    }
}
