//! A guest of AMD-Vi: commands (48882, 2.4) and registers (3.4). Domain 1 has a GCR3
//! table with PASIDs 0 to 2, domain 2 one with PASID 0 only.

use std::sync::Arc;

use hwptop_driver::amdvi::FrontEnd;
use hwptop_driver::model::iommufd::{HwptAllocFlags, HwptData, ViommuType};
use hwptop_driver::model::tables::{Format, Words};
use hwptop_driver::{AmdGuest, Counters, DomainId, Fault, ObjectId, Policy, Vendor};

use super::dialect::{Attached, Dialect, Queued, block, blocks};
use super::flaky::Flaky;
use super::layout::{
    AGENTS, CONTEXTS, DEVICES, EVENTS, PAGE, PASIDS, POISON, QUEUE, SPACES, domain_of, pasid_of,
};
use super::machine::{GUEST_IDS, Machine, instance};
use super::reference::{Atc, Cover, Roots};
use super::rng::Rng;
use super::world::World;

/// What a guest's DTE can say: domain 1 or 2.
const CONFIGS: usize = 2;

/// 2^8 commands: the shortest buffer.
const LEN: u64 = 8 << 56;

/// Control register: the IOMMU, the event log, and the command buffer, which is bit 12.
const CONTROL: u64 = 1 | 1 << 2;
const CMD_BUF_EN: u64 = 1 << 12;

pub(crate) struct AmdVi {
    front: FrontEnd<Flaky>,
    viommu: ObjectId,
    hwpts: [[ObjectId; CONFIGS]; DEVICES],
    /// What each device has.
    chosen: [Option<usize>; DEVICES],
}

const fn gcr3_table(config: usize) -> u64 {
    CONTEXTS + config as u64 * PAGE
}

/// The space of a PASID.
fn space_of(config: usize, pasid: usize) -> Option<usize> {
    (0..SPACES)
        .find(|&space| usize::from(domain_of(space)) == config + 1 && pasid_of(space) == pasid)
}

/// The second word: S and the address of 2^`order` pages, everything for 0.
fn pages(page: u64, order: u32) -> u64 {
    match order {
        0 => page * PAGE,
        _ => ((page >> order << order | ((1 << (order - 1)) - 1)) * PAGE) | 1,
    }
}

const EVERYTHING: u64 = 0x7fff_ffff_ffff_f000 | 1;
const PDE: u64 = 1 << 1;
const GN: u64 = 1 << 2;

/// INVALIDATE_IOMMU_PAGES (2.4.3) of a space.
fn iommu_pages(space: usize) -> u64 {
    3 << 60 | u64::from(domain_of(space)) << 32 | u64::try_from(pasid_of(space)).unwrap()
}

impl AmdVi {
    fn alloc(viommu: ObjectId, machine: &Machine, device: usize, config: usize) -> ObjectId {
        let table = gcr3_table(config);
        // V, GV, GLX 0; the table's address in three pieces; the domain.
        let dte = [
            1 | 1 << 55 | (table >> 12 & 7) << 58,
            u64::try_from(config + 1).unwrap() | (table >> 15 & 0xffff) << 16 | (table >> 31) << 43,
            0,
            0,
        ];
        let data = HwptData::AmdGuest(AmdGuest { dte });
        machine
            .fd
            .hwpt_alloc(machine.devices[device], viommu, HwptAllocFlags::NONE, data)
            .unwrap()
    }

    fn spaces(&self, device: usize) -> Attached {
        let config = self.chosen[device];
        (0..PASIDS)
            .map(|pasid| {
                let space = config.and_then(|config| space_of(config, pasid));
                (device * PASIDS + pasid, space)
            })
            .collect()
    }
}

fn domain(config: usize) -> DomainId {
    DomainId(u16::try_from(config + 1).unwrap())
}

impl Dialect for AmdVi {
    const VENDOR: Vendor = Vendor::AmdVi;
    const FORMAT: Format = Format::X86;
    const ATC: Atc = Atc::Behind;
    const ROOTS: Roots = Roots::WholeSpace;
    const POISONED: u64 = POISON | 7;

    fn new(machine: &Machine, backend: Flaky, roots: [u64; SPACES], _: &mut Rng) -> Self {
        let vendor = Vendor::AmdVi;
        let viommu = machine
            .fd
            .viommu_alloc(machine.devices[0], machine.parent, ViommuType::AMD)
            .unwrap();
        for (space, root) in roots.into_iter().enumerate() {
            Self::switch(machine, space, root);
        }
        let counters = Arc::new(Counters::new(vendor));
        let memory = machine.memory.clone();
        let mut front = FrontEnd::new(instance(0, vendor), memory, backend, counters);
        let mut hwpts = [[ObjectId(0); CONFIGS]; DEVICES];
        for device in 0..DEVICES {
            let id = GUEST_IDS[device].into();
            machine
                .fd
                .vdevice_alloc(viommu, machine.devices[device], id)
                .unwrap();
            hwpts[device] =
                std::array::from_fn(|config| Self::alloc(viommu, machine, device, config));
            for (config, &hwpt) in hwpts[device].iter().enumerate() {
                front.attach(domain(config), hwpt);
            }
        }
        front.set_viommu(viommu);
        front.write_event_base(EVENTS | LEN);
        front.write_command_base(QUEUE | LEN);
        front.write_control(CONTROL | CMD_BUF_EN);
        Self {
            front,
            viommu,
            hwpts,
            chosen: [None; DEVICES],
        }
    }

