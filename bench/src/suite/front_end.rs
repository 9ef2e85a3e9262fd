//! What the front end itself takes per guest command: fetching from guest memory,
//! decoding, grouping, coalescing and completing, in front of a backend that does
//! nothing.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_agent::ThreadCounters;
use hwptop_driver::{
    Capture, CaptureError, Guest, Policy, ReplayError, Stream, double::NullBackend, guest_on,
};

use crate::{Interval, run_file::Point};

/// How many commands a doorbell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doorbells {
    /// One doorbell for each sync, as a single vCPU of Linux does it.
    PerSync,
    /// One doorbell for a full queue, as a busy guest with many vCPUs comes near.
    PerQueue,
}

impl Doorbells {
    const ALL: [Self; 2] = [Self::PerSync, Self::PerQueue];

    /// For tables and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerSync => "sync",
            Self::PerQueue => "queue",
        }
    }
}

/// What was measured of one capture, policy and kind of doorbell.
#[derive(Clone, Debug)]
pub struct FrontEndPoint {
    /// The capture.
    pub capture: String,
    /// How invalidations became requests.
    pub policy: Policy,
    /// How many commands a doorbell had.
    pub doorbells: Doorbells,
    /// Commands of the capture.
    pub commands: u64,
    /// Nanoseconds per command of each round, ascending.
    pub ns_per_command: Vec<f64>,
    /// Instructions per command; none where there are no counters.
    pub instructions_per_command: Option<f64>,
}

impl FrontEndPoint {
    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        let instructions = self.instructions_per_command;
        Point::at([
            ("capture", self.capture.clone()),
            ("policy", self.policy.name().to_owned()),
            ("doorbell_per", self.doorbells.name().to_owned()),
        ])
        .with("guest_commands", Some(self.commands))
        .with(
            "ns_per_guest_command",
            Interval::median_of(&self.ns_per_command),
        )
        .with("fastest_ns_per_guest_command", Some(self.fastest_ns()))
        .with("instructions_per_guest_command", instructions)
    }

    /// The median of the rounds, in nanoseconds per command.
    #[must_use]
    pub fn median_ns(&self) -> f64 {
        self.ns_per_command
            .get(self.ns_per_command.len() / 2)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// The fastest round, in nanoseconds per command: what other programs on the
    /// machine disturbed least.
    #[must_use]
    pub fn fastest_ns(&self) -> f64 {
        self.ns_per_command.first().copied().unwrap_or(f64::NAN)
    }
}

/// Why the suite ended early.
#[derive(Debug, thiserror::Error)]
pub enum FrontEndError {
    /// A built-in capture could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A guest could not be set up, or not go on.
    #[error("{capture}: {source}")]
    Guest {
        /// Its capture.
        capture: String,
        /// The reason.
        source: ReplayError,
    },
}

/// Replays every capture (the built-in ones if there is none) once per round, policy of
/// `policies` and kind of doorbell, interleaved, until `stop` is set. `progress` is told
/// the round.
///
/// # Errors
/// [`FrontEndError`], naming the capture.
pub fn front_end(
    captures: &[Capture],
    policies: &[Policy],
    rounds: u32,
    stop: &AtomicBool,
    mut progress: impl FnMut(u32),
) -> Result<Vec<FrontEndPoint>, FrontEndError> {
    let mut captures = captures.to_vec();
    if captures.is_empty() {
        captures = Capture::builtin_names()
            .map(Capture::builtin)
            .collect::<Result<_, _>>()?;
    }
    let mut variants = Vec::new();
    for capture in &captures {
        for &policy in policies {
            for doorbells in Doorbells::ALL {
                let variant = Variant::new(capture, policy, doorbells);
                variants.push(variant.map_err(|source| failed(capture.name(), source))?);
            }
        }
    }
    let mut counters = ThreadCounters::open();
    for round in 0..rounds {
        progress(round);
        for variant in &mut variants {
            variant
                .round(&mut counters)
                .map_err(|source| failed(&variant.point.capture, source))?;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(variants.into_iter().map(Variant::finish).collect())
}

fn failed(capture: &str, source: ReplayError) -> FrontEndError {
    FrontEndError::Guest {
        capture: capture.to_owned(),
        source,
    }
}

/// One capture under one policy.
struct Variant {
    guest: Guest<NullBackend>,
    instructions: Option<u64>,
    point: FrontEndPoint,
}

impl Variant {
    fn new(capture: &Capture, policy: Policy, doorbells: Doorbells) -> Result<Self, ReplayError> {
        let mut guest = guest_on(&Stream::from_capture(capture)?, NullBackend)?;
        guest.iommu_mut().set_policy(policy);
        Ok(Self {
            guest,
            instructions: None,
            point: FrontEndPoint {
                capture: capture.name().to_owned(),
                policy,
                doorbells,
                commands: capture.commands().len() as u64,
                ns_per_command: Vec::new(),
                instructions_per_command: None,
            },
        })
    }

    /// Replays the capture once. What the guest does itself is not timed.
    fn round(&mut self, counters: &mut Option<ThreadCounters>) -> Result<(), ReplayError> {
        self.guest.rewind();
        let mut elapsed = Duration::ZERO;
        let mut instructions = Some(0);
        loop {
            let tails = self.guest.queue_ahead()?;
            let Some(&last) = tails.last() else { break };
            let counting = counters.as_mut().is_some_and(|c| c.start().is_ok());
            let start = Instant::now();
            match self.point.doorbells {
                Doorbells::PerSync => {
                    for tail in tails {
                        self.guest.ring_up_to(tail)?;
                    }
                }
                Doorbells::PerQueue => self.guest.ring_up_to(last)?,
            }
            elapsed += start.elapsed();
            let counted = counters
                .as_mut()
                .filter(|_| counting)
                .and_then(ThreadCounters::stop);
            instructions = instructions
                .zip(counted)
                .map(|(sum, counted)| sum + counted.instructions);
        }
        let ns = elapsed.as_nanos() as f64 / self.point.commands as f64;
        self.point.ns_per_command.push(ns);
        self.instructions = instructions;
        Ok(())
    }

    fn finish(mut self) -> FrontEndPoint {
        self.point.ns_per_command.sort_by(f64::total_cmp);
        self.point.instructions_per_command = self
            .instructions
            .map(|instructions| instructions as f64 / self.point.commands as f64);
        self.point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capture_is_replayed_under_every_policy_and_kind_of_doorbell() {
        let stop = AtomicBool::new(false);
        let points = front_end(&[], &Policy::ALL, 2, &stop, |_| {}).expect("it runs");
        let captures = Capture::builtin_names().count();
        assert_eq!(points.len(), captures * Policy::ALL.len() * 2);
        for point in points {
            assert_eq!(point.ns_per_command.len(), 2);
            assert!(point.fastest_ns() > 0.0 && point.fastest_ns() <= point.median_ns());
            let (kept, capture) = (point.point(), &point.capture);
            assert_eq!(kept.labels.get("capture"), Some(capture));
            assert_eq!(kept.labels.len(), 3);
            assert!(kept.value("ns_per_guest_command") > Some(0.0));
            assert_eq!(kept.check(), Ok(()));
        }
    }

    #[test]
    fn a_policy_is_measured_alone_where_it_is_asked_for_alone() {
        let capture = Capture::builtin("smmuv3-nvme-strict").expect("it is built in");
        let stop = AtomicBool::new(false);
        let points = front_end(&[capture], &[Policy::Array], 1, &stop, |_| {});
        let policies: Vec<_> = points.expect("it runs").iter().map(|p| p.policy).collect();
        assert_eq!(policies, [Policy::Array; 2]);
    }
}
