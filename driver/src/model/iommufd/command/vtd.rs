//! What the kernel's VT-d driver adds to [`crate::vtd::command`].

use super::Block;
use crate::vtd::command;
use crate::{Command, DeviceId, DomainId, Pasid};

/// The largest order that the modelled units take in an IOTLB invalidation of pages
/// (`CAP_REG.MAMV`).
const MAMV: u8 = 18;

/// A block of a domain; the whole domain where the unit takes no such order.
pub(in super::super) const fn iotlb_pages(did: DomainId, block: Block, leaf: bool) -> Command {
    if block.order > MAMV {
        return command::iotlb_domain(did);
    }
    command::iotlb_pages(did, block.addr, block.order, leaf)
}

/// A block of a device's TLB, of a PASID, or for [`Pasid::RID`] without one, which reaches
/// what is cached for PASIDs too.
pub(in super::super) const fn device_tlb(device: DeviceId, pasid: Pasid, block: Block) -> Command {
    let Block { addr, order } = block;
    if pasid.0 == Pasid::RID.0 {
        command::device_tlb(device, addr, order)
    } else {
        command::pasid_device_tlb(device, pasid, addr, order)
    }
}
