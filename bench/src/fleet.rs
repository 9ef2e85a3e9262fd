//! Modelled guests that replay captured streams, one thread each.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hwptop_agent::{Recorder, full_message};
use hwptop_driver::{
    Backend, Capture, CapturedCommand, Counters, Counts, Guest, Policy, ReplayError, Stream,
    TimingProfile, Vendor, decorated_guest,
};

use crate::timed::Timed;

/// How fast captured streams are replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// A factor of the captured pace, above 0: 1 as captured, 10 ten times faster.
    /// Where the captured guest was idle for more than [`IDLE_GAP`], that long only.
    Captured(f64),
    /// As fast as the queue takes it.
    Max,
}

/// The longest that a replay at [`Pace::Captured`] 1 waits between two commands: what
/// a booting guest leaves out is not worth waiting for.
pub const IDLE_GAP: Duration = Duration::from_millis(100);

/// What a fleet is made of.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// The streams; instance i replays number i modulo their count. Not empty.
    pub captures: Vec<Capture>,
    /// How many instances, each with a guest of its own.
    pub instances: u16,
    /// How often each guest replays its stream; `None`: until stopped.
    pub passes: Option<u64>,
    /// How the guests' invalidations become requests.
    pub policy: Policy,
    /// How fast.
    pub pace: Pace,
    /// Where to time the guests in-process, if at all: instance i at position i.
    pub recorder: Option<Recorder>,
}

/// Why a fleet cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// There is nothing to replay.
    #[error("no captured stream to replay")]
    NoCapture,
    /// More streams than instances to replay them.
    #[error(
        "{captures} captures for {instances} instances: add instances={captures} to the target"
    )]
    TooManyCaptures {
        /// The streams.
        captures: usize,
        /// The instances.
        instances: u16,
    },
    /// A guest could not be set up.
    #[error("{capture}: {source}")]
    Guest {
        /// Its capture.
        capture: String,
        /// The reason.
        source: ReplayError,
    },
    /// No thread for a guest.
    #[error("starting a guest's thread: {0}; raise the limit of threads")]
    Spawn(io::Error),
}

/// Running guests. Dropping it stops them.
#[derive(Debug)]
pub struct Fleet {
    guests: Vec<Running>,
    stop: Arc<AtomicBool>,
    /// Of the guests, each once.
    vendors: BTreeSet<Vendor>,
}

/// How and when a guest came to its end.
#[derive(Debug)]
struct Ending {
    at: Instant,
    failure: Option<ReplayError>,
}

#[derive(Debug)]
struct Running {
    capture: String,
    counters: Arc<Counters>,
    ending: Arc<OnceLock<Ending>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// A thread that is gone without an ending: the panic has printed why.
    fn has_panicked(&self) -> bool {
        let gone = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        // In this order: the ending is there before the thread is gone.
        gone && self.ending.get().is_none()
    }

    fn ended_at(&self) -> Option<Instant> {
        let ending = self.ending.get().map(|ending| ending.at);
        ending.or_else(|| self.has_panicked().then(Instant::now))
    }
}

impl FleetError {
    /// Whether the machine is the reason, and not the input.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Spawn(_) => true,
            Self::Guest { source, .. } => source.is_the_machines(),
            Self::NoCapture | Self::TooManyCaptures { .. } => false,
        }
    }
}

impl Fleet {
    /// Starts every guest.
    ///
    /// # Errors
    /// [`FleetError`]; no guest runs then.
    pub fn start(config: &FleetConfig) -> Result<Self, FleetError> {
        let mut fleet = Self::empty();
        if config.captures.len() > usize::from(config.instances) {
            return Err(FleetError::TooManyCaptures {
                captures: config.captures.len(),
                instances: config.instances,
            });
        }
        let mut streams = Vec::new();
        for capture in &config.captures {
            let stream = Stream::from_capture(capture).map_err(|source| FleetError::Guest {
                capture: capture.name().to_owned(),
                source,
            })?;
            streams.push((capture.name(), stream));
        }
        // Every guest is set up before the first one runs.
        let mut guests = Vec::new();
        for number in 0..config.instances {
            let count = streams.len().max(1);
            let (name, stream) = streams
                .get(usize::from(number) % count)
                .ok_or(FleetError::NoCapture)?;
            let at = usize::from(number);
            let mut guest = decorated_guest(
                stream,
                number,
                &TimingProfile::of(stream.vendor()),
                |queue| Timed::new(queue, config.recorder.clone(), at),
                |backend| Timed::new(backend, config.recorder.clone(), at),
            )
            .map_err(|source| FleetError::Guest {
                capture: (*name).to_owned(),
                source,
            })?;
            fleet.vendors.insert(stream.vendor());
            guest.iommu_mut().set_policy(config.policy);
            guests.push(((*name).to_owned(), guest));
        }
        fleet.run(guests, config)
    }

