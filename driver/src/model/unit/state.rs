use crate::{DeviceId, Pasid};

use super::super::tables::{Leaf, Node};

/// What a cached translation is found by, beside its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// Stage 2 of a DID, VMID or DomainID: input addresses are guest-physical.
    Stage2(u16),
    /// Stage 1 of a PASID within a DID or DomainID (VT-d, AMD-Vi), with stage 2
    /// applied to the result.
    Pasid(u16, Pasid),
    /// Stage 1 of an ASID within a VMID (SMMUv3), with stage 2 applied.
    Asid(u16, u16),
    /// Stage 1 of every ASID within a VMID (SMMUv3), with stage 2 applied.
    Global(u16),
    /// What a device keeps in its ATC for a PASID.
    Atc(DeviceId, Pasid),
    /// A configuration cache's line: PASID entry, STE, CD, DTE, GCR3 entry.
    Config(DeviceId, Option<Pasid>),
}

/// What a line of a cache says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cached {
    /// A translation.
    Leaf(Leaf),
    /// A table on the way to translations; its address is host-physical.
    Table(Node),
    /// A configuration, as the words that matter of it.
    Config([u64; 3]),
}

/// A line of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheLine {
    /// Whose.
    pub tag: Tag,
    /// First input address that it holds for; 0 for a configuration.
    pub from: u64,
    /// It holds for 2^this bytes; 0 for a configuration.
    pub size_log2: u8,
    /// What it says.
    pub content: Cached,
}

/// Everything that a unit and the ATCs of its devices have cached, in order:
/// independent of the order in which it came there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheState {
    /// The lines, sorted.
    pub lines: Vec<CacheLine>,
}
