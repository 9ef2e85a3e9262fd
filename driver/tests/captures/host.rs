//! A modelled host with a guest whose stage 1 maps what its capture invalidates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hwptop_driver::model::config::{Gpa, Iova, Pa};
use hwptop_driver::model::iommufd::{
    DeviceCaps, HwptAllocFlags, HwptData, Iommufd, ModelUnit, Prot, ViommuType,
};
use hwptop_driver::model::tables::{Format, Mapping, PageAllocator, Shifted, Table, Words};
use hwptop_driver::model::unit::{AmdViUnit, CacheState, SmmuV3Unit, VtdUnit};
use hwptop_driver::{
    AmdGuest, ArmSmmuV3, Counters, Counts, DeviceId, Entries, InlineQueue, InstanceArg,
    InvalidateError, ObjectId, Pasid, Stream, Unit, Vendor, VtdS1,
};
use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::meaning::Invalidation;

const HOST_BYTES: usize = 16 << 20;
/// Host-physical address of the guest's address 0.
const GUEST: u64 = 8 << 20;
const GUEST_BYTES: u64 = 4 << 20;

/// Guest pages that its addresses lead to.
const DATA: u64 = 0x1000;
const DATA_PAGES: u64 = 8;
/// Guest pages with CDs or GCR3 tables, one for each address space.
const CONTEXTS: u64 = 0x10_0000;
const TABLES: std::ops::Range<u64> = 0x20_0000..GUEST_BYTES;

/// Pages that no page-selective command of a capture names, in every address space.
const ASIDE: std::ops::Range<u64> = 0x4_0000..0x4_0010;

/// Domain or ASID of an address space that no command of a capture names.
const BYSTANDER: u16 = 0x55;

/// A page of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page {
    /// Domain or ASID.
    pub(crate) space: u16,
    pub(crate) number: u64,
}

/// An address space, and the device that is in it.
struct Space {
    device: DeviceId,
    table: Table,
}

pub(crate) struct Host {
    unit: ModelUnit,
    memory: GuestMemoryMmap,
    table_pages: PageAllocator,
    spaces: BTreeMap<u16, Space>,
    /// How often each page was mapped anew.
    pages: BTreeMap<Page, u64>,
    counters: Arc<Counters>,
}

/// The iommufd, to a guest whose objects are called 1, 2, 3...
pub(crate) struct Backend {
    iommufd: Iommufd<InlineQueue>,
    objects: Vec<ObjectId>,
}

impl hwptop_driver::Backend for Backend {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        let target = self.objects[target.0 as usize - 1];
        self.iommufd.invalidate(target, entries)
    }
}

impl Host {
    /// Every page that an invalidation names is mapped, with its neighbours, and a few
    /// that none names.
    pub(crate) fn new(stream: &Stream, invalidations: &[Invalidation]) -> (Self, Backend) {
        let vendor = stream.vendor();
        let size = [(GuestAddress(0), HOST_BYTES)];
        let memory = GuestMemoryMmap::from_ranges(&size).unwrap();
        let (unit, queue_unit): (_, Arc<dyn Unit>) = match vendor {
            Vendor::Vtd => {
                let unit = Arc::new(VtdUnit::new(memory.clone()));
                (ModelUnit::Vtd(Arc::clone(&unit)), unit)
            }
            Vendor::SmmuV3 => {
                let unit = Arc::new(SmmuV3Unit::new(memory.clone()));
                (ModelUnit::SmmuV3(Arc::clone(&unit)), unit)
            }
            Vendor::AmdVi => {
                let unit = Arc::new(AmdViUnit::new(memory.clone()));
                (ModelUnit::AmdVi(Arc::clone(&unit)), unit)
            }
        };
        let counters = Arc::new(Counters::new(vendor));
        let instance = InstanceArg::new(0, vendor, true);
        let iommufd = Iommufd::new(memory.clone(), PageAllocator::new(0x1000..GUEST));
        let queue = InlineQueue::new(instance, queue_unit, Arc::clone(&counters));
        iommufd.add_instance(instance, unit.clone(), queue).unwrap();
        let mut host = Self {
            unit,
            memory,
            table_pages: PageAllocator::new(TABLES),
            spaces: BTreeMap::new(),
            pages: BTreeMap::new(),
            counters,
        };
        let objects = host.attach(&iommufd, instance, stream, invalidations);
        host.map_all(invalidations);
        (host, Backend { iommufd, objects })
    }

