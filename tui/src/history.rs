//! What came before, in bounded memory.

use std::collections::{BTreeMap, VecDeque};

use hwptop_agent::snapshot::{FailedRequest, InstanceSnapshot, Snapshot};

/// Intervals kept: more than the widest sparkline has columns.
pub(crate) const KEPT: usize = 512;

/// Failed requests kept: more than a screen has room for.
const FAILURES: usize = 64;

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

/// The last [`KEPT`] intervals of every instance of the last snapshot, and the last
/// failed requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The last [`FAILURES`] failed requests, oldest first.
    failures: VecDeque<FailedRequest>,
    tails: BTreeMap<String, VecDeque<Tail>>,
}

impl History {
    /// Appends `snapshot`; instances that are gone are forgotten.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        let present = |name: &String| snapshot.instances.iter().any(|one| one.name == *name);
        self.tails.retain(|name, _| present(name));
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
    }

    /// The last failed requests of `instance` and of none, newest first.
    pub(crate) fn failures(&self, instance: &str) -> impl Iterator<Item = &FailedRequest> {
        let of_it = move |one: &&FailedRequest| match &one.instance {
            Some(name) => name == instance,
            None => true,
        };
        self.failures.iter().rev().filter(of_it)
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
