use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress};

use super::command;
use super::decode::{Command, decode};
use super::event::EventLog;
use super::fault::{CommandError, ErrorType};
use super::queue::{Queue, TailOutside};
use super::target::Targets;
use crate::engine::{Batch, Class, GuestRing, NotInMemory, Protocol, Rank, Recovery, Stop};
use crate::spec::amdvi::{control, status};
use crate::{AmdGuestInvalidate, FaultReason, HardwareError, InvalidateError, QueueError};

type Absorbed = Box<dyn FnMut(Command, &mut Targets) + Send>;

/// The command buffer, and what its commands need to be executed.
pub(super) struct AmdVi<M> {
    pub(super) memory: M,
    pub(super) queue: Queue,
    pub(super) events: EventLog,
    pub(super) targets: Targets,
    /// As the guest wrote it.
    pub(super) control: u64,
    /// The bits of the status register that the guest clears.
    pub(super) status: u64,
    pub(super) interrupt: Option<Box<dyn FnMut() + Send>>,
    pub(super) absorbed: Option<Absorbed>,
}

/// A command with its words: an entry of a request is the command itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetched {
    command: Command,
    words: [u64; 2],
}

impl<M: Bytes<GuestAddress>> AmdVi<M> {
    pub(super) const fn new(memory: M) -> Self {
        Self {
            memory,
            queue: Queue::new(),
            events: EventLog::new(),
            targets: Targets::new(),
            control: 0,
            status: 0,
            interrupt: None,
            absorbed: None,
        }
    }

    const fn controls(&self, bits: u64) -> bool {
        self.control & bits == bits
    }

    /// Whether commands are fetched, unless an error stopped that.
    pub(super) const fn is_enabled(&self) -> bool {
        self.controls(control::IOMMU_EN | control::CMD_BUF_EN) && self.queue.is_valid()
    }

    /// Whether a command buffer of a reserved length is enabled.
    pub(super) const fn lacks_buffer(&self) -> bool {
        self.controls(control::IOMMU_EN | control::CMD_BUF_EN) && !self.queue.is_valid()
    }

    /// Whether an event log of a reserved length is enabled.
    pub(super) const fn lacks_log(&self) -> bool {
        self.controls(control::IOMMU_EN | control::EVENT_LOG_EN) && !self.events.is_valid()
    }

    /// Whether events are logged.
    pub(super) const fn logs_events(&self) -> bool {
        self.controls(control::IOMMU_EN | control::EVENT_LOG_EN)
            && self.events.is_valid()
            && !self.events.overflowed
    }

    /// Sets a bit of the status register, and interrupts the guest where it asked
    /// for that. All of the unit's interrupts are one unless the guest is offered
    /// more: it looks at the register.
    fn signal(&mut self, bit: u64, enable: u64) {
        self.status |= bit;
        if self.controls(enable)
            && let Some(raise) = &mut self.interrupt
        {
            raise();
        }
    }

    /// Appends to the event log. Where that is full the event is lost, and so are
    /// all others until the guest cleared `EventOverflow` and restarted the log.
    fn log(&mut self, event: [u64; 2]) {
        if !self.logs_events() || self.status & status::EVENT_OVERFLOW != 0 {
            return;
        }
        let bit = if self.events.push(&self.memory, event).is_ok() {
            status::EVENT_LOG_INT
        } else {
            self.events.overflowed = true;
            status::EVENT_OVERFLOW
        };
        self.signal(bit, control::EVENT_INT_EN);
    }

    fn tell_vmm(&mut self, command: Command) {
        if let Some(absorbed) = &mut self.absorbed {
            absorbed(command, &mut self.targets);
        }
    }
}

impl<M: Bytes<GuestAddress>> Protocol for AmdVi<M> {
    type Entry = AmdGuestInvalidate;
    type Command = Fetched;

    fn rules(&self) {}

    fn begin(&mut self) -> Result<(), Stop> {
        // The specification leaves open what happens; to fetch from beyond the buffer
        // is no option.
        self.queue
            .begin()
            .map_err(|TailOutside| Stop::guest(hardware(ErrorType::MasterAbort), None))
    }

    fn fetch(&mut self) -> Result<Option<Fetched>, Stop> {
        if self.queue.ring.is_at_end() {
            return Ok(None);
        }
        let [lo, hi, ..] = match self.queue.ring.fetch(&self.memory) {
            Ok(words) => words,
            Err(NotInMemory) => {
                return Err(Stop::guest(hardware(ErrorType::MasterAbort), None));
            }
        };
        let words = [lo, hi];
        match decode(words) {
            Ok(command) => Ok(Some(Fetched { command, words })),
            Err(error) => Err(Stop::guest(error.into(), Some([lo, hi, 0, 0]))),
        }
    }

    #[inline]
    fn ring(&self) -> &GuestRing {
        &self.queue.ring
    }

