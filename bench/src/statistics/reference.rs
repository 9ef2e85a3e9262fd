//! What scipy, statsmodels and Apache Otava answer: see `reference.py`.

use std::sync::LazyLock;

use serde::Deserialize;

pub(super) static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    serde_json::from_str(include_str!("reference.json")).expect("reference.py wrote it")
});

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) mann_whitney: Vec<Ranks>,
    pub(super) wilcoxon: Vec<Ranks>,
    pub(super) t_quantiles: Vec<Quantile>,
    pub(super) holm: Vec<Holm>,
    pub(super) fit: Vec<Fit>,
    pub(super) ratio: Vec<Ratio>,
    pub(super) ecp: Ecp,
    pub(super) change_points: Vec<History>,
    pub(super) steady: Vec<Slices>,
}

#[derive(Deserialize)]
pub(super) struct Ranks {
    pub(super) name: String,
    pub(super) base: Vec<f64>,
    pub(super) new: Vec<f64>,
    pub(super) statistic: f64,
    /// Absent where there are ties.
    pub(super) exact: Option<f64>,
    pub(super) normal: f64,
}

#[derive(Deserialize)]
pub(super) struct Quantile {
    pub(super) freedom: f64,
    pub(super) p: f64,
    pub(super) t: f64,
}

#[derive(Deserialize)]
pub(super) struct Holm {
    pub(super) p: Vec<f64>,
    pub(super) adjusted: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Fit {
    pub(super) name: String,
    /// Entries, submissions, nanoseconds.
    pub(super) points: Vec<[f64; 3]>,
    pub(super) confidence: f64,
    pub(super) intercept: [f64; 3],
    pub(super) slope: [f64; 3],
    /// Absent where the points do not tell it.
    pub(super) further: Option<[f64; 3]>,
    pub(super) r_squared: f64,
    pub(super) spread: f64,
    pub(super) at: f64,
    pub(super) predicted: [f64; 3],
}

#[derive(Deserialize)]
pub(super) struct Ratio {
    pub(super) name: String,
    pub(super) base: Vec<f64>,
    pub(super) new: Vec<f64>,
    pub(super) confidence: f64,
    pub(super) unpaired: [f64; 3],
    pub(super) paired: [f64; 3],
}

#[derive(Deserialize)]
pub(super) struct Ecp {
    pub(super) values: Vec<f64>,
    pub(super) least: usize,
    pub(super) found: Vec<usize>,
}

#[derive(Deserialize)]
pub(super) struct History {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) window: usize,
    pub(super) p_max: f64,
    pub(super) magnitude_min: f64,
    pub(super) indexes: Vec<usize>,
    pub(super) p: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Slices {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) from: usize,
}

/// Fails where `value` is further from `expected` than `tolerance` of it.
#[track_caller]
pub(super) fn near(value: f64, expected: f64, tolerance: f64) {
    let apart = (value - expected).abs();
    assert!(
        apart <= tolerance * expected.abs().max(1e-12),
        "{value} is not {expected}"
    );
}
