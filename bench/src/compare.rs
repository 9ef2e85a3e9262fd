//! Runs of one binary against those of another, metric by metric.

use serde::Serialize;

use crate::{
    interval::Interval,
    metric::{Better, Metric},
    run_file::{Key, ProcessRun},
    statistics::{
        Confidence, Estimate, Pair, holm, ranks,
        ratio::{self, NoRatio},
    },
};

/// Every metric that both sides have.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Whether runs were taken as pairs: measured in turns.
    pub is_paired: bool,
    /// How sure intervals are.
    pub confidence: Confidence,
    /// The metrics, in the order of the new side's first run.
    pub rows: Vec<Row>,
    /// Metrics of the base alone.
    pub only_base: Vec<Key>,
    /// Metrics of the new side alone.
    pub only_new: Vec<Key>,
}

/// A metric of both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub key: Key,
    /// What it is.
    pub metric: Metric,
    /// Which way is better.
    pub better: Better,
    /// The base's figures, one of a process run; as pairs with [`Self::new`] where they are
    /// compared so.
    pub base: Vec<f64>,
    /// The new side's.
    pub new: Vec<f64>,
    /// new / base; below 1 is less.
    pub ratio: Result<Estimate, NoRatio>,
    /// How likely ranks as uneven are where nothing differs: Wilcoxon's signed-rank test of
    /// pairs, Mann and Whitney's of others. None where there are no figures.
    pub p: Option<f64>,
    /// The same, adjusted for all rows together (Holm).
    pub p_adjusted: f64,
}

/// What a metric's figures say of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Not worse by more than the floor, as surely as was asked.
    Pass,
    /// Too few runs, or too noisy ones, to tell.
    Indeterminate,
    /// Worse by more than the floor, as surely as was asked.
    Fail,
}

impl Verdict {
    /// The word for it in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Indeterminate => "INDETERMINATE",
            Self::Fail => "FAIL",
        }
    }
}

impl Row {
    /// How many times worse the new side is: above 1 whichever way is better.
    #[must_use]
    pub fn worse(&self) -> Option<Estimate> {
        let ratio = *self.ratio.as_ref().ok()?;
        Some(match self.better {
            Better::Lower => ratio,
            Better::Higher => Estimate {
                value: 1.0 / ratio.value,
                low: 1.0 / ratio.high,
                high: 1.0 / ratio.low,
            },
        })
    }

    /// The verdict where less than `floor` (0.01: 1 %) does not matter: a FAIL needs the whole
    /// interval beyond the floor, and ranks that are as uneven by chance less often than the
    /// confidence leaves.
    #[must_use]
    pub fn verdict(&self, floor: f64, confidence: Confidence) -> Verdict {
        let Some(worse) = self.worse() else {
            return Verdict::Indeterminate;
        };
        let is_significant = self.p_adjusted <= 1.0 - confidence.part();
        if worse.low > 1.0 + floor && is_significant {
            Verdict::Fail
        } else if worse.high <= 1.0 + floor {
            Verdict::Pass
        } else {
            Verdict::Indeterminate
        }
    }

    /// Median of a side's figures.
    #[must_use]
    pub fn median(figures: &[f64]) -> Option<f64> {
        Interval::median_of(figures).map(|of| of.median)
    }
}

impl Comparison {
    /// Compares `new` with `base`: run by run where `is_paired`, and then as many as both have.
    #[must_use]
    pub fn of(
        base: &[ProcessRun],
        new: &[ProcessRun],
        is_paired: bool,
        confidence: Confidence,
    ) -> Self {
        Self::of_these(base, new, is_paired, confidence, |_| true)
    }