    /// A device for each address space, in the order of the stream's targets; the
    /// bystander comes last. Returns the objects in the order in which the replay
    /// counts them.
    fn attach(
        &mut self,
        iommufd: &Iommufd<InlineQueue>,
        instance: InstanceArg,
        stream: &Stream,
        invalidations: &[Invalidation],
    ) -> Vec<ObjectId> {
        let vendor = self.unit.vendor();
        let named: BTreeSet<u16> = invalidations.iter().filter_map(|one| one.space).collect();
        if vendor != Vendor::SmmuV3 {
            let targets = stream.targets().iter().map(|&(domain, _)| domain.0);
            assert!(
                targets.eq(named.iter().copied()),
                "one PASID for each domain"
            );
        }
        let mut objects = Vec::new();
        let ioas = iommufd.ioas_alloc().unwrap();
        let rw = Prot::READ_WRITE;
        iommufd
            .ioas_map(ioas, Gpa(0), Pa(GUEST), GUEST_BYTES, rw)
            .unwrap();
        let mut below = None;
        for (at, space) in (0..).zip(named.into_iter().chain([BYSTANDER])) {
            let device = DeviceId(0x10 + at);
            // Device TLBs follow by themselves on VT-d only, and these guests do not
            // know of any.
            let caps = DeviceCaps {
                ats: vendor == Vendor::Vtd && at == 0,
                pasid_bits: 0,
            };
            let id = iommufd.add_device(instance, device, caps).unwrap();
            let below = *below.get_or_insert_with(|| {
                let flags = HwptAllocFlags::NEST_PARENT;
                let parent = iommufd.hwpt_alloc(id, ioas, flags, HwptData::None).unwrap();
                let kind = match vendor {
                    Vendor::Vtd => return parent,
                    Vendor::SmmuV3 => ViommuType::ARM_SMMUV3,
                    Vendor::AmdVi => ViommuType::AMD,
                };
                let viommu = iommufd.viommu_alloc(id, parent, kind).unwrap();
                objects.push(viommu);
                viommu
            });
            if vendor != Vendor::Vtd {
                iommufd
                    .vdevice_alloc(below, id, 0x100 + u64::from(at))
                    .unwrap();
            }
            let data = self.add_space(space, device);
            let hwpt = iommufd
                .hwpt_alloc(id, below, HwptAllocFlags::NONE, data)
                .unwrap();
            iommufd.attach(id, hwpt, None).unwrap();
            objects.push(hwpt);
        }
        objects
    }

    /// An address space without pages, and what the guest says of it.
    fn add_space(&mut self, space: u16, device: DeviceId) -> HwptData {
        let context = CONTEXTS + 0x1000 * self.spaces.len() as u64;
        let format = match self.unit.vendor() {
            Vendor::Vtd | Vendor::AmdVi => Format::X86,
            Vendor::SmmuV3 => Format::LpaeStage1,
        };
        let guest = guest(&self.memory);
        let table = Table::new(format, &guest, &mut self.table_pages).unwrap();
        let (words, data) = match self.unit.vendor() {
            Vendor::Vtd => (
                [0; 2],
                HwptData::VtdS1(VtdS1 {
                    flags: 0,
                    pgtbl_addr: table.root,
                    addr_width: 48,
                    reserved: 0,
                }),
            ),
            Vendor::SmmuV3 => (
                // ASID, AA64, V, T0SZ of 16 (SMMUv3 5.4).
                [u64::from(space) << 48 | 1 << 41 | 1 << 31 | 16, table.root],
                // V, Config of stage 1 (5.2).
                HwptData::ArmSmmuV3(ArmSmmuV3 {
                    ste: [1 | 5 << 1 | context, 0],
                }),
            ),
            Vendor::AmdVi => (
                [table.root | 1, 0],
                // V, GV, GCR3 table (AMD-Vi 2.2.2.1).
                HwptData::AmdGuest(AmdGuest {
                    dte: [
                        1 | 1 << 55 | (context >> 12 & 7) << 58,
                        u64::from(space) | (context >> 15 & 0xffff) << 16,
                        0,
                        0,
                    ],
                }),
            ),
        };
        for (at, word) in (context..).step_by(8).zip(words) {
            assert!(guest.store(at, word));
        }
        self.spaces.insert(space, Space { device, table });
        data
    }

