//! The real `/dev/iommu`.
//!
//! ```text
//!  Context ── ioas() ──▶ Ioas ─────────────┐ map, unmap
//!     │                                    │
//!     ├─ VfioDevice::bind ─┐               ▼
//!     └─ Selftest::new ────┴▶ Device ── nest_parent() ──▶ Object
//!                               ├─ nested() ────────────▶ Object  VT-d: IOMMU_HWPT_INVALIDATE here
//!                               ├─ viommu_*() ──────────▶ Object  SMMUv3: here
//!                               └─ vdevice() ───────────▶ Object
//! ```
//!
//! An [`Object`] is destroyed when its last clone goes, and keeps what it was made from
//! until then: a kernel refuses to destroy what something else still needs.
//!
//! [`Context`] is a [`Backend`](crate::Backend) for real IOMMUs; [`SelftestBackend`] is
//! one for the mock of kernels with `CONFIG_IOMMUFD_TEST`.

mod context;
mod device;
mod entry;
mod error;
mod hw_info;
mod invalidate;
mod ioas;
mod object;
mod selftest;
mod vfio;
mod vsmmu;

pub use context::Context;
pub use device::{Device, NestedData};
pub use entry::InvalidateEntry;
pub use error::{Error, Step};
pub use hw_info::{HwInfo, HwKind};
pub use invalidate::Prepared;
pub use ioas::Ioas;
pub use object::Object;
pub use selftest::{
    HwptInvalidateSelftest, HwptSelftest, MockDevice, Selftest, SelftestBackend,
    ViommuInvalidateSelftest,
};
pub use vfio::{Attachment, Nesting, VfioBackend, VfioDevice};

/// The size of a uAPI struct, as its own first field wants it.
#[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
const fn size<T>() -> u32 {
    assert!(
        size_of::<T>() < 4096,
        "the kernel reads no more than a page"
    );
    size_of::<T>() as u32
}
