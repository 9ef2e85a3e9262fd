use super::fault::IqError;
use crate::spec::vtd::{
    GRANULARITY_MASK, GRANULARITY_SHIFT, address, cc_inv, descriptor_type, dev_tlb_inv, iec_inv,
    inv_wait, iotlb, p_iotlb, pc_inv,
};
use crate::{DomainId, Pasid, VtdS1Invalidate};

/// The types of invalidation descriptors (VT-d 6.5.2), in the order of
/// [`DescriptorType::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DescriptorType {
    /// `cc_inv_dsc`, type 1.
    ContextCache,
    /// `iotlb_inv_dsc`, type 2.
    Iotlb,
    /// `dev_tlb_inv_dsc`, type 3.
    DeviceTlb,
    /// `iec_inv_dsc`, type 4.
    Iec,
    /// `inv_wait_dsc`, type 5.
    Wait,
    /// `p_iotlb_inv_dsc`, type 6.
    PasidIotlb,
    /// `pc_inv_dsc`, type 7.
    PasidCache,
    /// `p_dev_tlb_inv_dsc`, type 8.
    PasidDeviceTlb,
}

impl DescriptorType {
    /// Every type, by number.
    pub const ALL: [Self; 8] = [
        Self::ContextCache,
        Self::Iotlb,
        Self::DeviceTlb,
        Self::Iec,
        Self::Wait,
        Self::PasidIotlb,
        Self::PasidCache,
        Self::PasidDeviceTlb,
    ];

    /// The name used in counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContextCache => "context-cache",
            Self::Iotlb => "iotlb",
            Self::DeviceTlb => "device-tlb",
            Self::Iec => "iec",
            Self::Wait => "wait",
            Self::PasidIotlb => "pasid-iotlb",
            Self::PasidCache => "pasid-cache",
            Self::PasidDeviceTlb => "pasid-device-tlb",
        }
    }

    /// Whether there is nothing to pass on: context and PASID entries are
    /// shadowed by the VMM, and the kernel invalidates device TLBs together with
    /// the nested domain.
    pub(super) const fn ends_at_the_vmm(self) -> bool {
        !matches!(self, Self::Iotlb | Self::PasidIotlb | Self::Wait)
    }
}

/// How much of an IOTLB a descriptor invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// Everything of the target.
    Whole,
    /// 2^`order` pages of 4 KiB around `addr`.
    Pages {
        /// As in the descriptor: bits 11:0 are 0, but bits below the range may
        /// be set.
        addr: u64,
        /// AM, 0 to 63.
        order: u8,
        /// IH: only leaf entries changed.
        leaf: bool,
    },
}

impl Granularity {
    /// The entry that invalidates the same in a nested HWPT.
    #[must_use]
    pub const fn entry(self) -> VtdS1Invalidate {
        match self {
            // 2^52 pages are the whole space; their size in bytes would not fit
            // the arithmetic of the kernel's cache_tag_flush_range.
            Self::Whole | Self::Pages { order: 52.., .. } => VtdS1Invalidate::WHOLE,
            Self::Pages { addr, order, leaf } => VtdS1Invalidate {
                addr: address::align_down(addr, order),
                npages: 1 << order,
                flags: if leaf { VtdS1Invalidate::LEAF } else { 0 },
            },
        }
    }
}

/// A decoded invalidation descriptor, with the fields that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// Context cache: the VMM's business, it shadows context entries.
    ContextCache,
    /// IOTLB, every domain.
    IotlbGlobal,
    /// IOTLB, one domain.
    Iotlb(DomainId, Granularity),
    /// Device TLB: follows the nested domain in the kernel.
    DeviceTlb,
    /// Interrupt entry cache.
    Iec,
    /// Wait.
    Wait {
        /// Where to write which status, if SW is set.
        status: Option<(u64, u32)>,
        /// IF: raise the completion interrupt.
        interrupt: bool,
    },
    /// PASID-based IOTLB.
    PasidIotlb(DomainId, Pasid, Granularity),
    /// PASID cache: the VMM's business, it shadows PASID entries.
    PasidCache,
    /// PASID-based device TLB: follows the nested domain in the kernel.
    PasidDeviceTlb,
}

impl Descriptor {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> DescriptorType {
        match self {
            Self::ContextCache => DescriptorType::ContextCache,
            Self::IotlbGlobal | Self::Iotlb(..) => DescriptorType::Iotlb,
            Self::DeviceTlb => DescriptorType::DeviceTlb,
            Self::Iec => DescriptorType::Iec,
            Self::Wait { .. } => DescriptorType::Wait,
            Self::PasidIotlb(..) => DescriptorType::PasidIotlb,
            Self::PasidCache => DescriptorType::PasidCache,
            Self::PasidDeviceTlb => DescriptorType::PasidDeviceTlb,
        }
    }
}

