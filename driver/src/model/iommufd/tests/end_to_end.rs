use super::super::super::config::Iova;
use super::super::super::tables::{Format, Mapping, Shifted, Table, Words};
use super::super::super::unit::{Tag, TranslationFault};
use super::*;
use crate::{AmdGuestInvalidate, ArmSmmuV3Invalidate, Backend, Entries, VtdS1Invalidate};

mod events;
mod hw_queue;

const DEVICE: DeviceId = DeviceId(0x10);
const IOVA: Iova = Iova(0x7000_1000);
/// Guest pages: the CD or GCR3 table, what is mapped first, and then.
const CONTEXT: u64 = 0x4000;
const OLD: u64 = 0x1000;
const NEW: u64 = 0x2000;

/// A guest with tables of its own behind a unit that executes commands on the spot.
struct Guest {
    vendor: Vendor,
    fd: Iommufd<Inline>,
    unit: ModelUnit,
    memory: GuestMemoryMmap,
    pages: PageAllocator,
    table: Table,
    ioas: ObjectId,
    device: ObjectId,
    nested: ObjectId,
    /// VT-d: the nest parent.
    viommu: ObjectId,
}

impl Guest {
    fn new(vendor: Vendor, caps: DeviceCaps) -> Self {
        Self::behind(vendor, caps, viommu_type(vendor))
    }

    fn behind(vendor: Vendor, caps: DeviceCaps, kind: ViommuType) -> Self {
        let memory = memory();
        let unit = unit(vendor, memory.clone());
        let fd = Iommufd::new(memory.clone(), PageAllocator::new(TABLES));
        let queue = Inline { unit: unit.clone() };
        fd.add_instance(arg(0, vendor), unit.clone(), queue)
            .unwrap();
        let device = fd.add_device(arg(0, vendor), DEVICE, caps).unwrap();
        let ioas = ioas(&fd);
        let flags = HwptAllocFlags::NEST_PARENT;
        let parent = fd.hwpt_alloc(device, ioas, flags, HwptData::None).unwrap();
        let mut pages = PageAllocator::new(0x10_0000..GUEST_BYTES);
        let format = match vendor {
            Vendor::Vtd | Vendor::AmdVi => Format::X86,
            Vendor::SmmuV3 => Format::LpaeStage1,
        };
        let table = Table::new(format, &words(&memory), &mut pages).unwrap();
        let (viommu, data) = match vendor {
            Vendor::Vtd => (parent, at(table.root)),
            Vendor::SmmuV3 | Vendor::AmdVi => {
                let viommu = fd.viommu_alloc(device, parent, kind).unwrap();
                fd.vdevice_alloc(viommu, device, 0x99).unwrap();
                (viommu, translating(vendor))
            }
        };
        write_context(vendor, &memory, Pasid::RID, table.root);
        let flags = match vendor {
            Vendor::Vtd => HwptAllocFlags::PASID,
            Vendor::SmmuV3 | Vendor::AmdVi => HwptAllocFlags::NONE,
        };
        let nested = fd.hwpt_alloc(device, viommu, flags, data).unwrap();
        fd.attach(device, nested, None).unwrap();
        Self {
            vendor,
            fd,
            unit,
            memory,
            pages,
            table,
            ioas,
            device,
            nested,
            viommu,
        }
    }

    fn map(&mut self, to: u64) {
        let mapping = Mapping {
            from: IOVA.0,
            to,
            size_log2: 12,
            writable: true,
        };
        let words = words(&self.memory);
        self.table.map(&words, &mut self.pages, mapping).unwrap();
    }

    fn translate(&self) -> Result<Pa, TranslationFault> {
        self.translate_of(Pasid::RID)
    }

    fn translate_of(&self, pasid: Pasid) -> Result<Pa, TranslationFault> {
        self.unit.translate(DEVICE, pasid, IOVA, true)
    }

    /// The PASIDs that the device's ATC has lines of.
    fn pasids_in_atc(&self) -> Vec<Pasid> {
        let state = match &self.unit {
            ModelUnit::Vtd(unit) => unit.cache_state(),
            ModelUnit::SmmuV3(unit) => unit.cache_state(),
            ModelUnit::AmdVi(unit) => unit.cache_state(),
        };
        let pasids = state.lines.iter().filter_map(|line| match line.tag {
            Tag::Atc(DEVICE, pasid) => Some(pasid),
            _ => None,
        });
        pasids.collect()
    }

