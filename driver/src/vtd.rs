//! A guest's VT-d invalidation queue, from the registers to the requests.
//!
//! | register (VT-d 11.4) | offset | write | read |
//! |---|---|---|---|
//! | `FSTS_REG`, IQE, ICE, ITE | 034h | [`write_fsts`](FrontEnd::write_fsts) | [`fsts`](FrontEnd::fsts) |
//! | `IQH_REG` | 080h | read-only | [`iqh`](FrontEnd::iqh) |
//! | `IQT_REG` | 088h | [`write_iqt`](FrontEnd::write_iqt), the doorbell | [`iqt`](FrontEnd::iqt) |
//! | `IQA_REG` | 090h | [`write_iqa`](FrontEnd::write_iqa) | [`iqa`](FrontEnd::iqa) |
//! | `IQERCD_REG` | 0B0h | read-only | [`iqercd`](FrontEnd::iqercd) |
//!
//! All other registers are the VMM's. It combines `fsts` with the fault bits of its own,
//! and raises the fault event (`FECTL_REG`) where a write of a register set a bit of it.
//!
//! | hook | what a VMM does in it |
//! |---|---|
//! | [`on_interrupt`](FrontEnd::on_interrupt) | sets `ICS_REG.IWC` and raises the invalidation completion event, as `IECTL_REG` allows |
//! | [`on_absorbed`](FrontEnd::on_absorbed) | of a context or PASID cache: reads the guest's entries again and attaches the devices to nested HWPTs that fit them, before the guest's wait completes; when the register write returned, [`attach`](FrontEnd::attach) and [`detach`](FrontEnd::detach) say so, and old HWPTs are destroyed. Of interrupt entries: reads those again. Of device TLBs: nothing |
//! | [`on_entry_result`](FrontEnd::on_entry_result) | may log it; the guest is told without it |

pub mod command;
mod decode;
mod descriptor;
mod fault;
mod frontend;
mod protocol;
mod queue;
mod target;

pub use decode::decode;
pub use descriptor::{
    ContextCache, Descriptor, DescriptorType, DevicePages, DeviceTlb, Granularity, Iec, PasidCache,
    PasidDeviceTlb,
};
pub use fault::{InvalidationError, IqError};
pub use frontend::FrontEnd;
pub use queue::Width;
pub use target::Targets;
