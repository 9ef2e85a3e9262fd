#![expect(
    unsafe_code,
    reason = "aya asks for an unsafe promise about every type in a map"
)]

use aya::Pod;
use hwptop_abi::{Config, GuestCell, SlowCell, StageCell, UnattributedCell};

// aya's `Pod` and the records belong to other crates: wrappers bring them together.

/// A value of `CELLS`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Cell(pub(super) StageCell);

/// A value of `GUESTS`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Guest(pub(super) GuestCell);

/// A value of `UNATTRIBUTED`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Unattributed(pub(super) UnattributedCell);

/// The global `CONFIG`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Settings(pub(crate) Config);

/// A value of `SLOW_COUNTS`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct SlowCount(pub(crate) SlowCell);

// SAFETY: `repr(transparent)` around a `repr(C)` record of u64 fields only, whose
// size the abi crate asserts: no padding, and every bit pattern is a value.
unsafe impl Pod for Cell {}
// SAFETY: as above.
unsafe impl Pod for Guest {}
// SAFETY: as above.
unsafe impl Pod for Unattributed {}
// SAFETY: as above.
unsafe impl Pod for Settings {}
// SAFETY: as above.
unsafe impl Pod for SlowCount {}