    /// Lets the device use the guest's tables for a PASID, too.
    fn add_pasid(&self, pasid: Pasid) {
        match self.vendor {
            Vendor::Vtd => {
                let attached = self.fd.attach(self.device, self.nested, Some(pasid));
                attached.unwrap();
            }
            // The guest's business: its CD or GCR3 table has an entry for each.
            Vendor::SmmuV3 | Vendor::AmdVi => {
                write_context(self.vendor, &self.memory, pasid, self.table.root);
            }
        }
    }

    fn page(&self) -> Option<u64> {
        self.translate().ok().map(|pa| pa.0 - GUEST)
    }

    fn invalidate(&self, with_atc: bool) {
        let arm = |cmd| {
            let entries = [ArmSmmuV3Invalidate { cmd }];
            self.fd
                .invalidate(self.viommu, Entries::ArmSmmuV3(&entries))
        };
        let amd = |target, cmd| {
            let entries = [AmdGuestInvalidate { cmd }];
            self.fd.invalidate(target, Entries::AmdGuest(&entries))
        };
        match self.vendor {
            Vendor::Vtd => {
                let entries = [VtdS1Invalidate::new(IOVA.0, 1, VtdS1Invalidate::LEAF)];
                self.fd
                    .invalidate(self.nested, Entries::VtdS1(&entries))
                    .unwrap();
            }
            Vendor::SmmuV3 => {
                arm([0x12 | ASID << 48, IOVA.0 | 1]).unwrap();
                if with_atc {
                    arm([0x99_0000_0040, IOVA.0]).unwrap();
                }
            }
            Vendor::AmdVi => {
                amd(self.nested, [3 << 60 | 7 << 32, IOVA.0 | 4]).unwrap();
                if with_atc {
                    amd(self.viommu, [4 << 60 | 0x99_0000_0099, IOVA.0]).unwrap();
                }
            }
        }
    }
}

const ASID: u64 = 5;

fn words(memory: &GuestMemoryMmap) -> Shifted<&GuestMemoryMmap> {
    Shifted {
        host: memory,
        base: GUEST,
        len: GUEST_BYTES,
    }
}

fn at(root: u64) -> HwptData {
    HwptData::VtdS1(VtdS1 {
        flags: 0,
        pgtbl_addr: root,
        addr_width: 48,
        reserved: 0,
    })
}

/// The guest's CD (SMMUv3 5.4: ASID, AA64, V, T0SZ of 16) or GCR3 entry (AMD-Vi 2.2.6.3).
fn write_context(vendor: Vendor, memory: &GuestMemoryMmap, pasid: Pasid, root: u64) {
    let (bytes, context) = match vendor {
        Vendor::Vtd => return,
        Vendor::SmmuV3 => (64, [ASID << 48 | 1 << 41 | 1 << 31 | 16, root]),
        Vendor::AmdVi => (8, [root | 1, 0]),
    };
    let first = CONTEXT + u64::from(pasid.0) * bytes;
    for (at, word) in (first..).step_by(8).zip(context) {
        assert!(words(memory).store(at, word));
    }
}

#[test]
fn a_guests_invalidation_is_what_makes_the_device_see_its_new_page() {
    for vendor in VENDORS {
        for (caps, with_atc) in [(PLAIN, false), (ATS, true)] {
            let mut guest = Guest::new(vendor, caps);
            guest.map(OLD);
            assert_eq!(guest.page(), Some(OLD), "{vendor:?}");
            guest.map(NEW);
            assert_eq!(guest.page(), Some(OLD), "{vendor:?}");
            guest.invalidate(with_atc);
            assert_eq!(guest.page(), Some(NEW), "{vendor:?}");
        }
    }
}

#[test]
fn an_atc_of_smmuv3_or_amd_is_the_guests_to_invalidate() {
    for vendor in [Vendor::SmmuV3, Vendor::AmdVi] {
        let mut guest = Guest::new(vendor, ATS);
        guest.map(OLD);
        assert_eq!(guest.page(), Some(OLD));
        guest.map(NEW);
        guest.invalidate(false);
        assert_eq!(guest.page(), Some(OLD), "{vendor:?}");
    }
}