    /// Starts guests that the caller has set up, on backends of its own choice; number i
    /// is instance i. Of `config`, `captures`, `instances` and `policy` say nothing about them.
    ///
    /// # Errors
    /// [`FleetError::Spawn`]; no guest runs then.
    pub fn of_guests<B: Backend + 'static>(
        guests: Vec<(String, Guest<B>)>,
        config: &FleetConfig,
    ) -> Result<Self, FleetError> {
        Self::empty().run(guests, config)
    }

    fn empty() -> Self {
        Self {
            guests: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            vendors: BTreeSet::new(),
        }
    }

    fn run<B: Backend + 'static>(
        mut self,
        guests: Vec<(String, Guest<B>)>,
        config: &FleetConfig,
    ) -> Result<Self, FleetError> {
        for (at, (capture, guest)) in guests.into_iter().enumerate() {
            let counters = guest.counters();
            let ending = Arc::new(OnceLock::new());
            let ended = Arc::clone(&ending);
            let replay = Replay {
                commands: guest.stream().clone(),
                guest,
                at,
                pace: config.pace,
                passes: config.passes,
                recorder: config.recorder.clone(),
                stop: Arc::clone(&self.stop),
            };
            let thread = thread::Builder::new()
                .name(format!("guest{at}"))
                .spawn(move || {
                    let failure = replay.run().err();
                    let at = Instant::now();
                    // It is set here only, and once.
                    let _ = ended.set(Ending { at, failure });
                })
                .map_err(FleetError::Spawn)?;
            self.guests.push(Running {
                capture,
                counters,
                ending,
                thread: Some(thread),
            });
        }
        Ok(self)
    }

    /// When the last guest came to its end, or could not go on; `None` while one runs.
    #[must_use]
    pub fn ended_at(&self) -> Option<Instant> {
        let endings = self.guests.iter().map(Running::ended_at);
        endings.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What the driver counted for instance `number`.
    #[must_use]
    pub fn counts(&self, number: usize) -> Option<Counts> {
        Some(self.guests.get(number)?.counters.snapshot())
    }

    /// Why the guest of instance `number` cannot go on, with its capture, if so.
    #[must_use]
    pub fn failure(&self, number: usize) -> Option<String> {
        let guest = self.guests.get(number)?;
        let reason = match guest.ending.get() {
            Some(ending) => full_message(ending.failure.as_ref()?),
            None if guest.has_panicked() => "the guest's thread panicked".to_owned(),
            None => return None,
        };
        Some(format!("{}: {reason}", guest.capture))
    }

    /// The model's timing profiles, stated in full.
    #[must_use]
    pub fn timing_profile(&self) -> String {
        let profiles = self
            .vendors
            .iter()
            .map(|&vendor| TimingProfile::of(vendor).describe(vendor));
        profiles.collect::<Vec<_>>().join("; ")
    }

    /// Stops every guest at its next doorbell and waits for that.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for guest in &mut self.guests {
            if let Some(thread) = guest.thread.take() {
                thread.thread().unpark();
                // Why a guest could not go on is in `failure`; one that panicked has
                // printed it.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One guest on its thread.
struct Replay<B> {
    guest: Guest<B>,
    commands: Stream,
    at: usize,
    pace: Pace,
    passes: Option<u64>,
    recorder: Option<Recorder>,
    stop: Arc<AtomicBool>,
}

impl<B: Backend> Replay<B> {
    fn run(mut self) -> Result<(), ReplayError> {
        let mut pass = 0;
        while self.passes.is_none_or(|passes| pass < passes) {
            self.guest.rewind();
            if !self.one_pass()? {
                break;
            }
            pass += 1;
        }
        Ok(())
    }

    /// Replays the stream once; `false` where it was stopped before the end.
    fn one_pass(&mut self) -> Result<bool, ReplayError> {
        let mut due = Instant::now();
        let mut last = Duration::ZERO;
        let mut position = 0;
        while let Some(at) = self
            .commands
            .commands()
            .get(position)
            .map(CapturedCommand::at)
        {
            if let Pace::Captured(factor) = self.pace {
                due += at.saturating_sub(last).min(IDLE_GAP).div_f64(factor);
                last = at;
                self.wait_until(due);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            position += self.doorbell()?;
        }
        Ok(true)
    }

    /// Does the next doorbell and returns how many descriptors it had.
    fn doorbell(&mut self) -> Result<usize, ReplayError> {
        let Some(recorder) = &self.recorder else {
            return self.guest.step().map(|step| step.descriptors as usize);
        };
        let before = self.guest.counters().snapshot();
        let step = self.guest.step();
        let after = self.guest.counters().snapshot();
        let descriptors = |counts: &Counts| counts.consumed();
        recorder.record_doorbell(
            self.at,
            descriptors(&after) - descriptors(&before),
            after.waits - before.waits,
        );
        if after.faults > before.faults {
            recorder.record_fault(self.at);
        }
        step.map(|step| step.descriptors as usize)
    }

    fn wait_until(&self, due: Instant) {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            // Unparked by `stop`.
            thread::park_timeout(left.min(Duration::from_secs(1)));
        }
    }
}

#[cfg(test)]
mod tests;
