//! hwptop's reports: what run files say, in Markdown and in pictures.
//!
//! ```text
//! BatchingRun… ──▶ series ──┬──▶ batch_chart, percentile_chart ──▶ chart ──▶ svg, png
//!                           └──▶ markdown
//!                                     all ──▶ write: aside, then renamed
//! ```
//!
//! The same run files give the same bytes: nothing in a report depends on when
//! or where it is written.

mod batch_chart;
mod chart;
mod error;
mod escape;
mod figure;
mod markdown;
mod percentile_chart;
mod series;
mod write;

#[cfg(test)]
mod fixture;

pub use error::ReportError;
pub use write::{FILES, write};
