//! What the fuzz targets of `hwptop-driver` have in common.
//!
//! ```text
//!  input ──▶ decoder, 32 bytes at a time
//!        └─▶ policy and variant (first byte), then a Program: fills, register writes, attach, detach, failures
//!                      │ step by step
//!                 Machine (one vendor's front end) ──▶ WatchedMemory, ScriptedBackend
//!                      │ View                              │ Journal
//!                      └────────────▶ check ◀──────────────┘
//! ```
//!
//! A vendor adds its registers as a [`Machine`]; everything else is shared.

mod amdvi;
mod backend;
mod check;
mod completions;
mod entries;
mod journal;
mod machine;
mod memory;
mod program;
mod smmuv3;
mod vtd;

pub use amdvi::AmdVi;
pub use backend::ScriptedBackend;
pub use journal::{Event, Journal, Store};
pub use machine::{Beside, Completion, Effect, Machine, State, View, World};
pub use memory::WatchedMemory;
pub use program::{Op, Program};
pub use smmuv3::SmmuV3;
pub use vtd::Vtd;

use hwptop_driver::Policy;

/// Steps of one input: with a queue of a few pages they take well below a second.
const STEPS_MAX: usize = 64;

/// Feeds `input` to the decoder and the front end of `M`.
///
/// # Panics
/// Where the front end does what no guest may make it do.
pub fn run<M: Machine>(input: &[u8]) {
    for chunk in input.chunks(32) {
        let mut command = [0; 32];
        command[..chunk.len()].copy_from_slice(chunk);
        M::decode(command);
    }
    let Some((&first, program)) = input.split_first() else {
        return;
    };
    let policies = Policy::ALL.len();
    let variant = usize::from(first) / policies;
    let policy = Policy::ALL[usize::from(first) % policies];
    let mut bench = check::Bench::<M>::new(policy, u8::try_from(variant).expect("below 256"));
    for op in Program::new(program).take(STEPS_MAX) {
        bench.step(&op);
    }
}
