use crate::command_types::command_types;
use crate::spec::vtd::address;
use crate::{DeviceId, DomainId, Pasid, VtdS1Invalidate};

command_types! {
    /// The types of invalidation descriptors (VT-d 6.5.2), in the order of
    /// [`DescriptorType::ALL`].
    DescriptorType {
        /// `cc_inv_dsc`, type 1.
        ContextCache = "context-cache",
        /// `iotlb_inv_dsc`, type 2.
        Iotlb = "iotlb",
        /// `dev_tlb_inv_dsc`, type 3.
        DeviceTlb = "device-tlb",
        /// `iec_inv_dsc`, type 4.
        Iec = "iec",
        /// `inv_wait_dsc`, type 5.
        Wait = "wait",
        /// `p_iotlb_inv_dsc`, type 6.
        PasidIotlb = "pasid-iotlb",
        /// `pc_inv_dsc`, type 7.
        PasidCache = "pasid-cache",
        /// `p_dev_tlb_inv_dsc`, type 8.
        PasidDeviceTlb = "pasid-device-tlb",
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
            Self::Pages { addr, order, leaf } => VtdS1Invalidate::new(
                address::align_down(addr, order),
                1 << order,
                if leaf { VtdS1Invalidate::LEAF } else { 0 },
            ),
        }
    }
}

/// What a `cc_inv_dsc` invalidates of the context cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextCache {
    /// Everything.
    Global,
    /// The entries of a domain.
    Domain(DomainId),
    /// The entries of a device.
    Device {
        /// DID that the entry had.
        domain: DomainId,
        /// SID.
        device: DeviceId,
        /// FM: how many of the function number's three bits are not looked at, from
        /// the highest.
        function_mask: u8,
    },
}

/// What a `pc_inv_dsc` invalidates of the PASID cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasidCache {
    /// Everything.
    Global,
    /// The entries of a domain.
    Domain(DomainId),
    /// The entries of a PASID that are of a domain.
    Pasid(DomainId, Pasid),
}

/// What an `iec_inv_dsc` invalidates of the interrupt entry cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Iec {
    /// Everything.
    Global,
    /// 2^`order` entries around `index`.
    Indices {
        /// IIDX: bits below the range may be set.
        index: u16,
        /// IM, 0 to 31.
        order: u8,
    },
}

/// The range of a device-TLB descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DevicePages {
    /// ADDR: bits 11:0 are 0; with `size`, what is below the range says how large
    /// the range is.
    pub addr: u64,
    /// S.
    pub size: bool,
}

impl DevicePages {
    /// The range is 2^this pages of 4 KiB: 0 to 52, which is the whole space.
    #[must_use]
    pub const fn order(self) -> u8 {
        if !self.size {
            return 0;
        }
        let ones = (self.addr >> 12).trailing_ones();
        // Linux asks for the whole space with only bit 63 at 0: order 52 too.
        if ones >= 51 {
            52
        } else {
            (ones & 0x3f) as u8 + 1
        }
    }
}

/// The fields of a `dev_tlb_inv_dsc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceTlb {
    /// SID.
    pub device: DeviceId,
    /// PFSID: the physical function behind a virtual one.
    pub physical_function: DeviceId,
    /// MIP: invalidations that the function may have pending; 0 stands for 32.
    pub max_pending: u8,
    /// S and ADDR.
    pub pages: DevicePages,
}

/// The fields of a `p_dev_tlb_inv_dsc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasidDeviceTlb {
    /// SID.
    pub device: DeviceId,
    /// PFSID: the physical function behind a virtual one.
    pub physical_function: DeviceId,
    /// MIP: invalidations that the function may have pending; 0 stands for 32.
    pub max_pending: u8,
    /// PASID.
    pub pasid: Pasid,
    /// G: the PASID is not looked at.
    pub every_pasid: bool,
    /// S and ADDR.
    pub pages: DevicePages,
}

/// A decoded invalidation descriptor. The drain flags of `iotlb_inv_dsc` are left
/// out: every kernel drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// Context cache: the VMM's business, it shadows context entries.
    ContextCache(ContextCache),
    /// IOTLB, every domain.
    IotlbGlobal,
    /// IOTLB, one domain.
    Iotlb(DomainId, Granularity),
    /// Device TLB: follows the nested domain in the kernel.
    DeviceTlb(DeviceTlb),
    /// Interrupt entry cache.
    Iec(Iec),
    /// Wait.
    Wait {
        /// Where to write which status, if SW is set.
        status: Option<(u64, u32)>,
        /// IF: raise the completion interrupt.
        interrupt: bool,
        /// FN: what follows waits, too. It always does here.
        fence: bool,
        /// PD: page requests are drained. The front end offers none.
        drain: bool,
    },
    /// PASID-based IOTLB.
    PasidIotlb(DomainId, Pasid, Granularity),
    /// PASID cache: the VMM's business, it shadows PASID entries.
    PasidCache(PasidCache),
    /// PASID-based device TLB: follows the nested domain in the kernel.
    PasidDeviceTlb(PasidDeviceTlb),
}

impl Descriptor {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> DescriptorType {
        match self {
            Self::ContextCache(_) => DescriptorType::ContextCache,
            Self::IotlbGlobal | Self::Iotlb(..) => DescriptorType::Iotlb,
            Self::DeviceTlb(_) => DescriptorType::DeviceTlb,
            Self::Iec(_) => DescriptorType::Iec,
            Self::Wait { .. } => DescriptorType::Wait,
            Self::PasidIotlb(..) => DescriptorType::PasidIotlb,
            Self::PasidCache(_) => DescriptorType::PasidCache,
            Self::PasidDeviceTlb(_) => DescriptorType::PasidDeviceTlb,
        }
    }
}
