//! 5.2 Stream Table Entry, the words that a guest has a say in.
//!
//! | bits  | field                                                         |
//! |-------|---------------------------------------------------------------|
//! | 0     | V                                                             |
//! | 3:1   | Config: 0 abort, 4 bypass, 5 stage 1; others name stage 2     |
//! | 5:4   | S1Fmt: 0 a linear CD table                                    |
//! | 51:6  | S1ContextPtr, 64-byte aligned                                 |
//! | 63:59 | S1CDMax: 2^S1CDMax CDs                                        |
//! | second word 1:0   | S1DSS: what a transaction has without SSID |
//! | second word 3:2   | S1CIR                                             |
//! | second word 5:4   | S1COR                                             |
//! | second word 7:6   | S1CSH                                             |
//! | second word 27    | S1STALLD                                          |
//! | second word 29:28 | EATS: 0 no ATS, 1 ATS                             |

pub(crate) const V: u64 = 1;
pub(crate) const CONFIG: u64 = 7 << 1;
pub(crate) const CONFIG_ABORT: u64 = 0;
pub(crate) const CONFIG_BYPASS: u64 = 4 << 1;
pub(crate) const CONFIG_S1_TRANS: u64 = 5 << 1;
pub(crate) const S1FMT: u64 = 3 << 4;
pub(crate) const S1_CONTEXT_PTR: u64 = 0x000f_ffff_ffff_ffc0;
pub(crate) const S1CDMAX_SHIFT: u32 = 59;
pub(crate) const S1CDMAX: u64 = 0x1f << S1CDMAX_SHIFT;

pub(crate) const S1DSS: u64 = 3;
pub(crate) const S1CIR: u64 = 3 << 2;
pub(crate) const S1COR: u64 = 3 << 4;
pub(crate) const S1CSH: u64 = 3 << 6;
pub(crate) const S1STALLD: u64 = 1 << 27;
pub(crate) const EATS: u64 = 3 << 28;
pub(crate) const EATS_ABT: u64 = 0;
pub(crate) const EATS_TRANS: u64 = 1 << 28;