    #[inline]
    fn ring_mut(&mut self) -> &mut GuestRing {
        &mut self.queue.ring
    }

    fn words(&mut self) -> Option<[u64; 4]> {
        self.queue.ring.fetch(&self.memory).ok()
    }

    fn class(fetched: &Fetched) -> Class {
        match fetched.command {
            Command::CompletionWait { .. } => Class::Sync,
            Command::InvalidateIommuAll => Class::Reconfigure(Rank::Translation),
            Command::InvalidateIommuPages { .. }
            | Command::PrefetchIommuPages {
                invalidate: true, ..
            } => Class::Invalidate(Rank::Translation),
            Command::InvalidateIotlbPages { .. } => Class::Invalidate(Rank::Device),
            Command::PrefetchIommuPages { .. } => Class::Absorb,
            Command::InvalidateDevtabEntry(_)
            | Command::InvalidateInterruptTable(_)
            | Command::CompletePprRequest { .. } => Class::Configure,
        }
    }

    fn kind(fetched: &Fetched) -> u8 {
        fetched.command.kind() as u8
    }

    /// A sync with f set: later commands must not even begin before it.
    fn joins(fetched: &Fetched) -> bool {
        !matches!(fetched.command, Command::CompletionWait { flush: true, .. })
    }

    fn collect(&mut self, fetched: Fetched, batch: &mut Batch<AmdGuestInvalidate>) -> bool {
        let entry = AmdGuestInvalidate { cmd: fetched.words };
        let mut any = false;
        let mut push = |target, entry| {
            any = true;
            batch.push(target, entry);
        };
        match fetched.command {
            Command::InvalidateIommuPages { domain, .. } => {
                for hwpt in self.targets.domain(domain) {
                    push(hwpt, entry);
                }
            }
            Command::InvalidateIotlbPages { .. } => {
                if let Some(viommu) = self.targets.viommu() {
                    push(viommu, entry);
                }
            }
            // The front end does not know the domain of a prefetching device.
            command @ (Command::InvalidateIommuAll | Command::PrefetchIommuPages { .. }) => {
                if command == Command::InvalidateIommuAll {
                    self.tell_vmm(command);
                }
                for (domain, hwpt) in self.targets.all() {
                    let cmd = command::iommu_pages_all(domain).words();
                    push(hwpt, AmdGuestInvalidate { cmd });
                }
            }
            _ => {}
        }
        any
    }

    fn absorb(&mut self, fetched: Fetched) -> Result<(), Stop> {
        self.tell_vmm(fetched.command);
        Ok(())
    }

    fn complete(&mut self, fetched: Fetched) -> Result<bool, Stop> {
        let Command::CompletionWait {
            store, interrupt, ..
        } = fetched.command
        else {
            return Ok(false);
        };
        if let Some((addr, data)) = store {
            // Release: a guest that sees the data must see the effects of what was
            // before it. One 64-bit access, as hardware writes it.
            let written = self
                .memory
                .store(data.to_le(), GuestAddress(addr), Ordering::Release);
            if written.is_err() {
                return Err(Stop {
                    error: hardware(ErrorType::MasterAbort),
                    words: None,
                    reason: FaultReason::StatusAddress(addr),
                });
            }
        }
        if interrupt {
            self.signal(status::COM_WAIT_INT, control::COM_WAIT_INT_EN);
        }
        Ok(interrupt)
    }

    /// Only ILLEGAL_COMMAND_ERROR and COMMAND_HARDWARE_ERROR stop a command buffer
    /// (`CmdBufRun`).
    fn recovery(&mut self, error: InvalidateError, rank: Rank) -> Recovery {
        match error.hardware {
            // Of a domain's invalidation it says nothing about devices' TLBs alone.
            Some(HardwareError::AtcTimeout(_) | HardwareError::UnexpectedCompletion(_))
                if rank != Rank::Device =>
            {
                Recovery::AtCommand(hardware(ErrorType::DataError))
            }
            Some(HardwareError::AtcTimeout(device)) => {
                Recovery::PassSync(CommandError::IotlbInvTimeout(device).into())
            }
            Some(HardwareError::UnexpectedCompletion(device)) => {
                Recovery::PassSync(CommandError::InvalidDeviceRequest(device).into())
            }
            Some(HardwareError::Illegal) => Recovery::AtCommand(CommandError::Illegal.into()),
            Some(HardwareError::Abort) => Recovery::AtCommand(hardware(ErrorType::TargetAbort)),
            None => Recovery::AtCommand(hardware(ErrorType::DataError)),
        }
    }

    fn report(&mut self, error: QueueError, index: u32) {
        if let QueueError::AmdVi(error) = error {
            self.log(error.event(self.queue.address_of(index)));
        }
    }
}

const fn hardware(kind: ErrorType) -> QueueError {
    QueueError::AmdVi(CommandError::Hardware(kind))
}
