//! Snapshots for monitoring systems. Nothing here listens or sends: bytes come out.
//!
//! ```text
//!                      ┌─▶ text      Prometheus' text format
//! Snapshot ─▶ families ┼─▶ protobuf  Prometheus' protobuf format, with native histograms
//!                      └─▶ otlp      OpenTelemetry's protocol
//! ```
//!
//! A family is described once, in `families` or beside it; each format is made from that.

mod costs;
mod distribution;
mod families;
mod family;
mod objects;
mod otlp;
mod protobuf;
mod stages;
mod text;

use std::time::{Duration, SystemTime};

use prometheus::{Error, TEXT_FORMAT};

use crate::{serve::KeptOnDisk, snapshot::Snapshot};
use families::Families;

pub use otlp::{OTLP, OtlpAnswer, OtlpHistograms, otlp_answer, otlp_refusal, otlp_request};

/// The content type of [`prometheus_text`].
pub const PROMETHEUS_TEXT: &str = TEXT_FORMAT;

/// The content type of [`prometheus_protobuf`].
pub const PROMETHEUS_PROTOBUF: &str = "application/vnd.google.protobuf; \
     proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// What one scrape tells.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    /// The last snapshot; `None` before the first.
    pub measured: Option<Measured<'a>>,
    /// How the service itself does.
    pub service: ServiceCounts,
    /// When the service began.
    pub started: SystemTime,
    /// What becomes of snapshots that are kept on disk; `None` where none are.
    pub kept: Option<&'a KeptOnDisk>,
}

/// A snapshot and its times.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// What was measured.
    pub snapshot: &'a Snapshot,
    /// How long ago it was taken.
    pub age: Duration,
    /// Since when it counts, the same for all snapshots of a measurement.
    pub began: SystemTime,
}

/// What became of those who ask a running agent, and of what it sends.
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
    /// What became of pushes by OTLP; `None` where there are none.
    pub otlp: Option<OtlpCounts>,
}

/// What became of pushes by OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpCounts {
    /// Pushes that were taken.
    pub pushed: u64,
    /// Pushes that were not.
    pub failed: u64,
    /// Data points of pushes that were taken and these points not.
    pub rejected_points: u64,
}

/// The scrape in Prometheus' text format, version 0.0.4.
///
/// # Errors
/// Never, as long as every family has a name and a metric: those without are left out.
pub fn prometheus_text(scrape: &Scrape) -> Result<String, Error> {
    let families = Families::of(scrape);
    text::encode(families.service.iter().chain(&families.measured))
}

/// The scrape in Prometheus' protobuf format, where histograms are native as well.
#[must_use]
pub fn prometheus_protobuf(scrape: &Scrape) -> Vec<u8> {
    let families = Families::of(scrape);
    let mut bytes = Vec::new();
    protobuf::encode(families.service.iter(), scrape.started, &mut bytes);
    if let Some(measured) = scrape.measured {
        protobuf::encode(families.measured.iter(), measured.began, &mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests;
