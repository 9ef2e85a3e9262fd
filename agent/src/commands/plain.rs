#![expect(
    unsafe_code,
    reason = "aya asks for an unsafe promise about every type in a map"
)]

use aya::Pod;
use hwptop_abi::UnitCell;

/// A value of `COMMAND_UNITS`. aya's `Pod` and the record belong to other crates: a
/// wrapper brings them together.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Unit(pub(super) UnitCell);

// SAFETY: `repr(transparent)` around a `repr(C)` record of bytes and u64 fields, whose
// size the abi crate asserts: no padding, and every bit pattern is a value.
unsafe impl Pod for Unit {}
