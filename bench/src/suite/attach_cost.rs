//! What putting the kernel probes on and taking them off costs, and whether anything stays.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hwptop_agent::kernel::{Held, facts::Facts};
use hwptop_agent::{Kernel, KernelError, KernelOptions, nanos, snapshot::latency_histogram};

use crate::run_file::Point;

/// How long the kernel may take to free what was let go of.
const SETTLES_IN: Duration = Duration::from_secs(10);

/// What the rounds took and what they left.
#[derive(Clone, Debug)]
pub struct AttachCost {
    /// Rounds that were done.
    pub rounds: u32,
    /// Kernel functions that the programs sat on, the fewest of any round.
    pub functions: usize,
    /// From nothing to every program on its function, ns.
    pub attach: Histogram<u64>,
    /// From there until every descriptor is closed, ns.
    pub detach: Histogram<u64>,
    /// What eBPF the kernel held before the first round.
    pub before: Held,
    /// The same after the last one.
    pub after: Held,
}

impl AttachCost {
    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        Point::default()
            .with_times("attach_latency", &self.attach)
            .with_times("detach_latency", &self.detach)
    }
}

/// Attaches and detaches the kernel probes `rounds` times, or until `stop` is set.
/// `progress` is told the number of each round.
///
/// # Errors
/// [`KernelError`].
pub fn attach_cost(
    rounds: u32,
    stop: &AtomicBool,
    mut progress: impl FnMut(u32),
) -> Result<AttachCost, KernelError> {
    let facts = Facts::of_this_machine();
    let before = Held::now();
    let mut cost = AttachCost {
        rounds: 0,
        functions: usize::MAX,
        attach: latency_histogram(),
        detach: latency_histogram(),
        before,
        after: before,
    };
    while cost.rounds < rounds && !stop.load(Ordering::Relaxed) {
        progress(cost.rounds);
        let start = Instant::now();
        let kernel = Kernel::attach(&facts, &KernelOptions::default())?;
        cost.attach.saturating_record(nanos(start.elapsed()));
        let plans = kernel.plans().iter();
        let functions = plans.filter(|plan| plan.chosen.is_some()).count();
        cost.functions = cost.functions.min(functions);
        let start = Instant::now();
        drop(kernel);
        cost.detach.saturating_record(nanos(start.elapsed()));
        cost.rounds += 1;
    }
    cost.after = before.settled(SETTLES_IN);
    Ok(cost)
}
