use std::collections::BTreeSet;
use std::sync::Arc;

use hwptop_driver::smmuv3::{
    Command, CommandError, CommandType, Completion as Sync, Features, FrontEnd, Granules, Msi,
    decode,
};
use hwptop_driver::{
    ArmSmmuV3Invalidate, Counters, HardwareError, InstanceArg, InvalidateError, ObjectId, Vendor,
};

use crate::backend::ScriptedBackend;
use crate::entries::check_smmuv3;
use crate::journal::{Event, Store};
use crate::machine::{Completion, Effect, Machine, State, View, World};
use crate::memory::WatchedMemory;

/// `SMMU_GERROR` (Arm IHI 0070, 6.3.19).
const CMDQ_ERR: u32 = 1;
const MSI_CMDQ_ABT_ERR: u32 = 1 << 4;
/// Bytes of a command.
const WIDTH: u32 = 16;
/// Streams below are in the guest's stream table.
const STREAMS: u32 = 0x1_0000;

/// The front end of SMMUv3: registers are `SMMU_CMDQ_BASE`, `PROD`, `CONS`, `SMMU_CR0` and `SMMU_GERRORN`; every slot
/// is the vIOMMU. The variant takes features away.
pub struct SmmuV3 {
    front_end: FrontEnd<Arc<ScriptedBackend>, WatchedMemory>,
    viommu: Option<ObjectId>,
}

/// What the virtual SMMU of this variant offers, and the physical one has.
pub(crate) fn features(variant: u8) -> Features {
    let all = Features::ALL_4K;
    let has = |bit: u8| variant & bit != 0;
    let ends_here = !has(0x40);
    Features {
        ril: !has(1),
        ds: has(2),
        asid16: !has(4),
        ats: !has(8),
        pri: ends_here,
        stall: ends_here,
        msi: ends_here,
        sev: ends_here,
        ssidsize: if has(0x10) { 0 } else { all.ssidsize },
        cmdqs: if ends_here { all.cmdqs } else { 5 },
        granules: if has(0x20) {
            Granules::Several
        } else {
            Granules::Only4K
        },
    }
}

