use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::double::{RecordingBackend, Request};
use crate::vtd::IqError;
use crate::{Entries, Fault, Policy, Vendor, VtdS1Invalidate};

mod faults;
mod grouping;
mod hostile;
mod policies;
mod reference;
mod timeouts;

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::Vtd, true);
/// 64 KiB of memory: the queue (one page, 256 descriptors of 128 bits) at 0x4000.
const MEMORY: usize = 0x1_0000;
const QUEUE: u64 = 0x4000;
const STATUS: u64 = 0x8000;
const IQE: u32 = 1 << 4;

/// Words as Linux writes them; DID 4 and 5, PASID 0.
const CONTEXT_GLOBAL: [u64; 2] = [0x11, 0];
const IOTLB_GLOBAL: [u64; 2] = [0xd2, 0];
const PAGE_OF_4: [u64; 2] = [0x4_0036, 0xffff_d040];
const ALL_OF_4: [u64; 2] = [0x4_0026, 0];
const PAGE_OF_5: [u64; 2] = [0x5_0036, 0x7000];
const UNKNOWN_TYPE: [u64; 2] = [0xf, 0];

/// One page of the target that [`PAGE_OF_4`] has.
const fn page_of_4(page: u64) -> [u64; 2] {
    [PAGE_OF_4[0], page << 12]
}

/// Writes 1 to the `at`th status word.
const fn wait_at(at: u64) -> [u64; 2] {
    wait(STATUS + 4 * at, 1)
}

const fn wait(status: u64, data: u32) -> [u64; 2] {
    [(data as u64) << 32 | 0x25, status]
}

struct Rig {
    front_end: FrontEnd<Arc<RecordingBackend>>,
    backend: Arc<RecordingBackend>,
    memory: GuestMemoryMmap,
    tail: u64,
    /// Bytes of the queue.
    size: u64,
}

impl Rig {
    fn new() -> Self {
        Self::with(RecordingBackend::new(), memory())
    }

    /// HWPT 1 is (4, 0), HWPT 2 is (5, 0), HWPT 3 is (5, 9).
    fn with(backend: RecordingBackend, memory: GuestMemoryMmap) -> Self {
        let backend = Arc::new(backend);
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let mut front_end = FrontEnd::new(INSTANCE, memory.clone(), Arc::clone(&backend), counters);
        for (did, pasid, hwpt) in [(4, 0, 1), (5, 0, 2), (5, 9, 3)] {
            front_end.attach(DomainId(did), Pasid(pasid), ObjectId(hwpt));
        }
        front_end.write_iqa(QUEUE);
        Self {
            front_end,
            backend,
            memory,
            tail: 0,
            size: 0x1000,
        }
    }

    fn under(policy: Policy) -> Self {
        let mut rig = Self::new();
        rig.front_end.set_policy(policy);
        rig
    }

    fn put(&mut self, words: [u64; 2]) {
        for (at, word) in [(0, words[0]), (8, words[1])] {
            self.memory
                .write_slice(&word.to_le_bytes(), GuestAddress(QUEUE + self.tail + at))
                .unwrap();
        }
        self.tail = (self.tail + 16) % self.size;
    }

    fn submit(&mut self, descriptors: &[[u64; 2]]) -> Vec<Request> {
        for &words in descriptors {
            self.put(words);
        }
        self.front_end.write_iqt(self.tail);
        self.backend.take()
    }

    fn status(&self) -> u32 {
        status_in(&self.memory)
    }

    /// The first of the status words.
    fn statuses<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|at| {
            let addr = GuestAddress(STATUS + 4 * at as u64);
            self.memory.load(addr, Ordering::Acquire).unwrap()
        })
    }

    fn fault(&self) -> Fault {
        assert_eq!(self.front_end.fsts(), IQE);
        let fault = self.front_end.fault().unwrap();
        assert_eq!(self.front_end.iqercd(), u64::from(fault.error.code()));
        assert_eq!(
            self.front_end.iqh(),
            u64::from(fault.index) * u64::from(self.front_end.width().bytes())
        );
        assert_eq!(self.front_end.counters().fault(), Some(fault));
        fault
    }
}

fn memory() -> GuestMemoryMmap {
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY)]).unwrap()
}

fn status_in(memory: &GuestMemoryMmap) -> u32 {
    memory
        .load(GuestAddress(STATUS), Ordering::Acquire)
        .unwrap()
}

fn page(addr: u64, flags: u32) -> VtdS1Invalidate {
    VtdS1Invalidate::new(addr, 1, flags)
}

fn request(hwpt: u32, entries: &[VtdS1Invalidate]) -> Request {
    Request {
        target: ObjectId(hwpt),
        entries: Entries::VtdS1(entries).into(),
    }
}

#[test]
fn a_wait_completes_only_after_everything_before_it() {
    let memory = memory();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, observed) = (memory.clone(), Arc::clone(&seen));
    let backend =
        RecordingBackend::observing(move |_| observed.lock().unwrap().push(status_in(&inside)));
    let mut rig = Rig::with(backend, memory);
    rig.submit(&[
        PAGE_OF_4,
        PAGE_OF_5,
        wait(STATUS, 7),
        PAGE_OF_4,
        wait(STATUS, 8),
    ]);
    // Two requests before the first wait, one between the waits.
    assert_eq!(*seen.lock().unwrap(), [0, 0, 7]);
    assert_eq!(rig.status(), 8);
}

