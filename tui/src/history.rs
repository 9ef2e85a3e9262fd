//! What came before, in bounded memory.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use hwptop_agent::snapshot::{FailedRequest, InstanceSnapshot, Scope, Snapshot};

use crate::{advice::Observed, kept::Kept, outliers::Outliers, unusual::is_unusual};

/// Intervals kept: more than the widest sparkline has columns.
pub(crate) const KEPT: usize = 512;

/// Failed requests kept: more than a screen has room for.
const FAILURES: usize = 64;

/// How often a chart moves at most. Where intervals are shorter, it is filled for a while
/// before it moves: most of it is written anew then, and a terminal may be far away.
const MOVES_EVERY: Duration = Duration::from_secs(1);
/// The most intervals between two moves, and the most of a chart that is free for them: a
/// quarter.
const LONGEST_STEP: u64 = 16;
const LEAST_FILLED: u64 = 4;

/// One interval of one instance: p99 in nanoseconds, `None` where nothing
/// was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Of the request stage.
    pub(crate) request_ns: Option<u64>,
    /// Of the submission stage.
    pub(crate) submission_ns: Option<u64>,
}

impl Tail {
    fn of(instance: &InstanceSnapshot) -> Self {
        Self {
            request_ns: instance.interval.request.latency_ns(0.99),
            submission_ns: instance.interval.submission.latency_ns(0.99),
        }
    }
}

/// The stages whose tail has left its own history, see [`is_unusual`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unusual {
    pub(crate) request: bool,
    pub(crate) submission: bool,
}

impl Unusual {
    /// Which, in words; `None` where there is none.
    pub(crate) const fn stages(self) -> Option<&'static str> {
        match (self.request, self.submission) {
            (true, true) => Some("request, submission"),
            (true, false) => Some("request"),
            (false, true) => Some("submission"),
            (false, false) => None,
        }
    }
}

/// The last [`KEPT`] intervals of every instance of the last snapshot, and the last
/// failed requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The last [`FAILURES`] failed requests, oldest first.
    failures: VecDeque<FailedRequest>,
    tails: BTreeMap<String, VecDeque<Tail>>,
    observed: Observed,
    outliers: Outliers,
    /// The distributions of all there was.
    pub(crate) kept: Kept,
    /// Intervals that were pushed.
    pushed: u64,
}

