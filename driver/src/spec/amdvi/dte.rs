//! 2.2.2.1 Device Table Entry, what a guest has a say in.
//!
//! | bits  | field                                                         |
//! |-------|---------------------------------------------------------------|
//! | 0     | V                                                             |
//! | 11:9  | Mode: levels of the host's table                              |
//! | 51:12 | Host page table root                                          |
//! | 55    | GV: there is a GCR3 table                                     |
//! | 57:56 | GLX: levels of the GCR3 table, less 1; 3 is reserved          |
//! | 60:58 | GCR3 table root 14:12                                         |
//! | second word 15:0  | DomainID                                          |
//! | second word 31:16 | GCR3 table root 30:15                             |
//! | second word 63:43 | GCR3 table root 51:31                             |
//! | third word 55:54  | GuestPagingMode: 0 4 levels, 1 5 levels           |

pub(crate) const V: u64 = 1;
pub(crate) const MODE: u64 = 7 << 9;
pub(crate) const HOST_ROOT: u64 = 0x000f_ffff_ffff_f000;
pub(crate) const GV: u64 = 1 << 55;
pub(crate) const GLX: u64 = 3 << 56;
pub(crate) const GLX_RESERVED: u64 = 3 << 56;

pub(crate) const DOMAIN_ID: u64 = 0xffff;

pub(crate) const GUEST_PAGING_MODE: u64 = 3 << 54;
pub(crate) const GUEST_PAGING_4_LEVELS: u64 = 0;
pub(crate) const GUEST_PAGING_5_LEVELS: u64 = 1 << 54;

/// The GCR3 table's address, which stands in three pieces in the first two words.
pub(crate) const fn gcr3_table(first: u64, second: u64) -> u64 {
    (first >> 58 & 7) << 12 | (second >> 16 & 0xffff) << 15 | (second >> 43) << 31
}
