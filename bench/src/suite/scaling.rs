//! Whether more instances, and more producers for each, get more done: guests that unmap pages and
//! wait, on several instances at once, each with several vCPUs.
//!
//! Each point is measured in turns with one producer alone, on the same queues, so that what drifts
//! hits both alike: efficiency is their ratio by producer, round by round.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_abi::{MAX_INSTANCES, Vendor};
use hwptop_agent::{SourceError, snapshot::latency_histogram};
use hwptop_driver::{Policy, ReplayError, Stream};

mod point;

pub use point::ScalingPoint;

use super::queues::{Broken, Counted, Crew, Done, Ground, GuestsOn, GuestsOnError, Queue, unmaps};
use crate::{
    Interval,
    steadiness::{ROUNDS, Steadiness},
};

/// The most producers of all instances together: each is a thread.
pub const PRODUCERS_MAX: usize = 256;

/// What to measure.
#[derive(Clone, Debug)]
pub struct ScalingConfig {
    /// Where the guests are.
    pub on: GuestsOn,
    /// Whose; none: VT-d's, or those that the target takes.
    pub vendor: Option<Vendor>,
    /// How many instances, each with a guest: 1 to 64.
    pub instances: Vec<u16>,
    /// How many producers for each.
    pub producers: Vec<u16>,
    /// Pages that a producer unmaps before it waits.
    pub batch: u32,
    /// How they become requests.
    pub policy: Policy,
    /// How long each point.
    pub time: Duration,
}

/// Why the suite ended early.
#[derive(Debug, thiserror::Error)]
pub enum ScalingError {
    /// There can be no guest.
    #[error(transparent)]
    Target(#[from] GuestsOnError),
    /// There is one IOMMU behind a device.
    #[error(
        "{instances} instances: behind a device there is one, for one guest at a time; take \
         --instances 1"
    )]
    OneInstance {
        /// As many were asked for.
        instances: u16,
    },
    /// They are too many.
    #[error(
        "{instances} instances with {producers} producers each: {PRODUCERS_MAX} producers are the \
         most"
    )]
    TooMany {
        /// So many instances.
        instances: u16,
        /// With so many each.
        producers: u16,
    },
    /// A guest could not be set up, or not go on.
    #[error("{instances} instances, {producers} producers: {source}")]
    Guest {
        /// The instances.
        instances: u16,
        /// The producers of each.
        producers: u16,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

impl ScalingError {
    /// Whether the machine is the reason, and not what was asked for.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Target(error) => error.is_the_machines(),
            Self::Guest { source, .. } => source.is_the_machines(),
            Self::Read(_) => true,
            Self::OneInstance { .. } | Self::TooMany { .. } => false,
        }
    }
}

/// How many there are by default: 1, 2, 4, up to the CPUs, 2 at least and 8 at most.
#[must_use]
pub fn up_to_the_cpus(cpus: usize) -> Vec<u16> {
    let most = cpus.clamp(2, 8);
    let powers = [1_u16, 2, 4, 8].into_iter();
    powers.filter(|&count| usize::from(count) <= most).collect()
}

/// Measures every number of instances with every number of producers, or what it could before
/// `stop` was set. `progress` is told both, and how many points are done of how many.
///
/// # Errors
/// [`ScalingError`], naming both.
pub fn scaling(
    config: &ScalingConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(u16, u16, (usize, usize)),
) -> Result<Vec<ScalingPoint>, ScalingError> {
    let grid: Vec<(u16, u16)> = config
        .instances
        .iter()
        .flat_map(|&instances| config.producers.iter().map(move |&each| (instances, each)))
        .collect();
    for &(instances, producers) in &grid {
        let all = usize::from(instances) * usize::from(producers);
        if all > PRODUCERS_MAX || u32::from(instances) > MAX_INSTANCES {
            return Err(ScalingError::TooMany {
                instances,
                producers,
            });
        }
    }
    let ground = config.on.open(config.vendor)?;
    let largest = config.instances.iter().max().copied().unwrap_or_default();
    if ground
        .guests_max()
        .is_some_and(|max| usize::from(largest) > max)
    {
        let instances = largest;
        return Err(ScalingError::OneInstance { instances });
    }
    let (stream, commands) = unmaps(ground.vendor.unwrap_or(Vendor::Vtd), config.batch);
    let units = [commands];
    let mut points = Vec::new();
    for &(instances, producers) in &grid {
        progress(instances, producers, (points.len(), grid.len()));
        let place = Place {
            config,
            ground: &ground,
            stream: &stream,
            units: &units,
            instances,
            producers,
            stop,
        };
        let point = place.measure().map_err(|broken| match broken {
            Broken::Guest(source) => ScalingError::Guest {
                instances,
                producers,
                source: Box::new(source),
            },
            Broken::Read(error) => error.into(),
        })?;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        points.push(point);
    }
    Ok(points)
}

