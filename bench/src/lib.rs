//! hwptop's benchmark runner.
//!
//! ```text
//! captured or synthetic guests ─▶ driver ─▶ modelled hardware, kernel
//!        (fleet, suite)             │
//!                  timed, counters ─┴─▶ figures ─▶ RunFile of a process ─▶ reports
//!                                                        │
//!   Measuring: a process of each binary ◀─ Turns (ABBA) ─┴─▶ RunFile of all, in pairs
//!                                            ▲               │
//!                                  more runs │               ▼
//!       Verdict ◀─ Gate (Rules: floors) ─────┴───── Comparison (statistics)
//! ```

pub mod calibration;
pub mod compare;
mod cpus;
mod environment;
pub mod fleet;
pub mod gate;
mod interval;
pub mod load;
pub mod metric;
mod mock;
mod process;
pub mod run_file;
#[cfg(test)]
mod script;
pub mod staged;
pub mod statistics;
pub mod steadiness;
pub mod store;
pub mod suite;
mod terminal;
mod timed;
mod turns;
pub mod unmaps;
mod utc;

pub use interval::Interval;
pub use process::{Measuring, ProcessError};
pub use timed::Timed;
pub use turns::{Turns, TurnsError};
pub use utc::{compact_utc, utc};
