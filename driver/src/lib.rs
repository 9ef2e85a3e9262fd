//! A nesting driver: what a VMM needs between a guest's IOMMU invalidation queue
//! and the kernel's `IOMMU_HWPT_INVALIDATE`.
//!
//! ```text
//!  guest memory                    FrontEnd                      Backend
//!  ┌──────────┐  doorbell  ┌───────────────────────┐  request  ┌──────────────┐
//!  │ queue    ├───────────▶│ decode ▶ group by     ├──────────▶│ Iommufd      │
//!  │ status ◀─┼────────────┤ target                │           └──────┬───────┘
//!  └──────────┘  wait done └───────────────────────┘         commands │ submission
//!       ▲                                                    ┌────────▼─────────┐
//!  Guest: replays a Stream                                   │ HardwareQueue    │
//!  (Capture or synthetic)                                    └──────────────────┘
//! ```
//!
//! A VMM embeds its vendor's front end ([`vtd::FrontEnd`], [`smmuv3::FrontEnd`],
//! [`amdvi::FrontEnd`]) with a [`Backend`]: [`iommufd::Context`] is the real `/dev/iommu`, or
//! it has one of its own. Everything else here stands in for what is around it: [`model`] and the rings ([`VtdRing`], [`SmmuV3Ring`],
//! [`AmdRing`]) for kernel and hardware, [`Guest`] for the guest. [`probes`] fire along
//! the way; nothing here knows who watches.
//!
//! # Embedding
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use std::sync::{Arc, Mutex};
//!
//! use hwptop_driver::{
//!     Backend, Counters, DomainId, Entries, InstanceArg, InvalidateError, ObjectId, Pasid,
//!     Vendor, VtdS1Invalidate, vtd,
//! };
//! use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
//!
//! /// Stands for `ioctl(iommufd, IOMMU_HWPT_INVALIDATE)`.
//! #[derive(Default)]
//! struct Kernel(Mutex<Vec<(ObjectId, VtdS1Invalidate)>>);
//!
//! impl Backend for Kernel {
//!     fn invalidate(&self, hwpt: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
//!         let Entries::VtdS1(entries) = entries else {
//!             return Err(InvalidateError::new(95, 0)); // EOPNOTSUPP
//!         };
//!         let mut requests = self.0.lock().unwrap();
//!         requests.extend(entries.iter().map(|&entry| (hwpt, entry)));
//!         Ok(())
//!     }
//! }
//!
//! const QUEUE: u64 = 0x1000;
//! const STATUS: u64 = 0x2000;
//!
//! let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1_0000)])?;
//! let kernel = Arc::new(Kernel::default());
//! let instance = InstanceArg::new(0, Vendor::Vtd, false);
//! let counters = Arc::new(Counters::new(Vendor::Vtd));
//! let mut iommu = vtd::FrontEnd::new(instance, memory.clone(), Arc::clone(&kernel), counters);
//!
//! // The guest's PASID entry of domain 4 became the nested HWPT that the kernel calls 7.
//! iommu.attach(DomainId(4), Pasid::RID, ObjectId(7));
//! let raised = Arc::new(AtomicBool::new(false));
//! let line = Arc::clone(&raised);
//! iommu.on_interrupt(move || line.store(true, Ordering::Relaxed));
//!
//! // The guest invalidates a page, and waits with a status write and an interrupt (IF).
//! let page = vtd::command::pasid_iotlb_pages(DomainId(4), Pasid::RID, 0x5000, 0, true);
//! let [wait, status] = vtd::command::wait(STATUS, 1).words();
//! let words = page.words().into_iter().chain([wait | 1 << 4, status]);
//! for (word, at) in words.zip((QUEUE..).step_by(8)) {
//!     memory.write_slice(&word.to_le_bytes(), GuestAddress(at))?;
//! }
//! iommu.write_iqa(QUEUE); // one page of descriptors of 128 bits
//! iommu.write_iqt(0x20); // the doorbell, behind two of them
//!
//! assert_eq!(iommu.iqh(), 0x20);
//! assert_eq!(iommu.fault(), None);
//! assert_eq!(memory.read_obj::<u32>(GuestAddress(STATUS))?, 1);
//! assert!(raised.load(Ordering::Relaxed));
//! let entry = VtdS1Invalidate::new(0x5000, 1, VtdS1Invalidate::LEAF);
//! assert_eq!(*kernel.0.lock().unwrap(), [(ObjectId(7), entry)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`InstanceArg`]: a number for each virtual IOMMU of the process, from 0, and its
//!   vendor. Probes carry it. Its `modelled` bit says that no hardware stands behind the
//!   backend; a backend that drives a kernel's IOMMU leaves it `false`.
//! - [`ObjectId`] is the kernel's object id, as `out_hwpt_id` or `out_viommu_id` gave it.
//! - [`InvalidateError`] chooses what the guest sees: `hardware`, where there is one,
//!   becomes the specification's own error, else `errno` decides. A device in `hardware`
//!   is the guest's id of it. `handled` is where the guest's queue stops.
//! - Registers are written through `&mut FrontEnd`: one lock for each virtual IOMMU. A
//!   doorbell blocks until its requests returned. Hooks run within it, and must not take
//!   that lock. [`Counters`] are read without it.
//! - No hook tells of an error of VT-d or SMMUv3: after every register write a VMM looks at
//!   [`vtd::FrontEnd::fsts`], or compares `gerror` with `gerrorn`. On AMD-Vi an error is an
//!   event of the log, with the unit's interrupt.
//!
//! # A whole loop of a VMM
//!
//! With exits of a vCPU, guest memory, doorbells, a fault and MSIs; `cargo run --example vmm` runs it.
//!
//! ```
#![doc = include_str!("../examples/vmm.rs")]
//! ```
//!
//! A sync completes only after everything before it; nothing that fails does so
//! silently; no input makes it panic, hang or grow without bound.

pub mod amdvi;
mod backend;
mod capture;
mod command_types;
mod counts;
pub mod double;
mod engine;
mod errno;
mod fault;
mod hardware;
mod ids;
pub mod iommufd;
pub mod model;
mod policy;
pub mod probes;
mod replay;
mod rings;
pub mod smmuv3;
mod spec;
mod uapi;
pub mod vtd;

pub use backend::{Backend, EntryResult, InvalidateError};
pub use capture::{Capture, CaptureError, CaptureFault, CaptureWriter, CapturedCommand};
pub use counts::{Counters, Counts};
pub use fault::{Fault, FaultReason, QueueError};
pub use hardware::{Command, HardwareError, HardwareQueue, SubmitError, Unit};
pub use hwptop_abi::{InstanceArg, Vendor};
pub use ids::{DeviceId, DomainId, Nanos, ObjectId, Pasid};
pub use policy::{CostModel, Policy};
pub use replay::{
    AssignedGuest, Guest, ModelledBackend, ReplayError, SharedGuest, Step, Stream, VirtualIommu,
    decorated_guest, decorated_selftest_guest, decorated_vfio_guest, guest_on, modelled_guest,
    selftest_guest, shared_guest, shared_selftest_guest, shared_vfio_guest, vfio_guest,
};
pub use rings::{
    AmdRing, AssignedCounts, AssignedQueue, AssignedQueueError, InlineQueue, SmmuV3Ring,
    TimingProfile, VtdRing, batch_max,
};
pub use uapi::{
    AmdGuest, AmdGuestInvalidate, ArmSmmuV3, ArmSmmuV3Invalidate, Entries, VtdS1, VtdS1Invalidate,
};
