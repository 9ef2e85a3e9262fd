//! hwptop's reports: what run files, recordings and stores say, in Markdown, in one HTML file and in pictures.
//!
//! ```text
//! RunFile…, Summary…, History… ─▶ Inputs ─▶ sections ─▶ Document ─┬─▶ markdown
//!                                                                 ├─▶ html, with its pictures in it
//!                                                                 └─▶ chart ─▶ svg, png
//!                                                      all ─▶ write: aside, then renamed
//! ```
//!
//! The same inputs give the same bytes: nothing in a report depends on when
//! or where it is written.

mod chart;
mod chosen;
mod document;
mod error;
mod escape;
mod figure;
mod html;
mod inputs;
mod markdown;
mod parallel;
mod report;
mod sections;
mod write;

#[cfg(test)]
mod fixture;

pub use error::ReportError;
pub use inputs::{Base, Histories, Inputs};
pub use write::{Rendered, render};
