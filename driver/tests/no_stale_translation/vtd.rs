//! A guest of VT-d: descriptors (VT-d 6.5.2) and registers (11.4.9). Its spaces are the
//! pairs (1, 0), (1, 1), (1, 2) and (2, 0) of domain id and PASID.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hwptop_driver::model::iommufd::{HwptAllocFlags, HwptData, Iommufd};
use hwptop_driver::model::tables::{Format, Words};
use hwptop_driver::vtd::{Descriptor, FrontEnd, InvalidationError};
use hwptop_driver::{
    Counters, DomainId, Fault, ObjectId, Pasid, Policy, QueueError, Vendor, VtdS1,
};
use vm_memory::GuestMemoryMmap;

use super::dialect::{Attached, Dialect, Queued, block, blocks};
use super::flaky::{Flaky, lock};
use super::layout::{
    AGENTS, CONTEXTS, DEVICES, PAGE, PASIDS, POISON, QUEUE, SPACES, TABLES_SHIFT, domain_of,
    pasid_of,
};
use super::machine::{GUEST_IDS, Machine, Queue, instance};
use super::reference::{Atc, Cover, Roots};
use super::rng::Rng;
use super::world::World;

pub(crate) struct Vtd {
    front: FrontEnd<Flaky>,
    /// Bytes of a descriptor.
    width: u32,
    vmm: Arc<Mutex<Vmm>>,
}

/// What the VMM needs while the front end is at work.
struct Vmm {
    fd: Arc<Iommufd<Queue>>,
    memory: GuestMemoryMmap,
    replacing: Arc<AtomicBool>,
    parent: ObjectId,
    devices: [ObjectId; DEVICES],
    attached: [Option<usize>; AGENTS],
    roots: [u64; SPACES],
    hwpts: [ObjectId; SPACES],
    /// Spaces that got another HWPT, and the one that they had. The front end is told
    /// behind the doorbell.
    old: Vec<(usize, ObjectId)>,
}

/// A 6.5.2.4 `p_iotlb_inv_dsc`, but for granularity and address.
fn p_iotlb(space: usize) -> u64 {
    6 | u64::from(domain_of(space)) << 16 | word(pasid_of(space)) << 32
}

fn word(value: usize) -> u64 {
    u64::try_from(value).unwrap()
}

/// The spaces of a domain, a bit each.
fn of_domain(domain: u16) -> u8 {
    (0..SPACES)
        .filter(|&space| domain_of(space) == domain)
        .fold(0, |mask, space| mask | 1 << space)
}

impl Vmm {
    fn alloc(&self, space: usize) -> ObjectId {
        let data = HwptData::VtdS1(VtdS1 {
            flags: 0,
            pgtbl_addr: self.roots[space],
            addr_width: 48,
            reserved: 0,
        });
        let flags = HwptAllocFlags::PASID;
        let device = self.devices[0];
        self.fd
            .hwpt_alloc(device, self.parent, flags, data)
            .unwrap()
    }

    /// Another HWPT for a space.
    fn renew(&mut self, space: usize) {
        self.replacing.store(true, Ordering::Relaxed);
        let new = self.alloc(space);
        for agent in (0..AGENTS).filter(|&agent| self.attached[agent] == Some(space)) {
            let device = self.devices[agent / PASIDS];
            self.fd.replace(device, new, pasid(agent)).unwrap();
        }
        self.replacing.store(false, Ordering::Relaxed);
        self.old
            .push((space, std::mem::replace(&mut self.hwpts[space], new)));
    }

    /// Reads the guest's PASID entries again.
    fn look_again(&mut self) {
        for space in 0..SPACES {
            let root = Words::load(&self.memory, entry(space) + TABLES_SHIFT).unwrap();
            if root != self.roots[space] {
                self.roots[space] = root;
                self.renew(space);
            }
        }
    }
}

/// Where the guest has the root of a space.
fn entry(space: usize) -> u64 {
    CONTEXTS + word(space) * 8
}

