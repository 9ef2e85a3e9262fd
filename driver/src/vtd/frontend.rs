use std::fmt;
use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::descriptor::Descriptor;
use super::fault::InvalidationError;
use super::protocol::Vtd;
use super::queue::{Queue, Width};
use super::target::Targets;
use crate::engine::{Engine, engine_methods};
use crate::{Backend, Counters, DomainId, ObjectId, Pasid, QueueError};

#[cfg(test)]
mod tests;

/// The guest's side of one virtual VT-d unit: the registers of its queued
/// invalidation interface (VT-d 6.5.2, 11.4.9), and what follows from them.
///
/// A write of the tail register handles every descriptor up to the new tail
/// before it returns:
/// - IOTLB and PASID-based IOTLB invalidations become requests to nested HWPTs, as
///   the [`Policy`](crate::Policy) says: requests in the order in which their targets
///   were first addressed, entries in queue order. Behind an entry that invalidates
///   everything of its HWPT a request has no further entry: it would be needless.
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
///   invalidations can be repeated; it counts as consumed only then. (Linux finds
///   the error because IQH points into its own submission, and replaces the
///   descriptor by a wait.)
/// - *A wait's status address is not in guest memory.* Hardware would send the
///   write to the bus and the guest would wait forever; stopping at the
///   descriptor tells it why.
///
/// A device that does not answer the invalidation of its TLB, or answers what was
/// not asked, is told as VT-d 6.5.2.10 has it: the queue goes on up to the next wait
/// descriptor, which is aborted (it never completes), and stops behind it with
/// `FSTS_REG.ITE` or `ICE`; without a wait it stops at the tail.
pub struct FrontEnd<B, M = GuestMemoryMmap>
where
    M: Bytes<GuestAddress>,
{
    engine: Engine<B, Vtd<M>>,
}

impl<B: Backend, M: Bytes<GuestAddress>> FrontEnd<B, M> {
    /// A front end whose queue lies in `memory`, without a queue and targets yet.
    /// `counters` may be shared with the backend of the same instance.
    pub fn new(instance: InstanceArg, memory: M, backend: B, counters: Arc<Counters>) -> Self {
        let protocol = Vtd {
            memory,
            queue: Queue::new(),
            targets: Targets::new(),
            interrupt: None,
            absorbed: None,
        };
        Self {
            engine: Engine::new(protocol, instance, backend, counters),
        }
    }

    engine_methods!();

    /// As [`Targets::attach`].
    pub fn attach(&mut self, did: DomainId, pasid: Pasid, hwpt: ObjectId) -> Option<ObjectId> {
        self.engine.protocol.targets.attach(did, pasid, hwpt)
    }

    /// As [`Targets::detach`].
    pub fn detach(&mut self, did: DomainId, pasid: Pasid) -> Option<ObjectId> {
        self.engine.protocol.targets.detach(did, pasid)
    }

    /// Calls `raise` for every completed wait descriptor with IF set, after its
    /// status write.
    pub fn on_interrupt(&mut self, raise: impl FnMut() + Send + 'static) {
        self.engine.protocol.interrupt = Some(Box::new(raise));
    }

    /// Calls `absorbed` for every descriptor that ends here: context-cache,
    /// PASID-cache and interrupt-entry-cache invalidations, after which a VMM looks
    /// at the guest's tables again, and those of device TLBs.
    ///
    /// What it attaches and detaches holds from the next descriptor on. Before it is
    /// told of a context or PASID cache, everything before that is done and complete,
    /// so that it can replace or destroy a nested HWPT. Of device TLBs and interrupt
    /// entries it is told as they are fetched: what it detaches then may still get a
    /// request until the register write that led here has returned.
    pub fn on_absorbed(&mut self, absorbed: impl FnMut(Descriptor, &mut Targets) + Send + 'static) {
        self.engine.protocol.absorbed = Some(Box::new(absorbed));
    }

    /// Writes `IQA_REG`: a new queue, read from its beginning. A pending fault
    /// stays pending.
    pub fn write_iqa(&mut self, value: u64) {
        self.engine.protocol.queue.set_iqa(value);
        self.engine.forget_owed();
    }

    /// Writes `IQT_REG`, a doorbell: handles the queue up to the new tail.
    /// While the queue is frozen, only stores the value.
    pub fn write_iqt(&mut self, value: u64) {
        self.engine.protocol.queue.set_iqt(value);
        self.engine.run();
    }

    /// Writes `FSTS_REG`, of which IQE (bit 4), ICE (bit 5) and ITE (bit 6) are
    /// implemented, write 1 to clear. Clearing the one that is set resumes the queue
    /// at its head.
    pub fn write_fsts(&mut self, value: u32) {
        if value & self.fsts() != 0 && self.engine.thaw() {
            self.engine.run();
        }
    }

    /// Reads `IQA_REG`.
    #[must_use]
    pub fn iqa(&self) -> u64 {
        self.engine.protocol.queue.iqa()
    }

    /// Reads `IQH_REG`: bytes from the base of the queue.
    #[must_use]
    pub fn iqh(&self) -> u64 {
        self.engine.protocol.queue.iqh()
    }

    /// Reads `IQT_REG`: bytes from the base of the queue.
    #[must_use]
    pub fn iqt(&self) -> u64 {
        self.engine.protocol.queue.iqt()
    }

    /// Reads `FSTS_REG`.
    #[must_use]
    pub fn fsts(&self) -> u32 {
        self.error().map_or(0, InvalidationError::fsts)
    }

    /// Reads `IQERCD_REG`: IQEI in bits 3:0, ITESID in bits 47:32, ICESID in bits
    /// 63:48; 0 while there is no fault.
    #[must_use]
    pub fn iqercd(&self) -> u64 {
        self.error().map_or(0, InvalidationError::iqercd)
    }

    fn error(&self) -> Option<InvalidationError> {
        match self.engine.fault()?.error {
            QueueError::Vtd(error) => Some(error),
            QueueError::SmmuV3(_) | QueueError::AmdVi(_) => None,
        }
    }

    /// Descriptor width that `IQA_REG` chose.
    #[must_use]
    pub fn width(&self) -> Width {
        self.engine.protocol.queue.width()
    }
}

impl<B, M: Bytes<GuestAddress>> fmt::Debug for FrontEnd<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.engine.protocol.queue;
        f.debug_struct("FrontEnd")
            .field("iqa", &queue.iqa())
            .field("iqh", &queue.iqh())
            .field("iqt", &queue.iqt())
            .finish_non_exhaustive()
    }
}
