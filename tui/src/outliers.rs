//! The slow events of the whole session, in bounded memory.

use std::{
    cmp::{Ordering, Reverse},
    sync::Arc,
    time::SystemTime,
};

use hwptop_agent::snapshot::{Scope, SlowEvent, Snapshot};

/// Kept because they are the slowest.
const SLOWEST: usize = 500;
/// Kept because they are the newest.
const NEWEST: usize = 500;

/// A slow event.
#[derive(Clone, Debug)]
pub(crate) struct Outlier {
    /// Its number among all of the session, from 0.
    pub(crate) number: u64,
    /// When it ended, or else when the interval did.
    pub(crate) at: SystemTime,
    pub(crate) event: SlowEvent,
}

/// What they are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Newest first.
    #[default]
    Time,
    /// Slowest first.
    Latency,
}

/// The order in which they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: By,
    pub(crate) is_reversed: bool,
}

impl Order {
    /// By the other one.
    pub(crate) fn next(&mut self) {
        self.by = match self.by {
            By::Time => By::Latency,
            By::Latency => By::Time,
        };
    }

    pub(crate) fn reverse(&mut self) {
        self.is_reversed = !self.is_reversed;
    }

    /// By `by`, the newest or slowest first; the other way round where it is by that already.
    pub(crate) fn by(&mut self, by: By) {
        if self.by == by {
            self.reverse();
        } else {
            *self = Self {
                by,
                is_reversed: false,
            };
        }
    }

    /// What marks the title of `by`: ▼ where values fall from the top, ▲ where they rise.
    pub(crate) fn arrow(self, by: By) -> Option<&'static str> {
        let arrow = if self.is_reversed { "▲" } else { "▼" };
        (self.by == by).then_some(arrow)
    }

    pub(crate) const fn name(self) -> &'static str {
        match (self.by, self.is_reversed) {
            (By::Time, false) => "newest first",
            (By::Time, true) => "oldest first",
            (By::Latency, false) => "slowest first",
            (By::Latency, true) => "fastest first",
        }
    }
}

/// The [`NEWEST`], and of those before them the [`SLOWEST`]. What is cloned shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outliers {
    /// In the order in which they came.
    kept: Vec<Arc<Outlier>>,
    /// How many came in all.
    came: u64,
}

