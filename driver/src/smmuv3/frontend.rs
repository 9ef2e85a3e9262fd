use std::fmt;
use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::decode::Command;
use super::fault::{CommandError, GlobalErrors};
use super::features::Features;
use super::protocol::SmmuV3;
use super::queue::Queue;
use crate::counts::add_alone;
use crate::engine::{Engine, engine_methods};
use crate::spec::smmuv3::{cmdq_index, cr0, gerror};
use crate::{Backend, Counters, ObjectId};

#[cfg(test)]
mod tests;

/// The guest's side of one virtual SMMUv3: the registers of its command queue (Arm IHI
/// 0070, 3.5, 6.3), and what follows from them.
///
/// A write of `SMMU_CMDQ_PROD` handles every command up to the new index before it
/// returns, unless the queue is disabled or an error is active:
/// - `CFGI_CD*`, `TLBI_*` and `ATC_INV` are collected, up to the next `CMD_SYNC`, into
///   one request to the vIOMMU, in queue order, as the guest has them but for the VMID,
///   which is the kernel's to set. Without a vIOMMU there is nothing to invalidate;
///   they are counted.
/// - A `CMD_SYNC` completes, and then sends its signal, after every request before it
///   returned successfully.
/// - `CFGI_STE`, `CFGI_STE_RANGE` and `CFGI_ALL` end at the VMM, which reads the
///   guest's stream table entries again and attaches other nested HWPTs; `RESUME`,
///   `STALL_TERM` and `PRI_RESP` are its answers to events. What is before them is
///   done first. Prefetches are consumed.
/// - `PROD` that claims more than a full queue stops consumption, one of the
///   CONSTRAINED UNPREDICTABLE behaviours of 3.5.1: the work of a write is one queue at
///   most. It counts as an error of a register, as do writes that are ignored.
///
/// # Errors
/// Where a command cannot be executed, what is before it is executed all the same,
/// `CONS.ERR` says why, `GERROR.CMDQ_ERR` becomes active, and `CONS.RD` stays at the
/// command (7.1). Nothing runs until the guest acknowledges it through `GERRORN`; then
/// the queue resumes at `CONS.RD`.
/// - `CERROR_ILL`: what the virtual SMMU does not offer or mainline's
///   `arm_vsmmu_validate_user_cmd` would refuse, found before it goes down. Also a
///   request that the backend refused with `EIO` (the kernel's answer where a StreamID
///   has no vDEVICE), `EINVAL`, `ENOENT` or `EOPNOTSUPP`.
/// - `CERROR_ABT`: the command is not in guest memory, or its request failed for
///   another reason: a guest tries such a command again, but skips an illegal one.
///
///   Where a request failed, `CONS.RD` goes back to the command of the entry that
///   failed. What follows it up to the sync may have been executed and is executed
///   again, which is harmless.
/// - `CERROR_ATC_INV_SYNC`: a device did not answer an `ATC_INV`; at the next
///   `CMD_SYNC`, which completes once the error is acknowledged.
///
/// An MSI to an address outside of guest memory is aborted, as by an interconnect: the
/// `CMD_SYNC` completes all the same, `GERROR.MSI_CMDQ_ABT_ERR` becomes active, and it
/// is counted. Errors become active only within writes of registers: a VMM compares
/// [`Self::gerror`] with [`Self::gerrorn`] after each and raises its interrupt.
pub struct FrontEnd<B, M = GuestMemoryMmap>
where
    M: Bytes<GuestAddress>,
{
    engine: Engine<B, SmmuV3<M>>,
}

impl<B: Backend, M: Bytes<GuestAddress>> FrontEnd<B, M> {
    /// A front end whose queue lies in `memory`: disabled, without a queue and a
    /// vIOMMU yet. `counters` may be shared with the backend of the same instance.
    pub fn new(
        instance: InstanceArg,
        memory: M,
        backend: B,
        counters: Arc<Counters>,
        features: Features,
    ) -> Self {
        let protocol = SmmuV3 {
            memory,
            queue: Queue::new(features.log2size_max()),
            features,
            errors: GlobalErrors::default(),
            viommu: None,
            counters: Arc::clone(&counters),
            interrupt: None,
            event: None,
            stream_table: None,
            answer: None,
        };
        Self {
            engine: Engine::new(protocol, instance, backend, counters),
        }
    }

    engine_methods!();

    /// What the virtual SMMU offers.
    #[must_use]
    pub fn features(&self) -> Features {
        self.engine.protocol.features
    }

    /// Makes `viommu` the target of invalidations. Returns the one it replaces.
    pub fn attach(&mut self, viommu: ObjectId) -> Option<ObjectId> {
        self.engine.protocol.viommu.replace(viommu)
    }

    /// Undoes [`Self::attach`]; returns what was attached.
    pub fn detach(&mut self) -> Option<ObjectId> {
        self.engine.protocol.viommu.take()
    }

    /// Calls `raise` for every completed `CMD_SYNC` with SIG_IRQ, after its MSI: the
    /// wired interrupt, which is asserted whether or not there is an MSI (4.7.3). A VMM
    /// that offers no such wire sets none.
    pub fn on_interrupt(&mut self, mut raise: impl FnMut() + Send + 'static) {
        self.engine.protocol.interrupt = Some(Box::new(move |()| raise()));
    }

    /// Calls `send` for every completed `CMD_SYNC` with SIG_SEV, if there is
    /// `IDR0.SEV`.
    pub fn on_event(&mut self, mut send: impl FnMut() + Send + 'static) {
        self.engine.protocol.event = Some(Box::new(move |()| send()));
    }