    /// The same of the metrics that are `wanted`.
    #[must_use]
    pub fn of_these(
        base: &[ProcessRun],
        new: &[ProcessRun],
        is_paired: bool,
        confidence: Confidence,
        wanted: impl Fn(&Key) -> bool,
    ) -> Self {
        let (base, new) = (Table::of(base), Table::of(new));
        let mut rows = Vec::new();
        let mut only_new = Vec::new();
        for (key, figures) in &new.columns {
            let known = Metric::named(&key.metric);
            let known = known.and_then(|metric| Some((metric, metric.better?)));
            let (Some((metric, better)), true) = (known, wanted(key)) else {
                continue;
            };
            match base.column(key) {
                Some(theirs) => {
                    let sides = [theirs, figures];
                    let row = Row::of(key, (metric, better), sides, is_paired, confidence);
                    // There need not be a pair of which both runs have it.
                    rows.extend((!row.new.is_empty()).then_some(row));
                }
                None => only_new.push(key.clone()),
            }
        }
        let p: Vec<f64> = rows.iter().map(|row| row.p.unwrap_or(1.0)).collect();
        for (row, p) in rows.iter_mut().zip(holm::adjusted(&p)) {
            row.p_adjusted = p;
        }
        let is_only_base = |key: &&Key| wanted(key) && new.column(key).is_none();
        let keys = base.columns.iter().map(|(key, _)| key);
        let only_base = keys.filter(is_only_base).cloned().collect();
        Self {
            is_paired,
            confidence,
            rows,
            only_base,
            only_new,
        }
    }
}

impl Row {
    fn of(
        key: &Key,
        (metric, better): (Metric, Better),
        [base, new]: [&[Option<f64>]; 2],
        is_paired: bool,
        confidence: Confidence,
    ) -> Self {
        let (base, new): (Vec<f64>, Vec<f64>) = if is_paired {
            let pairs = base.iter().zip(new);
            pairs.filter_map(|(base, new)| base.zip(*new)).unzip()
        } else {
            let there = |of: &[Option<f64>]| of.iter().flatten().copied().collect();
            (there(base), there(new))
        };
        let (ratio, ranks) = if is_paired {
            let pairs = base.iter().zip(&new);
            let pairs: Vec<Pair> = pairs.map(|(&base, &new)| Pair { base, new }).collect();
            (
                ratio::paired(&pairs, confidence),
                ranks::wilcoxon_signed_rank(&pairs),
            )
        } else {
            (
                ratio::unpaired(&base, &new, confidence),
                ranks::mann_whitney_u(&base, &new),
            )
        };
        Self {
            key: key.clone(),
            metric,
            better,
            base,
            new,
            ratio,
            p: ranks.map(|ranks| ranks.p),
            p_adjusted: 1.0,
        }
    }
}

/// How many times as wide intervals are where the same runs are not taken as pairs: the median of
/// all metrics whose intervals have a width.
#[must_use]
pub fn narrowing(base: &[ProcessRun], new: &[ProcessRun], confidence: Confidence) -> Option<f64> {
    let [paired, unpaired] =
        [true, false].map(|is_paired| Comparison::of(base, new, is_paired, confidence).rows);
    let width = |row: &Row| {
        let ratio = row.ratio.as_ref().ok()?;
        Some(ratio.high.ln() - ratio.low.ln())
    };
    let ratios: Vec<f64> = paired
        .iter()
        .zip(&unpaired)
        .filter_map(|(paired, unpaired)| Some(width(unpaired)? / width(paired)?))
        .filter(|ratio| ratio.is_finite())
        .collect();
    Row::median(&ratios)
}

/// A column of each metric, a row of each run.
struct Table {
    columns: Vec<(Key, Vec<Option<f64>>)>,
}

impl Table {
    fn of(runs: &[ProcessRun]) -> Self {
        let mut columns: Vec<(Key, Vec<Option<f64>>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (index, run) in runs.iter().enumerate() {
            for (key, value) in run.comparable() {
                let place = *places.entry(key.clone()).or_insert_with(|| {
                    columns.push((key, vec![None; runs.len()]));
                    columns.len() - 1
                });
                columns[place].1[index] = Some(value);
            }
        }
        Self { columns }
    }

    fn column(&self, key: &Key) -> Option<&[Option<f64>]> {
        let mut columns = self.columns.iter();
        let (_, figures) = columns.find(|(known, _)| known == key)?;
        Some(figures)
    }
}

#[cfg(test)]
mod tests;