/// One point that is being measured.
struct Place<'a> {
    config: &'a ScalingConfig,
    ground: &'a Ground,
    stream: &'a Stream,
    units: &'a [Vec<[u64; 2]>],
    instances: u16,
    producers: u16,
    stop: &'a AtomicBool,
}

impl Place<'_> {
    fn all(&self) -> usize {
        usize::from(self.instances) * usize::from(self.producers)
    }

    /// A queue of each instance, for its producers to share; on the mock of each producer, so that
    /// their requests meet in the kernel only.
    fn queues(&self) -> Result<Vec<Box<dyn Queue>>, ReplayError> {
        let count = if self.ground.has_queue_for_each() {
            self.all()
        } else {
            usize::from(self.instances)
        };
        // At most 256.
        let numbers = (0..u16::try_from(count).unwrap_or(u16::MAX)).map(|number| {
            let mut queue = self.ground.queue(self.stream, number)?;
            queue.set_policy(self.config.policy);
            Ok(queue)
        });
        numbers.collect()
    }

    fn measure(&self) -> Result<ScalingPoint, Broken> {
        let mut queues = self.queues()?;
        let all = self.all();
        let mut crew = Crew::new(self.units, all, self.stop);
        crew.closed(&queues, all, self.config.time / 5)?;
        let mut counted = Counted::default();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        let time = self.config.time / ROUNDS;
        for round in 0..ROUNDS {
            // ABBA.
            let one_first = round % 2 == 1;
            if all > 1 && one_first {
                alone.push(crew.closed(&queues[..1], 1, time)?);
            }
            let before = read(&mut queues)?;
            together.push(crew.closed(&queues, all, time)?);
            counted.add(&read(&mut queues)?.since(&before));
            if all > 1 && !one_first {
                alone.push(crew.closed(&queues[..1], 1, time)?);
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(self.point(&together, &alone, &counted, queues.len()))
    }

    fn point(
        &self,
        together: &[Done],
        alone: &[Done],
        counted: &Counted,
        queues: usize,
    ) -> ScalingPoint {
        let all = self.all() as f64;
        let per_s = |done: &Done| done.entries as f64 / done.elapsed.as_secs_f64();
        let rounds = together.iter().zip(alone);
        let efficiencies = rounds.map(|(all_of, one)| per_s(all_of) / all / per_s(one));
        let mut sync_latency = latency_histogram();
        for done in together {
            sync_latency += &done.latency;
        }
        let seconds = |done: &Done| done.elapsed.as_secs_f64() / done.entries as f64;
        let submission = counted.submission.as_ref().map(|of| &of.0);
        ScalingPoint {
            vendor: self.stream.vendor(),
            instances: self.instances,
            producers: self.producers,
            queues,
            guest_entries: together.iter().map(|done| done.entries).sum(),
            requests: counted.request.0.seen,
            entries: counted.request.0.items,
            submissions: submission.map(|of| of.seen),
            commands: submission.map(|of| of.items),
            elapsed: together.iter().map(|done| done.elapsed).sum(),
            per_s: Interval::median_of(&together.iter().map(per_s).collect::<Vec<_>>()),
            efficiency: Interval::median_of(&efficiencies.collect::<Vec<_>>()),
            sync_latency,
            request_latency: counted.request.latency(),
            steadiness: Steadiness::of(&together.iter().map(seconds).collect::<Vec<_>>()),
        }
    }
}

/// What all queues together counted.
fn read(queues: &mut [Box<dyn Queue>]) -> Result<Counted, SourceError> {
    let mut sum = Counted::default();
    for queue in queues {
        sum.add(&queue.read()?);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
