//! 5.4 Context Descriptor, the first two words of one in VMSAv8-64 form.
//!
//! | bits  | field                                                         |
//! |-------|---------------------------------------------------------------|
//! | 5:0   | T0SZ: 2^(64-T0SZ) bytes of input addresses                    |
//! | 7:6   | TG0: 0 granules of 4 KiB                                      |
//! | 14    | EPD0: no walks of TTB0                                        |
//! | 31    | V                                                             |
//! | 41    | AA64                                                          |
//! | 63:48 | ASID                                                          |
//! | second word 51:4 | TTB0                                               |

/// Bytes of a CD.
pub(crate) const BYTES: u64 = 64;

pub(crate) const T0SZ: u64 = 0x3f;
/// 2^48 bytes of input addresses: what a walk from level 0 takes.
pub(crate) const T0SZ_48_BITS: u64 = 16;
pub(crate) const TG0: u64 = 3 << 6;
pub(crate) const TG0_4K: u64 = 0;
pub(crate) const EPD0: u64 = 1 << 14;
pub(crate) const V: u64 = 1 << 31;
pub(crate) const AA64: u64 = 1 << 41;
pub(crate) const ASID_SHIFT: u32 = 48;
/// The root of a full-size level 0 table is aligned to a page.
pub(crate) const TTB0: u64 = 0x000f_ffff_ffff_f000;
