//! 7.3 Event records: four words, those of the kinds that the model makes.
//!
//! | bits  | field                                                         |
//! |-------|---------------------------------------------------------------|
//! | 7:0   | what happened                                                 |
//! | 11    | SSV: SubstreamID is valid                                     |
//! | 31:12 | SubstreamID                                                   |
//! | 63:32 | StreamID                                                      |
//! | second word 35    | RnW: a read                                       |
//! | second word 39    | S2: the fault is stage 2's                        |
//! | second word 41:40 | CLASS: 2 the input address                        |
//! | third word        | InputAddr                                         |
//!
//! The second and the third word are those of page faults; of configuration errors they
//! are 0.

pub(crate) const C_BAD_SUBSTREAMID: u64 = 0x08;
pub(crate) const C_BAD_CD: u64 = 0x0a;
pub(crate) const F_TRANSLATION: u64 = 0x10;
pub(crate) const F_PERMISSION: u64 = 0x13;
pub(crate) const RNW: u64 = 1 << 35;
pub(crate) const CLASS_IN: u64 = 2 << 40;
