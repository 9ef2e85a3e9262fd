//! The protocols without the fences between going to sleep and publishing, under loom:
//! the hardware must be seen to sleep for good.

mod primitives {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

    pub(super) fn fence(_: Ordering) {}
}

#[path = "models.rs"]
#[expect(dead_code, reason = "one model is enough to see that it fails")]
mod models;
#[path = "../../src/rings/protocol.rs"]
mod protocol;

use super::sound::check;
use loom::thread;
use protocol::Vtd;

// The submitter looks at its sync for good.
#[test]
#[should_panic(expected = "exceeded maximum number of branches")]
fn hardware_that_is_not_woken_is_caught() {
    check(2, models::sleeping_hardware::<Vtd>);
}