impl Vtd {
    /// Makes new HWPTs targets, and destroys those that they replace.
    fn settle(&mut self) {
        let mut vmm = lock(&self.vmm);
        for (space, old) in std::mem::take(&mut vmm.old) {
            let pasid = Pasid(u32::try_from(pasid_of(space)).unwrap());
            let domain = DomainId(domain_of(space));
            self.front.attach(domain, pasid, vmm.hwpts[space]).unwrap();
            vmm.fd.destroy(old).unwrap();
        }
    }
}

fn pasid(agent: usize) -> Option<Pasid> {
    let pasid = u32::try_from(agent % PASIDS).unwrap();
    (pasid != 0).then_some(Pasid(pasid))
}

impl Dialect for Vtd {
    const VENDOR: Vendor = Vendor::Vtd;
    const FORMAT: Format = Format::X86;
    const ATC: Atc = Atc::Implicit;
    const ROOTS: Roots = Roots::Entry;
    const POISONED: u64 = POISON | 7;

    fn new(machine: &Machine, backend: Flaky, roots: [u64; SPACES], rng: &mut Rng) -> Self {
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let memory = machine.memory.clone();
        let mut front = FrontEnd::new(instance(0, Vendor::Vtd), memory, backend, counters);
        let wide = rng.one_in(2);
        // One page: 256 descriptors of 128 bits, or 128 of 256 bits.
        front.write_iqa(QUEUE | if wide { 1 << 11 } else { 0 });
        let mut vmm = Vmm {
            fd: Arc::clone(&machine.fd),
            memory: machine.memory.clone(),
            replacing: Arc::clone(&machine.replacing),
            parent: machine.parent,
            devices: machine.devices,
            attached: [None; AGENTS],
            roots,
            hwpts: [ObjectId(0); SPACES],
            old: Vec::new(),
        };
        for (space, root) in roots.into_iter().enumerate() {
            Self::switch(machine, space, root);
            vmm.hwpts[space] = vmm.alloc(space);
            let pasid = Pasid(u32::try_from(pasid_of(space)).unwrap());
            front.attach(DomainId(domain_of(space)), pasid, vmm.hwpts[space]);
        }
        let vmm = Arc::new(Mutex::new(vmm));
        let inside = Arc::clone(&vmm);
        front.on_absorbed(move |descriptor, _| {
            if let Descriptor::PasidCache { .. } = descriptor {
                lock(&inside).look_again();
            }
        });
        Self {
            front,
            width: if wide { 32 } else { 16 },
            vmm,
        }
    }

    fn queue(&self) -> (u32, u32) {
        (4096 / self.width, self.width)
    }

    fn set_policy(&mut self, policy: Policy) {
        self.front.set_policy(policy);
    }

    fn ring(&mut self, tail: u64) {
        let (entries, width) = self.queue();
        self.front
            .write_iqt(tail % u64::from(entries) * u64::from(width));
        self.settle();
    }

    fn head(&self) -> u32 {
        u32::try_from(self.front.iqh()).unwrap() / self.width
    }

    fn fault(&self) -> Option<Fault> {
        self.front.fault()
    }

    /// Behind an ITE, what is before the head and has no sync may not have been done.
    fn learn(world: &mut World, fault: &Fault, head: u64) {
        if let QueueError::Vtd(InvalidationError::Ite(_)) = fault.error {
            world.reference.unsure(head);
        }
    }

    fn acknowledge(&mut self) {
        self.front.write_fsts(self.front.fsts());
        self.settle();
    }

    fn counters(&self) -> Arc<Counters> {
        self.front.counters()
    }

    fn switch(machine: &Machine, space: usize, root: u64) {
        assert!(machine.tables().store(entry(space), root));
    }

    /// 6.5.2.2 `pc_inv_dsc`, PASID-selective.
    fn configs(space: usize, _: &mut Rng) -> Vec<Queued> {
        let [domain, pasid] = [u64::from(domain_of(space)), word(pasid_of(space))];
        let agents = (0..AGENTS).filter(|agent| agent % PASIDS == pasid_of(space));
        vec![Queued {
            words: [7 | 1 << 4 | domain << 16 | pasid << 32, 0],
            cover: Cover {
                configs: agents.fold(0, |mask, agent| mask | 1 << agent),
                ..Cover::default()
            },
        }]
    }

