//! The protocols between submitters and hardware, free of clocks and threads: what
//! the model checker's tests compile with other [`super::primitives`].
//!
//! ```text
//!  submitters                                    hardware thread
//!  Protocol::issue ─▶ Slots ─ tail ─▶ Doze ─────▶ Executor::step
//!       reserve, write, publish                    │ Unit::execute …, time
//!                                                  ▼
//!  is_done? verdict ◀──────── head, sync ◀─ Verdicts, retire, complete
//! ```
//!
//! Positions count commands since the beginning and never wrap (64 bits); a
//! position's slot is its remainder by the ring's size.

// With the paths spelled out, the files are found from wherever this one is
// included.
#[path = "protocol/amdvi.rs"]
mod amdvi;
#[path = "protocol/doze.rs"]
mod doze;
#[path = "protocol/executor.rs"]
mod executor;
#[path = "protocol/locked.rs"]
mod locked;
#[path = "protocol/slots.rs"]
mod slots;
#[path = "protocol/smmuv3.rs"]
mod smmuv3;
#[path = "protocol/verdicts.rs"]
mod verdicts;
#[path = "protocol/vtd.rs"]
mod vtd;

use super::primitives;
use crate::{Command, SubmitError};

pub(super) use amdvi::AmdVi;
pub(super) use doze::Doze;
pub(super) use executor::Executor;
pub(super) use slots::Slots;
pub(super) use smmuv3::SmmuV3;
pub(super) use verdicts::{Rejection, Verdicts};
pub(super) use vtd::Vtd;

/// What differs between the vendors: how room is reserved, commands are published
/// and a sync says that it is done.
pub(super) trait Protocol: Send + Sync + 'static {
    /// Waits for room, writes `commands` and a sync behind them, and publishes them.
    ///
    /// # Errors
    /// Where `waiter` gives up before there is room; nothing was written then.
    fn issue(
        &self,
        slots: &Slots,
        commands: &[Command],
        waiter: &mut dyn Waiter,
    ) -> Result<Issued, SubmitError>;

    /// Whether the command is a sync of this vendor.
    fn is_sync(command: Command) -> bool;

    /// Executes `sync`, which the head has passed.
    fn complete(&self, sync: Command);

    /// Whether the hardware completed the sync.
    fn is_done(&self, slots: &Slots, issued: Issued) -> bool;
}

/// A sync on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    /// Where it is in the ring.
    pub(super) position: u64,
    /// What tells its completion from that of others; the vendor's business.
    pub(super) data: u64,
}

/// How a submitter passes the time.
pub(super) trait Waiter {
    /// Nanoseconds since the ring was made.
    fn now_ns(&self) -> u64;

    /// Passes some time while the hardware works.
    ///
    /// # Errors
    /// The hardware was silent for too long.
    fn for_hardware(&mut self) -> Result<(), SubmitError>;

    /// Passes some time until another submitter made a step that nothing keeps it
    /// from: it needs a CPU and no hardware, so that the wait ends by itself.
    fn for_submitter(&mut self);
}

/// What submitters and hardware share.
#[derive(Debug)]
pub(super) struct Ring<P> {
    protocol: P,
    slots: Slots,
    verdicts: Verdicts,
}

impl<P: Protocol> Ring<P> {
    /// A ring of 2^`log2size` slots.
    pub(super) fn new(protocol: P, log2size: u32) -> Self {
        Self {
            protocol,
            slots: Slots::new(log2size),
            verdicts: Verdicts::default(),
        }
    }

    /// Hands over `commands` and a sync.
    ///
    /// # Errors
    /// Where the hardware made no room; nothing was handed over then.
    pub(super) fn issue(
        &self,
        commands: &[Command],
        waiter: &mut dyn Waiter,
    ) -> Result<Issued, SubmitError> {
        self.protocol.issue(&self.slots, commands, waiter)
    }

    /// Waits for the sync.
    ///
    /// # Errors
    /// A command before the sync was rejected, or the hardware is silent.
    pub(super) fn wait(&self, issued: Issued, waiter: &mut dyn Waiter) -> Result<(), SubmitError> {
        while !self.protocol.is_done(&self.slots, issued) {
            if let Err(silent) = waiter.for_hardware() {
                // Done after all, where there is a verdict.
                let verdict = self.verdicts.give_up(issued.position, self.slots.head());
                return Err(verdict.map_or(silent, Rejection::into_error));
            }
        }
        let verdict = self.verdicts.take(issued.position);
        verdict.map_or(Ok(()), |rejection| Err(rejection.into_error()))
    }

    /// Whether anything is published behind `head`.
    pub(super) fn has_work(&self, head: u64) -> bool {
        self.slots.tail() != head
    }

    /// Commands and syncs that the hardware is done with.
    #[cfg(test)]
    pub(super) fn head(&self) -> u64 {
        self.slots.head()
    }

    /// Verdicts that nobody took, and notes of submitters that gave up.
    #[cfg(test)]
    pub(super) fn notes(&self) -> usize {
        self.verdicts.len()
    }
}
