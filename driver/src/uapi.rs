//! What crosses the boundary to iommufd: the data of a nested HWPT and the entries of
//! a request, laid out as `include/uapi/linux/iommufd.h` has them.

/// One entry of a request to a nested HWPT of VT-d: uAPI
/// `struct iommu_hwpt_vtd_s1_invalidate`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VtdS1Invalidate {
    /// First address to invalidate, in bytes, aligned to 4 KiB. 0 with
    /// `npages` = [`Self::ALL_PAGES`].
    pub addr: u64,
    /// Number of 4 KiB pages, or [`Self::ALL_PAGES`].
    pub npages: u64,
    /// [`Self::LEAF`] or 0; every other bit is refused with `EOPNOTSUPP`.
    pub flags: u32,
    /// 0; everything else is refused with `EOPNOTSUPP`.
    pub reserved: u32,
}

impl VtdS1Invalidate {
    /// `IOMMU_VTD_INV_FLAGS_LEAF`: only leaf entries changed, so that
    /// paging-structure caches may stay.
    pub const LEAF: u32 = 1;
    /// `npages` that stands for the whole address space of the HWPT.
    pub const ALL_PAGES: u64 = u64::MAX;
    /// Everything that is cached for the HWPT.
    pub const WHOLE: Self = Self::new(0, Self::ALL_PAGES, 0);

    /// `npages` pages of 4 KiB from `addr`.
    #[must_use]
    pub const fn new(addr: u64, npages: u64, flags: u32) -> Self {
        Self {
            addr,
            npages,
            flags,
            reserved: 0,
        }
    }

    /// Whether the entry invalidates the whole address space.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.npages == Self::ALL_PAGES
    }
}

/// One entry of a request to a vIOMMU of SMMUv3: uAPI
/// `struct iommu_viommu_arm_smmuv3_invalidate`, a command of the guest as its queue
/// has it. The kernel replaces VMID and StreamID.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArmSmmuV3Invalidate {
    /// The command's two words, little-endian in memory, low word first.
    pub cmd: [u64; 2],
}

/// One entry of a request to a nested HWPT (domain-tagged commands) or vIOMMU
/// (device commands) of AMD-Vi: a command of the guest as its buffer has it, of
/// which domain and device ids are replaced.
///
/// Mainline has no invalidation for AMD yet (Linux 7.3: `amd_viommu_ops` is without
/// `cache_invalidate`); this is the SMMUv3 entry's shape applied to it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AmdGuestInvalidate {
    /// The command's two words, little-endian in memory, low word first.
    pub cmd: [u64; 2],
}

/// What a nested HWPT of VT-d is made of: uAPI `struct iommu_hwpt_vtd_s1`
/// (`IOMMU_HWPT_DATA_VTD_S1`), fields of the guest's PASID entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VtdS1 {
    /// `IOMMU_VTD_S1_*`: [`Self::SRE`], [`Self::EAFE`], [`Self::WPE`].
    pub flags: u64,
    /// Guest-physical address of the stage 1 root, in bytes.
    pub pgtbl_addr: u64,
    /// Bits of an address: 48 (4 levels) or 57 (5 levels).
    pub addr_width: u32,
    /// 0 (`__reserved`).
    pub reserved: u32,
}

impl VtdS1 {
    /// `IOMMU_VTD_S1_SRE`: supervisor requests.
    pub const SRE: u64 = 1 << 0;
    /// `IOMMU_VTD_S1_EAFE`: extended access flag.
    pub const EAFE: u64 = 1 << 1;
    /// `IOMMU_VTD_S1_WPE`: write protection holds for supervisors.
    pub const WPE: u64 = 1 << 2;
}

/// What a nested HWPT of SMMUv3 is made of: uAPI `struct iommu_hwpt_arm_smmuv3`
/// (`IOMMU_HWPT_DATA_ARM_SMMUV3`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArmSmmuV3 {
    /// The first two words of the guest's STE (SMMUv3 5.2), little-endian in memory.
    pub ste: [u64; 2],
}

/// What a nested HWPT of AMD-Vi is made of: uAPI `struct iommu_hwpt_amd_guest`
/// (`IOMMU_HWPT_DATA_AMD_GUEST`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AmdGuest {
    /// The guest's DTE (AMD-Vi 2.2.2.1).
    pub dte: [u64; 4],
}

const _: () = {
    assert!(size_of::<VtdS1>() == 24);
    assert!(size_of::<ArmSmmuV3>() == 16);
    assert!(size_of::<AmdGuest>() == 32);
    assert!(size_of::<VtdS1Invalidate>() == 24);
    assert!(size_of::<ArmSmmuV3Invalidate>() == 16);
    assert!(size_of::<AmdGuestInvalidate>() == 16);
};

/// The array of a request: `data_type`, `entry_len`, `entry_num` and `data_uptr` of
/// `struct iommu_hwpt_invalidate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries<'a> {
    /// `IOMMU_HWPT_INVALIDATE_DATA_VTD_S1`.
    VtdS1(&'a [VtdS1Invalidate]),
    /// `IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3`.
    ArmSmmuV3(&'a [ArmSmmuV3Invalidate]),
    /// No type of the uAPI yet.
    AmdGuest(&'a [AmdGuestInvalidate]),
}

impl Entries<'_> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::VtdS1(entries) => entries.len(),
            Self::ArmSmmuV3(entries) => entries.len(),
            Self::AmdGuest(entries) => entries.len(),
        }
    }

    /// Whether there is none: a question whether the target takes the type.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
