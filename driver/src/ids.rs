use std::fmt;

/// The id that iommufd (or the model) gave to an object: a nested HWPT or a
/// vIOMMU where it is the target of a request (`iommu_hwpt_invalidate.hwpt_id`).
/// Ids begin at 1; 0 is never a valid object (uAPI `iommufd.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// A VT-d domain id as a descriptor carries it: 16 bits (VT-d specification
/// 6.5.2). In a guest's descriptor it is the guest's own, "vDomain-ID".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub u16);

/// A device as an IOMMU tells it apart: requester id (bus 15:8, device 7:3, function
/// 2:0) on VT-d and AMD-Vi, up to 32 bits of StreamID on SMMUv3. In a guest's command it
/// is the guest's own ("virtual id" of its vDEVICE), in a hardware command the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

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

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}", self.0)
    }
}

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domain {}", self.0)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {:#06x}", self.0)
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
