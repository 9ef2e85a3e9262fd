//! The programs on the kernel's own functions.
//!
//! ```text
//! iommufd_hwpt_invalidate         begin ─▶ THREADS ─────────────────▶ end ─▶ REQUESTS[slot]
//!   └ driver's cache_invalidate         begin ─▶ THREADS ─▶ end ┘
//!       └ qi_submit_sync, …                        begin, end ─▶ SUBMISSIONS[slot]
//! ```
//! A thread is known by the kernel stack that it runs on, which is where the context of a
//! program lies too: no call is needed to tell it, and an interrupt, which has a stack of its
//! own, is never taken for the thread below it.

mod layout;
mod maps;
mod method;
mod object;
mod op;
mod programs;
mod record;
mod request;
mod slot;
mod submission;
mod thread;
