//! Where a request's time goes, by batch size: a guest unmaps pages and waits, while the stages of
//! its requests are timed. On the real `/dev/iommu` the kernel's functions are, by eBPF; on the
//! model the driver's static probes, or without the right to eBPF the process' own clock.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_abi::Vendor;
use hwptop_agent::{KernelError, SourceError};
use hwptop_driver::{Policy, ReplayError};

mod point;
mod watch;

pub use point::{StagePoint, Sums};
pub use watch::Watching;

use super::{
    batching::Sizes,
    queues::{Guest, GuestsOn, GuestsOnError, unmaps},
};
use crate::steadiness::{ROUNDS, Steadiness};
use watch::Watch;

/// What to measure.
#[derive(Clone, Debug)]
pub struct StagesConfig {
    /// Where the guests are.
    pub on: GuestsOn,
    /// Whose; none: VT-d's, or those that the target takes.
    pub vendor: Option<Vendor>,
    /// Modelled instances, one after the other; of others there is one.
    pub instances: u16,
    /// Entries per request.
    pub sizes: Sizes,
    /// How long each point.
    pub time: Duration,
}

/// Why the suite ended early.
#[derive(Debug, thiserror::Error)]
pub enum StagesError {
    /// There can be no guest.
    #[error(transparent)]
    Target(#[from] GuestsOnError),
    /// The kernel cannot be watched.
    #[error("what a request takes within the kernel is timed by eBPF: {0}")]
    Kernel(#[from] KernelError),
    /// A guest could not be set up, or not go on.
    #[error("{place}: {source}")]
    Guest {
        /// The instance, and entries per request.
        place: String,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
    /// Requests were made, and none was seen.
    #[error(
        "batch {batch}: no request was seen by what times them: `hwptop doctor` says what is attached"
    )]
    Unseen {
        /// Entries per request.
        batch: u32,
    },
}

impl StagesError {
    /// Whether the machine is the reason, and not what was asked for.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Target(error) => error.is_the_machines(),
            Self::Guest { source, .. } => source.is_the_machines(),
            Self::Kernel(_) | Self::Read(_) | Self::Unseen { .. } => true,
        }
    }
}

/// What was measured, and how.
#[derive(Clone, Debug)]
pub struct Stages {
    /// Whose commands the guests used.
    pub vendor: Vendor,
    /// What timed the stages.
    pub watching: Watching,
    /// In order of instance, then batch.
    pub points: Vec<StagePoint>,
}

/// Measures every batch size on every instance, or what it could before `stop` was set. `progress`
/// is told what is measured, and how many points are done of how many.
///
/// # Errors
/// [`StagesError`].
pub fn stages(
    config: &StagesConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, (usize, usize)),
) -> Result<Stages, StagesError> {
    let ground = config.on.open(config.vendor)?;
    let vendor = ground.vendor.unwrap_or(Vendor::Vtd);
    let instances = if ground.is_modelled() {
        config.instances
    } else {
        1
    };
    // The probes first, so that nothing that is done goes unseen.
    let mut watch = Watch::of(&config.on, vendor, instances)?;
    let watching = watch.watching().clone();
    let all = usize::from(instances) * config.sizes.as_slice().len();
    let mut points = Vec::new();
    'all: for number in 0..instances {
        let at = |place: String| {
            move |source| StagesError::Guest {
                place,
                source: Box::new(source),
            }
        };
        let timed = watch.timed(usize::from(number));
        // Whatever it unmaps, it needs the same.
        let stream = unmaps(vendor, 0).0;
        let guest = ground.guest(&stream, number, &timed);
        let mut guest = guest.map_err(at(format!("instance {number}")))?;
        guest.set_policy(Policy::Array);
        for &batch in config.sizes.as_slice() {
            let place = format!("instance {number}, batch {batch}");
            progress(&place, (points.len(), all));
            let at = || at(place.clone());
            let commands = unmaps(vendor, batch).1;
            let drive = Drive {
                guest: &*guest,
                commands: &commands,
                stop,
            };
            drive.run(config.time / 5).map_err(at())?;
            watch.snapshot()?;
            let rounds = (0..ROUNDS).map(|_| drive.run(config.time / ROUNDS));
            let rounds = rounds.collect::<Result<Vec<_>, _>>().map_err(at())?;
            let snapshot = watch.snapshot()?;
            if stop.load(Ordering::Relaxed) {
                break 'all;
            }
            let elapsed = rounds.iter().map(|round| round.elapsed).sum();
            let each = |round: &Round| round.elapsed.as_secs_f64() / round.requests as f64;
            let steadiness = Steadiness::of(&rounds.iter().map(each).collect::<Vec<_>>());
            let mut seen = snapshot.instances.into_iter();
            // The kernel numbers its own.
            let is_it = |number_of| !ground.is_modelled() || number_of == number;
            let instance = seen
                .find(|one| is_it(one.number) && one.interval.request.seen > 0)
                .ok_or(StagesError::Unseen { batch })?;
            points.push(StagePoint {
                instance: instance.name,
                batch,
                elapsed,
                sums: Sums::of(&instance.interval),
                activity: instance.interval,
                steadiness,
            });
        }
    }
    Ok(Stages {
        vendor,
        watching,
        points,
    })
}

/// A guest that unmaps the same pages again and again.
struct Drive<'a> {
    guest: &'a dyn Guest,
    commands: &'a [[u64; 2]],
    stop: &'a AtomicBool,
}

struct Round {
    requests: u64,
    elapsed: Duration,
}

impl Drive<'_> {
    /// For `time`, and once at least.
    fn run(&self, time: Duration) -> Result<Round, ReplayError> {
        let began = Instant::now();
        let mut requests = 0_u64;
        let mut word = 0_u32;
        loop {
            word = word.wrapping_add(1);
            self.guest.submit(0, word, self.commands)?;
            requests += 1;
            let elapsed = began.elapsed();
            if elapsed >= time || self.stop.load(Ordering::Relaxed) {
                return Ok(Round { requests, elapsed });
            }
        }
    }
}

#[cfg(test)]
mod tests;
