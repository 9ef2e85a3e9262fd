use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::protocol::{AmdVi, Protocol, SmmuV3, Vtd};
use super::*;
use crate::{Command, HardwareError, Nanos, errno};

mod inline;
mod syncs;
mod timeouts;

const TARGET: ObjectId = ObjectId(1);

/// A number that [`Log`] rejects.
const ILLEGAL: u64 = u64::MAX;

/// A vendor's ring and what is put into it.
trait Kind: Protocol {
    const VENDOR: Vendor;
    const SIZE: Size;
    /// Room for commands and syncs.
    const ROOM: u64;
    /// First word of a command that is no sync.
    const LO: u64;
    const SYNC: Command;
    fn protocol() -> Self;
}

impl Kind for Vtd {
    const VENDOR: Vendor = Vendor::Vtd;
    const SIZE: Size = VTD;
    const ROOM: u64 = 255;
    const LO: u64 = 0x6;
    const SYNC: Command = Command::from_words([0x5, 0]);
    fn protocol() -> Self {
        Self::new(VTD.log2size)
    }
}

impl Kind for SmmuV3 {
    const VENDOR: Vendor = Vendor::SmmuV3;
    const SIZE: Size = SMMUV3;
    const ROOM: u64 = 256;
    const LO: u64 = 0x12;
    const SYNC: Command = Command::from_words([0x46, 0]);
    fn protocol() -> Self {
        Self::new(SMMUV3.log2size)
    }
}

impl Kind for AmdVi {
    const VENDOR: Vendor = Vendor::AmdVi;
    const SIZE: Size = AMDVI;
    const ROOM: u64 = 509;
    const LO: u64 = 3 << 60;
    const SYNC: Command = Command::from_words([1 << 60, 0]);
    fn protocol() -> Self {
        Self::new(AMDVI_SPARE as u64)
    }
}

fn command<P: Kind>(number: u64) -> Command {
    Command::from_words([P::LO, number])
}

/// A unit that writes down what it executes.
#[derive(Default)]
struct Log {
    numbers: Mutex<Vec<u64>>,
    len: AtomicU64,
}

impl Log {
    fn take(&self) -> Vec<u64> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *numbers)
    }
}

impl Unit for Log {
    fn execute(&self, command: Command) -> Result<(), HardwareError> {
        let [_, number] = command.words();
        if number == ILLEGAL {
            return Err(HardwareError::Illegal);
        }
        self.numbers.lock().unwrap().push(number);
        self.len.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A ring with all that a test looks at.
struct Rig<P> {
    ring: HostRing<P>,
    log: Arc<Log>,
    counters: Arc<Counters>,
}

impl<P: Kind> Rig<P> {
    fn new(profile: TimingProfile) -> Self {
        let log = Arc::new(Log::default());
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let ring = spawn(profile, log.clone(), Arc::clone(&counters));
        Self {
            ring,
            log,
            counters,
        }
    }

    fn submit(&self, commands: &[Command]) -> Result<(), SubmitError> {
        self.ring.submit_sync(TARGET, commands)
    }
}

fn spawn<P: Kind>(
    profile: TimingProfile,
    unit: Arc<dyn Unit>,
    counters: Arc<Counters>,
) -> HostRing<P> {
    let instance = InstanceArg::new(0, P::VENDOR, true);
    let ring = HostRing::spawn(instance, profile, unit, counters, P::protocol(), P::SIZE);
    let mut ring = ring.unwrap();
    // A loaded machine is no silent hardware.
    ring.set_timeout(Duration::from_mins(1));
    ring
}

fn executed_once_and_in_order<P: Kind>() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 400;
    let rig = Rig::<P>::new(TimingProfile::INSTANT);
    let numbers = |thread: u64, round: u64| {
        (0..(thread + round) % 17).map(move |index| thread << 32 | round << 8 | index)
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let rig = &rig;
            scope.spawn(move || {
                let mut own = 0;
                for round in 0..ROUNDS {
                    let commands: Vec<_> = numbers(thread, round).map(command::<P>).collect();
                    rig.submit(&commands).unwrap();
                    own += commands.len() as u64;
                    let all = rig.log.len.load(Ordering::Relaxed);
                    assert!(all >= own, "the sync completed early");
                }
            });
        }
    });
    let executed = rig.log.take();
    for thread in 0..THREADS {
        let of_thread = executed
            .iter()
            .copied()
            .filter(|number| number >> 32 == thread);
        let expected = (0..ROUNDS).flat_map(|round| numbers(thread, round));
        assert!(of_thread.eq(expected), "each once and in order");
    }
    // In one piece: neighbours of a submission are neighbours in the log.
    let pieces = executed.chunk_by(|a, b| a >> 8 == b >> 8).count() as u64;
    let filled = (0..THREADS).flat_map(|thread| (0..ROUNDS).map(move |round| (thread, round)));
    let filled = filled.filter(|(thread, round)| (thread + round) % 17 != 0);
    assert_eq!(pieces, filled.count() as u64);
    let commands = executed.len() as u64;
    let counts = rig.counters.snapshot();
    assert_eq!(
        (
            counts.submissions,
            counts.commands,
            counts.submission_errors
        ),
        (THREADS * ROUNDS, commands, 0)
    );
    assert_eq!(rig.ring.ring().head(), commands + THREADS * ROUNDS);
}

