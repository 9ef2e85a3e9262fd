use std::io;
use std::sync::Arc;
use std::time::Duration;

use hwptop_abi::InstanceArg;

use super::account::Account;
use super::pace::{Clock, Pace};
use super::patience::Patience;
use super::protocol::{Doze, Executor, Protocol, Ring, Waiter};
use super::thread::{HardwareThread, Machine};
use super::timing::TimingProfile;
use crate::{Command, Counters, ObjectId, SubmitError, Unit};

/// How long a submitter looks at silent hardware.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What differs between the hosts' rings beside their protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Entries of the ring: 2^`log2size`.
    pub(super) log2size: u32,
    /// The most commands in one submission, its sync not counted.
    pub(super) commands_max: usize,
}

/// A ring of the host's, with one hardware thread that executes it in order.
///
/// While nothing is submitted the thread sleeps. Dropping the ring ends it; a
/// command in execution is waited for.
#[derive(Debug)]
pub(super) struct HostRing<P> {
    account: Account,
    ring: Arc<Ring<P>>,
    clock: Clock,
    timeout: Duration,
    hardware: Option<HardwareThread>,
}

impl<P: Protocol> HostRing<P> {
    pub(super) fn spawn(
        instance: InstanceArg,
        profile: TimingProfile,
        unit: Arc<dyn Unit>,
        counters: Arc<Counters>,
        protocol: P,
        size: Size,
    ) -> io::Result<Self> {
        let mut host = Self::without_hardware(instance, counters, protocol, size);
        let doze = Arc::new(Doze::new());
        let hardware = Hardware {
            ring: Arc::clone(&host.ring),
            doze: Arc::clone(&doze),
            unit,
            profile,
            executor: Executor::default(),
            pace: Pace::new(host.clock),
        };
        host.hardware = Some(HardwareThread::spawn(instance, doze, hardware)?);
        Ok(host)
    }

    /// A ring that nobody executes.
    pub(super) fn without_hardware(
        instance: InstanceArg,
        counters: Arc<Counters>,
        protocol: P,
        size: Size,
    ) -> Self {
        Self {
            account: Account::new(instance, counters, size.commands_max, P::is_sync),
            ring: Arc::new(Ring::new(protocol, size.log2size)),
            clock: Clock::start(),
            timeout: TIMEOUT,
            hardware: None,
        }
    }

    pub(super) fn submit_sync(
        &self,
        target: ObjectId,
        commands: &[Command],
    ) -> Result<(), SubmitError> {
        self.account.submit(target, commands, |commands| {
            let issued = self
                .ring
                .issue(commands, &mut self.waiter(Patience::new(self.timeout)))?;
            let woken = self.hardware.as_ref().is_some_and(HardwareThread::wake);
            let patience = if woken {
                // Its thread may have been put on this CPU.
                Patience::yielding(self.timeout)
            } else {
                Patience::new(self.timeout)
            };
            self.ring.wait(issued, &mut self.waiter(patience))
        })
    }

    const fn waiter(&self, patience: Patience) -> HostWaiter {
        HostWaiter {
            clock: self.clock,
            patience,
        }
    }

    #[cfg(test)]
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    #[cfg(test)]
    pub(super) const fn ring(&self) -> &Arc<Ring<P>> {
        &self.ring
    }

    #[cfg(test)]
    pub(super) fn is_asleep(&self) -> bool {
        self.hardware
            .as_ref()
            .is_some_and(HardwareThread::is_asleep)
    }
}

struct HostWaiter {
    clock: Clock,
    patience: Patience,
}

impl Waiter for HostWaiter {
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn for_hardware(&mut self) -> Result<(), SubmitError> {
        self.patience.pause()
    }

    fn for_submitter(&mut self) {
        // A step away, unless that submitter's CPU was taken from it.
        std::thread::yield_now();
    }
}

/// The hardware thread's side of a [`HostRing`].
struct Hardware<P> {
    ring: Arc<Ring<P>>,
    doze: Arc<Doze>,
    unit: Arc<dyn Unit>,
    profile: TimingProfile,
    executor: Executor,
    pace: Pace,
}

impl<P: Protocol> Machine for Hardware<P> {
    fn has_work(&self) -> bool {
        self.executor.has_work(&self.ring)
    }

    fn step(&mut self) {
        let (pace, profile, doze) = (&mut self.pace, &self.profile, &self.doze);
        self.executor
            .step(&self.ring, &*self.unit, |published_ns, commands| {
                pace.pass(published_ns, profile.submission(commands), doze);
            });
    }
}
