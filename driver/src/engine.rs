//! What the front ends of all vendors have in common: from decoded commands to
//! requests, completed syncs and precise faults.

use std::sync::Arc;

use hwptop_abi::InstanceArg;

use crate::counts::add_alone;
use crate::{Backend, Counters, Fault, FaultReason, Policy, probes};

mod batch;
mod coalesce;
mod entry;
mod failure;
mod frontend;
mod issue;
mod protocol;
mod requester;
mod ring;
mod tally;

pub(crate) use batch::Batch;
pub(crate) use entry::{Entry, Range};
pub(crate) use frontend::engine_methods;
pub(crate) use protocol::{Class, Protocol, Rank, Recovery, Stop};
pub(crate) use ring::{GuestRing, NotInMemory};

use failure::{Failure, Failures};
use issue::EntryResults;
use requester::Requester;
use tally::{Executed, Tally};

/// Runs a guest's queue for a vendor's front end.
///
/// - Invalidations are collected up to the next sync, as the [`Policy`] says.
/// - A sync completes after every request before it returned successfully.
/// - Where a command cannot be executed, what is before it is executed all the
///   same, no sync behind it completes, and the queue is frozen until the guest
///   acknowledges the fault.
/// - The work of one run is bounded by the queue: the tail is read once.
pub(crate) struct Engine<B, P: Protocol> {
    pub(crate) protocol: P,
    requester: Requester<B, P::Entry>,
    fault: Option<Fault>,
    batch: Batch<P::Entry>,
    /// Syncs that wait for the batch.
    pending: Vec<P::Command>,
    /// Their positions.
    pending_at: Vec<u32>,
    /// What the guest will learn at or behind the next sync.
    owed: Option<Owed>,
    tally: Tally,
    doorbells: u64,
    /// Is told the results of every request that failed.
    pub(crate) entry_results: Option<EntryResults>,
}

/// A failure whose place is the next sync.
#[derive(Clone, Copy, Debug)]
struct Owed {
    stop: Stop,
    recovery: Recovery,
}

/// Syncs that may wait for the same requests: a queue can have half a million.
const JOINED_MAX: usize = 4096;

/// What one run over the queue did.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    syncs: u32,
    interrupts: u32,
}

