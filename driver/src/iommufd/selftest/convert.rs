//! Vendors' entries as entries of the mock, one to one.
//!
//! A page becomes one of the mock's words, by the low bits of its number; everything
//! larger becomes all of them. What a kernel would refuse is refused by the mock, too.

use super::{HwptInvalidateSelftest, Selftest, ViommuInvalidateSelftest};
use crate::spec::amdvi::{
    DEVICE_ID_MASK, OPCODE_SHIFT, invalidate_devtab_entry, invalidate_interrupt_table,
    invalidate_iommu_pages, invalidate_iotlb_pages, pages,
};
use crate::spec::smmuv3::{OPCODE, SID_SHIFT, atc_inv, cfgi, tlbi};
use crate::{AmdGuestInvalidate, ArmSmmuV3Invalidate, VtdS1Invalidate};

/// A flag that the mock refuses (`EOPNOTSUPP`).
const UNKNOWN: u32 = 1 << 31;

/// A word of the mock for the page of 4 KiB at `addr`.
#[expect(clippy::cast_possible_truncation, reason = "two bits")]
const fn line(addr: u64) -> u32 {
    (addr >> 12) as u32 % Selftest::LINES
}

pub(super) const fn vtd(entry: &VtdS1Invalidate) -> HwptInvalidateSelftest {
    let is_known = entry.flags & !VtdS1Invalidate::LEAF == 0 && entry.reserved == 0;
    hwpt(
        is_known,
        if entry.npages == 1 {
            Some(entry.addr)
        } else {
            None
        },
    )
}

const fn hwpt(is_known: bool, page: Option<u64>) -> HwptInvalidateSelftest {
    let (flags, iotlb_id) = match page {
        _ if !is_known => (UNKNOWN, 0),
        Some(addr) => (0, line(addr)),
        None => (HwptInvalidateSelftest::ALL, 0),
    };
    HwptInvalidateSelftest { flags, iotlb_id }
}

const fn viommu(is_known: bool, vdev_id: u32, page: Option<u64>) -> ViommuInvalidateSelftest {
    let HwptInvalidateSelftest { flags, iotlb_id } = hwpt(is_known, page);
    ViommuInvalidateSelftest {
        flags,
        vdev_id,
        cache_id: iotlb_id,
    }
}

/// What is about no device goes to `any`.
pub(super) const fn smmuv3(entry: &ArmSmmuV3Invalidate, any: u32) -> ViommuInvalidateSelftest {
    let [lo, hi] = entry.cmd;
    let sid = (lo >> SID_SHIFT) as u32;
    match lo & OPCODE {
        tlbi::NH_VA | tlbi::NH_VAA if hi & tlbi::TG == tlbi::TG_NO_RANGE => {
            viommu(true, any, Some(hi))
        }
        tlbi::NH_VA | tlbi::NH_VAA | tlbi::NH_ASID | tlbi::NH_ALL | tlbi::NSNH_ALL => {
            viommu(true, any, None)
        }
        atc_inv::OP if hi & atc_inv::SIZE == 0 => viommu(true, sid, Some(hi)),
        atc_inv::OP | cfgi::CD | cfgi::CD_ALL => viommu(true, sid, None),
        _ => viommu(false, any, None),
    }
}

const fn amd_page(entry: &AmdGuestInvalidate) -> Option<u64> {
    if entry.cmd[1] & pages::S == 0 {
        Some(entry.cmd[1])
    } else {
        None
    }
}

/// A command of a domain.
pub(super) const fn amd_domain(entry: &AmdGuestInvalidate) -> HwptInvalidateSelftest {
    let opcode = entry.cmd[0] >> OPCODE_SHIFT;
    hwpt(opcode == invalidate_iommu_pages::OPCODE, amd_page(entry))
}

/// A command of a device.
pub(super) const fn amd_device(entry: &AmdGuestInvalidate) -> ViommuInvalidateSelftest {
    let device = (entry.cmd[0] & DEVICE_ID_MASK) as u32;
    match entry.cmd[0] >> OPCODE_SHIFT {
        invalidate_iotlb_pages::OPCODE => viommu(true, device, amd_page(entry)),
        invalidate_devtab_entry::OPCODE | invalidate_interrupt_table::OPCODE => {
            viommu(true, device, None)
        }
        _ => viommu(false, device, None),
    }
}

#[cfg(test)]
mod tests;