    /// Calls `changed` for every [`Command::CfgiSte`] and [`Command::CfgiSteRange`].
    /// An error of it is the guest's: the command is not consumed.
    pub fn on_stream_table(
        &mut self,
        changed: impl FnMut(Command) -> Result<(), CommandError> + Send + 'static,
    ) {
        self.engine.protocol.stream_table = Some(Box::new(changed));
    }

    /// Calls `answer` for every [`Command::Resume`], [`Command::StallTerm`] and
    /// [`Command::PriResp`].
    pub fn on_answer(&mut self, answer: impl FnMut(Command) + Send + 'static) {
        self.engine.protocol.answer = Some(Box::new(answer));
    }

    /// Writes `SMMU_CMDQ_BASE`. Ignored while the queue is enabled.
    pub fn write_cmdq_base(&mut self, value: u64) {
        let taken = self.engine.protocol.queue.set_base(value);
        self.count_unless(taken);
    }

    /// Writes `SMMU_CMDQ_CONS`: where a queue is read from when it is enabled. Ignored
    /// while it is; ERR is not stored.
    pub fn write_cmdq_cons(&mut self, value: u32) {
        let taken = self.engine.protocol.queue.set_cons(value);
        self.count_unless(taken);
    }

    /// Writes `SMMU_CMDQ_PROD`, a doorbell: handles the queue up to the new index.
    /// While the queue is disabled or an error is active, only stores the value.
    pub fn write_cmdq_prod(&mut self, value: u32) {
        self.engine.protocol.queue.set_prod(value);
        self.run();
    }

    /// Writes `SMMU_CR0`, of which CMDQEN (bit 3) is implemented: enables the queue,
    /// which handles what it has, or disables it. An active error stays active.
    pub fn write_cr0(&mut self, value: u32) {
        let enable = value & cr0::CMDQEN != 0;
        let was_enabled = std::mem::replace(&mut self.engine.protocol.queue.enabled, enable);
        // An empty queue that is enabled is no doorbell.
        if enable && !was_enabled && self.cmdq_prod() != self.cmdq_cons() {
            self.run();
        }
    }

    /// Writes `SMMU_GERRORN`, of which CMDQ_ERR (bit 0) and MSI_CMDQ_ABT_ERR (bit 4)
    /// are implemented. A bit that becomes equal to that of [`Self::gerror`]
    /// acknowledges the error; for CMDQ_ERR the queue then resumes at `CONS.RD`.
    ///
    /// A guest that toggles the bit of an inactive error activates it, which 6.3.20
    /// permits.
    pub fn write_gerrorn(&mut self, value: u32) {
        let errors = &mut self.engine.protocol.errors;
        let was_active = errors.is_active(gerror::CMDQ_ERR);
        errors.acknowledge(value);
        if was_active && !errors.is_active(gerror::CMDQ_ERR) {
            self.engine.thaw();
            self.run();
        }
    }

    /// Counts a write that was not taken.
    fn count_unless(&self, taken: bool) {
        let errors = &self.engine.counters().register_errors;
        add_alone(errors, u64::from(!taken));
    }

    fn run(&mut self) {
        let protocol = &self.engine.protocol;
        if !protocol.queue.enabled || protocol.errors.is_active(gerror::CMDQ_ERR) {
            return;
        }
        self.engine.run();
        if self.engine.fault().is_some() {
            self.engine.protocol.errors.activate(gerror::CMDQ_ERR);
        }
    }

    /// Reads `SMMU_CMDQ_BASE`.
    #[must_use]
    pub fn cmdq_base(&self) -> u64 {
        self.engine.protocol.queue.base()
    }

    /// Reads `SMMU_CMDQ_PROD`.
    #[must_use]
    pub fn cmdq_prod(&self) -> u32 {
        self.engine.protocol.queue.prod()
    }

    /// Reads `SMMU_CMDQ_CONS`: the index and the wrap flag above it, and ERR in bits
    /// 30:24, 0 while there is no error.
    #[must_use]
    pub fn cmdq_cons(&self) -> u32 {
        let error = self.fault().map_or(0, |fault| fault.error.code());
        self.engine.protocol.queue.ring.head | u32::from(error) << cmdq_index::ERR_SHIFT
    }

    /// Reads `SMMU_CR0ACK`, of which CMDQEN (bit 3) is implemented.
    #[must_use]
    pub fn cr0ack(&self) -> u32 {
        if self.engine.protocol.queue.enabled {
            cr0::CMDQEN
        } else {
            0
        }
    }

    /// Reads `SMMU_GERROR`: CMDQ_ERR (bit 0) and MSI_CMDQ_ABT_ERR (bit 4). An error is
    /// active while its bit differs from that of [`Self::gerrorn`].
    #[must_use]
    pub fn gerror(&self) -> u32 {
        self.engine.protocol.errors.gerror
    }

    /// Reads `SMMU_GERRORN`, the bits of [`Self::gerror`].
    #[must_use]
    pub fn gerrorn(&self) -> u32 {
        self.engine.protocol.errors.gerrorn
    }
}

impl<B, M: Bytes<GuestAddress>> fmt::Debug for FrontEnd<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.engine.protocol.queue;
        f.debug_struct("FrontEnd")
            .field("cmdq_base", &queue.base())
            .field("cmdq_prod", &queue.prod())
            .field("cmdq_cons", &queue.ring.head)
            .finish_non_exhaustive()
    }
}
