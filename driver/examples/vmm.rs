//! A VMM's loop around a virtual VT-d unit: guest memory, the registers of the invalidation queue, doorbells, faults and
//! MSIs. Guest and kernel are stand-ins; a VMM has `KVM_RUN` and `hwptop_driver::iommufd::Context` in their places.
//!
//! ```text
//! guest (thread) ── exits ──▶ vCPU loop ──▶ VirtualIommu: registers ──▶ FrontEnd ──▶ Backend: IOMMU_HWPT_INVALIDATE
//!        ▲────────────────────── replies, MSIs ◀──────────┘
//! ```

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use hwptop_driver::{
    Backend, Counters, DomainId, Entries, InstanceArg, InvalidateError, ObjectId, Pasid, Policy,
    Vendor, vtd,
};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

type Memory = GuestMemoryMmap<()>;
type Failure = Box<dyn Error + Send + Sync>;

/// Registers by their offset (VT-d 11.4).
mod register {
    pub(super) const FSTS: u64 = 0x34;
    pub(super) const IQH: u64 = 0x80;
    pub(super) const IQT: u64 = 0x88;
    pub(super) const IQA: u64 = 0x90;
    pub(super) const IQERCD: u64 = 0xb0;
}

/// What the VMM injects into the guest.
#[derive(Debug, PartialEq, Eq)]
enum Msi {
    /// A wait descriptor with IF completed.
    Completion,
    /// A bit of `FSTS_REG` was set.
    Fault,
}

/// The kernel's side. A VMM calls the ioctl here, or uses `iommufd::Context`.
#[derive(Default)]
struct Kernel {
    /// The page whose invalidation fails, once.
    bad_page: Mutex<Option<u64>>,
}

impl Backend for Kernel {
    fn invalidate(&self, hwpt: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        const EIO: i32 = 5;
        const EOPNOTSUPP: i32 = 95;
        let Entries::VtdS1(array) = entries else {
            return Err(InvalidateError::new(EOPNOTSUPP, 0));
        };
        let mut bad = self
            .bad_page
            .lock()
            .map_err(|_| InvalidateError::new(EIO, 0))?;
        let failing = array.iter().position(|entry| Some(entry.addr) == *bad);
        if let Some(at) = failing.and_then(|at| u32::try_from(at).ok()) {
            *bad = None;
            println!("kernel: {hwpt}: {} entries, entry {at} fails", array.len());
            return Err(InvalidateError::new(EIO, at));
        }
        println!("kernel: {hwpt}: {} entries in one request", array.len());
        Ok(())
    }
}

/// The virtual unit. Every vCPU's exits come here: a VMM has it behind one lock.
struct VirtualIommu {
    front_end: vtd::FrontEnd<Kernel, Memory>,
    msis: Sender<Msi>,
}

impl VirtualIommu {
    fn new(memory: Memory, kernel: Kernel, msis: Sender<Msi>) -> Self {
        // Number 0 of this process; real hardware stands behind it, as far as the driver knows.
        let instance = InstanceArg::new(0, Vendor::Vtd, false);
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let mut front_end = vtd::FrontEnd::new(instance, memory, kernel, counters);
        front_end.set_policy(Policy::Array);
        let completions = msis.clone();
        front_end.on_interrupt(move || _ = completions.send(Msi::Completion));
        // The guest changed a PASID entry: the VMM reads it, makes a nested HWPT of the table that it points to
        // (IOMMU_HWPT_ALLOC), and says whose invalidations are that HWPT's. Its id is the kernel's: here always 7.
        front_end.on_absorbed(|descriptor, targets| {
            if let vtd::Descriptor::PasidCache(_) = descriptor {
                println!("VMM: a PASID entry changed; domain 4 is HWPT 7 from now on");
                targets.attach(DomainId(4), Pasid::RID, ObjectId(7));
            }
        });
        Self { front_end, msis }
    }

    fn read(&self, offset: u64) -> u64 {
        match offset {
            register::FSTS => self.front_end.fsts().into(),
            register::IQH => self.front_end.iqh(),
            register::IQT => self.front_end.iqt(),
            register::IQA => self.front_end.iqa(),
            register::IQERCD => self.front_end.iqercd(),
            _ => 0,
        }
    }

    /// Blocks until the requests that the write leads to returned.
    fn write(&mut self, offset: u64, value: u64) {
        let before = self.front_end.fsts();
        match offset {
            register::FSTS => self.front_end.write_fsts(u32::try_from(value).unwrap_or(0)),
            register::IQT => self.front_end.write_iqt(value),
            register::IQA => self.front_end.write_iqa(value),
            _ => {}
        }
        // No hook tells of a fault: the VMM looks after every write.
        if before == 0 && self.front_end.fsts() != 0 {
            if let Some(fault) = self.front_end.fault() {
                println!("VMM: the queue stopped at {fault}");
            }
            let _ = self.msis.send(Msi::Fault);
        }
    }
}

/// Why a vCPU left the guest.
enum Exit {
    Write {
        offset: u64,
        value: u64,
        done: Sender<()>,
    },
    Read {
        offset: u64,
        reply: Sender<u64>,
    },
}