impl History {
    /// Appends `snapshot`; instances that are gone are forgotten.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        self.pushed = self.pushed.wrapping_add(1);
        let instances = snapshot.instances.iter();
        let present: BTreeSet<&str> = instances.map(|one| one.name.as_str()).collect();
        self.tails.retain(|name, _| present.contains(name.as_str()));
        for instance in &snapshot.instances {
            let tails = self.tails.entry(instance.name.clone()).or_default();
            if tails.len() == KEPT {
                tails.pop_front();
            }
            tails.push_back(Tail::of(instance));
        }
        self.failures.extend(snapshot.failures.iter().cloned());
        let excess = self.failures.len().saturating_sub(FAILURES);
        self.failures.drain(..excess);
        self.observed.push(snapshot);
        self.outliers.push(snapshot);
        self.kept.push(snapshot);
    }

    /// As it was before its `intervals` newest, at the end of `snapshot`.
    pub(crate) fn before(&self, intervals: usize, snapshot: &Snapshot) -> Self {
        let mut tails = self.tails.clone();
        for tails in tails.values_mut() {
            tails.truncate(tails.len().saturating_sub(intervals));
        }
        Self {
            // When the earlier ones were is not known.
            failures: snapshot.failures.iter().cloned().collect(),
            tails,
            observed: self.observed.before(intervals),
            outliers: self.outliers.until(snapshot.taken_at),
            kept: self.kept.until(snapshot.taken_at),
            pushed: self
                .pushed
                .wrapping_sub(u64::try_from(intervals).unwrap_or(0)),
        }
    }

    /// In which stages the last interval of `instance` is unlike those before it.
    pub(crate) fn unusual(&self, instance: &str) -> Unusual {
        let is = |p99: fn(Tail) -> Option<u64>| is_unusual(self.newest(instance, KEPT).map(p99));
        Unusual {
            request: is(|tail| tail.request_ns),
            submission: is(|tail| tail.submission_ns),
        }
    }

    /// What advice on batching is made from.
    pub(crate) fn observed(&self) -> &Observed {
        &self.observed
    }

    /// How many intervals are kept of the instance with the most.
    pub(crate) fn intervals(&self) -> usize {
        self.tails.values().map(VecDeque::len).max().unwrap_or(0)
    }

    /// The memory that all of it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let tails: usize = self.tails.values().map(VecDeque::capacity).sum();
        tails * size_of::<Tail>()
            + self.failures.capacity() * size_of::<FailedRequest>()
            + self.observed.bytes()
            + self.outliers.bytes()
            + self.kept.bytes()
    }

    /// The slow events of the session.
    pub(crate) fn outliers(&self) -> &Outliers {
        &self.outliers
    }

    /// The last failed requests of `scope`, newest first; with those of no instance where it is
    /// one.
    pub(crate) fn failures_of(&self, scope: &Scope) -> impl Iterator<Item = &FailedRequest> {
        let of_it = move |one: &&FailedRequest| {
            let is_of_any = one.instance.is_none() && matches!(scope, Scope::Instance(_));
            is_of_any || scope.has_failed(one)
        };
        self.failures.iter().rev().filter(of_it)
    }

    /// The columns that a chart over time, `width` wide, has left right of the newest until it
    /// moves; intervals are about `interval` long.
    pub(crate) fn ahead(&self, interval: Duration, width: u16) -> usize {
        // Some longer than they should be, and steps that are parts of one another: a chart must
        // not move because an interval was late.
        let fit = (MOVES_EVERY + MOVES_EVERY / 10).as_nanos() / interval.as_nanos().max(1);
        let fit = u64::try_from(fit).unwrap_or(u64::MAX);
        let most = LONGEST_STEP.min(u64::from(width) / LEAST_FILLED);
        let step = 1 << fit.min(most).max(1).ilog2();
        usize::try_from(step - 1 - self.pushed % step).unwrap_or(0)
    }

    /// The last `count` intervals of `instance`, newest first.
    pub(crate) fn newest(&self, instance: &str, count: usize) -> impl Iterator<Item = Tail> {
        self.tails
            .get(instance)
            .into_iter()
            .flat_map(VecDeque::iter)
            .rev()
            .take(count)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn memory_is_bounded_however_long_it_runs() {
        let mut history = History::default();
        for _ in 0..KEPT + 7 {
            history.push(&fixture::snapshot());
        }
        assert_eq!(history.newest("model-vtd0", usize::MAX).count(), KEPT);
    }

    #[test]
    fn a_chart_moves_once_a_second_or_with_every_interval() {
        let mut history = History::default();
        let mut ahead = |ms, count, width| {
            let of_each = (0..count).map(|_| {
                history.pushed += 1;
                history.ahead(Duration::from_millis(ms), width)
            });
            of_each.collect::<Vec<_>>()
        };
        assert_eq!(ahead(1000, 3, 80), [0, 0, 0]);
        assert_eq!(ahead(5000, 5, 80), [0; 5]);
        assert_eq!(ahead(100, 9, 80), [6, 5, 4, 3, 2, 1, 0, 7, 6]);
        assert_eq!(ahead(104, 3, 80), [5, 4, 3]);
        assert_eq!(ahead(260, 4, 80), [2, 1, 0, 3]);
        assert_eq!(ahead(0, 1, 80), [6]);
        // A quarter of it at most.
        assert_eq!(ahead(100, 3, 8), [1, 0, 1]);
        assert_eq!(ahead(100, 3, 6), [0, 0, 0]);
        assert_eq!(ahead(100, 1, 0), [0]);
    }

    #[test]
    fn an_instance_that_is_gone_is_forgotten() {
        let mut history = History::default();
        history.push(&fixture::snapshot());
        let mut later = fixture::snapshot();
        later.instances.remove(0);
        history.push(&later);
        assert_eq!(history.newest("model-vtd0", 9).count(), 0);
        assert_eq!(history.newest("model-vtd1", 9).count(), 2);
    }

    #[test]
    fn an_interval_without_events_is_absent_and_not_zero() {
        let mut idle = fixture::snapshot();
        idle.instances[0].interval = hwptop_agent::snapshot::Activity::default();
        let mut history = History::default();
        history.push(&idle);
        assert_eq!(
            history.newest("model-vtd0", 1).next(),
            Some(Tail::default())
        );
    }
}
