//! In steady state a doorbell allocates nothing.
#![expect(
    unsafe_code,
    reason = "only a global allocator of its own can count what is allocated"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use hwptop_driver::model::config::{Gpa, Pa};
use hwptop_driver::model::iommufd::{
    DeviceCaps, HwptAllocFlags, HwptData, Iommufd, ModelUnit, Prot, ViommuType,
};
use hwptop_driver::model::tables::PageAllocator;
use hwptop_driver::model::unit::{AmdViUnit, SmmuV3Unit, VtdUnit};
use hwptop_driver::{
    AmdGuest, AmdGuestInvalidate, ArmSmmuV3, ArmSmmuV3Invalidate, Backend, Capture, Command,
    Counters, Counts, DeviceId, DomainId, Entries, HardwareQueue, InstanceArg, InvalidateError,
    ObjectId, Pasid, Policy, Stream, SubmitError, Vendor, VirtualIommu, VtdS1, VtdS1Invalidate,
    amdvi, smmuv3, vtd,
};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

thread_local! {
    /// Allocations of this thread: the test harness has others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to `System` as it came; counting in a thread-local that is
// constant-initialised and has no destructor allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: `block` came from `System` with this layout, and the caller keeps the
        // contract for `size`.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

struct Null;

impl Backend for Null {
    fn invalidate(&self, _: ObjectId, _: Entries<'_>) -> Result<(), InvalidateError> {
        Ok(())
    }
}

/// A queue of 64 KiB, above everything that a capture writes to.
const QUEUE: u64 = 1 << 40;
const QUEUE_BYTES: u64 = 0x1_0000;

/// A capture of each vendor.
const CAPTURES: [&str; 3] = [
    "vtd-first-stage-nvme-strict",
    "smmuv3-nvme-strict",
    "amdvi-iommufd-map-unmap",
];

/// Where a sync writes its status to; none for other commands.
fn sync_status(vendor: Vendor, [lo, hi]: [u64; 2]) -> Option<u64> {
    match vendor {
        Vendor::Vtd => (lo & 0xf == 5).then_some(hi),
        Vendor::SmmuV3 => (lo & 0xff == 0x46).then_some(hi & 0xf_ffff_ffff_ffff),
        Vendor::AmdVi => (lo >> 60 == 1).then_some(lo & 0xf_ffff_ffff_fff8),
    }
}

struct Guest {
    iommu: VirtualIommu<Null>,
    memory: GuestMemoryMmap,
    width: u64,
    /// Commands that were ever submitted.
    position: u64,
}

impl Guest {
    fn new(capture: &Capture, policy: Policy) -> Self {
        let vendor = capture.vendor();
        let commands = capture.commands().iter();
        let statuses = commands.filter_map(|command| sync_status(vendor, command.words));
        let pages: BTreeSet<u64> = statuses.map(|addr| addr & !0xfff).collect();
        let pages = pages.iter().map(|&page| (GuestAddress(page), 0x1000));
        let queue = (GuestAddress(QUEUE), usize::try_from(QUEUE_BYTES).unwrap());
        let ranges: Vec<_> = pages.chain([queue]).collect();
        let memory = GuestMemoryMmap::from_ranges(&ranges).unwrap();
        let mut iommu = iommu(&Stream::from_capture(capture).unwrap(), memory.clone());
        iommu.set_policy(policy);
        Self {
            iommu,
            memory,
            width: if vendor == Vendor::Vtd { 32 } else { 16 },
            position: 0,
        }
    }

    fn entries(&self) -> u64 {
        QUEUE_BYTES / self.width
    }

    /// Submits `commands` with one doorbell, and returns what that allocated.
    fn submit(&mut self, commands: &[[u64; 2]]) -> u64 {
        for words in commands {
            let command = QUEUE + self.position % self.entries() * self.width;
            for (at, word) in [(0, words[0]), (8, words[1])] {
                let addr = GuestAddress(command + at);
                self.memory.write_slice(&word.to_le_bytes(), addr).unwrap();
            }
            self.position += 1;
        }
        let wrapping = u32::try_from(self.position % (2 * self.entries())).unwrap();
        let tail = self.position % self.entries() * self.width;
        let allocations = allocations_in(|| match &mut self.iommu {
            VirtualIommu::Vtd(front_end) => front_end.write_iqt(tail),
            VirtualIommu::SmmuV3(front_end) => front_end.write_cmdq_prod(wrapping),
            VirtualIommu::AmdVi(front_end) => front_end.write_command_tail(tail),
        });
        assert_eq!(self.iommu.fault(), None);
        allocations
    }

    fn counts(&self) -> Counts {
        self.iommu.counters().snapshot()
    }
}

/// An IOMMU with its queue set up, and an object for whatever the stream addresses.
fn iommu(stream: &Stream, memory: GuestMemoryMmap) -> VirtualIommu<Null> {
    let vendor = stream.vendor();
    let instance = InstanceArg::new(0, vendor, true);
    let counters = Arc::new(Counters::new(vendor));
    let viommu = ObjectId(1);
    let targets = stream.targets().iter().zip((2..).map(ObjectId));
    match vendor {
        Vendor::Vtd => {
            let mut front_end = vtd::FrontEnd::new(instance, memory, Null, counters);
            for (&(domain, pasid), hwpt) in targets {
                front_end.attach(domain, pasid, hwpt);
            }
            // Descriptors of 256 bits, 2^4 pages; elsewhere 2^12 commands.
            front_end.write_iqa(QUEUE | 1 << 11 | 4);
            VirtualIommu::Vtd(Box::new(front_end))
        }
        Vendor::SmmuV3 => {
            let features = smmuv3::Features::ALL_4K;
            let mut front_end = smmuv3::FrontEnd::new(instance, memory, Null, counters, features);
            front_end.attach(viommu);
            front_end.write_cmdq_base(QUEUE | 0xc);
            front_end.write_cr0(1 << 3);
            VirtualIommu::SmmuV3(Box::new(front_end))
        }
        Vendor::AmdVi => {
            let mut front_end = amdvi::FrontEnd::new(instance, memory, Null, counters);
            front_end.set_viommu(viommu);
            for (&(domain, _), hwpt) in targets {
                front_end.attach(domain, hwpt);
            }
            front_end.write_command_base(QUEUE | 0xc << 56);
            front_end.write_control(1 | 1 << 12);
            VirtualIommu::AmdVi(Box::new(front_end))
        }
    }
}

/// Submits the capture twice, cut into `doorbells`, under each policy.
fn replay_twice<'a, D>(capture: &Capture, doorbells: impl Fn() -> D)
where
    D: Iterator<Item = &'a [[u64; 2]]>,
{
    for policy in Policy::ALL {
        let mut guest = Guest::new(capture, policy);
        doorbells().for_each(|doorbell| _ = guest.submit(doorbell));
        let allocations: u64 = doorbells().map(|doorbell| guest.submit(doorbell)).sum();
        assert_eq!(allocations, 0, "{}, {policy}", capture.name());
        let counts = guest.counts();
        assert_eq!(counts.consumed(), 2 * capture.commands().len() as u64);
        assert_eq!(counts.doorbells, 2 * doorbells().count() as u64);
        assert_ne!(counts.requests, 0, "{}", capture.name());
    }
}

fn words_of(capture: &Capture) -> Vec<[u64; 2]> {
    let words = capture.commands().iter().map(|command| command.words);
    words.collect()
}

#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations_in(|| drop(black_box(Box::new(1_u8)))), 1);
    assert_eq!(allocations_in(|| ()), 0);
}

