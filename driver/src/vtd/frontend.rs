use std::fmt;
use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::fault::Fault;
use super::group::{Groups, Targets};
use super::queue::{Queue, Width};
use super::tally::Tally;
use crate::spec::vtd::fsts;
use crate::{Backend, Counters, DomainId, HwptId, Pasid};

mod run;
#[cfg(test)]
mod tests;

/// The guest's side of one virtual VT-d unit: the registers of its queued
/// invalidation interface (VT-d 6.5.2, 11.4.9), and what follows from them.
///
/// A write of the tail register handles every descriptor up to the new tail
/// before it returns:
/// - IOTLB and PASID-based IOTLB invalidations are collected, up to the next
///   wait descriptor, into one request per nested HWPT; requests go out in the
///   order in which their targets were first addressed, entries in queue order.
///   Behind an entry that invalidates everything of its HWPT a request has no
///   further entry: it would be needless.
/// - A wait descriptor completes (status write, then interrupt) after every
///   request before it returned successfully.
/// - Other invalidations end here: context and PASID entries are shadowed by the
///   VMM, and the kernel invalidates device TLBs together with the nested domain.
/// - An IOTLB invalidation for which no nested HWPT was attached has nothing to
///   invalidate and is counted.
///
/// # Faults
/// Where a descriptor cannot be executed, what is before it is executed all the
/// same, no wait behind it completes, `FSTS_REG.IQE` is set and the head stays at
/// the descriptor: the queue is frozen until the guest writes 1 to IQE, and then
/// resumes at the head. Two reasons are not in the specification, because
/// hardware cannot have them; both are reported with IQEI 0:
/// - *The backend failed a request.* The wait must not complete, since a stale
///   translation may still be in use. The head goes back to the descriptor of the
///   first entry that was not handled. What follows it up to the sync may have
///   been executed and is executed again on resumption, which is harmless:
///   invalidations can be repeated; it counts as consumed only then. (Linux finds the error because IQH points
///   into its own submission, and replaces the descriptor by a wait.)
/// - *A wait's status address is not in guest memory.* Hardware would send the
///   write to the bus and the guest would wait forever; stopping at the
///   descriptor tells it why.
pub struct FrontEnd<B, M = GuestMemoryMmap> {
    instance: InstanceArg,
    memory: M,
    backend: B,
    counters: Arc<Counters>,
    queue: Queue,
    fault: Option<Fault>,
    targets: Targets,
    groups: Groups,
    tally: Tally,
    interrupt: Option<Box<dyn FnMut() + Send>>,
    doorbells: u64,
    /// Of the last request; the first has 1.
    ticket: u64,
}

impl<B: Backend, M: Bytes<GuestAddress>> FrontEnd<B, M> {
    /// A front end whose queue lies in `memory`, without a queue and targets yet.
    /// `counters` may be shared with the backend of the same instance.
    pub fn new(instance: InstanceArg, memory: M, backend: B, counters: Arc<Counters>) -> Self {
        Self {
            instance,
            memory,
            backend,
            counters,
            queue: Queue::default(),
            fault: None,
            targets: Targets::default(),
            groups: Groups::default(),
            tally: Tally::default(),
            interrupt: None,
            doorbells: 0,
            ticket: 0,
        }
    }

    /// Makes `hwpt` the target of invalidations of the guest's (`did`, `pasid`).
    /// Returns the target it replaces. An HWPT may have several pairs.
    pub fn attach(&mut self, did: DomainId, pasid: Pasid, hwpt: HwptId) -> Option<HwptId> {
        self.targets.insert(did, pasid, hwpt)
    }

    /// Undoes [`Self::attach`]; returns what was attached.
    pub fn detach(&mut self, did: DomainId, pasid: Pasid) -> Option<HwptId> {
        self.targets.remove(did, pasid)
    }

    /// Calls `raise` for every completed wait descriptor with IF set, after its
    /// status write.
    pub fn on_interrupt(&mut self, raise: impl FnMut() + Send + 'static) {
        self.interrupt = Some(Box::new(raise));
    }

    /// Writes `IQA_REG`: a new queue, read from its beginning. A pending fault
    /// stays pending.
    pub fn write_iqa(&mut self, value: u64) {
        self.queue.set_iqa(value);
    }

    /// Writes `IQT_REG`, a doorbell: handles the queue up to the new tail.
    /// While the queue is frozen, only stores the value.
    pub fn write_iqt(&mut self, value: u64) {
        self.queue.set_iqt(value);
        self.run();
    }

    /// Writes `FSTS_REG`, of which IQE (bit 4) is implemented, write 1 to clear.
    /// Clearing it resumes the queue at its head.
    pub fn write_fsts(&mut self, value: u32) {
        if value & fsts::IQE != 0 && self.fault.take().is_some() {
            self.counters.set_fault(None);
            self.run();
        }
    }

    /// Reads `IQA_REG`.
    #[must_use]
    pub fn iqa(&self) -> u64 {
        self.queue.iqa()
    }

    /// Reads `IQH_REG`: bytes from the base of the queue.
    #[must_use]
    pub fn iqh(&self) -> u64 {
        self.queue.iqh()
    }

    /// Reads `IQT_REG`: bytes from the base of the queue.
    #[must_use]
    pub fn iqt(&self) -> u64 {
        self.queue.iqt()
    }

    /// Reads `FSTS_REG`.
    #[must_use]
    pub fn fsts(&self) -> u32 {
        if self.fault.is_some() { fsts::IQE } else { 0 }
    }

    /// Reads `IQERCD_REG`: IQEI in bits 3:0, 0 while there is no fault.
    #[must_use]
    pub fn iqercd(&self) -> u64 {
        self.fault.map_or(0, |fault| u64::from(fault.error.code()))
    }

    /// Why the queue is frozen, if it is.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Descriptor width that `IQA_REG` chose.
    #[must_use]
    pub fn width(&self) -> Width {
        self.queue.width()
    }

    /// The unit this is, as its probes say it.
    #[must_use]
    pub fn instance(&self) -> InstanceArg {
        self.instance
    }

    /// The instance's counters; readable from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// The guest memory it works on.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<B, M> fmt::Debug for FrontEnd<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontEnd")
            .field("instance", &self.instance)
            .field("queue", &self.queue)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