/// Decodes one descriptor (VT-d 6.5.2). A 128-bit descriptor has zeros in
/// `words[2]` and `words[3]`.
///
/// # Errors
/// [`IqError::InvalidType`] where the type does not exist,
/// [`IqError::ReservedField`] where a bit is set, or a granularity used, that
/// every revision of the specification reserves.
pub const fn decode(words: [u64; 4]) -> Result<Descriptor, IqError> {
    let [lo, hi, upper_lo, upper_hi] = words;
    let granularity = lo >> GRANULARITY_SHIFT & GRANULARITY_MASK;
    // Which bits are reserved, and what the rest says where none of them is set.
    let (rsvd_lo, rsvd_hi, descriptor) = match descriptor_type(lo) {
        cc_inv::TYPE => (
            cc_inv::RSVD_LO,
            u64::MAX,
            match granularity {
                cc_inv::G_GLOBAL | cc_inv::G_DOMAIN | cc_inv::G_DEVICE => {
                    Some(Descriptor::ContextCache)
                }
                _ => None,
            },
        ),
        iotlb::TYPE => (
            iotlb::RSVD_LO,
            address::RSVD,
            decode_iotlb(lo, hi, granularity),
        ),
        dev_tlb_inv::TYPE => (0, 0, Some(Descriptor::DeviceTlb)),
        iec_inv::TYPE => (iec_inv::RSVD_LO, u64::MAX, Some(Descriptor::Iec)),
        inv_wait::TYPE => (
            inv_wait::RSVD_LO,
            inv_wait::RSVD_HI,
            Some(decode_wait(lo, hi)),
        ),
        p_iotlb::TYPE => (
            p_iotlb::RSVD_LO,
            address::RSVD,
            decode_pasid_iotlb(lo, hi, granularity),
        ),
        pc_inv::TYPE => (
            pc_inv::RSVD_LO,
            u64::MAX,
            match granularity {
                pc_inv::G_DOMAIN | pc_inv::G_PASID | pc_inv::G_GLOBAL => {
                    Some(Descriptor::PasidCache)
                }
                _ => None,
            },
        ),
        dev_tlb_inv::PASID_TYPE => (0, 0, Some(Descriptor::PasidDeviceTlb)),
        _ => return Err(IqError::InvalidType),
    };
    let reserved = lo & rsvd_lo | hi & rsvd_hi | upper_lo | upper_hi;
    match descriptor {
        Some(descriptor) if reserved == 0 => Ok(descriptor),
        _ => Err(IqError::ReservedField),
    }
}

const fn decode_iotlb(lo: u64, hi: u64, granularity: u64) -> Option<Descriptor> {
    match granularity {
        iotlb::G_GLOBAL => Some(Descriptor::IotlbGlobal),
        iotlb::G_DOMAIN => Some(Descriptor::Iotlb(domain(lo), Granularity::Whole)),
        iotlb::G_PAGE => Some(Descriptor::Iotlb(domain(lo), pages(hi))),
        _ => None,
    }
}

const fn decode_pasid_iotlb(lo: u64, hi: u64, granularity: u64) -> Option<Descriptor> {
    let pasid = Pasid((lo >> p_iotlb::PASID_SHIFT) as u32 & Pasid::MAX.0);
    match granularity {
        p_iotlb::G_PASID => Some(Descriptor::PasidIotlb(
            domain(lo),
            pasid,
            Granularity::Whole,
        )),
        p_iotlb::G_PAGE => Some(Descriptor::PasidIotlb(domain(lo), pasid, pages(hi))),
        _ => None,
    }
}

const fn decode_wait(lo: u64, hi: u64) -> Descriptor {
    let status = if lo & inv_wait::SW == 0 {
        None
    } else {
        Some((hi, (lo >> inv_wait::DATA_SHIFT) as u32))
    };
    Descriptor::Wait {
        status,
        interrupt: lo & inv_wait::IF != 0,
    }
}

/// DID, bits 31:16 in every type that has one.
const fn domain(lo: u64) -> DomainId {
    DomainId((lo >> p_iotlb::DID_SHIFT & 0xffff) as u16)
}

const fn pages(hi: u64) -> Granularity {
    Granularity::Pages {
        addr: hi & !0xfff,
        order: (hi & address::AM_MASK) as u8,
        leaf: hi & address::IH != 0,
    }
}

#[cfg(test)]
mod tests;
