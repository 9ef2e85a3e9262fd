use crate::snapshot::StageActivity;

/// What a stage did, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Ends that were seen.
    pub seen: u64,
    /// Ends with a latency.
    pub recorded: u64,
    /// Entries or commands that the ends carried.
    pub items: u64,
    /// Sum of the latencies in nanoseconds.
    pub total_ns: u64,
    /// How often each latency was recorded, the shortest first: as finely as the histograms of
    /// snapshots have them, and none that is 0.
    pub latencies: Vec<(u64, u64)>,
}

impl Work {
    /// What is in `did`.
    #[must_use]
    pub fn of(did: &StageActivity) -> Self {
        let recorded = did.latency.iter_recorded();
        let mut latencies: Vec<_> = recorded
            .map(|one| (one.value_iterated_to(), one.count_at_value()))
            .collect();
        latencies.shrink_to_fit();
        Self {
            seen: did.seen,
            recorded: did.recorded,
            items: did.items,
            total_ns: did.total_ns,
            latencies,
        }
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen == 0 && self.latencies.is_empty()
    }

    /// Items per end; `None` where there was no end.
    #[must_use]
    pub fn batch_factor(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.items as f64 / self.seen as f64)
    }

    /// The mean latency in nanoseconds, from the exact sum; `None` where none was recorded.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.recorded > 0).then(|| self.total_ns as f64 / self.recorded as f64)
    }

    /// The longest latency in nanoseconds; `None` where none was recorded.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        self.latencies.last().map(|(ns, _)| *ns)
    }

    /// Takes in what happened beside it or after it.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.seen, other.seen),
            (&mut self.recorded, other.recorded),
            (&mut self.items, other.items),
            (&mut self.total_ns, other.total_ns),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        if self.latencies.is_empty() {
            self.latencies.clone_from(&other.latencies);
        } else if !other.latencies.is_empty() {
            self.latencies = sum(&self.latencies, &other.latencies);
            self.latencies.shrink_to_fit();
        }
    }

    /// The memory that its latencies take.
    pub(super) fn bytes(&self) -> usize {
        self.latencies.capacity() * size_of::<(u64, u64)>()
    }
}

/// The counts of both, by value.
fn sum(one: &[(u64, u64)], other: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sum: Vec<(u64, u64)> = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (Some(mine), Some(theirs)) if theirs.0 < mine.0 => other.next(),
            (Some(_), _) => one.next(),
            (None, _) => other.next(),
        };
        let Some(&(ns, count)) = next else {
            return sum;
        };
        match sum.last_mut() {
            Some(last) if last.0 == ns => last.1 = last.1.saturating_add(count),
            _ => sum.push((ns, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_value_by_value() {
        let one = [(1, 2), (5, 1)];
        let other = [(0, 1), (5, 3), (9, 4)];
        assert_eq!(sum(&one, &other), [(0, 1), (1, 2), (5, 4), (9, 4)]);
        assert_eq!(sum(&other, &one), sum(&one, &other));
    }

    #[test]
    fn figures_that_are_not_there_are_absent() {
        let none = Work::default();
        assert!(none.is_empty());
        assert_eq!(none.batch_factor(), None);
        assert_eq!((none.mean_ns(), none.max_ns()), (None, None));
    }
}
