use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::amdvi::{CommandError, CommandType, ErrorType};
use crate::double::{RecordingBackend, Request};
use crate::{
    AmdGuestInvalidate, CostModel, DeviceId, Entries, Fault, InvalidateError, Policy, Vendor,
};

mod events;
mod faults;
mod grouping;
mod hostile;
mod registers;
mod timeouts;

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::AmdVi, true);
/// 64 KiB of memory: the buffer (256 commands) at 0x4000, the log (256 events) at
/// 0x6000.
const MEMORY: usize = 0x1_0000;
const BUFFER: u64 = 0x4000;
const LOG: u64 = 0x6000;
const STATUS: u64 = 0x8000;
const LENGTH_256: u64 = 8 << 56;

/// `IommuEn`, `EventLogEn`, `EventIntEn`, `ComWaitIntEn`; and `CmdBufEn`.
const CONTROL: u64 = 0x1d;
const CMD_BUF_EN: u64 = 1 << 12;
const EVENT_OVERFLOW: u64 = 1;
const EVENT_LOG_INT: u64 = 1 << 1;
const COM_WAIT_INT: u64 = 1 << 2;
const EVENT_LOG_RUN: u64 = 1 << 3;
const CMD_BUF_RUN: u64 = 1 << 4;

/// Words as Linux writes them; domains 4 and 7, device 0x18.
const DEVTAB: [u64; 2] = [0x2000_0000_0000_0018, 0];
const PAGE_OF_4: [u64; 2] = [0x3000_0004_0000_0000, 0x100_0000];
const ALL_OF_4: [u64; 2] = [0x3000_0004_0000_0000, 0x7fff_ffff_ffff_f003];
const PAGE_OF_7: [u64; 2] = [0x3000_0007_0000_0000, 0x100_0002];
const ALL_OF_7: [u64; 2] = [0x3000_0007_0000_0000, 0x7fff_ffff_ffff_f003];
const PAGE_OF_99: [u64; 2] = [0x3000_0063_0000_0000, 0x100_0000];
const IOTLB_PAGE: [u64; 2] = [0x4000_0018_2000_0018, 0x100_0000];
const IOTLB_PAGE_2: [u64; 2] = [0x4000_0019_2000_0019, 0x100_0000];
const INTERRUPT_TABLE: [u64; 2] = [0x5000_0000_0000_0018, 0];
const PREFETCH: [u64; 2] = [0x6000_0000_0100_0018, 0x100_0000];
const PREFETCH_INVAL: [u64; 2] = [0x6000_0000_0100_0018, 0x100_0010];
const PPR: [u64; 2] = [0x7000_0001_0000_0018, 0x0000_0123_0000_0004];
const IOMMU_ALL: [u64; 2] = [0x8000_0000_0000_0000, 0];
const UNKNOWN: [u64; 2] = [0xf000_0000_0000_0000, 0];

/// Object of the vIOMMU; HWPT 1 is of domain 4, HWPT 2 and 3 of domain 7.
const VIOMMU: u32 = 9;

const fn wait(address: u64, data: u64) -> [u64; 2] {
    [0x1000_0000_0000_0001 | address, data]
}

struct Rig {
    front_end: FrontEnd<Arc<RecordingBackend>>,
    backend: Arc<RecordingBackend>,
    memory: GuestMemoryMmap,
    interrupts: Arc<AtomicU32>,
    tail: u64,
}

impl Rig {
    fn new() -> Self {
        Self::with(RecordingBackend::new(), memory())
    }

    fn coalescing() -> Self {
        let mut rig = Self::new();
        rig.front_end
            .set_policy(Policy::Coalesce(CostModel::ASSUMED));
        rig
    }

