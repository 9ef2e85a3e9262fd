//! The guest's half: memory, a ring in it, and a stream of commands.

mod assigned;
mod dialect;
mod error;
mod guest;
mod host;
mod iommu;
mod machine;
mod memory;
mod real;
mod shared;
mod stream;
mod vcpu_ring;

pub use assigned::AssignedGuest;
pub(crate) use dialect::guess_vendor;
pub use error::ReplayError;
pub use guest::{Guest, Step};
pub use iommu::VirtualIommu;
pub use machine::{ModelledBackend, decorated_guest, guest_on, modelled_guest, shared_guest};
pub use real::{
    decorated_selftest_guest, decorated_vfio_guest, selftest_guest, shared_selftest_guest,
    shared_vfio_guest, vfio_guest,
};
pub use shared::SharedGuest;
pub use stream::Stream;
