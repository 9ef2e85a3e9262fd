//! Where everything is: host-physical memory, guest-physical memory, and the window of
//! addresses that devices use.

/// Bytes of the host's memory.
pub(crate) const HOST_BYTES: usize = 32 << 20;

/// Guest memory for queue and status words. The front end gets the host's memory as the
/// guest's, so that only here both have the same addresses.
pub(crate) const QUEUE: u64 = 0x1_0000;
pub(crate) const STATUS: u64 = 0x2_0000;
pub(crate) const EVENTS: u64 = 0x3_0000;
pub(crate) const CONTROL_BYTES: u64 = 0x10_0000;

/// The host's tables.
pub(crate) const HOST_TABLES: std::ops::Range<u64> = 0x10_0000..0x60_0000;

/// Guest-physical: CD and GCR3 tables, page tables. In the host's memory they are
/// [`TABLES_SHIFT`] further up.
pub(crate) const CONTEXTS: u64 = 0x20_0000;
pub(crate) const TABLES: std::ops::Range<u64> = 0x20_8000..0x40_0000;
pub(crate) const TABLES_SHIFT: u64 = 0x40_0000;

/// Guest-physical: where data is, [`DATA_PAGES`] pages from here. Every 512 pages are a
/// block that a 2 MiB page can lead to, but for the first.
pub(crate) const DATA: u64 = 0x100_0000;
pub(crate) const DATA_PAGES: usize = 4 * 512;
/// Pages of data that the host maps one by one: a part of the first block and a part of
/// the last. Index of the first, and how many.
pub(crate) const MOVABLE: [(usize, usize); 2] = [(0, 64), (3 * 512, 8)];
/// Pages of data that the host maps in one piece: index of the first, how many, and
/// where. The second is not aligned to 2 MiB, so that stage 2 has it in small pages.
pub(crate) const FIXED: [(usize, usize, u64); 3] = [
    (512, 512, 0x140_0000),
    (2 * 512, 512, 0x180_1000),
    (3 * 512 + 8, 504, 0x1a8_8000),
];
/// Host pages for what is movable.
pub(crate) const POOL: u64 = 0x100_0000;
pub(crate) const POOL_PAGES: usize = 512;
/// A data page that nothing is ever mapped to: what is read from a table after it was
/// given back.
pub(crate) const POISON: u64 = DATA + 200 * PAGE;

pub(crate) const PAGE: u64 = 4096;
pub(crate) const REGION_LOG2: u8 = 21;

/// Regions of 2 MiB: three in a row across a border of 1 GiB, three across one of
/// 512 GiB.
pub(crate) const REGIONS: [u64; 6] = [
    0x3fe0_0000,
    0x4000_0000,
    0x4020_0000,
    0x7f_ffe0_0000,
    0x80_0000_0000,
    0x80_0020_0000,
];
/// The pages of a region that are used.
pub(crate) const SLOTS: [u64; 12] = [0, 1, 2, 3, 4, 5, 255, 256, 508, 509, 510, 511];
/// Pages in the window.
pub(crate) const PAGES: usize = REGIONS.len() * SLOTS.len();

/// Address spaces of the guest's, each with a table of its own. The last is one without
/// PASID in a domain of its own; the others are PASIDs 0 to 2 of another domain.
pub(crate) const SPACES: usize = 4;
pub(crate) const PASIDS: usize = 3;
/// Devices of the guest's, the first with an ATC.
pub(crate) const DEVICES: usize = 2;
/// A device and PASID: device * [`PASIDS`] + PASID.
pub(crate) const AGENTS: usize = DEVICES * PASIDS;
pub(crate) const VCPUS: usize = 4;

pub(crate) const fn region_of(page: usize) -> usize {
    page / SLOTS.len()
}

/// Number of the 4 KiB page of the devices' address space.
pub(crate) const fn pfn(page: usize) -> u64 {
    REGIONS[region_of(page)] / PAGE + SLOTS[page % SLOTS.len()]
}

pub(crate) const fn iova(page: usize) -> u64 {
    pfn(page) * PAGE
}

/// The PASID under which a space is used.
pub(crate) const fn pasid_of(space: usize) -> usize {
    space % PASIDS
}

/// The guest's id for the domain of a space.
pub(crate) const fn domain_of(space: usize) -> u16 {
    if space < PASIDS { 1 } else { 2 }
}

pub(crate) const fn has_atc(agent: usize) -> bool {
    agent < PASIDS
}