    fn with(backend: RecordingBackend, memory: GuestMemoryMmap) -> Self {
        let backend = Arc::new(backend);
        let counters = Arc::new(Counters::new(Vendor::AmdVi));
        let mut front_end = FrontEnd::new(INSTANCE, memory.clone(), Arc::clone(&backend), counters);
        for (domain, hwpt) in [(7, 3), (7, 2), (4, 1)] {
            assert!(front_end.attach(DomainId(domain), ObjectId(hwpt)));
        }
        assert_eq!(front_end.set_viommu(ObjectId(VIOMMU)), None);
        let interrupts = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&interrupts);
        front_end.on_interrupt(move || _ = count.fetch_add(1, Ordering::Relaxed));
        // As Linux does it: buffer, log, then the unit.
        front_end.write_command_base(BUFFER | LENGTH_256);
        front_end.write_control(CMD_BUF_EN);
        front_end.write_event_base(LOG | LENGTH_256);
        front_end.write_control(CONTROL | CMD_BUF_EN);
        Self {
            front_end,
            backend,
            memory,
            interrupts,
            tail: 0,
        }
    }

    fn put(&mut self, words: [u64; 2]) {
        put_at(&self.memory, BUFFER + self.tail, words);
        self.tail = (self.tail + 16) % 0x1000;
    }

    fn submit(&mut self, commands: &[[u64; 2]]) -> Vec<Request> {
        for &words in commands {
            self.put(words);
        }
        self.front_end.write_command_tail(self.tail);
        self.backend.take()
    }

    /// Stops and restarts the buffer, as Linux does but for the pointers.
    fn restart(&mut self) -> Vec<Request> {
        self.front_end.write_control(CONTROL);
        self.front_end.write_control(CONTROL | CMD_BUF_EN);
        self.backend.take()
    }

    fn stored(&self) -> u64 {
        stored_in(&self.memory)
    }

    fn event(&self, index: u64) -> [u64; 2] {
        [0, 8].map(|at| word_at(&self.memory, LOG + 16 * index + at))
    }

    fn fault(&self) -> Fault {
        assert_eq!(self.front_end.status() & CMD_BUF_RUN, 0);
        let fault = self.front_end.fault().unwrap();
        assert_eq!(self.front_end.command_head(), u64::from(fault.index) * 16);
        assert_eq!(self.front_end.counters().fault(), Some(fault));
        fault
    }

    fn interrupts(&self) -> u32 {
        self.interrupts.load(Ordering::Relaxed)
    }
}

fn memory() -> GuestMemoryMmap {
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY)]).unwrap()
}

fn put_at(memory: &GuestMemoryMmap, addr: u64, words: [u64; 2]) {
    for (addr, word) in [(addr, words[0]), (addr + 8, words[1])] {
        let bytes = word.to_le_bytes();
        memory.write_slice(&bytes, GuestAddress(addr)).unwrap();
    }
}

fn word_at(memory: &GuestMemoryMmap, addr: u64) -> u64 {
    let mut bytes = [0; 8];
    memory.read_slice(&mut bytes, GuestAddress(addr)).unwrap();
    u64::from_le_bytes(bytes)
}

fn stored_in(memory: &GuestMemoryMmap) -> u64 {
    word_at(memory, STATUS)
}

fn request(target: u32, entries: &[[u64; 2]]) -> Request {
    let entries: Vec<_> = entries
        .iter()
        .map(|&cmd| AmdGuestInvalidate { cmd })
        .collect();
    Request {
        target: ObjectId(target),
        entries: Entries::AmdGuest(&entries).into(),
    }
}

#[test]
fn a_sync_completes_only_after_everything_before_it() {
    let memory = memory();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, observed) = (memory.clone(), Arc::clone(&seen));
    let backend =
        RecordingBackend::observing(move |_| observed.lock().unwrap().push(stored_in(&inside)));
    let mut rig = Rig::with(backend, memory);
    rig.submit(&[
        PAGE_OF_4,
        IOTLB_PAGE,
        wait(STATUS, 7),
        PAGE_OF_4,
        wait(STATUS, 0xdead_beef_0123_4567),
    ]);
    assert_eq!(*seen.lock().unwrap(), [0, 0, 7]);
    assert_eq!(rig.stored(), 0xdead_beef_0123_4567);
    assert_eq!((rig.interrupts(), rig.front_end.status()), (0, 0x18));
}

#[test]
fn a_sync_with_i_sets_its_status_bit_and_interrupts_where_that_is_enabled() {
    let mut rig = Rig::new();
    rig.submit(&[[0x1000_0000_0000_0002, 5]]);
    assert_eq!((rig.interrupts(), rig.stored()), (1, 0));
    assert_eq!(rig.front_end.status(), COM_WAIT_INT | 0x18);
    rig.front_end.write_status(!COM_WAIT_INT);
    assert_eq!(rig.front_end.status(), COM_WAIT_INT | 0x18);
    rig.front_end.write_status(COM_WAIT_INT);
    assert_eq!(rig.front_end.status(), 0x18);

    rig.front_end.write_control((CONTROL & !0x10) | CMD_BUF_EN);
    rig.submit(&[[0x1000_0000_0000_0002, 5]]);
    assert_eq!(rig.interrupts(), 1);
    assert_eq!(rig.front_end.status(), COM_WAIT_INT | 0x18);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.waits, counts.interrupts), (2, 2));
}

