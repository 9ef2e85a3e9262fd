//! The protocols with every acquire and release taken away, under loom: they must
//! fail, or the checks see nothing.

mod primitives {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, fence};
    use std::sync::atomic;

    /// Stands for the type of the same name, but weaker.
    pub(super) struct Ordering;

    #[expect(non_upper_case_globals, reason = "named as what they stand for")]
    impl Ordering {
        pub(super) const Relaxed: atomic::Ordering = atomic::Ordering::Relaxed;
        pub(super) const Acquire: atomic::Ordering = atomic::Ordering::Relaxed;
        pub(super) const Release: atomic::Ordering = atomic::Ordering::Relaxed;
        pub(super) const SeqCst: atomic::Ordering = atomic::Ordering::SeqCst;
    }
}

#[path = "models.rs"]
#[expect(dead_code, reason = "some models are enough to see that they fail")]
mod models;
#[path = "../../src/rings/protocol.rs"]
mod protocol;

use super::sound::check;
use loom::thread;
use protocol::{AmdVi, SmmuV3, Vtd};

#[test]
#[should_panic(expected = "fetched before it was written")]
fn a_vtd_tail_published_too_early_is_caught() {
    check(2, models::two_submitters::<Vtd>);
}

#[test]
#[should_panic(expected = "the sync completed early")]
fn an_smmuv3_cons_that_passes_too_early_is_caught() {
    check(2, models::two_submitters::<SmmuV3>);
}

#[test]
#[should_panic(expected = "fetched before it was written")]
fn an_amdvi_tail_published_too_early_is_caught() {
    check(2, models::two_submitters::<AmdVi>);
}
