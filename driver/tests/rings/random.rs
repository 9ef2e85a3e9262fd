//! The protocols as they are, under shuttle: random schedules of cases that are too
//! large to try every one.

mod primitives {
    pub(super) use shuttle::sync::Mutex;
    pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

#[path = "models.rs"]
#[expect(dead_code, reason = "the small ones are for loom")]
mod models;
#[path = "../../src/rings/protocol.rs"]
mod protocol;

use protocol::{AmdVi, SmmuV3, Vtd};
use shuttle::thread;

/// Schedules tried of each kind; PCT orders threads by priority and switches them at
/// so many random places.
const SCHEDULES: usize = 5_000;
const SWITCHES: usize = 3;

fn check(model: fn()) {
    shuttle::check_random(model, SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, SWITCHES);
}

#[test]
fn three_submitters_on_a_full_vtd_ring_lose_nothing() {
    check(models::many_submissions::<Vtd>);
}

#[test]
fn three_submitters_on_a_full_smmuv3_ring_lose_nothing() {
    check(models::many_submissions::<SmmuV3>);
}

#[test]
fn three_submitters_on_a_full_amdvi_ring_lose_nothing() {
    check(models::many_submissions::<AmdVi>);
}
