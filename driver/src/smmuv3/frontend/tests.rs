use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::double::{RecordingBackend, Request};
use crate::{DeviceId, Entries, FaultReason, InvalidateError, Policy, Vendor};

mod batching;
mod completion;
mod errors;
mod failures;
mod hostile;
mod registers;

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::SmmuV3, true);
/// 64 KiB of memory: the queue (one page, 256 commands) at 0x4000.
const MEMORY: usize = 0x1_0000;
const QUEUE: u64 = 0x4000;
const LOG2SIZE: u64 = 8;
const STATUS: u64 = 0x8000;
const VIOMMU: ObjectId = ObjectId(7);
const CMDQEN: u32 = 1 << 3;
const CMDQ_ERR: u32 = 1;
const MSI_ABT: u32 = 1 << 4;

/// Words as Linux writes them: ASID 3, StreamID 0x100.
const PAGE: [u64; 2] = [0x0003_0000_0000_0012, 0xfffb_e701];
const NEXT_PAGE: [u64; 2] = [0x0003_0000_0000_0012, 0xfffb_f701];
const NH_ASID: [u64; 2] = [0x0003_0000_0000_0011, 0];
const NH_ALL: [u64; 2] = [0x10, 0];
const CFGI_CD: [u64; 2] = [0x0000_0100_0000_0005, 1];
const CFGI_STE: [u64; 2] = [0x0000_0100_0000_0003, 1];
const ATC_PAGE: [u64; 2] = [0x0000_0100_0000_0040, 0xfffb_e000];
const RESUME: [u64; 2] = [0x0000_0100_0000_1044, 0xbeef];
const PREFETCH: [u64; 2] = [0x0000_0100_0000_0001, 0];
const SYNC: [u64; 2] = [0x46, 0];
const UNKNOWN: [u64; 2] = [0xff, 0];

/// CMD_SYNC, SIG_IRQ.
const fn msi(address: u64, data: u32) -> [u64; 2] {
    [(data as u64) << 32 | 0x0fc0_1046, address]
}

struct Rig {
    front_end: FrontEnd<Arc<RecordingBackend>>,
    backend: Arc<RecordingBackend>,
    memory: GuestMemoryMmap,
    /// With the wrap flag.
    prod: u32,
}

impl Rig {
    fn new() -> Self {
        Self::with(RecordingBackend::new(), memory(), Features::ALL_4K)
    }

    fn with(backend: RecordingBackend, memory: GuestMemoryMmap, features: Features) -> Self {
        let backend = Arc::new(backend);
        let counters = Arc::new(Counters::new(Vendor::SmmuV3));
        let mut front_end = FrontEnd::new(
            INSTANCE,
            memory.clone(),
            Arc::clone(&backend),
            counters,
            features,
        );
        front_end.attach(VIOMMU);
        front_end.write_cmdq_base(QUEUE | LOG2SIZE);
        front_end.write_cr0(CMDQEN);
        Self {
            front_end,
            backend,
            memory,
            prod: 0,
        }
    }

    fn coalescing() -> Self {
        let mut rig = Self::new();
        rig.front_end
            .set_policy(Policy::from_name("coalesce").unwrap());
        rig
    }

    fn put_at(&self, index: u32, words: [u64; 2]) {
        let at = QUEUE + u64::from(index % 256) * 16;
        for (at, word) in [(at, words[0]), (at + 8, words[1])] {
            self.memory
                .write_slice(&word.to_le_bytes(), GuestAddress(at))
                .unwrap();
        }
    }

    fn put(&mut self, words: [u64; 2]) {
        self.put_at(self.prod, words);
        self.prod = (self.prod + 1) % 512;
    }

    fn submit(&mut self, commands: &[[u64; 2]]) -> Vec<Vec<[u64; 2]>> {
        for &words in commands {
            self.put(words);
        }
        self.front_end.write_cmdq_prod(self.prod);
        self.take()
    }

    /// The entries of every request since, all to the vIOMMU.
    fn take(&self) -> Vec<Vec<[u64; 2]>> {
        self.backend.take().iter().map(words_of).collect()
    }

    /// Acknowledges CMDQ_ERR, and nothing else.
    fn acknowledge(&mut self) -> Vec<Vec<[u64; 2]>> {
        let toggled = self.front_end.gerrorn() ^ CMDQ_ERR;
        self.front_end.write_gerrorn(toggled);
        self.take()
    }

    fn active(&self) -> u32 {
        self.front_end.gerror() ^ self.front_end.gerrorn()
    }

    fn status(&self) -> u32 {
        status_in(&self.memory)
    }

    /// CONS: ERR and the index without the wrap flag, after a look at all that must
    /// agree with it.
    #[track_caller]
    fn error(&self) -> (u32, u32) {
        let cons = self.front_end.cmdq_cons();
        let fault = self.front_end.fault().unwrap();
        assert_eq!(self.active() & CMDQ_ERR, CMDQ_ERR);
        assert_eq!(u32::from(fault.error.code()), cons >> 24);
        assert_eq!(fault.index, cons & 0xff);
        assert_eq!(self.front_end.counters().fault(), Some(fault));
        (cons >> 24, cons & 0xff)
    }

    #[track_caller]
    fn is_idle(&self) {
        assert_eq!(self.active() & CMDQ_ERR, 0);
        assert_eq!(self.front_end.fault(), None);
        assert_eq!(self.front_end.cmdq_cons(), self.prod);
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

#[track_caller]
fn words_of(request: &Request) -> Vec<[u64; 2]> {
    assert_eq!(request.target, VIOMMU);
    let Entries::ArmSmmuV3(entries) = request.entries.as_entries() else {
        panic!("not an SMMUv3 request");
    };
    entries.iter().map(|entry| entry.cmd).collect()
}

/// What a hook was called with.
#[derive(Clone)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn push(&self, item: T) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(item);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
