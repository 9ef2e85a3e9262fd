//! What the protocols take from `std`. The model checker's tests put their own in
//! its place and compile the very same protocols.

pub(super) use std::sync::Mutex;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
