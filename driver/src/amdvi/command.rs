//! Commands that software puts into an AMD-Vi command buffer (48882, 2.4). Only
//! valid commands can be put together.

use crate::spec::amdvi::{
    DEVICE_ID_MASK, OPCODE_SHIFT, completion_wait, invalidate_devtab_entry,
    invalidate_interrupt_table, invalidate_iommu_all, invalidate_iommu_pages,
    invalidate_iotlb_pages, pages,
};
use crate::{Command, DeviceId, DomainId, Pasid};

/// `COMPLETION_WAIT` (2.4.1) that writes `data` to the guest-physical `address`,
/// which is aligned down to 8 bytes and cut to 52 bits. Without interrupt and flush,
/// as Linux sends it.
#[must_use]
pub const fn wait(address: u64, data: u64) -> Command {
    let lo = completion_wait::S | address & completion_wait::ADDRESS_MASK;
    command(completion_wait::OPCODE, lo, data)
}

/// `INVALIDATE_DEVTAB_ENTRY` (2.4.2).
#[must_use]
pub const fn devtab_entry(device: DeviceId) -> Command {
    let lo = device.0 as u64 & DEVICE_ID_MASK;
    command(invalidate_devtab_entry::OPCODE, lo, 0)
}

/// `INVALIDATE_IOMMU_PAGES` (2.4.3): 2^`order` pages of 4 KiB around `addr`, every
/// address where `order` is above 40. `pde` means page directory entries too.
#[must_use]
pub const fn iommu_pages(
    domain: DomainId,
    pasid: Option<Pasid>,
    addr: u64,
    order: u32,
    pde: bool,
) -> Command {
    let lo = (domain.0 as u64) << invalidate_iommu_pages::DOMAIN_SHIFT;
    let hi = pages::block(addr, order) | if pde { pages::PDE } else { 0 };
    match pasid {
        Some(Pasid(pasid)) => command(
            invalidate_iommu_pages::OPCODE,
            lo | (pasid & Pasid::MAX.0) as u64,
            hi | pages::GN,
        ),
        None => command(invalidate_iommu_pages::OPCODE, lo, hi),
    }
}

/// `INVALIDATE_IOMMU_PAGES` (2.4.3) of everything that is cached for `domain`,
/// translations of every PASID included.
#[must_use]
pub const fn iommu_pages_all(domain: DomainId) -> Command {
    iommu_pages(domain, None, 0, u32::MAX, true)
}

/// `INVALIDATE_IOTLB_PAGES` (2.4.4) of a device with an invalidation queue of its
/// own, of which `max_pend` invalidations may be in flight; pages as in
/// [`iommu_pages`]. Without PASID it reaches what is cached with and without one.
#[must_use]
pub const fn iotlb_pages(
    device: DeviceId,
    max_pend: u8,
    pasid: Option<Pasid>,
    addr: u64,
    order: u32,
) -> Command {
    let id = device.0 as u64 & DEVICE_ID_MASK;
    let lo = id
        | (max_pend as u64) << invalidate_iotlb_pages::MAX_PEND_SHIFT
        | id << invalidate_iotlb_pages::QUEUE_SHIFT;
    let hi = pages::block(addr, order);
    match pasid {
        Some(Pasid(pasid)) => command(
            invalidate_iotlb_pages::OPCODE,
            lo | invalidate_iotlb_pages::pasid_bits(pasid),
            hi | pages::GN,
        ),
        None => command(invalidate_iotlb_pages::OPCODE, lo, hi),
    }
}

/// `INVALIDATE_INTERRUPT_TABLE` (2.4.5).
#[must_use]
pub const fn interrupt_table(device: DeviceId) -> Command {
    let lo = device.0 as u64 & DEVICE_ID_MASK;
    command(invalidate_interrupt_table::OPCODE, lo, 0)
}

/// `INVALIDATE_IOMMU_ALL` (2.4.8).
#[must_use]
pub const fn iommu_all() -> Command {
    command(invalidate_iommu_all::OPCODE, 0, 0)
}

/// Whether the command is a sync (`COMPLETION_WAIT`).
#[must_use]
pub const fn is_sync(command: Command) -> bool {
    command.words()[0] >> OPCODE_SHIFT == completion_wait::OPCODE
}

const fn command(opcode: u64, lo: u64, hi: u64) -> Command {
    Command::from_words([opcode << OPCODE_SHIFT | lo, hi])
}

#[cfg(test)]
mod tests;