#[test]
fn what_the_host_unmaps_is_gone_for_nested_devices() {
    for vendor in VENDORS {
        for caps in [PLAIN, ATS] {
            let mut guest = Guest::new(vendor, caps);
            guest.map(OLD);
            assert_eq!(guest.page(), Some(OLD));
            guest.fd.ioas_unmap(guest.ioas, Gpa(0), u64::MAX).unwrap();
            assert!(guest.translate().is_err(), "{vendor:?} {caps:?}");
            // Back with another backing page at the same address.
            let rw = Prot::READ_WRITE;
            let moved = Pa(GUEST - 0x40_0000 + 0x1000);
            guest
                .fd
                .ioas_map(guest.ioas, Gpa(0), Pa(GUEST), 0x1000, rw)
                .unwrap();
            let rest = GUEST_BYTES - 0x2000;
            let fd = &guest.fd;
            fd.ioas_map(guest.ioas, Gpa(OLD), moved, 0x1000, rw)
                .unwrap();
            fd.ioas_map(guest.ioas, Gpa(0x2000), Pa(GUEST + 0x2000), rest, rw)
                .unwrap();
            assert_eq!(guest.translate(), Ok(moved), "{vendor:?} {caps:?}");
        }
    }
}

#[test]
fn what_the_host_unmaps_is_gone_from_the_atc_for_every_pasid() {
    let pasids = [Pasid::RID, Pasid(1), Pasid(2)];
    for vendor in VENDORS {
        let mut guest = Guest::new(vendor, ATS);
        guest.map(OLD);
        for &pasid in &pasids[1..] {
            guest.add_pasid(pasid);
        }
        for pasid in pasids {
            assert!(guest.translate_of(pasid).is_ok(), "{vendor:?} {pasid}");
        }
        assert_eq!(guest.pasids_in_atc(), pasids, "{vendor:?}");
        guest.fd.ioas_unmap(guest.ioas, Gpa(0), u64::MAX).unwrap();
        assert_eq!(guest.pasids_in_atc(), [], "{vendor:?}");
        for pasid in pasids {
            assert!(guest.translate_of(pasid).is_err(), "{vendor:?} {pasid}");
        }
    }
}

#[test]
fn a_detached_device_reaches_nothing_and_comes_back_clean() {
    for vendor in VENDORS {
        for caps in [PLAIN, ATS] {
            let mut guest = Guest::new(vendor, caps);
            guest.map(OLD);
            assert_eq!(guest.page(), Some(OLD));
            guest.fd.detach(guest.device, None).unwrap();
            assert!(guest.translate().is_err(), "{vendor:?} {caps:?}");
            guest.map(NEW);
            guest.fd.attach(guest.device, guest.nested, None).unwrap();
            // SMMUv3: the vIOMMU keeps the VMID, which nobody has and so is clean.
            assert_eq!(guest.page(), Some(NEW), "{vendor:?} {caps:?}");
        }
    }
}

#[test]
fn a_replaced_hwpt_is_used_at_once() {
    for vendor in VENDORS {
        let mut guest = Guest::new(vendor, ATS);
        guest.map(OLD);
        assert_eq!(guest.page(), Some(OLD));
        let none = HwptAllocFlags::NEST_PARENT;
        let data = HwptData::None;
        let other = guest.fd.hwpt_alloc(guest.device, guest.ioas, none, data);
        guest
            .fd
            .replace(guest.device, other.unwrap(), None)
            .unwrap();
        // Without stage 1 the address is guest-physical, and nothing is there.
        assert!(guest.translate().is_err(), "{vendor:?}");
        guest.fd.replace(guest.device, guest.nested, None).unwrap();
        assert_eq!(guest.page(), Some(OLD), "{vendor:?}");
    }
}

#[test]
fn invalidations_of_many_threads_go_on_while_devices_come_and_go() {
    for vendor in VENDORS {
        let mut guest = Guest::new(vendor, ATS);
        guest.map(OLD);
        let guest = &guest;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..200).for_each(|_| guest.invalidate(true)));
            }
            for _ in 0..50 {
                guest.fd.detach(guest.device, None).unwrap();
                assert_eq!(guest.page(), None);
                guest.fd.attach(guest.device, guest.nested, None).unwrap();
                assert_eq!(guest.page(), Some(OLD));
            }
        });
    }
}
