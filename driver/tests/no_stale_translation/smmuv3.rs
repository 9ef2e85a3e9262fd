//! A guest of SMMUv3: commands (Arm IHI 0070, 4), registers (6.3), CDs (5.4). Each space
//! has two ASIDs, of which it uses one. The first CD table has SubstreamIDs 0 to 2, the second only 0.

use std::sync::Arc;

use hwptop_driver::model::iommufd::{HwptAllocFlags, HwptData, ViommuType};
use hwptop_driver::model::tables::{Format, Words};
use hwptop_driver::smmuv3::{Features, FrontEnd};
use hwptop_driver::{ArmSmmuV3, Counters, Fault, ObjectId, Policy, Vendor};

use super::dialect::{Attached, Dialect, Queued, block, blocks};
use super::flaky::Flaky;
use super::layout::{
    AGENTS, CONTEXTS, DEVICES, PAGE, PASIDS, POISON, QUEUE, SPACES, domain_of, pasid_of,
};
use super::machine::{GUEST_IDS, Machine, instance};
use super::reference::{Atc, Cover, Roots};
use super::rng::Rng;
use super::world::World;

/// What a guest's STE can say: one CD table or the other.
const CONFIGS: usize = 2;

/// 2^6 commands.
const LOG2SIZE: u32 = 6;

const CMDQEN: u32 = 1 << 3;
const CMDQ_ERR: u32 = 1;
/// `CERROR_ATC_INV_SYNC` (7.1).
const ATC_INV_SYNC: u8 = 3;
/// `CERROR_ILL` (7.1).
const ILL: u8 = 1;

pub(crate) struct SmmuV3 {
    front: FrontEnd<Flaky>,
    viommu: ObjectId,
    hwpts: [[ObjectId; CONFIGS]; DEVICES],
    /// What each device has.
    chosen: [Option<usize>; DEVICES],
}

const fn cd_table(config: usize) -> u64 {
    CONTEXTS + config as u64 * PAGE
}

/// A space's CD (5.4), with the ASID of a tag.
fn write_cd(machine: &Machine, tag: usize, root: u64) {
    let space = tag % SPACES;
    let table = cd_table(usize::from(domain_of(space)) - 1);
    let slot = table + u64::try_from(pasid_of(space)).unwrap() * 64;
    // AA64, V, T0SZ 16.
    let first = asid(tag) | 1 << 41 | 1 << 31 | 16;
    assert!(machine.tables().store(slot, first));
    assert!(machine.tables().store(slot + 8, root));
}

/// The space of a SubstreamID.
fn space_of(config: usize, pasid: usize) -> Option<usize> {
    (0..SPACES)
        .find(|&space| usize::from(domain_of(space)) == config + 1 && pasid_of(space) == pasid)
}

/// Bits 63:48 of a command or a CD.
fn asid(tag: usize) -> u64 {
    u64::try_from(tag + 5).unwrap() << 48
}

const EVERY_TAG: u8 = u8::MAX;

/// `CMD_TLBI_NH_VA` (4.4.2.4) of pages of a region of memory: without range fields, or
/// as (NUM + 1) * 2^SCALE granules of 4 KiB, sometimes with the size of the leaf.
fn tlbi(space: usize, (first, pages): (u64, u64), leaf: bool, rng: &mut Rng) -> Queued {
    let mut scale = 0;
    while pages.div_ceil(1 << scale) > 32 {
        scale += 1;
    }
    let count = pages.div_ceil(1 << scale);
    // A single granule must say its level, or be no range; an address must be aligned to
    // the level (4.4.1.1).
    let hints: &[u64] = match (count, scale) {
        (1, 0) => &[3],
        _ if first % 512 == 0 && (count << scale) % 512 == 0 => &[0, 0, 3, 2],
        _ => &[0, 0, 3],
    };
    let ttl = rng.pick(hints);
    let plain = pages == 1 && rng.one_in(2);
    let (range, hint) = if plain {
        (0, 0)
    } else {
        ((count - 1) << 12 | scale << 20, ttl << 8 | 1 << 10)
    };
    Queued {
        words: [
            0x12 | asid(space) | range,
            (first * PAGE) | hint | u64::from(leaf),
        ],
        cover: Cover {
            spaces: 1 << space,
            configs: 0,
            agents: 0,
            first,
            last: first + (count << scale) - 1,
            leaf,
            size_log2: match hint >> 8 & 3 {
                3 => Some(12),
                2 => Some(21),
                _ => None,
            },
        },
    }
}

