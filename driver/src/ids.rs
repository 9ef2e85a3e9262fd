use std::fmt;

/// An object id that iommufd (or the model) gave to a hardware page table.
/// Ids begin at 1; 0 is never a valid object (uAPI `iommufd.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HwptId(pub u32);

/// A VT-d domain id as a descriptor carries it: 16 bits (VT-d specification
/// 6.5.2). In a guest's descriptor it is the guest's own, "vDomain-ID".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub u16);

/// A process address space id: 20 bits (PCIe 6.20; VT-d specification 6.5.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pasid(pub u32);

impl Pasid {
    /// The PASID under which requests without PASID are translated. Linux uses
    /// 0 on VT-d (`IOMMU_NO_PASID`).
    pub const RID: Self = Self(0);
    /// The largest PASID there is.
    pub const MAX: Self = Self((1 << 20) - 1);
}

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl fmt::Display for HwptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HWPT {}", self.0)
    }
}

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domain {}", self.0)
    }
}

impl fmt::Display for Pasid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PASID {}", self.0)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}
