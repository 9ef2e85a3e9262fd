use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use hwptop_driver::amdvi::{Command, CommandType, FrontEnd, decode};
use hwptop_driver::{
    AmdGuestInvalidate, Counters, DomainId, HardwareError, InstanceArg, InvalidateError, ObjectId,
    Vendor,
};

use crate::backend::ScriptedBackend;
use crate::entries::check_amdvi;
use crate::journal::{Event, Store};
use crate::machine::{Beside, Completion, Effect, Machine, State, View, World};
use crate::memory::WatchedMemory;

mod log;

use log::EventLog;

/// The object that stands for the vIOMMU; the others are nested HWPTs.
pub(crate) const VIOMMU: ObjectId = ObjectId(8);

/// Registers 0008h, 0018h and 2020h (48882, 3.4).
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const IOMMU_EN: u64 = 1;
const COM_WAIT_INT_EN: u64 = 1 << 4;
const CMD_BUF_EN: u64 = 1 << 12;
const COM_WAIT_INT: u64 = 1 << 2;
const CMD_BUF_RUN: u64 = 1 << 4;
/// Bytes of a command and of an event.
const WIDTH: u64 = 16;

type Attached = BTreeSet<(DomainId, ObjectId)>;

/// The front end of AMD-Vi: registers are those of the command buffer, control, status and those of the event log; a
/// slot is a domain (low byte) of several HWPTs, or the vIOMMU where the target is that.
///
/// The VMM attaches a HWPT to a domain whenever a device table entry changed.
pub struct AmdVi {
    front_end: FrontEnd<Arc<ScriptedBackend>, WatchedMemory>,
    slots: BTreeMap<u16, ObjectId>,
    attached: Arc<Mutex<Attached>>,
    viommu: Option<ObjectId>,
    /// As it was before the command buffer ran.
    log: EventLog,
}

