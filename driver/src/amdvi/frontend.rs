use std::fmt;
use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::decode::Command;
use super::protocol::AmdVi;
use super::target::Targets;
use crate::counts::add_alone;
use crate::engine::{Engine, engine_methods};
use crate::spec::amdvi::{control, status};
use crate::{Backend, Counters, DomainId, ObjectId};

#[cfg(test)]
mod tests;

/// The guest's side of one virtual AMD IOMMU: the registers of its command buffer
/// and event log (48882, 2.4, 2.5 and 3.4), and what follows from them.
///
/// While `CmdBufRun` is set, a write of the tail handles every command up to the
/// new tail before it returns:
/// - INVALIDATE_IOMMU_PAGES goes to every nested HWPT of the guest's domain,
///   INVALIDATE_IOTLB_PAGES to the vIOMMU (which knows the host's device by its
///   vDEVICE), each as the guest wrote it. They are collected, up to the next
///   COMPLETION_WAIT, into one request per target; device TLBs come after the
///   IOMMU's translations.
/// - INVALIDATE_IOMMU_ALL becomes an invalidation of everything for every domain
///   that is attached. It says nothing to devices' TLBs (2.4.8). It is about device
///   table entries too, so that [`Self::on_absorbed`] is called first, after everything
///   before it is done and complete.
/// - COMPLETION_WAIT completes (store, then `ComWaitInt` and interrupt) after every
///   request before it returned successfully. With f set nothing behind it begins
///   before it has finished: with [`Policy::Coalesce`](crate::Policy::Coalesce) it is
///   not joined with later ones, and the other policies never go beyond a sync.
/// - Other commands end here. INVALIDATE_DEVTAB_ENTRY, INVALIDATE_INTERRUPT_TABLE and
///   COMPLETE_PPR_REQUEST do so after everything before them. A prefetch is only a
///   hint; one that asks for an invalidation first (Inval) counts as an invalidation
///   of every translation, since the front end does not know the device's domain.
///
/// # Faults
/// Where a command cannot be executed, what is before it is executed all the same,
/// no sync behind it completes, an event with the command's address goes to the event
/// log, `CmdBufRun` is cleared and the head stays at the command:
/// - ILLEGAL_COMMAND_ERROR: unknown opcode, reserved bit, or hardware says so.
/// - COMMAND_HARDWARE_ERROR: the command or the place of a store is not in guest
///   memory, the tail is not in the buffer (which the specification leaves open), or
///   the backend failed a request. In that case the head goes back to the command of
///   the first entry that was not handled, and what follows it may be executed again.
///
/// The guest restarts with a write of 0 and of 1 to `CmdBufEn`; the pointers stay what
/// they are, so that it begins with the failing command unless the guest wrote
/// the head before (registers 0018h and 2000h: `CmdBufEn` does not change them). Linux
/// sets both to 0 in between (`amd_iommu_reset_cmd_buffer`).
///
/// A device that does not answer (IOTLB_INV_TIMEOUT) or answers wrong
/// (INVALID_DEVICE_REQUEST) does not stop the command buffer: the specification lists
/// only the two errors above at `CmdBufRun`. The event is logged, the commands behind
/// it are executed, and the next COMPLETION_WAIT is passed without completion: it
/// finishes only when all older commands were completely executed (2.4.1), which
/// that one never is. The ones after it wait only for commands since the previous
/// one, and complete, as does any once the guest moved the head or took another
/// buffer. (Linux gives up waiting after 100 ms; its store data only ever
/// grows, so that a later one counts for this one as well, `wait_on_sem`.)
pub struct FrontEnd<B, M = GuestMemoryMmap>
where
    M: Bytes<GuestAddress>,
{
    engine: Engine<B, AmdVi<M>>,
}

impl<B: Backend, M: Bytes<GuestAddress>> FrontEnd<B, M> {
    /// A front end whose command buffer and event log lie in `memory`, as after a
    /// reset: disabled, without targets. `counters` may be shared with the backend of
    /// the same instance.
    pub fn new(instance: InstanceArg, memory: M, backend: B, counters: Arc<Counters>) -> Self {
        Self {
            engine: Engine::new(AmdVi::new(memory), instance, backend, counters),
        }
    }

