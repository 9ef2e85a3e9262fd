//! When a tail has left its own history.
//!
//! The p99 of an interval is unusual where it is more than [`BEYOND`] times the largest of the
//! intervals before. The last [`RECENT`] do not count, or a change would be told for one
//! interval only; of the others with events there must be [`LEAST`], and no more than [`MOST`]
//! are looked at, so that what was once is forgotten.
//!
//! If nothing has changed, the newest of n + 1 intervals is the largest by chance once in
//! n + 1; that it is so by half as much again is far rarer. The resolution of the histograms
//! (3.2 %) is far below that.

/// How many times the largest before.
const BEYOND: f64 = 1.5;
/// Intervals that a change is told for.
const RECENT: usize = 10;
/// Intervals with events before those.
const LEAST: usize = 20;
/// The most of them.
pub(crate) const MOST: usize = 120;

/// Whether the first of `p99`, newest first and `None` where nothing was recorded, is.
pub(crate) fn is_unusual(mut p99: impl Iterator<Item = Option<u64>>) -> bool {
    let Some(Some(newest)) = p99.next() else {
        return false;
    };
    let mut count = 0;
    for ns in p99.skip(RECENT - 1).flatten().take(MOST) {
        if newest as f64 <= ns as f64 * BEYOND {
            return false;
        }
        count += 1;
    }
    count >= LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even numbers from 0 to 1, the same every time (xorshift64*).
    struct Random(u64);

    impl Random {
        fn even(&mut self) -> f64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
            (bits as f64 + 0.5) / (1_u64 << 53) as f64
        }

        /// About normal, as a sum of even ones is.
        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.even()).sum::<f64>() - 6.0
        }
    }

    /// The share of 2,000 intervals that are called unusual where each p99 is `of` chance.
    fn false_alarms(of: impl Fn(&mut Random) -> f64) -> f64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut newest_first: Vec<Option<u64>> = Vec::new();
        let mut alarms = 0;
        for _ in 0..2_000 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some microseconds"
            )]
            let ns = (of(&mut random) * 1_000.0) as u64;
            newest_first.insert(0, Some(ns));
            alarms += u32::from(is_unusual(newest_first.iter().copied()));
        }
        f64::from(alarms) / 2_000.0
    }

    #[test]
    fn where_nothing_changes_no_more_than_one_interval_in_a_hundred_is_called_unusual() {
        let quiet = false_alarms(|random| (0.1 * random.normal()).exp());
        let noisy = false_alarms(|random| (0.7 * random.normal()).exp());
        // The p99 of so few events that it is the largest of them, with a tail like no other.
        let heavy = false_alarms(|random| random.even().powf(-0.5));
        assert!(quiet == 0.0, "{quiet}");
        assert!(noisy <= 0.01, "{noisy}");
        assert!(heavy <= 0.01, "{heavy}");
    }

    fn then(before: usize, after: &[u64]) -> bool {
        let steady = (0..before as u64).map(|at| Some(1_000 + at % 7));
        is_unusual(after.iter().rev().map(|ns| Some(*ns)).chain(steady))
    }

    #[test]
    fn a_tail_that_grows_by_more_than_half_is_told_for_ten_intervals() {
        assert!(then(60, &[1_600]));
        assert!(then(60, &[1_600; 10]));
        assert!(!then(60, &[1_600; 11]), "it is its own history by now");
        assert!(!then(60, &[1_500]));
        assert!(!then(60, &[1_600, 1_000]), "the newest is as it was");
    }

    #[test]
    fn nothing_is_said_before_there_is_a_history() {
        assert!(!then(28, &[9_000]));
        assert!(then(29, &[9_000]));
        let idle = [None; 40].into_iter();
        let seldom = idle.chain((0..19).map(|_| Some(1_000)));
        assert!(!is_unusual(std::iter::once(Some(9_000)).chain(seldom)));
        assert!(!is_unusual(std::iter::empty()));
        assert!(!is_unusual(std::iter::repeat_n(None, 60)));
    }

    #[test]
    fn what_was_longer_ago_than_the_history_reaches_is_forgotten() {
        let spike_at = |ago: usize| {
            let mut p99 = vec![Some(1_000); 400];
            p99[0] = Some(2_000);
            p99[ago] = Some(50_000);
            is_unusual(p99.into_iter())
        };
        assert!(!spike_at(RECENT + MOST - 1));
        assert!(spike_at(RECENT + MOST));
    }
}
