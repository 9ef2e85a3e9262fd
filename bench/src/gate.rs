//! Whether a change made a suite slower: measured until that is told, or the time is up.
//!
//! ```text
//! Rules ─▶ Gate ─▶ looks at 10, 15, 23… pairs ─▶ all PASS ───────────────────▶ PASS
//!            │                                 ├▶ FAIL ─▶ 10, 16, 25… fresh pairs ─▶ FAIL
//!            └─────────── more pairs ◀─────────┴▶ neither ─▶ time is up ─▶ INDETERMINATE
//! ```

mod base;
mod judged;
mod power;
mod rules;
mod run;
mod sequence;

pub use base::unfit;
pub use judged::{Doubt, Judged, JudgedRow};
pub use power::{Played, smallest};
pub use rules::{Action, MetricRule, Rules};
pub use run::{Outcome, Progress};
pub use sequence::{Gate, Next, Phase};