    fn map_all(&mut self, invalidations: &[Invalidation]) {
        let mut pages = BTreeSet::new();
        for space in self.spaces.keys().copied() {
            pages.extend(ASIDE.map(|number| Page { space, number }));
        }
        for one in invalidations {
            if let (Some(space), true) = (one.space, one.last - one.first < 1 << 20) {
                let numbers = one.first.saturating_sub(1)..=one.last + 1;
                pages.extend(numbers.clone().map(|number| Page { space, number }));
                let space = BYSTANDER;
                pages.extend(numbers.map(|number| Page { space, number }));
            }
        }
        for page in pages {
            self.map(page);
        }
    }

    fn map(&mut self, page: Page) {
        let times = self.pages.entry(page).or_insert(0);
        *times += 1;
        let mapping = Mapping {
            from: page.number << 12,
            to: leads_to(page, *times),
            size_log2: 12,
            writable: true,
        };
        let table = self.spaces[&page.space].table;
        table
            .map(&guest(&self.memory), &mut self.table_pages, mapping)
            .unwrap();
    }

    /// Lets every page that is about to be invalidated lead elsewhere.
    pub(crate) fn change(&mut self, invalidation: Invalidation) {
        let spaces: Vec<u16> = match invalidation.space {
            Some(space) => vec![space],
            None => self
                .spaces
                .keys()
                .copied()
                .filter(|&space| space != BYSTANDER)
                .collect(),
        };
        for space in spaces {
            let page = |number| Page { space, number };
            let range = page(invalidation.first)..=page(invalidation.last);
            let pages: Vec<Page> = self.pages.range(range).map(|(&page, _)| page).collect();
            for page in pages {
                self.map(page);
            }
        }
    }

    /// Every page that is mapped.
    pub(crate) fn pages(&self) -> Vec<Page> {
        self.pages.keys().copied().collect()
    }

    /// Has the device use a page.
    pub(crate) fn use_page(&self, page: Page) -> Pa {
        let iova = Iova(page.number << 12);
        let device = self.spaces[&page.space].device;
        let found = match &self.unit {
            ModelUnit::Vtd(unit) => unit.translate(device, Pasid::RID, iova, true),
            ModelUnit::SmmuV3(unit) => unit.translate(device, Pasid::RID, iova, true),
            ModelUnit::AmdVi(unit) => unit.translate(device, Pasid::RID, iova, true),
        };
        found.unwrap()
    }

    /// Has every device use the page of this number, where it has one.
    pub(crate) fn use_number(&self, number: u64) {
        for &space in self.spaces.keys() {
            let page = Page { space, number };
            if self.pages.contains_key(&page) {
                self.use_page(page);
            }
        }
    }

    /// Whether the device gets something else than the tables say.
    pub(crate) fn is_stale(&self, page: Page) -> bool {
        self.use_page(page) != Pa(GUEST + leads_to(page, self.pages[&page]))
    }

    pub(crate) fn cache_state(&self) -> CacheState {
        match &self.unit {
            ModelUnit::Vtd(unit) => unit.cache_state(),
            ModelUnit::SmmuV3(unit) => unit.cache_state(),
            ModelUnit::AmdVi(unit) => unit.cache_state(),
        }
    }

    /// What the hardware queue counted.
    pub(crate) fn counts(&self) -> Counts {
        self.counters.snapshot()
    }
}

const fn leads_to(page: Page, times: u64) -> u64 {
    DATA + (page.number + times) % DATA_PAGES * 0x1000
}

const fn guest(memory: &GuestMemoryMmap) -> Shifted<&GuestMemoryMmap> {
    Shifted {
        host: memory,
        base: GUEST,
        len: GUEST_BYTES,
    }
}
