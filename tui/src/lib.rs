//! hwptop's dashboard and its text form: both are drawn from the agent's
//! [`Snapshot`](hwptop_agent::snapshot::Snapshot) and from nothing else.
//!
//! ```text
//! SnapshotSource ──▶ run ──▶ App ──▶ view ──▶ ratatui Buffer ──▶ terminal
//!                     ▲       ▲       ▲                      └──▶ svg
//!          keys ──────┘    history  columns
//!                                     ▼
//! Snapshot ─────────────────────────▶ text
//! ```
//!
//! The terminal belongs to a `Session` while `run` runs: it is given back on
//! return, on an error and on a panic.

mod app;
mod carried;
mod column;
mod costs;
mod error;
mod figure;
mod history;
mod input;
mod keys;
mod object;
mod run;
mod session;
mod stages;
pub mod svg;
pub mod text;
mod theme;
mod view;

#[cfg(test)]
mod fixture;

pub use app::{App, Flow};
pub use error::{SourceError, TuiError};
pub use run::{Advance, Outcome, SnapshotSource, run};
pub use theme::Theme;