impl SmmuV3 {
    fn alloc(viommu: ObjectId, machine: &Machine, device: usize, config: usize) -> ObjectId {
        // V, Config 5, 4 CDs; EATS of the device with an ATC.
        let ste = [
            1 | 5 << 1 | cd_table(config) | 2 << 59,
            if device == 0 { 1 << 28 } else { 0 },
        ];
        let data = HwptData::ArmSmmuV3(ArmSmmuV3 { ste });
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

impl Dialect for SmmuV3 {
    const VENDOR: Vendor = Vendor::SmmuV3;
    const FORMAT: Format = Format::LpaeStage1;
    const ATC: Atc = Atc::BehindSync;
    const ROOTS: Roots = Roots::Configuration;
    const TAGS: bool = true;
    const POISONED: u64 = POISON | 0xf43;

    fn new(machine: &Machine, backend: Flaky, roots: [u64; SPACES], _: &mut Rng) -> Self {
        let vendor = Vendor::SmmuV3;
        let kind = ViommuType::ARM_SMMUV3;
        let viommu = machine
            .fd
            .viommu_alloc(machine.devices[0], machine.parent, kind)
            .unwrap();
        for (space, root) in roots.into_iter().enumerate() {
            write_cd(machine, space, root);
        }
        let counters = Arc::new(Counters::new(vendor));
        let memory = machine.memory.clone();
        let arg = instance(0, vendor);
        let mut front = FrontEnd::new(arg, memory, backend, counters, Features::ALL_4K);
        let mut hwpts = [[ObjectId(0); CONFIGS]; DEVICES];
        for device in 0..DEVICES {
            let id = GUEST_IDS[device].into();
            machine
                .fd
                .vdevice_alloc(viommu, machine.devices[device], id)
                .unwrap();
            hwpts[device] =
                std::array::from_fn(|config| Self::alloc(viommu, machine, device, config));
        }
        front.attach(viommu);
        front.write_cmdq_base(QUEUE | u64::from(LOG2SIZE));
        front.write_cr0(CMDQEN);
        Self {
            front,
            viommu,
            hwpts,
            chosen: [None; DEVICES],
        }
    }

    fn queue(&self) -> (u32, u32) {
        (1 << LOG2SIZE, 16)
    }

    fn set_policy(&mut self, policy: Policy) {
        self.front.set_policy(policy);
    }

    fn ring(&mut self, tail: u64) {
        let prod = tail % (2 << LOG2SIZE);
        self.front.write_cmdq_prod(u32::try_from(prod).unwrap());
    }

    fn head(&self) -> u32 {
        self.front.cmdq_cons() & ((1 << LOG2SIZE) - 1)
    }

    fn fault(&self) -> Option<Fault> {
        self.front.fault()
    }

    /// Behind a `CERROR_ATC_INV_SYNC`, the sync at the head will complete without the
    /// `ATC_INV`s before it.
    fn learn(world: &mut World, fault: &Fault, head: u64) {
        if fault.error.code() == ATC_INV_SYNC {
            world.reference.atc_failed(head);
        }
    }

    fn acknowledge(&mut self) {
        self.front.write_gerrorn(self.front.gerrorn() ^ CMDQ_ERR);
    }

    fn counters(&self) -> Arc<Counters> {
        self.front.counters()
    }

    fn switch(machine: &Machine, tag: usize, root: u64) {
        write_cd(machine, tag, root);
    }

    /// `CMD_CFGI_CD` (4.3.3) or `CMD_CFGI_CD_ALL` (4.3.4) for each stream, as Linux's
    /// `arm_smmu_sync_cd` does.
    fn configs(space: usize, rng: &mut Rng) -> Vec<Queued> {
        let pasid = pasid_of(space);
        let all = rng.one_in(4);
        let of_device = |device: usize| {
            let id = u64::from(GUEST_IDS[device]) << 32;
            let (words, pasids) = if all {
                ([0x06 | id, 0], (1 << PASIDS) - 1)
            } else {
                ([0x05 | id | (pasid as u64) << 12, 1], 1 << pasid)
            };
            Queued {
                words,
                cover: Cover {
                    configs: pasids << (device * PASIDS),
                    ..Cover::default()
                },
            }
        };
        (0..DEVICES).map(of_device).collect()
    }

    /// Linux's `__arm_smmu_cmdq_skip_err`: a `CMD_SYNC` for an illegal command; what was
    /// not fetched is tried again.
    fn replacement(fault: &Fault) -> Option<[u64; 2]> {
        (fault.error.code() == ILL).then_some([0x46, 0])
    }

    fn pages(space: usize, first: u64, last: u64, leaf: bool, rng: &mut Rng) -> Vec<Queued> {
        if rng.one_in(2) {
            return vec![tlbi(space, (first, last - first + 1), leaf, rng)];
        }
        let blocks = blocks(first, last, true).into_iter();
        blocks
            .map(|(page, order)| tlbi(space, (page, 1 << order), leaf, rng))
            .collect()
    }

    /// `CMD_TLBI_NH_ASID` (4.4.2.2).
    fn whole(space: usize) -> Queued {
        Queued {
            words: [0x11 | asid(space), 0],
            cover: Cover {
                spaces: 1 << space,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// `CMD_TLBI_NH_ALL` (4.4.2.1) or `CMD_TLBI_NSNH_ALL` (4.4.4.1).
    fn wide(_: usize, rng: &mut Rng) -> Queued {
        Queued {
            words: [rng.pick(&[0x10, 0x30]), 0],
            cover: Cover {
                spaces: EVERY_TAG,
                ..Cover::EVERY_PAGE
            },
        }
    }

    /// `CMD_ATC_INV` (4.5.1), with SSV for SubstreamIDs other than 0, which is used by
    /// requests without one.
    fn atc(agent: usize, page: u64, order: u32) -> Queued {
        let id = u64::from(GUEST_IDS[agent / PASIDS]);
        let pasid = u64::try_from(agent % PASIDS).unwrap();
        let ssv = if pasid == 0 { 0 } else { 1 << 11 };
        Queued {
            words: [
                0x40 | ssv | pasid << 12 | id << 32,
                (page * PAGE) | u64::from(order),
            ],
            cover: Cover {
                agents: 1 << agent,
                ..block(page, order)
            },
        }
    }

    /// `CMD_SYNC` (4.7.3) with an MSI, SIG_NONE or SIG_IRQ.
    fn sync(address: u64, data: u32, _: &mut Rng) -> [u64; 2] {
        [0x46 | 1 << 12 | u64::from(data) << 32, address]
    }

    /// Prefetches, `CFGI_STE`, `CFGI_CD`, `CFGI_CD_ALL`, and an ASID that nobody has.
    fn idle(rng: &mut Rng) -> [u64; 2] {
        let id = u64::from(GUEST_IDS[0]) << 32;
        let list = [
            [0x01 | id, 0],
            [0x03 | id, 1],
            [0x05 | id | 1 << 12, 1],
            [0x06 | id, 0],
            [0x11 | 99 << 48, 0],
        ];
        rng.pick(&list)
    }

    fn is_device_entry([lo, _]: [u64; 2]) -> bool {
        lo & 0xff == 0x40
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
            fd.destroy(hwpt).unwrap();
            hwpt = Self::alloc(self.viommu, machine, device, config);
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
