//! hwptop's benchmark runner.
//!
//! ```text
//! captured or synthetic guests ─▶ driver ─▶ modelled hardware
//!        (fleet, suite)             │
//!                  timed, counters ─┴─▶ figures, RunFile ─▶ reports
//! ```

mod environment;
pub mod fleet;
pub mod run_file;
pub mod staged;
pub mod suite;
mod timed;

pub use timed::Timed;
