use super::descriptor::{
    ContextCache, Descriptor, DescriptorType, DevicePages, DeviceTlb, Granularity, Iec, PasidCache,
    PasidDeviceTlb,
};
use super::fault::IqError;
use crate::spec::vtd::{
    DID_MASK, DID_SHIFT, GRANULARITY_MASK, GRANULARITY_SHIFT, PASID_MASK, SID_MASK, address,
    cc_inv, descriptor_type, dev_tlb_inv, device_address, iec_inv, inv_wait, iotlb, p_dev_tlb_inv,
    p_iotlb, pc_inv,
};
use crate::{DeviceId, DomainId, Pasid};

/// Decodes one descriptor (VT-d 6.5.2). A 128-bit descriptor has zeros in
/// `words[2]` and `words[3]`.
///
/// # Errors
/// [`IqError::InvalidType`] where the type does not exist,
/// [`IqError::ReservedField`] where a bit is set, or a granularity used, that
/// every revision of the specification reserves.
pub const fn decode(words: [u64; 4]) -> Result<Descriptor, IqError> {
    match Checked::new(words) {
        Ok(checked) => Ok(checked.decode()),
        Err(error) => Err(error),
    }
}

/// A descriptor that is valid, and was not taken apart yet: most of a queue needs
/// no more than a field or two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) kind: DescriptorType,
    lo: u64,
    hi: u64,
}

impl Checked {
    /// # Errors
    /// As [`decode`].
    #[inline]
    pub(super) const fn new([lo, hi, upper_lo, upper_hi]: [u64; 4]) -> Result<Self, IqError> {
        #[expect(clippy::cast_possible_truncation, reason = "a type has 7 bits")]
        let number = descriptor_type(lo) as usize;
        if number == 0 || number > FORMATS.len() {
            return Err(IqError::InvalidType);
        }
        let format = &FORMATS[number - 1];
        if lo & format.rsvd_lo | hi & format.rsvd_hi | upper_lo | upper_hi != 0
            || format.granularities >> granularity(lo) & 1 == 0
        {
            return Err(IqError::ReservedField);
        }
        let kind = format.kind;
        Ok(Self { kind, lo, hi })
    }

    /// Of a wait: whether it is a fence.
    #[inline]
    pub(super) const fn is_fence(self) -> bool {
        self.lo & inv_wait::FN != 0
    }

    /// Its fields.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "where the type is known, all but one of the cases fall away"
    )]
    pub(super) const fn decode(self) -> Descriptor {
        let Self { kind, lo, hi } = self;
        match kind {
            DescriptorType::ContextCache => Descriptor::ContextCache(context_cache(lo)),
            DescriptorType::Iotlb => iotlb(lo, hi),
            DescriptorType::DeviceTlb => Descriptor::DeviceTlb(device_tlb(lo, hi)),
            DescriptorType::Iec => Descriptor::Iec(iec(lo)),
            DescriptorType::Wait => wait(lo, hi),
            DescriptorType::PasidIotlb => pasid_iotlb(lo, hi),
            DescriptorType::PasidCache => Descriptor::PasidCache(pasid_cache(lo)),
            DescriptorType::PasidDeviceTlb => Descriptor::PasidDeviceTlb(pasid_device_tlb(lo, hi)),
        }
    }
}

/// What makes a descriptor of a type valid.
struct Format {
    kind: DescriptorType,
    rsvd_lo: u64,
    rsvd_hi: u64,
    /// Bit n: bits 5:4 may be n.
    granularities: u8,
}

impl Format {
    /// Bits 5:4 are no granularity.
    const fn new(kind: DescriptorType, [rsvd_lo, rsvd_hi]: [u64; 2]) -> Self {
        Self {
            kind,
            rsvd_lo,
            rsvd_hi,
            granularities: 0b1111,
        }
    }

    const fn with_granularities(self, list: &[u64]) -> Self {
        let mut granularities = 0;
        let mut at = 0;
        while at < list.len() {
            granularities |= 1 << list[at];
            at += 1;
        }
        Self {
            granularities,
            ..self
        }
    }
}

/// By type number, from 1.
static FORMATS: [Format; DescriptorType::ALL.len()] = {
    use DescriptorType as Type;
    [
        Format::new(Type::ContextCache, cc_inv::RSVD).with_granularities(&[
            cc_inv::G_GLOBAL,
            cc_inv::G_DOMAIN,
            cc_inv::G_DEVICE,
        ]),
        Format::new(Type::Iotlb, iotlb::RSVD).with_granularities(&[
            iotlb::G_GLOBAL,
            iotlb::G_DOMAIN,
            iotlb::G_PAGE,
        ]),
        Format::new(Type::DeviceTlb, dev_tlb_inv::RSVD),
        Format::new(Type::Iec, iec_inv::RSVD),
        Format::new(Type::Wait, inv_wait::RSVD),
        Format::new(Type::PasidIotlb, p_iotlb::RSVD)
            .with_granularities(&[p_iotlb::G_PASID, p_iotlb::G_PAGE]),
        Format::new(Type::PasidCache, pc_inv::RSVD).with_granularities(&[
            pc_inv::G_DOMAIN,
            pc_inv::G_PASID,
            pc_inv::G_GLOBAL,
        ]),
        Format::new(Type::PasidDeviceTlb, p_dev_tlb_inv::RSVD),
    ]
};

