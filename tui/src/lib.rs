//! hwptop's dashboard and its text form: both are drawn from the agent's
//! [`Snapshot`](hwptop_agent::snapshot::Snapshot) and from nothing else.
//!
//! ```text
//! SnapshotSource ──▶ run ──▶ App ──▶ view ──▶ ratatui Buffer ──▶ terminal
//!                     ▲       ▲       ▲                      └──▶ svg
//!   keys, mouse ──────┘    history  columns
//!                                     ▼
//! Snapshot ─────────────────────────▶ text
//! ```
//!
//! What it asks for beside that, files and signals, the program around it does: see [`Outside`].
//!
//! The terminal belongs to a `Session` while `run` runs: it is given back on
//! return, on an error and on a panic.

mod advice;
mod app;
mod baseline;
mod breakdown;
mod carried;
mod column;
mod compared;
mod costs;
mod drawn;
mod error;
mod exported;
mod figure;
mod frugal;
mod health;
mod heat;
mod held;
mod history;
mod input;
mod kept;
mod keys;
mod members;
mod message;
mod mouse;
mod named;
mod object;
mod offscreen;
mod outliers;
mod outside;
mod pages;
mod plain;
mod prompt;
mod rows;
mod run;
mod screen;
mod session;
mod sort;
mod stages;
pub mod svg;
pub mod text;
mod theme;
mod unusual;
mod view;

#[cfg(test)]
mod fixture;

pub use app::{App, Flow};
pub use baseline::Baseline;
pub use error::{SourceError, TuiError};
pub use keys::{Keys, KeysError};
pub use named::{NotThere, ScreenName};
pub use offscreen::Offscreen;
pub use outside::{Export, ExportForm, News, Outside, Recorded, Said};
pub use run::{Advance, Outcome, SnapshotSource, run};
pub use session::give_back_terminal;
pub use theme::{Theme, UnknownTheme};