#[test]
fn a_doorbell_per_sync_allocates_nothing_in_steady_state() {
    for name in CAPTURES {
        let capture = Capture::builtin(name).unwrap();
        let is_sync = |&words: &[u64; 2]| sync_status(capture.vendor(), words).is_some();
        let commands = words_of(&capture);
        replay_twice(&capture, || commands.split_inclusive(is_sync));
    }
}

#[test]
fn a_doorbell_of_many_syncs_allocates_nothing_in_steady_state() {
    for name in CAPTURES {
        let capture = Capture::builtin(name).unwrap();
        let commands = words_of(&capture);
        // As many as fit descriptors of 256 bits.
        replay_twice(&capture, || commands.chunks(2047));
    }
}

#[test]
fn unmapping_2_mib_page_by_page_allocates_nothing_in_steady_state() {
    let capture = Capture::builtin(CAPTURES[0]).unwrap();
    // p_iotlb_inv_dsc, page-selective, domain 4; out of order, so that they are sorted.
    let pages = (0..512_u64).map(|at| [0x4_0036, (at * 167 % 512) << 12 | 1 << 6]);
    let wait = [0x2_0000_0025, 0x1a5_c000];
    let doorbell: Vec<_> = pages.chain([wait]).collect();
    for (policy, requests) in Policy::ALL.into_iter().zip([512, 1, 1]) {
        let mut guest = Guest::new(&capture, policy);
        guest.submit(&doorbell);
        assert_eq!(guest.counts().requests, requests);
        let allocations: u64 = (0..8).map(|_| guest.submit(&doorbell)).sum();
        assert_eq!(allocations, 0, "{policy}");
        assert_eq!(guest.counts().waits, 9);
    }
}

/// Hardware that is done at once.
struct NullQueue;

impl HardwareQueue for NullQueue {
    fn submit_sync(&self, _: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        black_box(commands);
        Ok(())
    }
}

