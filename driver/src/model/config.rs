//! What kernel and unit agree on: addresses, and what the kernel writes for the unit
//! to read. The kernel writes here and then sends the commands that make the unit
//! forget what it had read before; a unit that was not told goes on with the old.

use crate::DomainId;

/// An address in the host's physical memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pa(pub u64);

/// An address in a guest's physical memory, in bytes: what stage 2 translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gpa(pub u64);

/// An address that a device uses, in bytes: what stage 1 translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(pub u64);

/// A nest parent's page table, by the root that the host's tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage2 {
    /// Root table: VT-d second stage (4 levels), SMMUv3 stage 2 (4 KiB granule,
    /// starting at level 0), AMD v1 (mode 4).
    pub root: Pa,
}

/// VT-d: what a scalable-mode PASID entry says (VT-d 9.6), for one device and PASID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasidEntry {
    /// The host's domain id, which tags what is cached.
    pub did: DomainId,
    /// Root of the guest's first-stage table (`pgtbl_addr` of
    /// `iommu_hwpt_vtd_s1`, 4 levels); none for second stage only.
    pub stage1: Option<Gpa>,
    /// The nest parent.
    pub stage2: Stage2,
}

/// SMMUv3: what a stream table entry says (SMMUv3 5.2), for one StreamID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ste {
    /// The host's VMID, which tags what is cached.
    pub vmid: u16,
    /// What stage 1 does.
    pub stage1: SteStage1,
    /// The nest parent.
    pub stage2: Stage2,
}

/// `STE.Config` of stage 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SteStage1 {
    /// Every transaction is aborted (also: the guest's STE is not valid).
    Abort,
    /// Addresses go to stage 2 as they are.
    Bypass,
    /// Translated by a context descriptor of the guest's.
    Translate {
        /// `S1ContextPtr`: the guest's CD table, linear (`S1Fmt` 0), 64 bytes a CD.
        cd_table: Gpa,
        /// `S1CDMax`: the table has 2^this CDs.
        cd_max_log2: u8,
    },
}

/// AMD-Vi: what a device table entry says (AMD-Vi 2.2.2.1), for one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dte {
    /// The host's domain id, which tags what is cached.
    pub domain: DomainId,
    /// The guest's GCR3 table (`GLX` 0: one level, 512 entries of 8 bytes by PASID);
    /// none for host translation only.
    pub gcr3_table: Option<Gpa>,
    /// The nest parent.
    pub stage2: Stage2,
}