    fn pages(space: usize, first: u64, last: u64, leaf: bool, rng: &mut Rng) -> Vec<Queued> {
        let blocks = blocks(first, last, rng.one_in(2)).into_iter();
        blocks
            .map(|(page, order)| Queued {
                words: [
                    p_iotlb(space) | 3 << 4,
                    (page * PAGE) | u64::from(leaf) << 6 | u64::from(order),
                ],
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
            words: [p_iotlb(space) | 2 << 4, 0],
            cover: Cover {
                spaces: 1 << space,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// 6.5.2.3 `iotlb_inv_dsc`, domain-selective or global.
    fn wide(space: usize, rng: &mut Rng) -> Queued {
        let domain = domain_of(space);
        let (word, spaces) = if rng.one_in(4) {
            (2 | 1 << 4, (1 << SPACES) - 1)
        } else {
            (2 | 2 << 4 | u64::from(domain) << 16, of_domain(domain))
        };
        Queued {
            // Drain reads and writes, as Linux asks for.
            words: [word | 3 << 6, 0],
            cover: Cover {
                spaces,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// 6.5.2.6 `p_dev_tlb_inv_dsc`, which ends at the VMM: the kernel does it with the
    /// IOTLB.
    fn atc(agent: usize, page: u64, _: u32) -> Queued {
        let id = u64::from(GUEST_IDS[agent / PASIDS]);
        Queued {
            words: [8 | id << 16 | word(agent % PASIDS) << 32, page * PAGE],
            cover: Cover::default(),
        }
    }

    /// 6.5.2.8 `inv_wait_dsc` with SW, and sometimes IF or FN.
    fn sync(address: u64, data: u32, rng: &mut Rng) -> [u64; 2] {
        let flags = rng.pick(&[1 << 5, 1 << 5 | 1 << 6, 1 << 4 | 1 << 5]);
        [5 | flags | u64::from(data) << 32, address]
    }

    /// Context cache, PASID cache and interrupt entries (6.5.2.1, 6.5.2.2, 6.5.2.7), and
    /// IOTLB invalidations of a domain and of a PASID that are not attached.
    fn idle(rng: &mut Rng) -> [u64; 2] {
        let list = [
            1 | 2 << 4 | 1 << 16,
            7 | 1 << 4 | 1 << 16,
            4,
            2 | 2 << 4 | 9 << 16,
            6 | 2 << 4 | 2 << 16 | 5 << 32,
        ];
        [rng.pick(&list), 0]
    }

    fn is_device_entry(_: [u64; 2]) -> bool {
        false
    }

    fn reattach(
        &mut self,
        machine: &Machine,
        attached: &[Option<usize>; AGENTS],
        rng: &mut Rng,
    ) -> Attached {
        if rng.one_in(4) {
            let space = rng.below(SPACES);
            lock(&self.vmm).renew(space);
            self.settle();
            return (0..AGENTS)
                .filter(|&agent| attached[agent] == Some(space))
                .map(|agent| (agent, Some(space)))
                .collect();
        }
        let agent = rng.below(AGENTS);
        let device = machine.devices[agent / PASIDS];
        let choice = match agent % PASIDS {
            0 => rng.pick(&[0, SPACES - 1]),
            pasid => pasid,
        };
        let (fd, hwpt) = (&machine.fd, lock(&self.vmm).hwpts[choice]);
        let space = match attached[agent] {
            None => {
                fd.attach(device, hwpt, pasid(agent)).unwrap();
                Some(choice)
            }
            Some(_) if rng.one_in(2) => {
                fd.replace(device, hwpt, pasid(agent)).unwrap();
                Some(choice)
            }
            Some(_) => {
                fd.detach(device, pasid(agent)).unwrap();
                None
            }
        };
        lock(&self.vmm).attached[agent] = space;
        vec![(agent, space)]
    }
}