impl<B: Backend, P: Protocol> Engine<B, P> {
    pub(crate) fn new(
        protocol: P,
        instance: InstanceArg,
        backend: B,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            requester: Requester::new(instance, backend, protocol.rules(), counters),
            protocol,
            fault: None,
            batch: Batch::new(),
            pending: Vec::new(),
            pending_at: Vec::new(),
            owed: None,
            tally: Tally::default(),
            doorbells: 0,
            entry_results: None,
        }
    }

    pub(crate) const fn instance(&self) -> InstanceArg {
        self.requester.instance
    }

    pub(crate) const fn counters(&self) -> &Arc<Counters> {
        &self.requester.counters
    }

    pub(crate) const fn policy(&self) -> Policy {
        self.requester.policy
    }

    pub(crate) const fn set_policy(&mut self, policy: Policy) {
        self.requester.policy = policy;
    }

    /// Why the queue is frozen, if it is.
    pub(crate) const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The guest acknowledged the fault. Says whether there was one.
    pub(crate) fn thaw(&mut self) -> bool {
        let was_frozen = self.fault.take().is_some();
        if was_frozen {
            self.requester.counters.set_fault(None);
        }
        was_frozen
    }

    /// The queue is another one now, or read from elsewhere: no sync in it is owed
    /// anything.
    pub(crate) const fn forget_owed(&mut self) {
        self.owed = None;
    }

    /// Handles the queue from head to tail, unless it is frozen.
    pub(crate) fn run(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let mut run = Run::default();
        let result = self.handle(&mut run);
        let commands = self.tally.commit(&self.requester.counters);
        if let Err(fault) = result {
            self.freeze(fault);
        }
        self.doorbells += 1;
        let counters = &self.requester.counters;
        add_alone(&counters.doorbells, 1);
        add_alone(&counters.waits, u64::from(run.syncs));
        if run.interrupts > 0 {
            add_alone(&counters.interrupts, u64::from(run.interrupts));
        }
        probes::guest_doorbell(self.doorbells, self.requester.instance, commands, run.syncs);
    }

    fn handle(&mut self, run: &mut Run) -> Result<(), Fault> {
        if let Err(stop) = self.protocol.begin() {
            return Err(self.fault_at_head(stop));
        }
        loop {
            match self.protocol.fetch() {
                Ok(Some(command)) => self.execute(command, run)?,
                Ok(None) => break,
                Err(stop) => {
                    // What is before it is owed to the guest; if that fails, it is
                    // the earlier fault.
                    self.settle(run)?;
                    return Err(self.fault_at_head(stop));
                }
            }
        }
        self.settle(run)?;
        let stops = |owed: &mut Owed| matches!(owed.recovery, Recovery::BehindSync(_));
        match self.owed.take_if(stops) {
            Some(owed) => Err(self.fault_behind(owed.stop)),
            None => Ok(()),
        }
    }

    fn execute(&mut self, command: P::Command, run: &mut Run) -> Result<(), Fault> {
        let class = P::class(&command);
        let mut executed = Executed::new(P::kind(&command));
        match class {
            Class::Invalidate(rank) | Class::Reconfigure(rank) => {
                if matches!(class, Class::Reconfigure(_)) || self.must_settle_before(rank) {
                    self.settle(run)?;
                }
                self.batch.begin(self.protocol.ring().head, rank);
                if !self.protocol.collect(command, &mut self.batch) {
                    executed = executed.untargeted();
                }
            }
            Class::Sync => {
                self.pending.push(command);
                self.pending_at.push(self.protocol.ring().head);
            }
            Class::Absorb | Class::Configure => {
                if matches!(class, Class::Configure) {
                    self.settle(run)?;
                }
                if let Err(stop) = self.protocol.absorb(command) {
                    self.settle(run)?;
                    return Err(self.fault_at_head(stop));
                }
                executed = executed.absorbed();
            }
        }
        self.tally.push(executed);
        self.protocol.ring_mut().advance();
        let joins = match class {
            Class::Sync => Some(P::joins(&command)),
            _ => None,
        };
        if self.must_settle_behind(joins) {
            self.settle(run)?;
        }
        Ok(())
    }

    /// An invalidation must not go out before those that it builds on, nor share a
    /// request with what is on the other side of a sync, unless both are about
    /// translations. Requests go out in the order in which their targets were first
    /// addressed: with several, one that is addressed again would be too early.
    fn must_settle_before(&self, rank: Rank) -> bool {
        let known = self.batch.rank();
        let several = self.batch.groups().len() > 1;
        !self.batch.is_empty()
            && (rank < known || rank != known && (several || !self.pending.is_empty()))
    }

    /// `sync` tells of a sync whether it may be joined with others.
    fn must_settle_behind(&self, sync: Option<bool>) -> bool {
        match (self.requester.policy, sync) {
            (Policy::Single, _) | (Policy::Array, Some(_)) => true,
            (Policy::Coalesce(_), Some(joins)) => {
                let translations = self.batch.is_empty() || self.batch.rank() == Rank::Translation;
                !joins || !translations || self.pending.len() >= JOINED_MAX || self.batch.is_full()
            }
            (_, None) => self.batch.is_full(),
        }
    }

    /// Issues what was collected and completes the syncs that waited for it.
    fn settle(&mut self, run: &mut Run) -> Result<(), Fault> {
        let failures = self.issue();
        // Not left behind where a hook panics: the next run would complete them,
        // whatever had failed before them.
        let mut pending = std::mem::take(&mut self.pending);
        let mut pending_at = std::mem::take(&mut self.pending_at);
        let result = self.conclude((&pending, &pending_at), failures, run);
        pending.clear();
        pending_at.clear();
        (self.pending, self.pending_at) = (pending, pending_at);
        result
    }

    /// Completes the syncs that waited, and tells the guest of failures in its
    /// specification's way: as if the commands had been executed one by one.
    fn conclude(
        &mut self,
        (pending, pending_at): (&[P::Command], &[u32]),
        failures: Failures,
        run: &mut Run,
    ) -> Result<(), Fault> {
        let Failures {
            refused,
            mut unanswered,
        } = failures;
        // The earliest first.
        unanswered.sort_by_key(|failure| std::cmp::Reverse(failure.back));
        let mut unanswered = unanswered.into_iter().peekable();
        for (&index, &sync) in pending_at.iter().zip(pending) {
            let back = self.protocol.ring().distance_back(index);
            if refused.is_some_and(|refused| refused.back > back) {
                break;
            }
            while let Some(failure) = unanswered.next_if(|failure| failure.back > back) {
                self.owe(failure);
            }
            self.finish(index, sync, run)?;
        }
        let Some(refused) = refused else {
            unanswered.for_each(|failure| self.owe(failure));
            return Ok(());
        };
        // What is executed again will fail again.
        while let Some(failure) = unanswered.next_if(|failure| failure.back > refused.back) {
            self.owe(failure);
        }
        self.go_back(refused.index);
        Err(self.fault_at_head(refused.stop))
    }

    fn owe(&mut self, failure: Failure) {
        self.owed.get_or_insert(Owed {
            stop: failure.stop,
            recovery: failure.recovery,
        });
    }

    /// Completes the sync at `index`, unless it is where a failure has its place.
    fn finish(&mut self, index: u32, sync: P::Command, run: &mut Run) -> Result<(), Fault> {
        if let Some(owed) = self.owed.take() {
            if matches!(owed.recovery, Recovery::PassSync(_)) {
                return Ok(());
            }
            self.go_back(index);
            if matches!(owed.recovery, Recovery::BehindSync(_)) {
                self.tally.push(Executed::new(P::kind(&sync)));
                self.protocol.ring_mut().advance();
                return Err(self.fault_behind(owed.stop));
            }
            return Err(self.fault_at_head(owed.stop));
        }
        match self.protocol.complete(sync) {
            Ok(interrupt) => {
                run.syncs += 1;
                run.interrupts += u32::from(interrupt);
                Ok(())
            }
            Err(stop) => {
                self.go_back(index);
                Err(self.fault_at_head(stop))
            }
        }
    }

    /// Commands from `index` on are executed again, and count then.
    fn go_back(&mut self, index: u32) {
        self.tally
            .take_back(self.protocol.ring().distance_back(index));
        self.protocol.ring_mut().head = index;
    }

    fn fault_at_head(&mut self, stop: Stop) -> Fault {
        let words = match stop.reason {
            FaultReason::Guest => stop.words,
            _ => stop.words.or_else(|| self.protocol.words()),
        };
        Fault {
            error: stop.error,
            index: self.protocol.ring().slot_of_head(),
            words,
            reason: stop.reason,
        }
    }

    /// The head is behind the command at fault: what is there now is not to blame.
    fn fault_behind(&self, stop: Stop) -> Fault {
        Fault {
            error: stop.error,
            index: self.protocol.ring().slot_of_head(),
            words: None,
            reason: stop.reason,
        }
    }

    fn freeze(&mut self, fault: Fault) {
        self.protocol.report(fault.error, fault.index);
        self.fault = Some(fault);
        self.requester.counters.set_fault(Some(fault));
        add_alone(&self.requester.counters.faults, 1);
        probes::guest_fault(
            u64::from(fault.index),
            self.requester.instance,
            u32::from(fault.error.code()),
        );
    }
}

#[cfg(test)]
mod tests;
