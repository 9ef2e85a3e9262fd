//! What the kernel probes and user space must agree on.

mod cell;
mod layout;

pub use cell::{HwQueueCell, LostCell, REQUEST_PARTS, RequestCell};
pub use layout::{KernelLayout, MISSING};

/// The most instances that kernel probes keep apart; number 0 stands for requests that
/// ended before they reached any. Where `/sys/class/iommu` has fewer, the maps are smaller.
pub const KERNEL_INSTANCES_MAX: u32 = 64;

/// The most slots: (instance, iommufd context, object, process). One per instance takes
/// what comes beyond.
pub const SLOTS_MAX: u32 = 256;

/// The address that stands for the selftest mock, which needs no structure of its own: the
/// kernel has exactly one.
pub const MOCK_INSTANCE: u64 = 1;

/// Whose requests a slot counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotKey {
    /// Address of the `struct iommufd_ctx`: tells contexts apart, no more.
    pub context: u64,
    /// Number of the instance.
    pub instance: u32,
    /// Object id of the nested HWPT or vIOMMU.
    pub hwpt: u32,
    /// Process id.
    pub tgid: u32,
    /// 0.
    pub reserved: u32,
}

/// An object that user space destroys, of whatever kind; or a context that is closed, with all of
/// its objects.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndedObject {
    /// Address of its `struct iommufd_ctx`, as in [`SlotKey::context`].
    pub context: u64,
    /// Its id in that; [`WHOLE_CONTEXT`] for all.
    pub id: u32,
    /// 0.
    pub reserved: u32,
}

/// Stands in [`EndedObject::id`] for all objects of the context. No object has it: iommufd counts
/// from 1.
pub const WHOLE_CONTEXT: u32 = 0;

/// The most of them between two reads; the earliest give way.
pub const ENDED_OBJECTS_MAX: u32 = 1024;

/// An instance on first sight.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelInstance {
    /// Address of its `struct iommu_device`, or [`MOCK_INSTANCE`]; 0 where the number is
    /// not in use.
    pub address: u64,
    /// The name of its device in `/sys/class/iommu`, ended by 0; empty where it cannot be
    /// read.
    pub name: [u8; NAME_BYTES],
}

/// Room for an instance's name; longer ones are cut.
pub const NAME_BYTES: usize = 40;

const _: () = {
    assert!(size_of::<SlotKey>() == 24);
    assert!(size_of::<KernelInstance>() == 48);
    assert!(size_of::<EndedObject>() == 16);
    // `clamp` in user space takes its bounds from them.
    assert!(SLOTS_MAX >= 2 * KERNEL_INSTANCES_MAX);
};
