//! Snapshots for monitoring systems. Nothing here listens or sends: text comes out.
//!
//! ```text
//! Snapshot ─▶ families ─▶ Prometheus' text format
//!    histograms ─┘ at fixed boundaries, exact
//! ```

mod boundaries;
mod families;
mod family;
mod objects;

use std::time::Duration;

use prometheus::{Error, TEXT_FORMAT, TextEncoder};

use crate::snapshot::Snapshot;

/// The content type of [`prometheus_text`].
pub const PROMETHEUS_TEXT: &str = TEXT_FORMAT;

/// What one scrape tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scrape<'a> {
    /// The last snapshot and its age; `None` before the first.
    pub snapshot: Option<(&'a Snapshot, Duration)>,
    /// How the service itself does.
    pub service: ServiceCounts,
}

/// What became of those who ask a running agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// Clients that follow the snapshots now.
    pub followers: u64,
    /// Snapshots that a follower was too slow for.
    pub skipped: u64,
    /// Connections that were not served: too many at once, or another user's.
    pub refused: u64,
    /// Reads of the measurement that failed.
    pub failed_reads: u64,
}

/// The scrape in Prometheus' text format, version 0.0.4.
///
/// # Errors
/// Never, as long as every family has a name and a metric: those without are left out.
pub fn prometheus_text(scrape: &Scrape) -> Result<String, Error> {
    let families = families::families(scrape);
    TextEncoder::new().encode_to_string(&families)
}

#[cfg(test)]
mod tests;
