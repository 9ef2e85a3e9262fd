//! What the agent costs: to have it, to look at a million events with it, to ask it, to start it and
//! to let it go.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_agent::{EbpfError, StaticProbeError};
use hwptop_driver::{InvalidateError, iommufd};

use crate::fleet::FleetError;

mod events;
mod point;
mod producers;
mod service;
mod watched;
mod watcher;

pub use events::{Events, Looking, MillionEvents};
pub use producers::{On, Scaling};
pub use service::Took;
pub use watched::{Doing, Watched};
pub(super) use {watched::fleet, watcher::cpu_of};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct AgentCostConfig {
    /// Where the million events are made; on the selftest nothing else is measured.
    pub events: Events,
    /// Modelled instances that the agent watches.
    pub instances: u16,
    /// How long it is watched in turn, idle and busy.
    pub time: Duration,
    /// Rounds of the comparisons.
    pub rounds: u32,
}

/// What the agent cost. Where it was stopped early, what was measured until then.
#[derive(Clone, Debug, Default)]
pub struct AgentCost {
    /// Of a million events.
    pub events: Option<MillionEvents>,
    /// While its target is idle, and while it is busy.
    pub watched: Vec<Watched>,
    /// Of single acts.
    pub took: Vec<Took>,
    /// What a second producer adds.
    pub scaling: Vec<Scaling>,
    /// Whether everything was measured.
    pub is_whole: bool,
}

/// Why the cost could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum AgentCostError {
    /// The agent could not be started.
    #[error("starting {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// It does not do what is waited for.
    #[error("the agent did not {0} in time; try `hwptop top --target pid:N --once` by hand")]
    Silent(&'static str),
    /// It is gone.
    #[error("the agent ended, where it was to {0}")]
    Ended(&'static str),
    /// It did not see what was done before its eyes.
    #[error("the agent recorded {recorded} of {made} events")]
    Unseen {
        /// Events in its last snapshot.
        recorded: u64,
        /// Events that were made.
        made: u64,
    },
    /// It does not answer.
    #[error("scraping the agent: {0}")]
    Scrape(io::Error),
    /// The target could not be set up.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Not a built-in capture any more.
    #[error(transparent)]
    Capture(#[from] hwptop_driver::CaptureError),
    /// The kernel refused an object of the mock.
    #[error(transparent)]
    Iommufd(#[from] iommufd::Error),
    /// The kernel refused a request.
    #[error("IOMMU_HWPT_INVALIDATE: {0}")]
    Request(#[from] InvalidateError),
    /// The probes of this process could not be attached to.
    #[error(transparent)]
    Ebpf(#[from] EbpfError),
    /// The probes of this process cannot be found.
    #[error(transparent)]
    Probes(#[from] StaticProbeError),
    /// A thread could not be kept on a CPU.
    #[error("sched_setaffinity: {0}")]
    Affinity(#[from] rustix::io::Errno),
    /// The kernel does not tell what the agent used.
    #[error("{path}: {what}")]
    Accounting {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Measures `program` (hwptop) on loads of this process, until `stop` is set. `progress` is
/// told what is measured now.
///
/// # Errors
/// [`AgentCostError`].
pub fn agent_cost(
    program: &Path,
    config: &AgentCostConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str),
) -> Result<AgentCost, AgentCostError> {
    let mut cost = AgentCost::default();
    let stopped = || stop.load(Ordering::Relaxed);
    let events =
        events::million_events(program, config.events, config.rounds, stop, &mut progress)?;
    cost.events = Some(events);
    if config.events == Events::Static {
        for doing in [Doing::Nothing, Doing::Captured] {
            if stopped() {
                return Ok(cost);
            }
            progress(&format!(
                "watching {} {} instances for {:?}",
                config.instances,
                doing.name(),
                config.time
            ));
            let watched = watched::watched(program, config.instances, doing, config.time, stop)?;
            cost.watched.extend(watched);
        }
        if stopped() {
            return Ok(cost);
        }
        progress("scraping, starting, detaching");
        cost.took.push(service::scrape(program, config.instances)?);
        cost.took.push(service::start(program)?);
        cost.took.push(service::detach()?);
        if stopped() {
            return Ok(cost);
        }
        progress("one producer and two");
        cost.scaling = producers::producers(config.rounds)?;
    }
    cost.is_whole = !stopped();
    Ok(cost)
}

/// This process as a target.
pub(super) fn this_process() -> String {
    format!("pid:{}", std::process::id())
}