fn words(command: &[u8]) -> [u64; 2] {
    let mut words = [0; 2];
    for (word, bytes) in words.iter_mut().zip(command.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

fn domain(slot: u16) -> DomainId {
    DomainId(slot & 0xff)
}

/// Bytes that a base address register stands for; none where its length is a reserved one.
fn bytes_of(base: u64) -> Option<u64> {
    let len = base >> 56 & 0xf;
    (len >= 8).then(|| WIDTH << len)
}

impl AmdVi {
    fn attached(&self) -> std::sync::MutexGuard<'_, Attached> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_log(&mut self) {
        self.log = EventLog::of(&self.front_end);
    }
}

impl Machine for AmdVi {
    const PASSES_SYNCS: bool = true;

    fn new(world: World) -> Self {
        let World {
            memory,
            backend,
            journal,
            policy,
            ..
        } = world;
        let instance = InstanceArg::new(0, Vendor::AmdVi, true);
        let counters = Arc::new(Counters::new(Vendor::AmdVi));
        let mut front_end = FrontEnd::new(instance, memory, backend, counters);
        front_end.set_policy(policy);
        front_end.on_interrupt(move || journal.push(Event::Interrupt));
        let attached = Arc::new(Mutex::new(Attached::new()));
        let known = Arc::clone(&attached);
        front_end.on_absorbed(move |command, targets| {
            if let Command::InvalidateDevtabEntry(device) = command {
                let [low, high, ..] = device.0.to_le_bytes();
                let hwpt = ObjectId(1 + u32::from(high % 7));
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = known.insert((DomainId(low.into()), hwpt));
                assert_eq!(targets.attach(DomainId(low.into()), hwpt), is_new);
            }
        });
        let log = EventLog::of(&front_end);
        Self {
            front_end,
            slots: BTreeMap::new(),
            attached,
            viommu: None,
            log,
        }
    }

    fn decode(command: [u8; 32]) {
        let cmd = words(&command);
        let Ok(command) = decode(cmd) else {
            return;
        };
        assert!(CommandType::ALL.contains(&command.kind()));
        match command {
            Command::InvalidateIommuPages { .. } => check_amdvi(AmdGuestInvalidate { cmd }, false),
            Command::InvalidateIotlbPages { .. } => check_amdvi(AmdGuestInvalidate { cmd }, true),
            Command::CompletionWait {
                store: Some((addr, _)),
                ..
            } => assert!(addr.is_multiple_of(8)),
            _ => {}
        }
    }

    fn completion(&self, command: &[u8]) -> Option<Completion> {
        let Ok(Command::CompletionWait {
            store, interrupt, ..
        }) = decode(words(command))
        else {
            return None;
        };
        let is_raised = interrupt && self.front_end.control() & COM_WAIT_INT_EN != 0;
        Some(Completion {
            store: store.map(|(addr, data)| Store {
                addr,
                value: data.into(),
                len: 8,
            }),
            signal: is_raised.then_some(Event::Interrupt),
        })
    }

    /// Of devices' invalidations only, which go to the vIOMMU.
    fn is_late(target: ObjectId, error: &InvalidateError) -> bool {
        target == VIOMMU
            && matches!(
                error.hardware,
                Some(HardwareError::AtcTimeout(_) | HardwareError::UnexpectedCompletion(_))
            )
    }

    fn write(&mut self, register: u8, value: u64) -> Effect {
        self.remember_log();
        let runs = self.front_end.status() & CMD_BUF_RUN != 0;
        match register % 8 {
            0 => {
                self.front_end.write_command_base(value);
                Effect::Resets
            }
            1 => {
                let head = self.front_end.command_head();
                self.front_end.write_command_head(value);
                if runs {
                    assert_eq!(self.front_end.command_head(), head);
                    Effect::Nothing
                } else {
                    Effect::Resets
                }
            }
            2 => {
                self.front_end.write_command_tail(value);
                Effect::Runs
            }
            3 => {
                self.front_end.write_control(value);
                Effect::Runs
            }
            4 => {
                self.front_end.write_status(value);
                assert_eq!(self.front_end.status() & value & 0b111, 0);
                Effect::Nothing
            }
            5 => {
                self.front_end.write_event_base(value);
                Effect::Nothing
            }
            6 => {
                self.front_end.write_event_head(value);
                Effect::Nothing
            }
            _ => {
                self.front_end.write_event_tail(value);
                Effect::Nothing
            }
        }
    }

    fn ring(&mut self, tail: u64) {
        self.remember_log();
        self.front_end.write_command_tail(tail);
    }

    fn beside(&mut self, before: &View, after: &View, events: &[Event], is_exact: bool) -> Beside {
        let late = events.iter().filter(|event| {
            matches!(event, Event::Request { target, failed: Some(error), .. } if Self::is_late(*target, error))
        });
        let frozen = (after.faults > before.faults).then(|| after.base + after.head);
        let interrupts = self
            .log
            .check(&self.front_end, events, (late.count(), is_exact), frozen);
        if events.contains(&Event::Interrupt) && interrupts == 0 {
            assert_ne!(self.front_end.status() & COM_WAIT_INT, 0, "{events:x?}");
        }
        let is_event = |event: &&Event| log::is_event(event);
        Beside {
            events: events
                .iter()
                .filter(|event| !is_event(event))
                .copied()
                .collect(),
            interrupts,
        }
    }

    fn attach(&mut self, slot: u16, target: ObjectId) {
        if target == VIOMMU {
            self.front_end.set_viommu(target);
            self.viommu = Some(target);
            return;
        }
        self.detach(slot);
        self.slots.insert(slot, target);
        let is_new = self.attached().insert((domain(slot), target));
        assert_eq!(self.front_end.attach(domain(slot), target), is_new);
    }

    fn detach(&mut self, slot: u16) {
        if let Some(target) = self.slots.remove(&slot) {
            let was_there = self.attached().remove(&(domain(slot), target));
            assert_eq!(self.front_end.detach(domain(slot), target), was_there);
        }
    }

    fn targets(&self) -> BTreeSet<ObjectId> {
        let hwpts: Vec<ObjectId> = self.attached().iter().map(|&(_, hwpt)| hwpt).collect();
        hwpts.into_iter().chain(self.viommu).collect()
    }

    fn view(&self) -> View {
        let counters = self.front_end.counters();
        let (base, fault) = (self.front_end.command_base(), self.front_end.fault());
        let is_enabled = self.front_end.control() & (IOMMU_EN | CMD_BUF_EN)
            == IOMMU_EN | CMD_BUF_EN
            && bytes_of(base).is_some();
        let runs = self.front_end.status() & CMD_BUF_RUN != 0;
        assert_eq!(runs, is_enabled && fault.is_none());
        let state = match (fault, runs) {
            (Some(_), _) => State::Frozen { aborts: false },
            (None, true) => State::Runs,
            (None, false) => State::Disabled,
        };
        let size = bytes_of(base).unwrap_or(WIDTH << 8);
        View {
            base: base & ADDRESS,
            size,
            turn: size,
            command_bytes: WIDTH,
            head: self.front_end.command_head(),
            tail: self.front_end.command_tail(),
            state,
            reported: counters.fault().is_some(),
            faults: counters.snapshot().faults,
            lost_stores: 0,
        }
    }
}