/// The loop of a vCPU, until the guest is off.
fn run_vcpu(exits: &Receiver<Exit>, iommu: &Mutex<VirtualIommu>) -> Result<(), Failure> {
    for exit in exits {
        let mut iommu = iommu.lock().map_err(|_| "another vCPU panicked")?;
        match exit {
            Exit::Write {
                offset,
                value,
                done,
            } => {
                iommu.write(offset, value);
                done.send(())?;
            }
            Exit::Read { offset, reply } => reply.send(iommu.read(offset))?,
        }
    }
    Ok(())
}

/// A guest's IOMMU driver.
struct Guest {
    memory: Memory,
    exits: Sender<Exit>,
    msis: Receiver<Msi>,
    tail: u64,
}

impl Guest {
    /// One page of descriptors of 128 bits.
    const QUEUE: u64 = 0x1000;
    const QUEUE_BYTES: u64 = 0x1000;
    const STATUS: u64 = 0x2000;
    const DONE: u32 = 1;
    /// IF of a wait descriptor: raise an interrupt.
    const INTERRUPT: u64 = 1 << 4;
    /// `FSTS_REG.IQE`.
    const IQE: u64 = 1 << 4;

    fn write(&self, offset: u64, value: u64) -> Result<(), Failure> {
        let (done, wait) = channel();
        self.exits.send(Exit::Write {
            offset,
            value,
            done,
        })?;
        Ok(wait.recv()?)
    }

    fn read(&self, offset: u64) -> Result<u64, Failure> {
        let (reply, answer) = channel();
        self.exits.send(Exit::Read { offset, reply })?;
        Ok(answer.recv()?)
    }

    fn put(&mut self, words: [u64; 2]) -> Result<(), Failure> {
        for (word, at) in words.into_iter().zip([0, 8]) {
            let place = GuestAddress(Self::QUEUE + self.tail + at);
            self.memory.write_slice(&word.to_le_bytes(), place)?;
        }
        self.tail = (self.tail + 16) % Self::QUEUE_BYTES;
        Ok(())
    }

    /// Queues commands and a wait, rings the doorbell, and waits for the interrupt; answers how many faults came first.
    fn submit(&mut self, commands: &[hwptop_driver::Command]) -> Result<u32, Failure> {
        self.memory.write_obj(0_u32, GuestAddress(Self::STATUS))?;
        for command in commands {
            self.put(command.words())?;
        }
        let [wait, status] = vtd::command::wait(Self::STATUS, Self::DONE).words();
        self.put([wait | Self::INTERRUPT, status])?;
        self.write(register::IQT, self.tail)?;
        let mut faults = 0;
        while self.msis.recv()? == Msi::Fault {
            faults += 1;
            let (fsts, head) = (self.read(register::FSTS)?, self.read(register::IQH)?);
            println!(
                "guest: fault, FSTS {fsts:#x}, IQH {head:#x}; acknowledged, the queue goes on there"
            );
            self.write(register::FSTS, Self::IQE)?;
        }
        let status: u32 = self.memory.read_obj(GuestAddress(Self::STATUS))?;
        println!("guest: wait completed, status {status}");
        if status == Self::DONE {
            Ok(faults)
        } else {
            Err("a wait completed without its status".into())
        }
    }

    fn boot(mut self) -> Result<(), Failure> {
        self.write(register::IQA, Self::QUEUE)?;
        let faults = self.submit(&[vtd::command::pasid_cache(DomainId(4), Pasid::RID)])?;
        assert_eq!(faults, 0, "nothing was wrong");
        let page = |number: u64| {
            vtd::command::pasid_iotlb_pages(DomainId(4), Pasid::RID, number << 12, 0, true)
        };
        let pages: Vec<_> = (0x10..0x18).map(page).collect();
        assert_eq!(self.submit(&pages)?, 0, "nothing was wrong");
        // Of these the kernel refuses one, once: the guest sees it, and nothing is lost.
        let pages: Vec<_> = (0x40..0x44).map(page).collect();
        assert_eq!(self.submit(&pages)?, 1, "one request failed");
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    let memory = Memory::from_ranges(&[(GuestAddress(0), 1 << 20)])?;
    let (inject, msis) = channel();
    let (leave, exits) = channel();
    let kernel = Kernel {
        bad_page: Mutex::new(Some(0x42 << 12)),
    };
    let iommu = Mutex::new(VirtualIommu::new(memory.clone(), kernel, inject));
    let guest = Guest {
        memory,
        exits: leave,
        msis,
        tail: 0,
    };
    let guest = thread::spawn(move || guest.boot());
    run_vcpu(&exits, &iommu)?;
    guest.join().map_err(|_| "the guest panicked")??;
    let iommu = iommu.into_inner().map_err(|_| "a vCPU panicked")?;
    let counts = iommu.front_end.counters().snapshot();
    println!(
        "VMM: {} requests, {} failed; {} entries handled",
        counts.requests, counts.request_errors, counts.handled
    );
    Ok(())
}
