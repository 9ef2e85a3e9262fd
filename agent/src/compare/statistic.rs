/// The least blocks on either side from which an interval is told.
pub const BLOCKS_LEAST: usize = 5;
/// The least events beyond a percentile: fewer say nothing about where it is.
const BEYOND: u64 = 10;

/// A figure of a distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Half are at most this.
    P50,
    /// Nine in ten are at most this.
    P90,
    /// 99 in a hundred are at most this.
    P99,
    /// 999 in a thousand are at most this.
    P999,
    /// Sum by number.
    Mean,
    /// The longest.
    Max,
}

impl Statistic {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::Mean,
        Self::Max,
    ];

    /// Its name in every view.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// The least events on either side from which an interval is told; `None` where none is: one
    /// event makes the maximum, whatever the others are.
    #[must_use]
    pub const fn events_least(self) -> Option<u64> {
        match self {
            Self::P50 | Self::Mean => Some(2 * BEYOND),
            Self::P90 => Some(10 * BEYOND),
            Self::P99 => Some(100 * BEYOND),
            Self::P999 => Some(1000 * BEYOND),
            Self::Max => None,
        }
    }

    /// The share of all that are at most this, where it is a percentile.
    pub(super) const fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            Self::Mean | Self::Max => None,
        }
    }
}

/// A figure of both sides, and new by base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Which figure.
    pub statistic: Statistic,
    /// Of the base in nanoseconds; `None` where nothing was recorded.
    pub base_ns: Option<f64>,
    /// Of the new.
    pub new_ns: Option<f64>,
    /// Where the ratio is with a confidence of 95 %, or why that is not told.
    pub range: Result<Range, NoRange>,
}

impl Ratio {
    /// New by base; what is below a nanosecond counts as one. `None` where one of them is absent.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        Some(self.new_ns?.max(1.0) / self.base_ns?.max(1.0))
    }

    /// Whether the interval leaves no room for both being the same.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.range.is_ok_and(|range| !range.contains(1.0))
    }
}

/// From where to where a ratio may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Range {
    /// Whether `ratio` may be it.
    #[must_use]
    pub fn contains(&self, ratio: f64) -> bool {
        (self.low..=self.high).contains(&ratio)
    }
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRange {
    /// One side has no latency at all.
    Nothing,
    /// One event makes the figure.
    OneEvent,
    /// A side has too few blocks in which something happened.
    Blocks {
        /// How many it has.
        there: usize,
    },
    /// A side has too few events.
    Events {
        /// How many it has.
        there: u64,
        /// How many it needs.
        needed: u64,
    },
}
