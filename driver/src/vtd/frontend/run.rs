use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress};

use super::FrontEnd;
use crate::counts::add;
use crate::vtd::decode::{Descriptor, Granularity, decode};
use crate::vtd::fault::{Fault, FaultReason, IqError};
use crate::vtd::group::{Group, Scope};
use crate::{Backend, HwptId, InvalidateError, VtdS1Invalidate, probes};

/// What one run over the queue did.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    descriptors: u32,
    waits: u32,
}

impl<B: Backend, M: Bytes<GuestAddress>> FrontEnd<B, M> {
    /// Handles the queue from head to tail. The tail is read once, so that the
    /// work is bounded by the queue's size.
    pub(super) fn run(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let mut run = Run::default();
        let result = self.handle(&mut run);
        if let Err(fault) = result {
            self.freeze(fault);
        }
        self.doorbells += 1;
        add(&self.counters.doorbells, 1);
        probes::guest_doorbell(self.doorbells, self.instance, run.descriptors, run.waits);
    }

    fn handle(&mut self, run: &mut Run) -> Result<(), Fault> {
        if let Err(error) = self.queue.check_tail() {
            return Err(self.guest_fault(error, None));
        }
        while !self.queue.is_empty() {
            let words = match self.queue.fetch(&self.memory) {
                Ok(words) => words,
                Err(error) => return self.stop(error, None, run),
            };
            let descriptor = match decode(words) {
                Ok(descriptor) => descriptor,
                Err(error) => return self.stop(error, Some(words), run),
            };
            let reached = self.execute(descriptor, words, run)?;
            self.tally.push(descriptor.kind(), reached);
            self.queue.advance();
            if self.groups.is_full() {
                self.issue(run)?;
            }
        }
        self.issue(run)
    }

    /// Stops at the descriptor at the head. What is before it is owed to the
    /// guest; if that fails, it is the earlier fault.
    fn stop(
        &mut self,
        error: IqError,
        words: Option<[u64; 4]>,
        run: &mut Run,
    ) -> Result<(), Fault> {
        self.issue(run)?;
        Err(self.guest_fault(error, words))
    }

    /// Executes the descriptor at the head. Returns false where it invalidates
    /// an IOTLB and addressed no nested HWPT.
    fn execute(
        &mut self,
        descriptor: Descriptor,
        words: [u64; 4],
        run: &mut Run,
    ) -> Result<bool, Fault> {
        match descriptor {
            Descriptor::IotlbGlobal => Ok(self.collect(Scope::All)),
            Descriptor::Iotlb(did, granularity) => {
                Ok(self.collect(Scope::Domain(did, granularity)))
            }
            Descriptor::PasidIotlb(did, pasid, granularity) => {
                Ok(self.collect(Scope::Pair(did, pasid, granularity)))
            }
            Descriptor::Wait { status, interrupt } => {
                self.issue(run)?;
                self.complete(status, interrupt, words)?;
                run.waits += 1;
                Ok(true)
            }
            Descriptor::ContextCache
            | Descriptor::PasidCache
            | Descriptor::Iec
            | Descriptor::DeviceTlb
            | Descriptor::PasidDeviceTlb => Ok(true),
        }
    }

    /// Says whether there is any target.
    fn collect(&mut self, scope: Scope) -> bool {
        let index = self.queue.index();
        let targets = &self.targets;
        match scope {
            Scope::All => self
                .groups
                .push_all(targets.all(), Granularity::Whole.entry(), index),
            Scope::Domain(did, granularity) => {
                self.groups
                    .push_all(targets.domain(did), granularity.entry(), index)
            }
            Scope::Pair(did, pasid, granularity) => {
                self.groups
                    .push_all(targets.pair(did, pasid), granularity.entry(), index)
            }
        }
    }

    /// Completes a wait descriptor, everything before it being done.
    fn complete(
        &mut self,
        status: Option<(u64, u32)>,
        interrupt: bool,
        words: [u64; 4],
    ) -> Result<(), Fault> {
        if let Some((addr, data)) = status {
            // Release: a guest that sees the status must see the effects of what
            // was before it. One 32-bit access, as hardware writes it.
            let written = self
                .memory
                .store(data.to_le(), GuestAddress(addr), Ordering::Release);
            if written.is_err() {
                return Err(Fault {
                    reason: FaultReason::StatusAddress(addr),
                    ..self.guest_fault(IqError::NotAvailable, Some(words))
                });
            }
        }
        add(&self.counters.waits, 1);
        if interrupt {
            add(&self.counters.interrupts, 1);
            if let Some(raise) = &mut self.interrupt {
                raise();
            }
        }
        Ok(())
    }

    /// Issues a request for every target that was addressed, also after one
    /// failed: the others do not depend on it. What was executed counts as
    /// consumed, up to the head.
    ///
    /// # Errors
    /// The fault of the earliest descriptor that failed, with the head there.
    fn issue(&mut self, run: &mut Run) -> Result<(), Fault> {
        let mut groups = std::mem::take(&mut self.groups);
        let mut earliest: Option<(u32, FaultReason)> = None;
        for group in groups.iter() {
            if let Err(error) = self.request(group.hwpt, &group.entries) {
                let index = failed_descriptor(group, error);
                // All of them lie behind the head: the further, the earlier.
                if earliest.is_none_or(|(known, _)| {
                    self.queue.distance_back(known) < self.queue.distance_back(index)
                }) {
                    earliest = Some((
                        index,
                        FaultReason::Request {
                            hwpt: group.hwpt,
                            error,
                        },
                    ));
                }
            }
        }
        groups.clear();
        self.groups = groups;
        let again = earliest.map_or(0, |(index, _)| self.queue.distance_back(index));
        run.descriptors += self.tally.commit(again, &self.counters);
        let Some((index, reason)) = earliest else {
            return Ok(());
        };
        self.queue.set_index(index);
        let words = self.queue.fetch(&self.memory).ok();
        Err(Fault {
            reason,
            ..self.guest_fault(IqError::NotAvailable, words)
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a group holds at most a queue's worth of entries"
    )]
    fn request(
        &mut self,
        hwpt: HwptId,
        entries: &[VtdS1Invalidate],
    ) -> Result<(), InvalidateError> {
        self.ticket += 1;
        let count = entries.len() as u32;
        probes::invalidate_begin(self.ticket, self.instance, hwpt, count);
        let result = self.backend.invalidate(hwpt, entries);
        let (handled, errno) = match result {
            Ok(()) => (count, 0),
            Err(error) => (error.handled.min(count), error.errno),
        };
        let counters = &self.counters;
        add(&counters.requests, 1);
        add(&counters.entries, entries.len() as u64);
        add(&counters.handled, u64::from(handled));
        if result.is_err() {
            add(&counters.request_errors, 1);
        }
        probes::invalidate_end(self.ticket, self.instance, hwpt, handled, errno);
        result
    }

    fn guest_fault(&self, error: IqError, descriptor: Option<[u64; 4]>) -> Fault {
        Fault {
            error,
            index: self.queue.index(),
            descriptor,
            reason: FaultReason::Guest,
        }
    }

    fn freeze(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.counters.set_fault(Some(fault));
        add(&self.counters.faults, 1);
        probes::guest_fault(
            u64::from(fault.index),
            self.instance,
            u32::from(fault.error.code()),
        );
    }
}

/// The descriptor behind the first entry that was not handled.
fn failed_descriptor(group: &Group, error: InvalidateError) -> u32 {
    let last = group.indices.len().saturating_sub(1);
    let at = usize::try_from(error.handled).unwrap_or(last).min(last);
    group.indices.get(at).copied().unwrap_or_default()
}