#[test]
fn what_ends_here_is_told_after_what_is_before_it_and_may_change_targets() {
    let mut rig = Rig::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (inside, backend) = (Arc::clone(&told), Arc::clone(&rig.backend));
    rig.front_end.on_absorbed(move |command, targets| {
        let requests = backend.take().len();
        inside.lock().unwrap().push((command.kind(), requests));
        if matches!(command, Command::InvalidateDevtabEntry(DeviceId(0x18))) {
            assert!(targets.detach(DomainId(4), ObjectId(1)));
            assert!(targets.attach(DomainId(4), ObjectId(5)));
        }
    });
    let requests = rig.submit(&[
        PAGE_OF_4,
        PREFETCH,
        DEVTAB,
        PAGE_OF_4,
        INTERRUPT_TABLE,
        PPR,
        PAGE_OF_4,
        wait(STATUS, 1),
    ]);
    assert_eq!(
        *told.lock().unwrap(),
        [
            (CommandType::PrefetchIommuPages, 0),
            (CommandType::InvalidateDevtabEntry, 1),
            (CommandType::InvalidateInterruptTable, 1),
            (CommandType::CompletePprRequest, 0),
        ]
    );
    assert_eq!(requests, [request(5, &[PAGE_OF_4])]);
    assert_eq!(rig.front_end.counters().snapshot().absorbed, 4);
}

#[test]
fn everything_of_the_unit_is_told_and_reaches_every_hwpt_but_no_device() {
    let mut rig = Rig::new();
    // HWPT 1 is also attached for another domain: one entry all the same.
    rig.front_end.attach(DomainId(6), ObjectId(1));
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    rig.front_end.on_absorbed(move |command, targets| {
        assert_eq!(command, Command::InvalidateIommuAll);
        targets.attach(DomainId(4), ObjectId(5));
        count.fetch_add(1, Ordering::Relaxed);
    });
    let requests = rig.submit(&[IOMMU_ALL, wait(STATUS, 1)]);
    assert_eq!(
        requests,
        [
            request(1, &[ALL_OF_4]),
            request(5, &[ALL_OF_4]),
            request(2, &[ALL_OF_7]),
            request(3, &[ALL_OF_7]),
        ]
    );
    assert_eq!((told.load(Ordering::Relaxed), rig.stored()), (1, 1));
}

#[test]
fn everything_before_a_change_of_everything_is_done_when_the_vmm_is_told() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        let told = Arc::new(Mutex::new(Vec::new()));
        let (inside, backend) = (Arc::clone(&told), Arc::clone(&rig.backend));
        let memory = rig.memory.clone();
        rig.front_end.on_absorbed(move |_, targets| {
            let seen = (backend.take(), stored_in(&memory));
            inside.lock().unwrap().push(seen);
            assert!(targets.detach(DomainId(4), ObjectId(1)));
        });
        let requests = rig.submit(&[PAGE_OF_4, wait(STATUS, 1), PAGE_OF_4, IOMMU_ALL]);
        let mut told = told.lock().unwrap();
        let (before, stored) = told.pop().unwrap();
        assert!(told.is_empty(), "{policy}");
        assert_eq!(before.last(), Some(&request(1, &[PAGE_OF_4])), "{policy}");
        assert_eq!(stored, 1, "{policy}");
        let behind = [request(2, &[ALL_OF_7]), request(3, &[ALL_OF_7])];
        assert_eq!(requests, behind, "{policy}: nothing for what was detached");
    }
}

#[test]
fn a_prefetch_that_invalidates_first_is_an_invalidation_of_every_translation() {
    let mut rig = Rig::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let inside = Arc::clone(&told);
    rig.front_end
        .on_absorbed(move |command, _| inside.lock().unwrap().push(command.kind()));
    let requests = rig.submit(&[PREFETCH, PREFETCH_INVAL]);
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0], request(1, &[ALL_OF_4]));
    assert_eq!(rig.front_end.counters().snapshot().absorbed, 1);
    assert_eq!(*told.lock().unwrap(), [CommandType::PrefetchIommuPages]);
}

#[test]
fn what_has_no_target_is_counted_and_not_requested() {
    let memory = memory();
    let backend = Arc::new(RecordingBackend::new());
    let counters = Arc::new(Counters::new(Vendor::AmdVi));
    let mut front_end = FrontEnd::new(INSTANCE, memory.clone(), Arc::clone(&backend), counters);
    front_end.write_command_base(BUFFER | LENGTH_256);
    front_end.write_control(1 | CMD_BUF_EN);
    for (at, words) in [PAGE_OF_99, IOTLB_PAGE, IOMMU_ALL, wait(STATUS, 3)]
        .into_iter()
        .enumerate()
    {
        put_at(&memory, BUFFER + 16 * at as u64, words);
    }
    front_end.write_command_tail(0x40);
    assert!(backend.take().is_empty());
    assert_eq!(stored_in(&memory), 3);
    let counts = front_end.counters().snapshot();
    assert_eq!((counts.untargeted, counts.waits), (3, 1));
    assert_eq!(counts.of("iommu-pages"), 1);
    assert_eq!(counts.consumed(), 4);
}