    fn queue(&self) -> (u32, u32) {
        (256, 16)
    }

    fn set_policy(&mut self, policy: Policy) {
        self.front.set_policy(policy);
    }

    fn ring(&mut self, tail: u64) {
        self.front.write_command_tail(tail % 256 * 16);
    }

    fn head(&self) -> u32 {
        u32::try_from(self.front.command_head()).unwrap() / 16
    }

    fn fault(&self) -> Option<Fault> {
        self.front.fault()
    }

    fn learn(_: &mut World, _: &Fault, _: u64) {}

    fn acknowledge(&mut self) {
        self.front.write_event_head(self.front.event_tail());
        self.front.write_control(CONTROL);
        self.front.write_control(CONTROL | CMD_BUF_EN);
    }

    fn counters(&self) -> Arc<Counters> {
        self.front.counters()
    }

    /// Linux's `update_gcr3`, which invalidates all of the PASID afterwards.
    fn switch(machine: &Machine, space: usize, root: u64) {
        let table = gcr3_table(usize::from(domain_of(space)) - 1);
        let slot = table + u64::try_from(pasid_of(space)).unwrap() * 8;
        assert!(machine.tables().store(slot, root | 1));
    }

    fn pages(space: usize, first: u64, last: u64, leaf: bool, rng: &mut Rng) -> Vec<Queued> {
        let blocks = blocks(first, last, rng.one_in(2)).into_iter();
        let flags = GN | if leaf { 0 } else { PDE };
        blocks
            .map(|(page, order)| Queued {
                words: [iommu_pages(space), pages(page, order) | flags],
                cover: Cover {
                    spaces: 1 << space,
                    leaf,
                    ..block(page, order)
                },
            })
            .collect()
    }

    fn whole(space: usize) -> Queued {
        Queued {
            words: [iommu_pages(space), EVERYTHING | GN | PDE],
            cover: Cover {
                spaces: 1 << space,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// Every PASID of a domain (2.4.3, GN = 0), or INVALIDATE_IOMMU_ALL (2.4.8).
    fn wide(space: usize, rng: &mut Rng) -> Queued {
        let domain = domain_of(space);
        let (words, wanted) = if rng.one_in(4) {
            ([8 << 60, 0], None)
        } else {
            let word = 3 << 60 | u64::from(domain) << 32;
            ([word, EVERYTHING | PDE], Some(domain))
        };
        let spaces = (0..SPACES)
            .filter(|&space| wanted.is_none_or(|wanted| wanted == domain_of(space)))
            .fold(0, |mask, space| mask | 1 << space);
        Queued {
            words,
            cover: Cover {
                spaces,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// INVALIDATE_IOTLB_PAGES (2.4.4).
    fn atc(agent: usize, page: u64, order: u32) -> Queued {
        let id = u64::from(GUEST_IDS[agent / PASIDS]);
        let pasid = u64::try_from(agent % PASIDS).unwrap();
        let gn = if pasid == 0 { 0 } else { GN };
        let address = if order > 40 {
            EVERYTHING
        } else {
            pages(page, order)
        };
        Queued {
            words: [
                4 << 60 | pasid << 48 | id << 32 | 1 << 24 | id,
                address | gn,
            ],
            cover: Cover {
                agents: 1 << agent,
                ..block(page, order)
            },
        }
    }

    /// COMPLETION_WAIT (2.4.1) with s, and sometimes f or i.
    fn sync(address: u64, data: u32, rng: &mut Rng) -> [u64; 2] {
        let flags = rng.pick(&[1, 1, 1 | 1 << 1, 1 | 1 << 2]);
        [1 << 60 | address | flags, data.into()]
    }

    /// INVALIDATE_DEVTAB_ENTRY, INVALIDATE_INTERRUPT_TABLE and PREFETCH_IOMMU_PAGES
    /// (2.4.2, 2.4.5, 2.4.6), and a domain that is not attached.
    fn idle(rng: &mut Rng) -> [u64; 2] {
        let id = u64::from(GUEST_IDS[0]);
        let list = [
            [2 << 60 | id, 0],
            [5 << 60 | id, 0],
            [6 << 60 | id, 0x1000],
            [3 << 60 | 9 << 32, EVERYTHING | PDE],
        ];
        rng.pick(&list)
    }

    fn is_device_entry([lo, _]: [u64; 2]) -> bool {
        lo >> 60 == 4
    }

    fn reattach(
        &mut self,
        machine: &Machine,
        _: &[Option<usize>; AGENTS],
        rng: &mut Rng,
    ) -> Attached {
        let (device, config) = (rng.below(DEVICES), rng.below(CONFIGS));
        let fd = &machine.fd;
        let id = machine.devices[device];
        let mut hwpt = self.hwpts[device][config];
        if rng.one_in(4) && self.chosen[device] != Some(config) {
            self.front.detach(domain(config), hwpt);
            fd.destroy(hwpt).unwrap();
            hwpt = Self::alloc(self.viommu, machine, device, config);
            self.front.attach(domain(config), hwpt);
            self.hwpts[device][config] = hwpt;
        }
        self.chosen[device] = match self.chosen[device] {
            None => {
                fd.attach(id, hwpt, None).unwrap();
                Some(config)
            }
            Some(_) if rng.one_in(2) => {
                fd.replace(id, hwpt, None).unwrap();
                Some(config)
            }
            Some(_) => {
                fd.detach(id, None).unwrap();
                None
            }
        };
        self.spaces(device)
    }
}
