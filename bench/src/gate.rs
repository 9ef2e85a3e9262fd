//! Whether a change made a suite slower: measured until that is told, or the time is up.
//!
//! ```text
//! Rules ─▶ Gate ─▶ looks at 10, 15, 23… pairs ─▶ all PASS ───────────────────▶ PASS
//!            │                                 ├▶ FAIL ─▶ fresh pairs ─▶ FAIL ─▶ FAIL
//!            └─────────── more pairs ◀─────────┴▶ neither ─▶ time is up ─▶ INDETERMINATE
//! ```

mod judged;
mod power;
mod rules;
mod run;
mod sequence;

pub use judged::{Judged, JudgedRow};
pub use power::{Played, smallest};
pub use rules::{Action, MetricRule, Rules};
pub use run::{Outcome, Progress};
pub use sequence::{Gate, Next, Phase};