const fn context_cache(lo: u64) -> ContextCache {
    match granularity(lo) {
        cc_inv::G_DOMAIN => ContextCache::Domain(domain(lo)),
        cc_inv::G_DEVICE => ContextCache::Device {
            domain: domain(lo),
            device: device(lo, cc_inv::SID_SHIFT),
            function_mask: (lo >> cc_inv::FM_SHIFT & cc_inv::FM_MASK) as u8,
        },
        _ => ContextCache::Global,
    }
}

const fn iotlb(lo: u64, hi: u64) -> Descriptor {
    match granularity(lo) {
        iotlb::G_DOMAIN => Descriptor::Iotlb(domain(lo), Granularity::Whole),
        iotlb::G_PAGE => Descriptor::Iotlb(domain(lo), pages(hi)),
        _ => Descriptor::IotlbGlobal,
    }
}

const fn device_tlb(lo: u64, hi: u64) -> DeviceTlb {
    DeviceTlb {
        device: device(lo, dev_tlb_inv::SID_SHIFT),
        physical_function: DeviceId(device_address::pfsid(lo) as u32),
        max_pending: (lo >> dev_tlb_inv::MIP_SHIFT & device_address::MIP_MASK) as u8,
        pages: device_pages(hi, dev_tlb_inv::S),
    }
}

const fn iec(lo: u64) -> Iec {
    if lo & iec_inv::G_INDEX == 0 {
        return Iec::Global;
    }
    Iec::Indices {
        index: (lo >> iec_inv::IIDX_SHIFT & 0xffff) as u16,
        order: (lo >> iec_inv::IM_SHIFT & iec_inv::IM_MASK) as u8,
    }
}

const fn wait(lo: u64, hi: u64) -> Descriptor {
    let status = if lo & inv_wait::SW == 0 {
        None
    } else {
        Some((hi, (lo >> inv_wait::DATA_SHIFT) as u32))
    };
    Descriptor::Wait {
        status,
        interrupt: lo & inv_wait::IF != 0,
        fence: lo & inv_wait::FN != 0,
        drain: lo & inv_wait::PD != 0,
    }
}

const fn pasid_iotlb(lo: u64, hi: u64) -> Descriptor {
    let pages = match granularity(lo) {
        p_iotlb::G_PAGE => pages(hi),
        _ => Granularity::Whole,
    };
    Descriptor::PasidIotlb(domain(lo), pasid(lo, p_iotlb::PASID_SHIFT), pages)
}

const fn pasid_cache(lo: u64) -> PasidCache {
    match granularity(lo) {
        pc_inv::G_DOMAIN => PasidCache::Domain(domain(lo)),
        pc_inv::G_PASID => PasidCache::Pasid(domain(lo), pasid(lo, pc_inv::PASID_SHIFT)),
        _ => PasidCache::Global,
    }
}

const fn pasid_device_tlb(lo: u64, hi: u64) -> PasidDeviceTlb {
    PasidDeviceTlb {
        device: device(lo, p_dev_tlb_inv::SID_SHIFT),
        physical_function: DeviceId(device_address::pfsid(lo) as u32),
        max_pending: (lo >> p_dev_tlb_inv::MIP_SHIFT & device_address::MIP_MASK) as u8,
        pasid: pasid(lo, p_dev_tlb_inv::PASID_SHIFT),
        every_pasid: hi & p_dev_tlb_inv::G != 0,
        pages: device_pages(hi, p_dev_tlb_inv::S),
    }
}

const fn granularity(lo: u64) -> u64 {
    lo >> GRANULARITY_SHIFT & GRANULARITY_MASK
}

/// DID, bits 31:16 in every type that has one.
const fn domain(lo: u64) -> DomainId {
    DomainId((lo >> DID_SHIFT & DID_MASK) as u16)
}

const fn pasid(lo: u64, shift: u32) -> Pasid {
    Pasid((lo >> shift & PASID_MASK) as u32)
}

const fn device(lo: u64, shift: u32) -> DeviceId {
    DeviceId((lo >> shift & SID_MASK) as u32)
}

const fn pages(hi: u64) -> Granularity {
    Granularity::Pages {
        addr: hi & address::ADDR_MASK,
        order: (hi & address::AM_MASK) as u8,
        leaf: hi & address::IH != 0,
    }
}

const fn device_pages(hi: u64, size: u64) -> DevicePages {
    DevicePages {
        addr: hi & device_address::ADDR_MASK,
        size: hi & size != 0,
    }
}

#[cfg(test)]
mod tests;
