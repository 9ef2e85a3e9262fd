use std::{collections::BTreeMap, ops::ControlFlow};

use super::{Name, Store, StoreError, Stored, Unread, read, without_figures};
use crate::{
    Interval,
    metric::{Better, Metric},
    run_file::{Difference, Key, ProcessRun, RunFile},
    statistics::change_points::{NoHistory, Rule, change_points},
};

/// The most medians of a suite that are kept: 100 runs of the largest sweep.
const MEDIANS_MAX: usize = 1 << 20;

/// What counts as a change of a history: by the default rule, and by 1 % at least. Below that the
/// tests of a few hundred metrics find what is none.
#[must_use]
pub fn rule() -> Rule {
    Rule {
        magnitude_min: 0.01,
        ..Rule::default()
    }
}

/// The runs of a suite over time.
#[derive(Debug)]
pub struct History {
    /// The suite.
    pub suite: Name,
    /// In the order of their first runs.
    pub segments: Vec<Segment>,
    /// What is in none of them.
    pub unread: Unread,
}

/// Runs that can be compared with each other: where machine, kernel or what is measured changes,
/// another begins, and where it changes back the first goes on. So two machines in turns have a
/// history each.
#[derive(Debug)]
pub struct Segment {
    /// The first run, without what its processes measured.
    pub first: RunFile,
    /// What sets it apart from the earlier segment that is most like it; nothing where there is
    /// none.
    pub differences: Vec<Difference>,
    /// In the order of time.
    pub runs: Vec<Dated>,
    /// The medians of the runs' processes, in the order of the runs.
    pub medians: BTreeMap<Key, Vec<Median>>,
}

/// A run in a history.
#[derive(Debug)]
pub struct Dated {
    /// Where it is.
    pub stored: Stored,
    /// Seconds since 1970-01-01 UTC at its start.
    pub started_unix_s: u64,
    /// The revision of the binary that was measured, where that is known.
    pub revision: Option<String>,
}

/// A metric in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// Which of the segment's runs.
    pub run: usize,
    /// Over its processes, in the unit of the metric.
    pub value: f64,
}

/// Where a metric changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The metric.
    pub key: Key,
    /// The last of the segment's runs before the change.
    pub before: usize,
    /// The first after it.
    pub after: usize,
    /// The mean of the runs' medians from the change before, or from the beginning.
    pub from: f64,
    /// The same to the next change, or to the end.
    pub to: f64,
    /// How likely the difference is where nothing changed (Student's t-test).
    pub p: f64,
}

impl Change {
    /// What it is now, relative to what it was; none where that was 0.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.from > 0.0).then(|| self.to / self.from)
    }

    /// Whether it is better now; none where the metric is not known.
    #[must_use]
    pub fn is_better(&self) -> Option<bool> {
        let better = Metric::named(&self.key.metric)?.better?;
        Some(match better {
            Better::Lower => self.to < self.from,
            Better::Higher => self.to > self.from,
        })
    }
}

impl Segment {
    /// Where its metrics changed, in the order of time.
    ///
    /// # Errors
    /// [`NoHistory`] where a history is longer than can be looked at; those of a store are not.
    pub fn changes(&self, rule: &Rule) -> Result<Vec<Change>, NoHistory> {
        let mut changes = Vec::new();
        for (key, medians) in &self.medians {
            let values: Vec<f64> = medians.iter().map(|median| median.value).collect();
            for point in change_points(&values, rule)? {
                let before = point.index.checked_sub(1);
                let around = before
                    .and_then(|at| medians.get(at))
                    .zip(medians.get(point.index));
                let Some((before, after)) = around else {
                    continue;
                };
                changes.push(Change {
                    key: key.clone(),
                    before: before.run,
                    after: after.run,
                    from: point.before,
                    to: point.after,
                    p: point.p,
                });
            }
        }
        changes.sort_by_key(|change| (change.after, change.before));
        Ok(changes)
    }
}

impl Store {
    /// The history of each suite of `branch`, or of one.
    ///
    /// # Errors
    /// [`StoreError`] where the store, the branch or the suite is not there.
    pub fn histories(
        &self,
        branch: &Name,
        suite: Option<&Name>,
    ) -> Result<Vec<History>, StoreError> {
        let mut above = Unread::default();
        self.branches(Some(branch), &mut above)?;
        let mut suites = self.suites(branch, &mut above)?;
        if let Some(only) = suite {
            self.check("suite", only, &suites)?;
            suites.retain(|suite| suite == only);
        }
        let histories = suites.into_iter().map(|suite| {
            // What is no suite is told with the first.
            let unread = std::mem::take(&mut above);
            self.history(branch, suite, unread, MEDIANS_MAX)
        });
        histories.collect()
    }

    pub(super) fn history(
        &self,
        branch: &Name,
        suite: Name,
        mut unread: Unread,
        medians_max: usize,
    ) -> Result<History, StoreError> {
        let stored = self.stored(branch, &suite, &mut unread)?;
        let (mut runs, mut count) = (Vec::new(), 0_usize);
        let beyond = read::each(stored, &mut unread, |stored, run| {
            let medians = medians(&run.runs);
            count = count.saturating_add(medians.len());
            if count > medians_max {
                return ControlFlow::Break(());
            }
            runs.push((stored, medians, without_figures(run)));
            ControlFlow::Continue(())
        });
        unread.left_out = unread.left_out.saturating_add(beyond);
        let mut segments = Vec::new();
        for (stored, medians, run) in runs.into_iter().rev() {
            let at = segment_of(&mut segments, &run);
            at.push(stored, &run, medians);
        }
        Ok(History {
            suite,
            segments,
            unread,
        })
    }
}

/// Each metric over the processes of a run.
fn medians(runs: &[ProcessRun]) -> Vec<(Key, f64)> {
    let mut all: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    for (key, value) in runs.iter().flat_map(ProcessRun::comparable) {
        all.entry(key).or_default().push(value);
    }
    let medians = all.into_iter();
    medians
        .filter_map(|(key, values)| Some((key, Interval::median_of(&values)?.median)))
        .collect()
}

/// The segment of what `run` can be compared with; a new one where there is none.
fn segment_of<'a>(segments: &'a mut Vec<Segment>, run: &RunFile) -> &'a mut Segment {
    let mut nearest: Option<Vec<Difference>> = None;
    for (index, segment) in segments.iter().enumerate().rev() {
        let differences = run.differences(&segment.first);
        if differences.is_empty() {
            return &mut segments[index];
        }
        if nearest
            .as_ref()
            .is_none_or(|least| differences.len() < least.len())
        {
            nearest = Some(differences);
        }
    }
    segments.push_mut(Segment {
        first: run.clone(),
        differences: nearest.unwrap_or_default(),
        runs: Vec::new(),
        medians: BTreeMap::new(),
    })
}

impl Segment {
    fn push(&mut self, stored: Stored, run: &RunFile, medians: Vec<(Key, f64)>) {
        let index = self.runs.len();
        self.runs.push(Dated {
            stored,
            started_unix_s: run.started_unix_s,
            revision: run.environment.revision.clone(),
        });
        for (key, value) in medians {
            let median = Median { run: index, value };
            self.medians.entry(key).or_default().push(median);
        }
    }
}

#[cfg(test)]
mod tests;
