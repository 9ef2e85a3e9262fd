//! Whether the kernel probes' figures can be true: requests of threads that are moved
//! between CPUs all the time are held against what the threads saw themselves.

use std::sync::atomic::AtomicBool;

use hwptop_abi::Stage;
use hwptop_agent::kernel::facts::Facts;
use hwptop_agent::{
    InstanceKind, InstanceTotals, Kernel, KernelError, KernelOptions, Source as _, SourceError,
    StageTotals, Totals,
};

use crate::load::{LoadConfig, LoadError, LoadReport, load};

mod check;

pub use check::{Check, Finding};
use check::{Counted, checks};

/// The least part of the seen intervals that must have been recorded.
const MATCHED_GOAL: f64 = 0.9999;

/// What the threads and the probes saw, and whether it agrees.
#[derive(Clone, Debug)]
pub struct Integrity {
    /// What was done, as the threads saw it.
    pub load: LoadReport,
    /// What the probes counted of requests.
    pub requests: StageTotals,
    /// What the probes counted of driver ops.
    pub driver_ops: StageTotals,
    /// Every check.
    pub checks: Vec<Check>,
}

impl Integrity {
    /// What all checks together found: one that fails goes before one that proves nothing.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let any = |finding| self.checks.iter().any(|check| check.finding == finding);
        if any(Finding::Fails) {
            Finding::Fails
        } else if any(Finding::ProvesNothing) {
            Finding::ProvesNothing
        } else {
            Finding::Holds
        }
    }

    /// The checks that found this.
    pub fn with_finding(&self, finding: Finding) -> impl Iterator<Item = &Check> {
        let found = move |check: &&Check| check.finding == finding;
        self.checks.iter().filter(found)
    }
}

/// Why the suite cannot run.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    /// The kernel cannot be watched.
    #[error(transparent)]
    Probes(#[from] KernelError),
    /// The load could not be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What was counted could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

/// Puts the kernel probes on, makes the load, and checks. `None` where `stop` was set
/// before the end. `progress` is told how many requests are done.
///
/// # Errors
/// [`IntegrityError`].
pub fn integrity(
    config: &LoadConfig,
    stop: &AtomicBool,
    progress: impl FnMut(u64),
) -> Result<Option<Integrity>, IntegrityError> {
    let options = KernelOptions {
        only_tgid: Some(std::process::id()),
        ..KernelOptions::default()
    };
    let mut probes = Kernel::attach(&Facts::of_this_machine(), &options)?;
    let before = Counters::of(&probes.read()?);
    let load = load(config, stop, progress)?;
    if load.seen.walls.0.seen < config.requests {
        return Ok(None);
    }
    let after = Counters::of(&probes.read()?);
    let counted = after.since(&before);
    Ok(Some(Integrity {
        checks: checks(config, &load, &counted),
        load,
        requests: counted.requests,
        driver_ops: counted.driver_ops,
    }))
}

/// The mock's totals, and what belongs to no instance.
#[derive(Default)]
struct Counters {
    requests: StageTotals,
    driver_ops: StageTotals,
    unattributed: StageTotals,
    without_instance: u64,
}

impl Counters {
    fn of(totals: &Totals) -> Self {
        let mut counters = Self {
            without_instance: totals.unattributed,
            ..Self::default()
        };
        let mocks = totals.instances.iter();
        for mock in mocks.filter(|instance| instance.kind == InstanceKind::Mock) {
            let stage = |stage| InstanceTotals::stage(mock, stage);
            counters.requests.add(&stage(Stage::Request).0);
            counters.driver_ops.add(&stage(Stage::DriverOp).0);
            counters.unattributed.add(&stage(Stage::Unattributed).0);
        }
        counters
    }

    fn since(&self, earlier: &Self) -> Counted {
        Counted {
            requests: self.requests.since(&earlier.requests),
            driver_ops: self.driver_ops.since(&earlier.driver_ops),
            unattributed: self.unattributed.since(&earlier.unattributed),
            without_instance: self.without_instance - earlier.without_instance,
        }
    }
}
