//! What a shared PMU counted, for the whole time.

use super::group::Reading;

/// What came between two readings.
pub(super) struct Between {
    pub(super) enabled_ns: u64,
    pub(super) running_ns: u64,
    counts: Vec<u64>,
}

impl Between {
    pub(super) fn of(earlier: &Reading, now: &Reading) -> Self {
        let earlier_counts = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts = now.counts.iter().zip(earlier_counts);
        Self {
            enabled_ns: now.enabled_ns.saturating_sub(earlier.enabled_ns),
            running_ns: now.running_ns.saturating_sub(earlier.running_ns),
            counts: counts.map(|(now, was)| now.saturating_sub(*was)).collect(),
        }
    }

    /// Whether the counters were not on the PMU though the thread ran: nothing is known then.
    pub(super) fn is_unknown(&self) -> bool {
        self.enabled_ns > 0 && self.running_ns == 0
    }

    /// The counts for all of the time: as if the part that was not counted had been like that
    /// which was.
    pub(super) fn estimates(&self) -> impl Iterator<Item = u64> {
        let (enabled, running) = (self.enabled_ns, self.running_ns);
        self.counts.iter().map(move |&count| {
            if running == 0 || running >= enabled {
                return count;
            }
            let scaled = u128::from(count) * u128::from(enabled) / u128::from(running);
            u64::try_from(scaled).unwrap_or(u64::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(enabled_ns: u64, running_ns: u64, counts: &[u64]) -> Reading {
        Reading {
            enabled_ns,
            running_ns,
            counts: counts.to_vec(),
        }
    }

    fn estimates(earlier: &Reading, now: &Reading) -> Vec<u64> {
        Between::of(earlier, now).estimates().collect()
    }

    #[test]
    fn what_was_counted_all_the_time_is_exact() {
        let (earlier, now) = (reading(10, 10, &[3, 4]), reading(30, 30, &[10, 4]));
        assert_eq!(estimates(&earlier, &now), [7, 0]);
    }

    #[test]
    fn what_was_counted_a_quarter_of_the_time_stands_for_four() {
        let earlier = reading(100, 100, &[1_000]);
        let now = reading(500, 200, &[1_050]);
        assert_eq!(estimates(&earlier, &now), [200]);
    }

    #[test]
    fn large_counts_are_scaled_without_overflow() {
        let none = Reading::default();
        let now = reading(u64::MAX, u64::MAX / 2, &[u64::MAX / 4]);
        let [estimate] = estimates(&none, &now)[..] else {
            panic!("one event")
        };
        assert!(estimate.abs_diff(u64::MAX / 2) < 4, "{estimate}");
        let now = reading(u64::MAX, 1, &[u64::MAX]);
        assert_eq!(estimates(&none, &now), [u64::MAX]);
    }

    #[test]
    fn a_thread_that_slept_counted_nothing_and_one_that_ran_uncounted_is_unknown() {
        let earlier = reading(10, 10, &[3]);
        assert!(!Between::of(&earlier, &earlier).is_unknown());
        assert_eq!(estimates(&earlier, &earlier), [0]);
        assert!(Between::of(&earlier, &reading(20, 10, &[3])).is_unknown());
    }
}
