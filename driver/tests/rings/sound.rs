//! The protocols as they are, under loom.

mod primitives {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
}

#[path = "models.rs"]
#[expect(dead_code, reason = "the largest is for shuttle")]
mod models;
#[path = "../../src/rings/protocol.rs"]
mod protocol;

use loom::thread;
use protocol::{AmdVi, SmmuV3, Vtd};

/// Checks every execution with at most `preemptions` involuntary switches of thread.
pub(super) fn check(preemptions: usize, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[test]
fn no_command_of_two_submitters_is_lost_and_no_sync_completes_early() {
    check(2, models::two_submitters::<Vtd>);
    check(2, models::two_submitters::<SmmuV3>);
    check(2, models::two_submitters::<AmdVi>);
}

#[test]
fn sleeping_hardware_is_woken_for_each_submission() {
    check(2, models::sleeping_hardware::<Vtd>);
    check(2, models::sleeping_hardware::<SmmuV3>);
    check(2, models::sleeping_hardware::<AmdVi>);
}

#[test]
fn a_slot_is_written_again_only_after_it_was_executed() {
    check(2, models::full_ring::<Vtd>);
    check(2, models::full_ring::<SmmuV3>);
    check(2, models::full_ring::<AmdVi>);
}

#[test]
fn a_rejection_reaches_its_submission_and_no_other() {
    check(2, models::rejection::<Vtd>);
    check(2, models::rejection::<SmmuV3>);
    check(2, models::rejection::<AmdVi>);
}

#[test]
fn a_submitter_that_gives_up_leaves_no_verdict_behind() {
    check(3, models::giving_up::<Vtd>);
    check(3, models::giving_up::<SmmuV3>);
    check(3, models::giving_up::<AmdVi>);
}
