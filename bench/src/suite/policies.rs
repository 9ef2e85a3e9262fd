//! What the batching policies make of guests' streams: each capture, replayed by 1 to
//! 8 vCPUs that share one guest queue.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_abi::Vendor;
use hwptop_agent::snapshot::latency_histogram;
use hwptop_driver::{AssignedGuest, Capture, Policy, ReplayError, TimingProfile};

mod point;

pub use point::{Delivery, PolicyPoint};

use super::queues::{Broken, Counted, Crew, Done, Ground, GuestsOn, Queue, StreamsError, Workload};
use crate::steadiness::{ROUNDS, Steadiness};

/// How many vCPUs share the queue.
pub const VCPUS: [usize; 4] = [1, 2, 4, 8];

/// What to measure.
#[derive(Clone, Debug)]
pub struct PoliciesConfig {
    /// Where the guests are.
    pub on: GuestsOn,
    /// Whose; none: those of the captures.
    pub vendor: Option<Vendor>,
    /// Streams in the place of the built-in ones, if any.
    pub captures: Vec<Capture>,
    /// Under which policies.
    pub policies: Vec<Policy>,
    /// How long each point.
    pub time: Duration,
}

/// Measures every stream with every number of vCPUs and every delivery that it can
/// have, or what it could before `stop` was set; the deliveries in turns, so that they
/// can be compared. `progress` is told stream, vCPUs and how many points are done of how many.
///
/// # Errors
/// [`StreamsError`], naming stream and vCPUs.
pub fn policies(
    config: &PoliciesConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, usize, (usize, usize)),
) -> Result<Vec<PolicyPoint>, StreamsError> {
    let ground = config.on.open(config.vendor)?;
    let workloads = Workload::all(&config.captures, ground.vendor)?;
    let deliveries = |workload: &Workload| -> Vec<Delivery> {
        let requests = config.policies.iter().copied().map(Delivery::Requests);
        let has_hw_queue = workload.has_hw_queue && ground.is_modelled();
        let hw_queue = has_hw_queue.then_some(Delivery::HwQueue);
        requests.chain(hw_queue).collect()
    };
    let rows: usize = workloads.iter().map(|one| deliveries(one).len()).sum();
    let all = rows * VCPUS.len();
    let mut points = Vec::new();
    for workload in &workloads {
        for vcpus in VCPUS {
            progress(&workload.name, vcpus, (points.len(), all));
            let place = Place {
                ground: &ground,
                workload,
                vcpus,
                time: config.time,
                stop,
            };
            let measured = place.measure(&deliveries(workload));
            let measured = measured
                .map_err(|broken| broken.at(format!("{}, {vcpus} vCPUs", workload.name)))?;
            if stop.load(Ordering::Relaxed) {
                return Ok(points);
            }
            points.extend(measured);
        }
    }
    Ok(points)
}

/// A stream with a number of vCPUs: its deliveries are measured in turns.
struct Place<'a> {
    ground: &'a Ground,
    workload: &'a Workload,
    vcpus: usize,
    time: Duration,
    stop: &'a AtomicBool,
}

/// One delivery that is being measured.
struct Turns<'a> {
    delivery: Delivery,
    crew: Crew<'a>,
    counted: Counted,
    done: Vec<Done>,
}

impl Place<'_> {
    /// Nothing of use where it is stopped.
    fn measure(&self, deliveries: &[Delivery]) -> Result<Vec<PolicyPoint>, Broken> {
        let stream = &self.workload.stream;
        // One queue for all policies: some IOMMUs take one guest at a time.
        let mut requests = [self.ground.queue(stream, 0)?];
        let mut assigned = if deliveries.contains(&Delivery::HwQueue) {
            self.assigned()?
        } else {
            None
        };
        let mut turns: Vec<_> = deliveries.iter().map(|&of| self.turns(of)).collect();
        for round in 0..=ROUNDS {
            for turn in &mut turns {
                let queues = match (turn.delivery, &mut assigned) {
                    (Delivery::HwQueue, Some(assigned)) => assigned,
                    _ => &mut requests,
                };
                // The first is warm-up.
                self.turn(turn, queues, round == 0)?;
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(Vec::new());
                }
            }
        }
        Ok(turns.into_iter().map(|turns| self.point(turns)).collect())
    }

    fn assigned(&self) -> Result<Option<[Box<dyn Queue>; 1]>, ReplayError> {
        let stream = &self.workload.stream;
        let profile = TimingProfile::of(stream.vendor());
        let guest = AssignedGuest::new(stream, 0, &profile)?;
        Ok(guest.map(|guest| -> [Box<dyn Queue>; 1] { [Box::new(guest)] }))
    }

    fn turns(&self, delivery: Delivery) -> Turns<'_> {
        Turns {
            delivery,
            crew: Crew::new(&self.workload.units, self.vcpus, self.stop),
            counted: Counted::default(),
            done: Vec::new(),
        }
    }

    fn turn(
        &self,
        turns: &mut Turns<'_>,
        queues: &mut [Box<dyn Queue>; 1],
        is_warm_up: bool,
    ) -> Result<(), Broken> {
        if let Delivery::Requests(policy) = turns.delivery {
            queues[0].set_policy(policy);
        }
        let time = if is_warm_up {
            self.time / 5
        } else {
            self.time / ROUNDS
        };
        let before = queues[0].read()?;
        let done = turns.crew.closed(queues, self.vcpus, time)?;
        if !is_warm_up {
            let counted = queues[0].read()?.since(&before);
            turns.counted.add(&counted);
            turns.done.push(done);
        }
        Ok(())
    }

    fn point(&self, turns: Turns<'_>) -> PolicyPoint {
        let mut sync_latency = latency_histogram();
        let (mut instructions, mut elapsed) = (Some(0), Duration::ZERO);
        for done in &turns.done {
            sync_latency += &done.latency;
            elapsed += done.elapsed;
            instructions = instructions.zip(done.instructions).map(|(a, b)| a + b);
        }
        let each = |done: &Done| done.elapsed.as_secs_f64() / done.entries as f64;
        let counted = turns.counted;
        let submission = counted.submission.as_ref().map(|of| &of.0);
        PolicyPoint {
            stream: self.workload.name.clone(),
            vendor: self.workload.stream.vendor(),
            vcpus: self.vcpus,
            delivery: turns.delivery,
            guest_commands: counted.guest_commands,
            syncs: counted.syncs,
            requests: counted.request.0.seen,
            entries: counted.request.0.items,
            submissions: submission.map(|of| of.seen),
            commands: submission.map(|of| of.items),
            sync_latency,
            request_latency: counted.request.latency(),
            instructions,
            elapsed,
            steadiness: Steadiness::of(&turns.done.iter().map(each).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests;
