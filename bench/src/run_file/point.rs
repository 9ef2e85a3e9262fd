use std::{collections::BTreeMap, fmt};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{COUNT_MAX, HistogramV2};
use crate::{
    Interval,
    metric::{Metric, PERCENTILES},
};

/// What tells one point of a run from the others, e.g. `instance` and `batch`.
pub type Labels = BTreeMap<String, String>;

/// Fewer latencies beyond a percentile than this, and it is not one of theirs.
const BEYOND_MIN: f64 = 10.0;

/// One figure of a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// In the unit of its metric.
    pub value: f64,
    /// Where its 95 % confidence interval within the process begins, where it was measured in
    /// rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Where that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self {
            value,
            low: None,
            high: None,
        }
    }
}

impl From<u64> for Figure {
    fn from(value: u64) -> Self {
        Self::from(value as f64)
    }
}

impl From<Interval> for Figure {
    fn from(interval: Interval) -> Self {
        Self {
            value: interval.median,
            low: Some(interval.low),
            high: Some(interval.high),
        }
    }
}

impl Figure {
    /// With the interval, where it has one.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval {
            median: self.value,
            low: self.low?,
            high: self.high?,
        })
    }
}

/// What was measured in one place of a suite, by one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Which place that is.
    #[serde(default)]
    pub labels: Labels,
    /// By the name of their [`Metric`].
    #[serde(default)]
    pub figures: BTreeMap<String, Figure>,
    /// Distributions, by the name of theirs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latencies: BTreeMap<String, HistogramV2>,
}

/// One metric in one place: what is compared between runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The name of its [`Metric`].
    pub metric: String,
    /// The place.
    pub labels: Labels,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.metric)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { "{" } else { "," })?;
        }
        f.write_str(if self.labels.is_empty() { "" } else { "}" })
    }
}

impl Point {
    /// A point with these labels, and nothing measured.
    #[must_use]
    pub fn at<const N: usize>(labels: [(&str, String); N]) -> Self {
        Self {
            labels: labels
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..Self::default()
        }
    }

    /// With this figure, where there is one: a number, not below 0, which what costs something
    /// is by noise alone. Its interval begins at 0 at least.
    #[must_use]
    pub fn with(mut self, metric: &str, figure: Option<impl Into<Figure>>) -> Self {
        let figure = figure.map(Into::into);
        if let Some(mut figure) =
            figure.filter(|figure| figure.value.is_finite() && figure.value >= 0.0)
        {
            figure.low = figure.low.map(|low| low.max(0.0));
            self.figures.insert(metric.to_owned(), figure);
        }
        self
    }

    /// With this distribution, where anything is in it.
    #[must_use]
    pub fn with_times(self, metric: &str, times: &Histogram<u64>) -> Self {
        let latency = (!times.is_empty()).then(|| HistogramV2::encode(times));
        self.with_latency(metric, latency)
    }

    /// With this distribution, where there is one.
    #[must_use]
    pub fn with_latency(mut self, metric: &str, latency: Option<HistogramV2>) -> Self {
        if let Some(latency) = latency {
            self.latencies.insert(metric.to_owned(), latency);
        }
        self
    }

    /// The figure of that metric.
    #[must_use]
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.figures.get(metric).map(|figure| figure.value)
    }

    /// What can be compared: figures that have a better and a worse, and the percentiles that
    /// there are latencies enough for.
    #[must_use]
    pub fn comparable(&self) -> Vec<(Key, f64)> {
        let key = |metric: String| Key {
            metric,
            labels: self.labels.clone(),
        };
        let figures = self
            .figures
            .iter()
            .filter(|(name, _)| Metric::named(name).is_some_and(|metric| metric.better.is_some()));
        let mut comparable: Vec<_> = figures
            .map(|(name, figure)| (key(name.clone()), figure.value))
            .collect();
        for (name, latency) in &self.latencies {
            // It was checked when it was read.
            let Ok(latency) = latency.decode() else {
                continue;
            };
            for (percentile, quantile) in PERCENTILES {
                if latency.len() as f64 * (1.0 - quantile) >= BEYOND_MIN {
                    let value = latency.value_at_quantile(quantile) as f64;
                    comparable.push((key(format!("{name}_{percentile}")), value));
                }
            }
        }
        comparable
    }

    /// Refuses what no run can have produced.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value) in &self.labels {
            for text in [name, value] {
                if text.is_empty() || text.chars().any(char::is_control) {
                    return Err(format!(
                        "label {name:?} is {value:?}: it is empty or has control characters"
                    ));
                }
            }
        }
        for (name, figure) in &self.figures {
            check_name(name)?;
            let Figure { value, low, high } = *figure;
            let (from, to) = (low.unwrap_or(value), high.unwrap_or(value));
            let most = COUNT_MAX as f64;
            if !(0.0..=most).contains(&from) || !(from..=to).contains(&value) || to > most {
                return Err(format!(
                    "{name} is {value} [{from}, {to}], must be 0 to {COUNT_MAX}, within its interval"
                ));
            }
        }
        for (name, latency) in &self.latencies {
            check_name(name)?;
            let decoded = latency.decode();
            decoded.map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }
}

/// A metric of another version is not known here, but its name is one.
fn check_name(name: &str) -> Result<(), String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_part) {
        return Err(format!("{name:?} is no name of a metric"));
    }
    Ok(())
}
