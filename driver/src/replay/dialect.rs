//! What a replay must understand of a command, whatever the vendor.

use std::cmp::Ordering;

use vm_memory::GuestAddress;

use crate::smmuv3::{self, Completion};
use crate::vtd::{self, Descriptor, Granularity};
use crate::{DeviceId, DomainId, Pasid, Vendor, amdvi};

/// Where and what a sync writes when it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) addr: GuestAddress,
    pub(super) data: u64,
    /// 64 bits instead of 32.
    pub(super) is_wide: bool,
}

/// A command as its guest meant it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// None that is valid.
    Invalid,
    /// Completes everything before it.
    Sync(Option<Status>),
    /// Invalidates translations of one address space of a domain.
    Pair(DomainId, Pasid, Extent),
    /// Invalidates translations of a domain.
    Domain(DomainId, Extent),
    /// Invalidates everything of every target.
    Everywhere,
    /// Is about a device.
    Device(DeviceId),
    /// Anything else.
    Other,
}

/// How much of a target a command invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Everything,
    Pages,
}

pub(super) fn read(vendor: Vendor, words: [u64; 2]) -> Meaning {
    match vendor {
        Vendor::Vtd => read_vtd(words),
        Vendor::SmmuV3 => read_smmuv3(words),
        Vendor::AmdVi => read_amdvi(words),
    }
}

fn read_vtd([lo, hi]: [u64; 2]) -> Meaning {
    match vtd::decode([lo, hi, 0, 0]) {
        Ok(Descriptor::Wait { status, .. }) => Meaning::Sync(status.map(|(addr, data)| Status {
            addr: GuestAddress(addr),
            data: u64::from(data),
            is_wide: false,
        })),
        Ok(Descriptor::PasidIotlb(did, pasid, granularity)) => {
            Meaning::Pair(did, pasid, Extent::of(granularity))
        }
        Ok(Descriptor::Iotlb(did, granularity)) => Meaning::Domain(did, Extent::of(granularity)),
        Ok(Descriptor::IotlbGlobal) => Meaning::Everywhere,
        Ok(_) => Meaning::Other,
        Err(_) => Meaning::Invalid,
    }
}

fn read_smmuv3(words: [u64; 2]) -> Meaning {
    use smmuv3::Command;
    match smmuv3::decode(words, &smmuv3::Features::ALL_4K) {
        Ok(Command::Sync(Completion::SigIrq(Some(msi)))) => Meaning::Sync(Some(Status {
            addr: GuestAddress(msi.address),
            data: u64::from(msi.data),
            is_wide: false,
        })),
        Ok(Command::Sync(_)) => Meaning::Sync(None),
        Ok(Command::CfgiCd { sid, .. } | Command::CfgiCdAll(sid) | Command::AtcInv { sid, .. }) => {
            Meaning::Device(sid)
        }
        Ok(_) => Meaning::Other,
        Err(_) => Meaning::Invalid,
    }
}

fn read_amdvi(words: [u64; 2]) -> Meaning {
    use amdvi::Command;
    match amdvi::decode(words) {
        Ok(Command::CompletionWait { store, .. }) => {
            Meaning::Sync(store.map(|(addr, data)| Status {
                addr: GuestAddress(addr),
                data,
                is_wide: true,
            }))
        }
        Ok(Command::InvalidateIommuPages { domain, .. }) => Meaning::Domain(domain, Extent::Pages),
        Ok(Command::InvalidateIotlbPages { device, .. }) => Meaning::Device(device),
        Ok(
            Command::InvalidateIommuAll
            | Command::PrefetchIommuPages {
                invalidate: true, ..
            },
        ) => Meaning::Everywhere,
        Ok(_) => Meaning::Other,
        Err(_) => Meaning::Invalid,
    }
}

impl Extent {
    const fn of(granularity: Granularity) -> Self {
        match granularity {
            Granularity::Whole => Self::Everything,
            Granularity::Pages { .. } => Self::Pages,
        }
    }
}

/// Bytes of a command in a guest's queue.
pub(super) const fn width(vendor: Vendor) -> u32 {
    match vendor {
        // As Linux has it in scalable mode.
        Vendor::Vtd => 32,
        Vendor::SmmuV3 | Vendor::AmdVi => 16,
    }
}

/// A command that invalidates the page at `addr`, and no table above it.
pub(super) const fn unmap_page(
    vendor: Vendor,
    (domain, pasid): (DomainId, Pasid),
    addr: u64,
) -> [u64; 2] {
    let command = match vendor {
        Vendor::Vtd => vtd::command::pasid_iotlb_pages(domain, pasid, addr, 0, true),
        Vendor::SmmuV3 => smmuv3::command::tlbi_nh_va(smmuv3::Asid(domain.0), addr, true),
        // GN, as Linux does with tables of its own format (`__domain_flush_pages`):
        // without it everything of the domain would go.
        Vendor::AmdVi => amdvi::command::iommu_pages(domain, Some(pasid), addr, 0, false),
    };
    command.words()
}

/// A sync that writes `data` to the 32-bit word at `status` when it completes (on
/// AMD-Vi as the low half of 64 bits).
pub(super) const fn sync(vendor: Vendor, status: u64, data: u32) -> [u64; 2] {
    let command = match vendor {
        Vendor::Vtd => vtd::command::wait(status, data),
        Vendor::SmmuV3 => smmuv3::command::sync_msi(status, data),
        Vendor::AmdVi => amdvi::command::wait(status, data as u64),
    };
    command.words()
}

/// The vendor, SMMUv3 or AMD-Vi, whose commands these are: that under whose
/// specification more of them are valid. None where both are as good.
pub(crate) fn guess_vendor(commands: &(impl Iterator<Item = [u64; 2]> + Clone)) -> Option<Vendor> {
    let valid = |vendor| {
        let is_valid = |&words: &[u64; 2]| read(vendor, words) != Meaning::Invalid;
        commands.clone().filter(is_valid).count()
    };
    match valid(Vendor::SmmuV3).cmp(&valid(Vendor::AmdVi)) {
        Ordering::Greater => Some(Vendor::SmmuV3),
        Ordering::Less => Some(Vendor::AmdVi),
        Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests;
