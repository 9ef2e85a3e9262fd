//! Commands that software puts into a VT-d invalidation queue (VT-d 6.5.2). Only
//! valid commands can be put together.

use crate::spec::vtd::{
    DID_SHIFT, GRANULARITY_SHIFT, SID_MASK, address, descriptor_type, dev_tlb_inv, device_address,
    inv_wait, iotlb, p_dev_tlb_inv, p_iotlb, pc_inv,
};
use crate::{Command, DeviceId, DomainId, Pasid};

/// `pc_inv_dsc`, PASID-selective-within-domain (VT-d 6.5.2.2).
#[must_use]
pub const fn pasid_cache(did: DomainId, pasid: Pasid) -> Command {
    let lo = pc_inv::TYPE | pc_inv::G_PASID << GRANULARITY_SHIFT | did_bits(did);
    Command::from_words([lo | pasid_bits(pasid) << pc_inv::PASID_SHIFT, 0])
}

/// `iotlb_inv_dsc`, domain-selective, with drains (VT-d 6.5.2.3).
#[must_use]
pub const fn iotlb_domain(did: DomainId) -> Command {
    Command::from_words([iotlb_lo(did, iotlb::G_DOMAIN), 0])
}

/// `iotlb_inv_dsc`, page-selective-within-domain, with drains (VT-d 6.5.2.3); pages as in
/// [`pasid_iotlb_pages`].
#[must_use]
pub const fn iotlb_pages(did: DomainId, addr: u64, order: u8, leaf: bool) -> Command {
    Command::from_words([iotlb_lo(did, iotlb::G_PAGE), pages(addr, order, leaf)])
}

/// `p_iotlb_inv_dsc`, page-selective-within-PASID (VT-d 6.5.2.4): 2^`order` pages
/// of 4 KiB from `addr`, which is aligned down to that size. `order` is at most 63;
/// `leaf` keeps the paging-structure caches.
#[must_use]
pub const fn pasid_iotlb_pages(
    did: DomainId,
    pasid: Pasid,
    addr: u64,
    order: u8,
    leaf: bool,
) -> Command {
    let lo = p_iotlb_lo(did, pasid, p_iotlb::G_PAGE);
    Command::from_words([lo, pages(addr, order, leaf)])
}

/// `p_iotlb_inv_dsc`, PASID-selective-within-domain (VT-d 6.5.2.4).
#[must_use]
pub const fn pasid_iotlb_all(did: DomainId, pasid: Pasid) -> Command {
    Command::from_words([p_iotlb_lo(did, pasid, p_iotlb::G_PASID), 0])
}

/// `dev_tlb_inv_dsc` (VT-d 6.5.2.5) of what a device has cached with and without PASID:
/// 2^`order` pages of 4 KiB from `addr`, which is aligned down to that size; everything
/// from 52 on.
#[must_use]
pub const fn device_tlb(device: DeviceId, addr: u64, order: u8) -> Command {
    let lo = dev_tlb_inv::TYPE | sid_bits(device) << dev_tlb_inv::SID_SHIFT;
    let size = if order == 0 { 0 } else { dev_tlb_inv::S };
    Command::from_words([lo, device_address::block(addr, order) | size])
}

/// `p_dev_tlb_inv_dsc` (VT-d 6.5.2.6) of what a device has cached for a PASID; pages as
/// in [`device_tlb`].
#[must_use]
pub const fn pasid_device_tlb(device: DeviceId, pasid: Pasid, addr: u64, order: u8) -> Command {
    let lo = p_dev_tlb_inv::TYPE
        | sid_bits(device) << p_dev_tlb_inv::SID_SHIFT
        | pasid_bits(pasid) << p_dev_tlb_inv::PASID_SHIFT;
    let size = if order == 0 { 0 } else { p_dev_tlb_inv::S };
    Command::from_words([lo, device_address::block(addr, order) | size])
}

/// `inv_wait_dsc` (VT-d 6.5.2.8) that writes `data` to the guest-physical
/// `status_addr`, which is aligned down to 4 bytes. Without fence and interrupt, as
/// Linux sends it.
#[must_use]
pub const fn wait(status_addr: u64, data: u32) -> Command {
    let lo = inv_wait::TYPE | inv_wait::SW | (data as u64) << inv_wait::DATA_SHIFT;
    Command::from_words([lo, status_addr & !inv_wait::RSVD[1]])
}

/// Whether the command is a sync (wait descriptor).
#[must_use]
pub const fn is_sync(command: Command) -> bool {
    descriptor_type(command.words()[0]) == inv_wait::TYPE
}

const fn iotlb_lo(did: DomainId, granularity: u64) -> u64 {
    iotlb::TYPE | granularity << GRANULARITY_SHIFT | iotlb::DW | iotlb::DR | did_bits(did)
}

const fn p_iotlb_lo(did: DomainId, pasid: Pasid, granularity: u64) -> u64 {
    p_iotlb::TYPE
        | granularity << GRANULARITY_SHIFT
        | did_bits(did)
        | pasid_bits(pasid) << p_iotlb::PASID_SHIFT
}

/// The second word of the IOTLB descriptors.
const fn pages(addr: u64, order: u8, leaf: bool) -> u64 {
    let order = if order > 63 { 63 } else { order };
    address::align_down(addr, order) | (leaf as u64) << address::IH_SHIFT | order as u64
}

const fn did_bits(did: DomainId) -> u64 {
    (did.0 as u64) << DID_SHIFT
}

const fn sid_bits(device: DeviceId) -> u64 {
    device.0 as u64 & SID_MASK
}

const fn pasid_bits(pasid: Pasid) -> u64 {
    (pasid.0 & Pasid::MAX.0) as u64
}

#[cfg(test)]
mod tests;