impl Outliers {
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        for event in &snapshot.slow {
            self.kept.push(Arc::new(Outlier {
                number: self.came,
                at: event.ended_at.unwrap_or(snapshot.taken_at),
                event: event.clone(),
            }));
            self.came += 1;
        }
        if self.kept.len() > SLOWEST + NEWEST {
            let newest = self.kept.split_off(self.kept.len() - NEWEST);
            self.keep_slowest();
            self.kept.extend(newest);
        }
    }

    /// Keeps the [`SLOWEST`], of some that are as slow the oldest, in the order in which they came.
    fn keep_slowest(&mut self) {
        let latencies = self.kept.iter().map(|one| one.event.latency);
        let mut slowest: Vec<_> = latencies.map(Reverse).collect();
        slowest.select_nth_unstable(SLOWEST - 1);
        let least = slowest[SLOWEST - 1].0;
        let slower = slowest.iter().filter(|one| one.0 > least).count();
        let mut as_slow = SLOWEST - slower;
        self.kept.retain(|one| match one.event.latency.cmp(&least) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                let is_kept = as_slow > 0;
                as_slow = as_slow.saturating_sub(1);
                is_kept
            }
        });
    }

    /// Those that ended until `end`.
    pub(crate) fn until(&self, end: SystemTime) -> Self {
        let mut earlier = self.clone();
        earlier.kept.retain(|one| one.at <= end);
        let later = self.kept.len() - earlier.kept.len();
        earlier.came = self.came.saturating_sub(later as u64);
        earlier
    }

    /// Those of `scope` in `order`; all where there is none.
    pub(crate) fn of(&self, scope: Option<&Scope>, order: Order) -> Vec<&Outlier> {
        let kept = self.kept.iter().map(|one| &**one);
        let mut shown: Vec<&Outlier> = kept
            .filter(|one| scope.is_none_or(|scope| scope.has_slow(&one.event)))
            .collect();
        match order.by {
            By::Time => shown.sort_by_key(|one| Reverse((one.at, one.number))),
            By::Latency => shown.sort_by_key(|one| Reverse((one.event.latency, one.number))),
        }
        if order.is_reversed {
            shown.reverse();
        }
        shown
    }

    /// The one with this number, if it is still kept.
    pub(crate) fn get(&self, number: u64) -> Option<&Outlier> {
        let at = self.kept.binary_search_by_key(&number, |one| one.number);
        at.ok().map(|at| &*self.kept[at])
    }

    /// How many are not kept any more.
    pub(crate) fn forgotten(&self) -> u64 {
        self.came.saturating_sub(self.kept.len() as u64)
    }

    /// The memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        let text = |one: &Arc<Outlier>| {
            let event = &one.event;
            let process = event.process.as_ref().and_then(|one| one.name.as_ref());
            let names = [event.instance.as_ref(), process];
            let names = names.into_iter().flatten();
            let stack = event.stack.iter().flatten();
            names
                .chain(stack)
                .map(|text| size_of::<String>() + text.len())
                .sum::<usize>()
        };
        let each = size_of::<Arc<Outlier>>() + size_of::<Outlier>();
        self.kept.iter().map(|one| each + text(one)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture;

    fn slow(latencies: impl IntoIterator<Item = u64>) -> Snapshot {
        let event = fixture::slow::host().slow.remove(0);
        let mut snapshot = fixture::snapshot();
        snapshot.slow = latencies
            .into_iter()
            .map(|ns| SlowEvent {
                latency: Duration::from_nanos(ns),
                ended_at: None,
                ..event.clone()
            })
            .collect();
        snapshot
    }

    fn latencies(outliers: &[&Outlier]) -> Vec<u128> {
        outliers
            .iter()
            .map(|one| one.event.latency.as_nanos())
            .collect()
    }

    #[test]
    fn the_slowest_and_the_newest_are_kept_and_the_others_counted() {
        let mut outliers = Outliers::default();
        outliers.push(&slow([1_000_000]));
        for _ in 0..100 {
            outliers.push(&slow(1..=256));
        }
        let by_latency = Order {
            by: By::Latency,
            is_reversed: false,
        };
        let shown = outliers.of(None, by_latency);
        assert_eq!(shown.len(), SLOWEST + NEWEST);
        assert_eq!(shown[0].event.latency.as_nanos(), 1_000_000);
        assert_eq!(outliers.forgotten(), 25_601 - 1000);
        let newest = outliers.of(None, Order::default());
        assert_eq!(latencies(&newest[..3]), [256, 255, 254]);
        for one in &newest {
            assert_eq!(outliers.get(one.number).unwrap().number, one.number);
        }
        assert!(outliers.get(1).is_none(), "it was neither");
        assert!(outliers.bytes() < 1 << 20);
    }

    #[test]
    fn they_are_sorted_by_time_and_by_latency_in_both_directions() {
        let mut outliers = Outliers::default();
        outliers.push(&slow([20, 30, 10]));
        let mut order = Order::default();
        assert_eq!(latencies(&outliers.of(None, order)), [10, 30, 20]);
        order.reverse();
        assert_eq!(latencies(&outliers.of(None, order)), [20, 30, 10]);
        order.next();
        assert_eq!(latencies(&outliers.of(None, order)), [10, 20, 30]);
        order.reverse();
        assert_eq!(latencies(&outliers.of(None, order)), [30, 20, 10]);
        order.by(By::Latency);
        assert_eq!(latencies(&outliers.of(None, order)), [10, 20, 30]);
        order.by(By::Time);
        assert_eq!(latencies(&outliers.of(None, order)), [10, 30, 20]);
    }

    #[test]
    fn only_those_of_a_part_are_shown_where_one_is_asked_for() {
        let mut outliers = Outliers::default();
        let snapshot = fixture::slow::host();
        outliers.push(&snapshot);
        let count = |scope: &Scope| outliers.of(Some(scope), Order::default()).len();
        assert_eq!(count(&Scope::Everything), snapshot.slow.len());
        assert_eq!(count(&Scope::Instance("dmar0".to_owned())), 3);
        assert_eq!(count(&Scope::Instance("dmar9".to_owned())), 0);
        assert_eq!(count(&Scope::Process(4711)), 2);
        let object = Scope::of_object(&snapshot, &snapshot.objects[0]).unwrap();
        assert_eq!(count(&object), 1);
    }

    #[test]
    fn those_that_ended_later_are_not_among_those_of_a_moment() {
        let mut all = Outliers::default();
        let mut ends = Vec::new();
        for second in 0..5 {
            let mut snapshot = slow([1000 + second]);
            snapshot.taken_at += Duration::from_secs(second);
            ends.push(snapshot.taken_at);
            all.push(&snapshot);
        }
        let earlier = all.until(ends[2]);
        assert_eq!((earlier.kept.len(), earlier.came), (3, 3));
        assert_eq!((all.kept.len(), all.came), (5, 5));
    }
}