#[test]
fn invalidations_up_to_a_wait_become_one_request_per_target_in_first_seen_order() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[
        PAGE_OF_5,
        PAGE_OF_4,
        PAGE_OF_5,
        ALL_OF_4,
        wait(STATUS, 1),
        PAGE_OF_4,
    ]);
    assert_eq!(
        requests,
        [
            request(2, &[page(0x7000, 0), page(0x7000, 0)]),
            request(1, &[page(0xffff_d000, 1), VtdS1Invalidate::WHOLE]),
            request(1, &[page(0xffff_d000, 1)]),
        ]
    );
}

#[test]
fn a_global_invalidation_reaches_every_hwpt_once() {
    let mut rig = Rig::new();
    // HWPT 1 also stands for another pair.
    rig.front_end.attach(DomainId(6), Pasid(1), ObjectId(1));
    let whole = [VtdS1Invalidate::WHOLE];
    let requests = rig.submit(&[IOTLB_GLOBAL, wait(STATUS, 1)]);
    assert_eq!(
        requests,
        [request(1, &whole), request(2, &whole), request(3, &whole)]
    );
}

#[test]
fn a_domain_selective_invalidation_reaches_every_hwpt_of_the_domain() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[[0x5_00f2, 0x9001], [0x5_00e2, 0], wait(STATUS, 1)]);
    let entries = [VtdS1Invalidate::new(0x8000, 2, 0), VtdS1Invalidate::WHOLE];
    assert_eq!(requests, [request(2, &entries), request(3, &entries)]);
}

#[test]
fn what_the_vmm_absorbs_and_what_has_no_target_is_counted_and_not_requested() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[
        CONTEXT_GLOBAL,
        [0x37, 0],
        [0x4, 0],
        [0x3, 0],
        [0x8, 0],
        [0x63_0026, 0],
        [0x63_00e2, 0],
        wait(STATUS, 1),
    ]);
    assert!(requests.is_empty());
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(
        (counts.absorbed, counts.untargeted, counts.waits),
        (5, 2, 1)
    );
    assert!(counts.by_type().all(|(_, count)| count == 1), "{counts:?}");
}

#[test]
fn invalidations_without_a_wait_are_issued_at_the_end_of_the_doorbell() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.submit(&[PAGE_OF_4]),
        [request(1, &[page(0xffff_d000, 1)])]
    );
}

#[test]
fn a_wait_without_status_write_raises_its_interrupt_only() {
    let mut rig = Rig::new();
    let raised = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&raised);
    rig.front_end
        .on_interrupt(move || _ = count.fetch_add(1, Ordering::Relaxed));
    rig.submit(&[[0x15, STATUS]]);
    assert_eq!(raised.load(Ordering::Relaxed), 1);
    assert_eq!(rig.status(), 0);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.waits, counts.interrupts), (1, 1));
}

#[test]
fn descriptors_of_256_bits_have_nothing_in_their_upper_half() {
    let mut rig = Rig::new();
    rig.front_end.write_iqa(QUEUE | 1 << 11);
    rig.put(PAGE_OF_4);
    rig.put([0, 0]);
    rig.put(wait(STATUS, 3));
    rig.put([0, 0]);
    rig.put(PAGE_OF_4);
    rig.put([0, 1]);
    rig.front_end.write_iqt(rig.tail);
    assert_eq!(rig.backend.take().len(), 1);
    assert_eq!(rig.status(), 3);
    assert_eq!(
        (rig.fault().error, rig.fault().index),
        (IqError::ReservedField.into(), 2)
    );
}

#[test]
fn the_queue_wraps() {
    let mut rig = Rig::new();
    for round in 1..=1000 {
        let requests = rig.submit(&[PAGE_OF_4, PAGE_OF_4, wait(STATUS, round)]);
        assert_eq!(requests.len(), 1);
        assert_eq!(rig.status(), round);
    }
    assert_eq!(rig.front_end.counters().snapshot().consumed(), 3000);
}

#[test]
fn a_new_queue_is_read_from_its_beginning() {
    let mut rig = Rig::new();
    rig.submit(&[PAGE_OF_4]);
    rig.front_end.write_iqa(QUEUE);
    assert_eq!(
        (
            rig.front_end.iqh(),
            rig.front_end.iqt(),
            rig.front_end.iqa()
        ),
        (0, 0, QUEUE)
    );
    rig.tail = 0;
    assert_eq!(rig.submit(&[PAGE_OF_5]), [request(2, &[page(0x7000, 0)])]);
}

#[test]
fn a_detached_target_gets_nothing_any_more() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.front_end.detach(DomainId(4), Pasid(0)),
        Some(ObjectId(1))
    );
    assert_eq!(rig.front_end.detach(DomainId(4), Pasid(0)), None);
    assert!(rig.submit(&[PAGE_OF_4]).is_empty());
    assert_eq!(rig.front_end.counters().snapshot().untargeted, 1);
}
