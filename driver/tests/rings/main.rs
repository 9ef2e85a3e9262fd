//! The rings' protocols under a model checker: the very files of `src/rings`, compiled
//! with loom's atomics and threads (every interleaving and every reordering that the
//! memory model allows, up to a number of preemptions), with deliberately weak ones
//! (to see that the checks can fail), and with shuttle's (many random schedules of
//! larger cases).

#![expect(
    clippy::duplicate_mod,
    reason = "each set of primitives compiles the protocols anew"
)]

use hwptop_driver::{Command, HardwareError, SubmitError, Unit, amdvi, smmuv3, vtd};

mod random;
mod sound;
mod unfenced;
mod unordered;
