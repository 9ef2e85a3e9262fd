//! A nesting driver: what a VMM needs between a guest's IOMMU invalidation queue
//! and the kernel's `IOMMU_HWPT_INVALIDATE`.
//!
//! ```text
//!  guest memory                    FrontEnd                      Backend
//!  ┌──────────┐  doorbell  ┌───────────────────────┐  request  ┌──────────────┐
//!  │ queue    ├───────────▶│ decode ▶ group by     ├──────────▶│ ModelBackend │
//!  │ status ◀─┼────────────┤ (vDomain-ID, PASID)   │           └──────┬───────┘
//!  └──────────┘  wait done └───────────────────────┘         commands │ submission
//!       ▲                                                    ┌────────▼─────────┐
//!  Guest: replays a Stream                                   │ InvalidationRing │
//!  (Capture or synthetic)                                    └──────────────────┘
//! ```
//!
//! A VMM embeds [`FrontEnd`] with a [`Backend`] of its own. Everything else here
//! stands in for what is around it: [`ModelBackend`] and [`InvalidationRing`] for
//! kernel and hardware, [`Guest`] for the guest. [`probes`] fire along the way;
//! nothing here knows who watches.
//!
//! A sync completes only after everything before it; nothing that fails does so
//! silently; no input makes it panic, hang or grow without bound.

mod backend;
mod capture;
mod command;
mod counts;
pub mod double;
mod errno;
mod ids;
mod model;
pub mod probes;
mod replay;
mod spec;
mod vtd;

pub use backend::{Backend, HardwareQueue, InvalidateError, SubmitError, VtdS1Invalidate};
pub use capture::{Capture, CaptureError, CaptureFault, CapturedCommand};
pub use command::Command;
pub use counts::{Counters, Counts};
pub use hwptop_abi::{InstanceArg, Vendor};
pub use ids::{DomainId, HwptId, Nanos, Pasid};
pub use model::{InvalidationRing, ModelBackend, TimingProfile};
pub use replay::{Guest, ReplayError, Step, Stream, decorated_guest, modelled_guest};
pub use vtd::{
    Descriptor, DescriptorType, Fault, FaultReason, FrontEnd, Granularity, IqError, Width, decode,
};
