use super::super::command::AMDVI_BATCH;
use super::super::hwpt::Nested;
use super::super::viommu::Viommu;
use super::send;
use crate::spec::amdvi::{
    DEVICE_ID_MASK, OPCODE_SHIFT, PASID_MASK, invalidate_devtab_entry, invalidate_interrupt_table,
    invalidate_iommu_pages, invalidate_iotlb_pages, pages,
};
use crate::{AmdGuestInvalidate, Command, HardwareQueue, InvalidateError, ObjectId, errno};

/// Bits 63:60 of the first word, the opcode.
const OPCODE: u64 = 0xf << OPCODE_SHIFT;

/// Commands about a guest's domain: only INVALIDATE_IOMMU_PAGES, with the domain id that
/// the host has for the one of the HWPT's DTE (`amd_iommu_alloc_domain_nested`).
pub(super) fn nested<Q: HardwareQueue>(
    nested: &Nested<Q>,
    entries: &[AmdGuestInvalidate],
) -> Result<(), InvalidateError> {
    const LO: u64 = OPCODE | PASID_MASK | invalidate_iommu_pages::DOMAIN;
    const HI: u64 = pages::S | pages::PDE | pages::GN | pages::ADDRESS_MASK;
    let convert = |entry: &AmdGuestInvalidate| {
        let [lo, hi] = entry.cmd;
        let opcode = lo >> OPCODE_SHIFT;
        if opcode != invalidate_iommu_pages::OPCODE || lo & !LO != 0 || hi & !HI != 0 {
            return Err(errno::EIO);
        }
        let domain = u64::from(nested.host_domain) << invalidate_iommu_pages::DOMAIN_SHIFT;
        let lo = lo & !invalidate_iommu_pages::DOMAIN | domain;
        Ok(Command::from_words([lo, hi]))
    };
    send::<AMDVI_BATCH, _, _>(&nested.instance, nested.hwpt, entries, convert, Some)
}

/// Commands about a guest's devices.
pub(super) fn viommu<Q: HardwareQueue>(
    viommu: &Viommu<Q>,
    target: ObjectId,
    entries: &[AmdGuestInvalidate],
) -> Result<(), InvalidateError> {
    let convert = |entry: &AmdGuestInvalidate| convert(viommu, entry.cmd).ok_or(errno::EIO);
    let guest = |device| viommu.devices.guest(device);
    send::<AMDVI_BATCH, _, _>(&viommu.instance, target, entries, convert, guest)
}

/// None for a command that a guest may not send.
fn convert<Q>(viommu: &Viommu<Q>, [lo, hi]: [u64; 2]) -> Option<Command> {
    let (allowed_lo, allowed_hi) = match lo >> OPCODE_SHIFT {
        invalidate_devtab_entry::OPCODE | invalidate_interrupt_table::OPCODE => (0, 0),
        invalidate_iotlb_pages::OPCODE => (
            invalidate_iotlb_pages::PASID_AND_MAX_PEND | invalidate_iotlb_pages::QUEUE,
            pages::S | pages::GN | invalidate_iotlb_pages::TYPE | pages::ADDRESS_MASK,
        ),
        _ => return None,
    };
    if lo & !(allowed_lo | OPCODE | DEVICE_ID_MASK) != 0 || hi & !allowed_hi != 0 {
        return None;
    }
    let device = viommu.devices.host(lo & DEVICE_ID_MASK)?;
    let device = u64::from(device.0) & DEVICE_ID_MASK;
    let mut lo = lo & !DEVICE_ID_MASK | device;
    if lo >> OPCODE_SHIFT == invalidate_iotlb_pages::OPCODE {
        // Linux, too, puts the device's own id into QueueID (`build_inv_iotlb_pages`).
        let queue = device << invalidate_iotlb_pages::QUEUE_SHIFT;
        lo = lo & !invalidate_iotlb_pages::QUEUE | queue;
    }
    Some(Command::from_words([lo, hi]))
}