    engine_methods!();

    /// As [`Targets::attach`].
    pub fn attach(&mut self, domain: DomainId, hwpt: ObjectId) -> bool {
        self.engine.protocol.targets.attach(domain, hwpt)
    }

    /// As [`Targets::detach`].
    pub fn detach(&mut self, domain: DomainId, hwpt: ObjectId) -> bool {
        self.engine.protocol.targets.detach(domain, hwpt)
    }

    /// As [`Targets::set_viommu`].
    pub fn set_viommu(&mut self, viommu: ObjectId) -> Option<ObjectId> {
        self.engine.protocol.targets.set_viommu(viommu)
    }

    /// Calls `raise` for the unit's interrupt: for every completed COMPLETION_WAIT
    /// with i set, after its store, where `ComWaitIntEn` is set; and for every event
    /// that was logged or lost, where `EventIntEn` is set.
    pub fn on_interrupt(&mut self, raise: impl FnMut() + Send + 'static) {
        self.engine.protocol.interrupt = Some(Box::new(raise));
    }

    /// Calls `absorbed` for every command that ends here, and for
    /// INVALIDATE_IOMMU_ALL, after which a VMM has to look at the guest's device table
    /// again too. What it attaches and detaches holds from the next command on, for
    /// INVALIDATE_IOMMU_ALL from this one on.
    ///
    /// Before it is told, everything before the command is done and complete, so that
    /// it can replace or destroy a nested HWPT. Only of prefetches it is told as they
    /// are fetched: what it detaches then may still get a request until the register
    /// write that led here has returned. A command whose own request fails is executed,
    /// and told, again.
    pub fn on_absorbed(&mut self, absorbed: impl FnMut(Command, &mut Targets) + Send + 'static) {
        self.engine.protocol.absorbed = Some(Box::new(absorbed));
    }

    /// Writes the Command Buffer Base Address Register (0008h): a new buffer, read
    /// from its beginning. The lengths 0 to 7 are reserved: `CmdBufRun` stays 0, and it
    /// is counted as an error once the buffer is enabled, and at each doorbell then.
    pub fn write_command_base(&mut self, value: u64) {
        self.engine.protocol.queue.set_base(value);
        self.engine.forget_owed();
        self.count_if(self.engine.protocol.lacks_buffer());
    }

    /// Writes the Command Buffer Head Pointer Register (2000h). While `CmdBufRun` is
    /// set the specification leaves the effect open; it has none.
    pub fn write_command_head(&mut self, value: u64) {
        if self.runs() {
            self.count_if(true);
        } else {
            self.engine.protocol.queue.set_head(value);
            self.engine.forget_owed();
        }
    }

    /// Writes the Command Buffer Tail Pointer Register (2008h), a doorbell: handles
    /// the buffer up to the new tail. While `CmdBufRun` is 0, only stores the value.
    pub fn write_command_tail(&mut self, value: u64) {
        self.engine.protocol.queue.set_tail(value);
        self.count_if(self.engine.protocol.lacks_buffer());
        if self.runs() {
            self.engine.run();
        }
    }

    /// Writes the IOMMU Control Register (0018h), of which `IommuEn` (bit 0),
    /// `EventLogEn` (2), `EventIntEn` (3), `ComWaitIntEn` (4) and `CmdBufEn` (12) are
    /// implemented. Setting `CmdBufEn` starts the command buffer, also after an error,
    /// and handles what is in it; setting `EventLogEn` starts the event log. Both need
    /// `IommuEn`.
    pub fn write_control(&mut self, value: u64) {
        let ran = self.runs();
        let lacked = self.engine.protocol.lacks_buffer();
        let lacked_log = self.engine.protocol.lacks_log();
        let protocol = &mut self.engine.protocol;
        let set = value & !protocol.control;
        protocol.control = value;
        if set & control::EVENT_LOG_EN != 0 {
            protocol.events.overflowed = false;
        }
        if set & control::CMD_BUF_EN != 0 {
            self.engine.thaw();
        }
        self.count_if(!lacked && self.engine.protocol.lacks_buffer());
        self.count_if(!lacked_log && self.engine.protocol.lacks_log());
        // An empty buffer that is enabled is no doorbell.
        if self.runs() && !ran && self.command_tail() != self.command_head() {
            self.engine.run();
        }
    }

