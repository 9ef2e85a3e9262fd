//! 2.2.6.3 GCR3 table, of one level (GLX 0): an entry for each PASID.
//!
//! | bits  | field                                   |
//! |-------|-----------------------------------------|
//! | 0     | V                                       |
//! | 51:12 | root of the PASID's guest page table    |

/// Bytes of an entry.
pub(crate) const BYTES: u64 = 8;
/// Entries of a table.
pub(crate) const PASIDS: u32 = 512;

pub(crate) const V: u64 = 1;
pub(crate) const ROOT: u64 = 0x000f_ffff_ffff_f000;
