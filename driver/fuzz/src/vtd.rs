use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hwptop_driver::vtd::{Descriptor, DescriptorType, FrontEnd, Granularity, decode};
use hwptop_driver::{Counters, DomainId, InstanceArg, ObjectId, Pasid, Vendor};

use crate::backend::ScriptedBackend;
use crate::journal::{Event, Store};
use crate::machine::{Completion, Effect, Machine, State, View, World};
use crate::memory::WatchedMemory;

/// `FSTS_REG` (VT-d 11.4.7.1).
const IQE: u32 = 1 << 4;
const ICE: u32 = 1 << 5;
const ITE: u32 = 1 << 6;

/// The front end of VT-d: registers are `IQA_REG`, `IQT_REG` and `FSTS_REG`; a slot is DID (low byte) and PASID.
pub struct Vtd {
    front_end: FrontEnd<Arc<ScriptedBackend>, WatchedMemory>,
    attached: BTreeMap<u16, ObjectId>,
}

fn words(command: &[u8]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(command.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

fn pair(slot: u16) -> (DomainId, Pasid) {
    (DomainId(slot & 0xff), Pasid(u32::from(slot >> 8)))
}

fn check_granularity(granularity: Granularity) {
    let entry = granularity.entry();
    assert!(entry.is_whole() || entry.npages.is_power_of_two());
    if let Granularity::Pages { addr, .. } = granularity
        && !entry.is_whole()
    {
        let end = u128::from(entry.addr) + u128::from(entry.npages) * 0x1000;
        assert!(entry.addr <= addr && u128::from(addr) < end, "{entry:?}");
    }
}

impl Machine for Vtd {
    fn new(world: World) -> Self {
        let World {
            memory,
            backend,
            journal,
            policy,
            ..
        } = world;
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let mut front_end = FrontEnd::new(
            instance,
            memory,
            backend,
            Arc::new(Counters::new(Vendor::Vtd)),
        );
        front_end.set_policy(policy);
        front_end.on_interrupt(move || journal.push(Event::Interrupt));
        Self {
            front_end,
            attached: BTreeMap::new(),
        }
    }

    fn decode(command: [u8; 32]) {
        let [lo, hi, ..] = words(&command);
        for words in [words(&command), [lo, hi, 0, 0]] {
            let Ok(descriptor) = decode(words) else {
                continue;
            };
            assert_eq!(words[2..], [0, 0], "{descriptor:?} has an upper half");
            assert!(DescriptorType::ALL.contains(&descriptor.kind()));
            if let Descriptor::Iotlb(_, granularity) | Descriptor::PasidIotlb(_, _, granularity) =
                descriptor
            {
                check_granularity(granularity);
            }
        }
    }

    fn completion(&self, command: &[u8]) -> Option<Completion> {
        let Ok(Descriptor::Wait {
            status, interrupt, ..
        }) = decode(words(command))
        else {
            return None;
        };
        let store = status.map(|(addr, data)| Store {
            addr,
            value: data.into(),
            len: 4,
        });
        Some(Completion {
            store,
            signal: interrupt.then_some(Event::Interrupt),
        })
    }

    fn write(&mut self, register: u8, value: u64) -> Effect {
        match register % 3 {
            0 => {
                self.front_end.write_iqa(value);
                Effect::Resets
            }
            1 => {
                self.front_end.write_iqt(value);
                Effect::Runs
            }
            _ => {
                let [a, b, c, d, ..] = value.to_le_bytes();
                self.front_end.write_fsts(u32::from_le_bytes([a, b, c, d]));
                Effect::Runs
            }
        }
    }

    fn ring(&mut self, tail: u64) {
        self.front_end.write_iqt(tail);
    }

    fn attach(&mut self, slot: u16, target: ObjectId) {
        let (did, pasid) = pair(slot);
        self.front_end.attach(did, pasid, target);
        self.attached.insert(slot, target);
    }

    fn detach(&mut self, slot: u16) {
        let (did, pasid) = pair(slot);
        self.front_end.detach(did, pasid);
        self.attached.remove(&slot);
    }

    fn targets(&self) -> BTreeSet<ObjectId> {
        self.attached.values().copied().collect()
    }

    fn view(&self) -> View {
        let counters = self.front_end.counters();
        let fsts = self.front_end.fsts();
        let state = if fsts & (IQE | ICE | ITE) == 0 {
            State::Runs
        } else {
            State::Frozen {
                aborts: fsts & (ICE | ITE) != 0,
            }
        };
        assert_eq!(state == State::Runs, self.front_end.fault().is_none());
        let size = 0x1000 << (self.front_end.iqa() & 7);
        View {
            base: self.front_end.iqa() & !0xfff,
            size,
            turn: size,
            command_bytes: self.front_end.width().bytes().into(),
            head: self.front_end.iqh(),
            tail: self.front_end.iqt(),
            state,
            reported: counters.fault().is_some(),
            faults: counters.snapshot().faults,
            lost_stores: 0,
        }
    }
}