    /// Writes the IOMMU Status Register (2020h), of which `EventOverflow` (bit 0),
    /// `EventLogInt` (1) and `ComWaitInt` (2) can be written, 1 to clear.
    pub fn write_status(&mut self, value: u64) {
        self.engine.protocol.status &= !(value & status::CLEARABLE);
    }

    /// Writes the Event Log Base Address Register (0010h): a new log, empty.
    pub fn write_event_base(&mut self, value: u64) {
        self.engine.protocol.events.set_base(value);
        self.count_if(self.engine.protocol.lacks_log());
    }

    /// Writes the Event Log Head Pointer Register (2010h): what the guest has read.
    pub fn write_event_head(&mut self, value: u64) {
        self.engine.protocol.events.set_head(value);
    }

    /// Writes the Event Log Tail Pointer Register (2018h). While `EventLogRun` is set
    /// the specification leaves the effect open; it has none.
    pub fn write_event_tail(&mut self, value: u64) {
        if self.engine.protocol.logs_events() {
            self.count_if(true);
        } else {
            self.engine.protocol.events.set_tail(value);
        }
    }

    /// Reads the Command Buffer Base Address Register.
    #[must_use]
    pub fn command_base(&self) -> u64 {
        self.engine.protocol.queue.base()
    }

    /// Reads the Command Buffer Head Pointer Register: bytes from the base.
    #[must_use]
    pub fn command_head(&self) -> u64 {
        self.engine.protocol.queue.head()
    }

    /// Reads the Command Buffer Tail Pointer Register: bytes from the base.
    #[must_use]
    pub fn command_tail(&self) -> u64 {
        self.engine.protocol.queue.tail()
    }

    /// Reads the IOMMU Control Register.
    #[must_use]
    pub fn control(&self) -> u64 {
        self.engine.protocol.control
    }

    /// Reads the IOMMU Status Register: the bits that can be written, `EventLogRun`
    /// (bit 3) and `CmdBufRun` (4).
    #[must_use]
    pub fn status(&self) -> u64 {
        let protocol = &self.engine.protocol;
        let run = |runs, bit| if runs { bit } else { 0 };
        protocol.status
            | run(protocol.logs_events(), status::EVENT_LOG_RUN)
            | run(self.runs(), status::CMD_BUF_RUN)
    }

    /// Reads the Event Log Base Address Register.
    #[must_use]
    pub fn event_base(&self) -> u64 {
        self.engine.protocol.events.base()
    }

    /// Reads the Event Log Head Pointer Register: bytes from the base.
    #[must_use]
    pub fn event_head(&self) -> u64 {
        self.engine.protocol.events.head()
    }

    /// Reads the Event Log Tail Pointer Register: bytes from the base.
    #[must_use]
    pub fn event_tail(&self) -> u64 {
        self.engine.protocol.events.tail()
    }

    /// Counts a write that is invalid.
    fn count_if(&self, invalid: bool) {
        let errors = &self.engine.counters().register_errors;
        add_alone(errors, u64::from(invalid));
    }

    fn runs(&self) -> bool {
        self.engine.protocol.is_enabled() && self.engine.fault().is_none()
    }
}

impl<B, M: Bytes<GuestAddress>> fmt::Debug for FrontEnd<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.engine.protocol.queue;
        f.debug_struct("FrontEnd")
            .field("command_base", &queue.base())
            .field("command_head", &queue.head())
            .field("command_tail", &queue.tail())
            .finish_non_exhaustive()
    }
}