#[test]
fn each_command_of_many_submitters_is_executed_once_in_order_and_before_its_sync() {
    executed_once_and_in_order::<Vtd>();
    executed_once_and_in_order::<SmmuV3>();
    executed_once_and_in_order::<AmdVi>();
}

fn largest_submissions<P: Kind>() {
    let rig = Rig::<P>::new(TimingProfile::INSTANT);
    let max = P::SIZE.commands_max;
    let commands: Vec<_> = (0..=max as u64).map(command::<P>).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20 {
                    rig.submit(&commands[..max]).unwrap();
                }
            });
        }
    });
    assert_eq!(rig.log.take().len(), 60 * max, "room is waited for");
    let error = rig.submit(&commands).unwrap_err();
    let commands = max + 1;
    assert_eq!(error, SubmitError::TooManyCommands { commands, max });
    assert_eq!(error.errno(), errno::EINVAL);
    let foreign = [command::<P>(1), P::SYNC];
    assert_eq!(
        rig.submit(&foreign),
        Err(SubmitError::ForeignSync { index: 1 })
    );
    let submissions = rig.counters.snapshot().submissions;
    assert_eq!(submissions, 60, "what is refused was not submitted");
    assert!(rig.log.take().is_empty());
}

#[test]
fn the_largest_submissions_fill_a_ring_and_what_does_not_fit_is_refused() {
    largest_submissions::<Vtd>();
    largest_submissions::<SmmuV3>();
    largest_submissions::<AmdVi>();
    assert_eq!(
        [VTD, SMMUV3, AMDVI].map(|size| size.commands_max),
        [254, 63, 508]
    );
}

fn rejected_command<P: Kind>() {
    let rig = Rig::<P>::new(TimingProfile::INSTANT);
    let rejected = [1, ILLEGAL, 2, ILLEGAL, 3].map(command::<P>);
    let legal = [4, 5].map(command::<P>);
    std::thread::scope(|scope| {
        for commands in [&rejected[..], &legal[..], &rejected[..]] {
            let rig = &rig;
            scope.spawn(move || {
                for _ in 0..200 {
                    let expected = match commands.len() {
                        2 => Ok(()),
                        _ => Err(SubmitError::Rejected {
                            index: 1,
                            error: HardwareError::Illegal,
                        }),
                    };
                    assert_eq!(rig.submit(commands), expected);
                }
            });
        }
    });
    let executed = rig.log.take();
    let times = |number| executed.iter().filter(|&&n| n == number).count();
    assert_eq!(
        [1, 2, 3, 4, 5].map(times),
        [400, 0, 0, 200, 200],
        "what is behind a rejected command is not executed, what others submit is"
    );
    assert_eq!(rig.ring.ring().notes(), 0);
    let counts = rig.counters.snapshot();
    assert_eq!((counts.submissions, counts.submission_errors), (600, 400));
}

