//! The headless agent while its target does little or nothing.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_driver::{Capture, Policy};

use super::{AgentCostError, this_process, watcher::Watcher};
use crate::fleet::{Fleet, FleetConfig, Pace};

const CAPTURE: &str = "vtd-first-stage-nvme-buffered-lazy";
const LOOK: Duration = Duration::from_millis(100);

/// What the target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// A little, once, and then nothing.
    Nothing,
    /// Every guest replays a captured stream as fast as it was captured.
    Captured,
}

/// What the agent cost with its target on.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// What the target did.
    pub doing: Doing,
    /// Instances it watched.
    pub instances: u16,
    /// How long.
    pub watched: Duration,
    /// CPU time it used in that time, user and kernel.
    pub cpu: Duration,
    /// The most memory it had resident since its start, in bytes.
    pub peak_resident_bytes: u64,
    /// Snapshots it printed in that time.
    pub snapshots: usize,
}

impl Doing {
    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "idle",
            Self::Captured => "busy",
        }
    }

    /// The most that watching it may take of one core: 0.01 is 1 %.
    #[must_use]
    pub const fn core_share_goal(self) -> f64 {
        match self {
            Self::Nothing => 0.01,
            Self::Captured => 0.02,
        }
    }
}

impl Watched {
    /// The most memory that the agent may have resident, in bytes.
    pub const RESIDENT_GOAL: u64 = 64 << 20;

    /// CPU time as a part of one core: 0.01 is 1 %.
    #[must_use]
    pub fn core_share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.watched.as_secs_f64()
    }
}

/// Guests on `instances` modelled instances of this process.
pub(in crate::suite) fn fleet(instances: u16, doing: Doing) -> Result<Fleet, AgentCostError> {
    Ok(Fleet::start(&FleetConfig {
        captures: vec![Capture::builtin(CAPTURE)?],
        instances,
        policy: Policy::default(),
        passes: matches!(doing, Doing::Nothing).then_some(1),
        pace: match doing {
            Doing::Nothing => Pace::Max,
            Doing::Captured => Pace::Captured(1.0),
        },
        recorder: None,
    })?)
}

/// Measures `program` for `time` as a headless agent, one snapshot per second.
/// `None` where `stop` was set before the end.
pub(super) fn watched(
    program: &Path,
    instances: u16,
    doing: Doing,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Option<Watched>, AgentCostError> {
    let agent = Watcher::top(program, &this_process(), "1s")?;
    // The first snapshot: attached.
    agent.wait_for_instances(0)?;
    let fleet = fleet(instances, doing)?;
    agent.wait_for_instances(usize::from(instances))?;
    // A whole interval: an idle target does nothing from here on.
    agent.wait_for_instances(usize::from(instances))?;
    let (start, cpu) = (Instant::now(), agent.cpu()?);
    let mut snapshots = 0;
    while start.elapsed() < time {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let look = time.saturating_sub(start.elapsed()).min(LOOK);
        snapshots += agent.lines_until(Instant::now() + look)?;
    }
    let watched = Watched {
        doing,
        instances,
        watched: start.elapsed(),
        cpu: agent.cpu()?.saturating_sub(cpu),
        peak_resident_bytes: agent.peak_resident_bytes()?,
        snapshots,
    };
    drop(fleet);
    Ok(Some(watched))
}
