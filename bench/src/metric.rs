//! What suites measure: names, units and which way is better.

use serde::{Deserialize, Serialize};

mod figures;
mod latencies;

pub use figures::METRICS;
pub use latencies::LATENCIES;

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The less the better: a cost or a latency.
    Lower,
    /// The more the better: a rate, or a ratio to something dearer.
    Higher,
}

/// Something that a suite measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As in run files and rules.
    pub name: &'static str,
    /// What one of it is.
    pub unit: &'static str,
    /// Which way is better; none where it is neither: a count of what was done.
    pub better: Option<Better>,
    /// What it is.
    pub what: &'static str,
}

impl Metric {
    /// The metric of that name: one of [`METRICS`], or a percentile of one of [`LATENCIES`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let metrics = METRICS.iter().find(|metric| metric.name == name);
        let latency = || {
            let (of, percentile) = name.rsplit_once('_')?;
            PERCENTILES.iter().find(|(name, _)| *name == percentile)?;
            LATENCIES.iter().find(|metric| metric.name == of)
        };
        metrics.or_else(latency).copied()
    }
}

/// The percentiles of a latency that are metrics, with their quantiles.
pub const PERCENTILES: [(&str, f64); 4] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

const fn metric(
    name: &'static str,
    unit: &'static str,
    better: Option<Better>,
    what: &'static str,
) -> Metric {
    Metric {
        name,
        unit,
        better,
        what,
    }
}

const LOWER: Option<Better> = Some(Better::Lower);
const HIGHER: Option<Better> = Some(Better::Higher);

#[cfg(test)]
mod tests;
