//! What a process does on its CPUs, by the kernel's perf counters.
//!
//! ```text
//! /proc/PID/task ─▶ a group of counters per thread ─▶ ProcessCounters ─▶ PerfCounts
//! ```
//!
//! A group is scheduled as one, so that ratios of its counts are of the same time. Threads that
//! are started later inherit their parent's counters, and what they counted stays when they
//! end: no counter is opened later, which takes rights that may be gone by then.

mod group;
mod open;
mod process;
mod scale;

pub use process::{PerfError, ProcessCounters};