fn words(command: &[u8]) -> [u64; 2] {
    let mut words = [0; 2];
    for (word, bytes) in words.iter_mut().zip(command.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

impl SmmuV3 {
    /// Lets the queue run and checks what the registers say of lost MSIs.
    fn run(&mut self, write: impl FnOnce(&mut FrontEnd<Arc<ScriptedBackend>, WatchedMemory>)) {
        let aborts = |machine: &Self| machine.front_end.counters().snapshot().msi_aborts;
        let before = (aborts(self), self.front_end.gerror());
        write(&mut self.front_end);
        let after = (aborts(self), self.front_end.gerror());
        let active = after.1 ^ self.front_end.gerrorn();
        if before.0 == after.0 {
            assert_eq!((before.1 ^ after.1) & MSI_CMDQ_ABT_ERR, 0);
        } else {
            assert_ne!(active & MSI_CMDQ_ABT_ERR, 0, "a lost MSI went unreported");
        }
        assert_eq!(active & !(CMDQ_ERR | MSI_CMDQ_ABT_ERR), 0);
    }
}

impl Machine for SmmuV3 {
    const LOSES_STORES: bool = true;

    fn new(world: World) -> Self {
        let World {
            memory,
            backend,
            journal,
            policy,
            variant,
        } = world;
        let mut front_end = FrontEnd::new(
            InstanceArg::new(0, Vendor::SmmuV3, true),
            memory,
            backend,
            Arc::new(Counters::new(Vendor::SmmuV3)),
            features(variant),
        );
        front_end.set_policy(policy);
        let events = journal.clone();
        front_end.on_interrupt(move || journal.push(Event::Interrupt));
        front_end.on_event(move || events.push(Event::Wake));
        front_end.on_stream_table(|command| match command {
            Command::CfgiSte(sid) if sid.0 >= STREAMS => Err(CommandError::Ill),
            _ => Ok(()),
        });
        front_end.on_answer(|command| {
            let kinds = [
                CommandType::PriResp,
                CommandType::Resume,
                CommandType::StallTerm,
            ];
            assert!(kinds.contains(&command.kind()), "{command:?}");
        });
        Self {
            front_end,
            viommu: None,
        }
    }

    fn decode(command: [u8; 32]) {
        let cmd = words(&command);
        for variant in [0, 1, 2, 0x3c, 0x7f] {
            let Ok(command) = decode(cmd, &features(variant)) else {
                continue;
            };
            assert!(CommandType::ALL.contains(&command.kind()));
            match command {
                Command::CfgiCd { .. }
                | Command::CfgiCdAll(_)
                | Command::TlbiNhAll
                | Command::TlbiNhAsid(_)
                | Command::TlbiNhVa(..)
                | Command::TlbiNhVaa(_)
                | Command::TlbiNsnhAll
                | Command::AtcInv { .. } => {
                    check_smmuv3(ArmSmmuV3Invalidate { cmd }, features(variant));
                }
                Command::CfgiSteRange { first, last } => assert!(first.0 < last.0),
                Command::Sync(Sync::SigIrq(Some(Msi { address, .. }))) => {
                    assert!(address != 0 && address.is_multiple_of(4));
                }
                _ => {}
            }
        }
    }

    fn completion(&self, command: &[u8]) -> Option<Completion> {
        let features = self.front_end.features();
        let Ok(Command::Sync(sync)) = decode(words(command), &features) else {
            return None;
        };
        let store = |msi: Msi| Store {
            addr: msi.address,
            value: msi.data.into(),
            len: 4,
        };
        Some(match sync {
            Sync::SigNone => Completion::default(),
            Sync::SigIrq(msi) => Completion {
                store: msi.filter(|_| features.msi).map(store),
                signal: Some(Event::Interrupt),
            },
            Sync::SigSev => Completion {
                store: None,
                signal: features.sev.then_some(Event::Wake),
            },
        })
    }

    fn is_late(_: ObjectId, error: &InvalidateError) -> bool {
        matches!(error.hardware, Some(HardwareError::AtcTimeout(_)))
    }

    fn write(&mut self, register: u8, value: u64) -> Effect {
        let [a, b, c, d, ..] = value.to_le_bytes();
        let value32 = u32::from_le_bytes([a, b, c, d]);
        match register % 5 {
            0 => {
                let before = self.view();
                self.front_end.write_cmdq_base(value);
                let after = self.view();
                assert!(self.front_end.cr0ack() == 0 || before == after);
                return Effect::Nothing;
            }
            1 => self.run(|front_end| front_end.write_cmdq_prod(value32)),
            2 => {
                let before = self.view();
                self.front_end.write_cmdq_cons(value32);
                let after = self.view();
                assert!(self.front_end.cr0ack() == 0 || before == after);
                return Effect::Nothing;
            }
            3 => self.run(|front_end| front_end.write_cr0(value32)),
            _ => {
                self.run(|front_end| front_end.write_gerrorn(value32));
                let implemented = CMDQ_ERR | MSI_CMDQ_ABT_ERR;
                assert_eq!(self.front_end.gerrorn(), value32 & implemented);
            }
        }
        Effect::Runs
    }

    fn ring(&mut self, tail: u64) {
        let index = u32::try_from(tail).expect("of a queue") / WIDTH;
        self.run(|front_end| front_end.write_cmdq_prod(index));
    }

    fn attach(&mut self, _: u16, target: ObjectId) {
        assert_eq!(self.front_end.attach(target), self.viommu.replace(target));
    }

    fn detach(&mut self, _: u16) {
        assert_eq!(self.front_end.detach(), self.viommu.take());
    }

    fn targets(&self) -> BTreeSet<ObjectId> {
        self.viommu.into_iter().collect()
    }

    fn view(&self) -> View {
        let counters = self.front_end.counters();
        let (base, fault) = (self.front_end.cmdq_base(), self.front_end.fault());
        let is_active = (self.front_end.gerror() ^ self.front_end.gerrorn()) & CMDQ_ERR != 0;
        assert!(is_active || fault.is_none(), "{fault:?} is no active error");
        let cons = self.front_end.cmdq_cons();
        let error = fault.map_or(0, |fault| fault.error.code());
        assert_eq!(cons >> 24, u32::from(error));
        let state = if fault.is_some() {
            State::Frozen { aborts: false }
        } else if is_active || self.front_end.cr0ack() == 0 {
            // A guest may make an error active that there is none of.
            State::Disabled
        } else {
            State::Runs
        };
        let cmdqs = u64::from(self.front_end.features().cmdqs);
        // Before the first write of the register, it is a queue of one command.
        let size = u64::from(WIDTH) << (base & 0x1f).min(cmdqs);
        let mask = 2 * size - 1;
        View {
            base: base & 0x00ff_ffff_ffff_ffe0 & !(size.max(32) - 1),
            size,
            turn: 2 * size,
            command_bytes: WIDTH.into(),
            head: u64::from(cons & 0x00ff_ffff) * u64::from(WIDTH),
            tail: (u64::from(self.front_end.cmdq_prod()) * u64::from(WIDTH)) & mask,
            state,
            reported: counters.fault().is_some(),
            faults: counters.snapshot().faults,
            lost_stores: counters.snapshot().msi_aborts,
        }
    }
}