#[test]
fn a_rejected_command_ends_its_own_submission_and_no_other() {
    rejected_command::<Vtd>();
    rejected_command::<SmmuV3>();
    rejected_command::<AmdVi>();
}

fn sleeping_hardware<P: Kind>() {
    let rig = Rig::<P>::new(TimingProfile::INSTANT);
    for round in 0..300 {
        rig.submit(&[command::<P>(round)]).unwrap();
        // Around the time at which the hardware falls asleep.
        std::thread::sleep(Duration::from_micros(round % 100));
    }
    assert!(rig.log.take().into_iter().eq(0..300));
}

#[test]
fn hardware_that_sleeps_is_woken_every_time() {
    sleeping_hardware::<Vtd>();
    sleeping_hardware::<SmmuV3>();
    sleeping_hardware::<AmdVi>();
}

#[test]
fn idle_hardware_sleeps_and_is_stopped_by_a_drop() {
    let rig = Rig::<Vtd>::new(TimingProfile::STRICT);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !rig.ring.is_asleep() {
        assert!(Instant::now() < deadline, "it never slept");
        std::thread::yield_now();
    }
    let shared = Arc::downgrade(rig.ring.ring());
    drop(rig);
    assert!(shared.upgrade().is_none(), "the thread ended");
}

#[test]
fn busy_hardware_is_stopped_by_a_drop() {
    let ages = TimingProfile {
        per_command: Nanos(3_600_000_000_000),
        ..TimingProfile::INSTANT
    };
    let mut rig = Rig::<Vtd>::new(ages);
    rig.ring.set_timeout(Duration::from_millis(5));
    assert!(rig.submit(&[command::<Vtd>(1)]).is_err());
    drop(rig);
}

fn time_of_a_submission<P: Kind>() {
    let profile = TimingProfile {
        per_submission: Nanos(1_000_000),
        per_command: Nanos(2_000_000),
        per_wait: Nanos(500_000),
        ..TimingProfile::INSTANT
    };
    let rig = Rig::<P>::new(profile);
    let begin = Instant::now();
    rig.submit(&[command::<P>(1); 4]).unwrap();
    assert!(begin.elapsed() >= Duration::from_micros(9_500));
}

#[test]
fn a_submission_takes_at_least_the_time_of_its_profile() {
    time_of_a_submission::<Vtd>();
    time_of_a_submission::<SmmuV3>();
    time_of_a_submission::<AmdVi>();
}

macro_rules! executes_on_its_unit {
    ($ring:ty, $protocol:ty) => {{
        let (log, counters) = (
            Arc::new(Log::default()),
            Arc::new(Counters::new(Vendor::Vtd)),
        );
        let vendor = <$protocol>::VENDOR;
        let instance = InstanceArg::new(3, vendor, true);
        let profile = TimingProfile::of(vendor);
        let ring = <$ring>::spawn(instance, profile, log.clone(), Arc::clone(&counters)).unwrap();
        ring.submit_sync(TARGET, &[command::<$protocol>(7)])
            .unwrap();
        assert_eq!(log.take(), [7]);
        assert_eq!(counters.snapshot().commands, 1);
    }};
}

#[test]
fn the_public_rings_execute_on_the_unit_that_they_were_given() {
    executes_on_its_unit!(VtdRing, Vtd);
    executes_on_its_unit!(SmmuV3Ring, SmmuV3);
    executes_on_its_unit!(AmdRing, AmdVi);
}