/// A modelled kernel over one instance, whose one device has an ATC and is attached to a
/// nested HWPT. Returns that HWPT and the vIOMMU, if the vendor has one.
fn kernel(vendor: Vendor) -> (Iommufd<NullQueue>, ObjectId, Option<ObjectId>) {
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 16 << 20)]).unwrap();
    let (unit, data) = match vendor {
        Vendor::Vtd => (
            ModelUnit::Vtd(Arc::new(VtdUnit::new(memory.clone()))),
            HwptData::VtdS1(VtdS1 {
                flags: 0,
                pgtbl_addr: 0x4000,
                addr_width: 48,
                reserved: 0,
            }),
        ),
        // V, Config of stage 1 alone, two CDs from 0x4000; EATS.
        Vendor::SmmuV3 => (
            ModelUnit::SmmuV3(Arc::new(SmmuV3Unit::new(memory.clone()))),
            HwptData::ArmSmmuV3(ArmSmmuV3 {
                ste: [5 << 1 | 1 | 0x4000 | 2 << 59, 1 << 28],
            }),
        ),
        // V, GV, a GCR3 table at 0x4000; domain 7.
        Vendor::AmdVi => (
            ModelUnit::AmdVi(Arc::new(AmdViUnit::new(memory.clone()))),
            HwptData::AmdGuest(AmdGuest {
                dte: [1 << 55 | 1 | 4 << 58, 7, 0, 0],
            }),
        ),
    };
    let fd = Iommufd::new(memory, PageAllocator::new(0x1000..4 << 20));
    let instance = InstanceArg::new(0, vendor, true);
    fd.add_instance(instance, unit, NullQueue).unwrap();
    let caps = DeviceCaps {
        ats: true,
        pasid_bits: 20,
    };
    let device = fd.add_device(instance, DeviceId(0x10), caps).unwrap();
    let ioas = fd.ioas_alloc().unwrap();
    fd.ioas_map(ioas, Gpa(0), Pa(8 << 20), 4 << 20, Prot::READ_WRITE)
        .unwrap();
    let flags = HwptAllocFlags::NEST_PARENT;
    let parent = fd.hwpt_alloc(device, ioas, flags, HwptData::None).unwrap();
    let kind = match vendor {
        Vendor::Vtd => None,
        Vendor::SmmuV3 => Some(ViommuType::ARM_SMMUV3),
        Vendor::AmdVi => Some(ViommuType::AMD),
    };
    let viommu = kind.map(|kind| fd.viommu_alloc(device, parent, kind).unwrap());
    if let Some(viommu) = viommu {
        fd.vdevice_alloc(viommu, device, 0x99).unwrap();
    }
    let pt_id = viommu.unwrap_or(parent);
    let flags = HwptAllocFlags::NONE;
    let nested = fd.hwpt_alloc(device, pt_id, flags, data).unwrap();
    fd.attach(device, nested, None).unwrap();
    (fd, nested, viommu)
}

/// What the second of two equal requests allocates.
fn request(fd: &Iommufd<NullQueue>, target: ObjectId, entries: Entries<'_>) -> u64 {
    fd.invalidate(target, entries).unwrap();
    let mut result = Ok(());
    let allocations = allocations_in(|| result = fd.invalidate(target, entries));
    assert_eq!(result, Ok(()));
    allocations
}

/// More than one batch of any vendor, and pages of which no two are neighbours.
fn addresses() -> impl Iterator<Item = u64> {
    (0..512).map(|page| page << 13)
}

#[test]
fn a_request_to_a_modelled_kernel_for_vtd_allocates_nothing() {
    let (fd, nested, _) = kernel(Vendor::Vtd);
    let pages = addresses().map(|addr| VtdS1Invalidate::new(addr, 1, VtdS1Invalidate::LEAF));
    let entries: Vec<_> = pages.chain([VtdS1Invalidate::WHOLE]).collect();
    assert_eq!(request(&fd, nested, Entries::VtdS1(&entries)), 0);
}

#[test]
fn a_request_to_a_modelled_kernel_for_smmuv3_allocates_nothing() {
    let (fd, _, viommu) = kernel(Vendor::SmmuV3);
    let pages = addresses().map(|addr| ArmSmmuV3Invalidate {
        cmd: smmuv3::command::tlbi_nh_va(smmuv3::Asid(1), addr, true).words(),
    });
    let entries: Vec<_> = pages.collect();
    let entries = Entries::ArmSmmuV3(&entries);
    assert_eq!(request(&fd, viommu.unwrap(), entries), 0);
}

#[test]
fn a_request_to_a_modelled_kernel_for_amdvi_allocates_nothing() {
    let (fd, nested, _) = kernel(Vendor::AmdVi);
    let pages = addresses().map(|addr| {
        let command = amdvi::command::iommu_pages(DomainId(7), Some(Pasid(0)), addr, 0, false);
        AmdGuestInvalidate {
            cmd: command.words(),
        }
    });
    let entries: Vec<_> = pages.collect();
    assert_eq!(request(&fd, nested, Entries::AmdGuest(&entries)), 0);
}
