//! How often which value was measured, and in which buckets that is told.
//!
//! ```text
//! counted buckets ─┬─▶ by_bounds    at fixed boundaries, which are edges of the counted: exact
//!                  └─▶ Exponential  Prometheus' native, OTLP's exponential: by each one's middle
//! ```

use std::{collections::BTreeMap, sync::LazyLock};

use hwptop_abi::Bucket;

use crate::snapshot::StageActivity;

/// log2 of the first boundary and of the one that ends the fine part, in nanoseconds: 64 ns
/// and 16.8 ms.
const FINE: std::ops::Range<u32> = 6..24;
/// log2 of the last boundary, 34 s: the last bucket of a histogram also counts everything
/// above its range, so that no boundary can be at its end.
const LAST: u32 = 35;
/// Boundaries per octave in the fine part, and one per octave above it. Divides the 32
/// sub-buckets of [`Bucket`], so that each boundary is an edge of those.
const PER_OCTAVE: u64 = 4;

/// The largest latency of each bucket, in nanoseconds, ascending. Latencies are whole
/// nanoseconds and the boundaries of both formats inclusive: what is below 64 ns is at most 63.
static LATENCY_NS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let fine = FINE.flat_map(|octave| {
        let low = 1_u64 << octave;
        (0..PER_OCTAVE).map(move |step| low + low / PER_OCTAVE * step)
    });
    let coarse = (FINE.end..=LAST).map(|octave| 1 << octave);
    fine.chain(coarse).map(|edge| edge - 1).collect()
});

/// The largest batch of each bucket. Sizes up to 63 are counted one by one; above, the
/// boundaries are edges of what is counted in.
static BATCH: [u64; 12] = [1, 2, 4, 8, 16, 32, 63, 127, 255, 511, 1_023, 2_047];

/// The counts of one histogram.
#[derive(Debug)]
pub(super) struct Distribution {
    /// Ascending, without those that counted nothing.
    counted: Vec<(Bucket, u64)>,
    /// Of all values, exact.
    sum: u64,
    /// The largest value of each exported bucket, ascending, each an edge of [`Bucket`].
    bounds: &'static [u64],
    /// How many of the values' units are one of the exported.
    per_unit: f64,
}

impl Distribution {
    /// What a stage took, in seconds.
    pub(super) fn of_latencies(stage: &StageActivity) -> Self {
        let mut counted = BTreeMap::new();
        for value in stage.latency.iter_recorded() {
            *counted
                .entry(Bucket::of(value.value_iterated_to()))
                .or_default() += value.count_since_last_iteration();
        }
        Self {
            counted: counted.into_iter().collect(),
            sum: stage.total_ns,
            bounds: &LATENCY_NS,
            per_unit: 1e9,
        }
    }

    /// How many items the ends of a stage carried.
    pub(super) fn of_batches(stage: &StageActivity) -> Self {
        let counted = stage.batches.iter();
        Self {
            counted: counted
                .map(|(items, count)| (Bucket::of(items.into()), count))
                .collect(),
            sum: stage.items,
            bounds: &BATCH,
            per_unit: 1.0,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.counted.iter().map(|(_, count)| count).sum()
    }

    /// In the exported unit.
    pub(super) fn sum(&self) -> f64 {
        self.exported(self.sum)
    }

    /// The largest value of each bucket but the last, which has no end.
    pub(super) fn bounds(&self) -> impl Iterator<Item = f64> {
        self.bounds.iter().map(|&bound| self.exported(bound))
    }

    /// The count of each bucket, one more than there are bounds.
    pub(super) fn by_bounds(&self) -> Vec<u64> {
        let mut counts = vec![0; self.bounds.len() + 1];
        for (bucket, count) in &self.counted {
            let at = self.bounds.partition_point(|&at| at < bucket.high_ns());
            counts[at] += count;
        }
        counts
    }

    /// The same in buckets that grow by a factor.
    pub(super) fn exponential(&self) -> Exponential {
        let mut exponential = Exponential::default();
        for (bucket, count) in &self.counted {
            let middle = f64::midpoint(bucket.low_ns() as f64, bucket.high_ns() as f64);
            match Exponential::index(middle / self.per_unit) {
                Some(index) => *exponential.counts.entry(index).or_default() += count,
                None => exponential.zeros += count,
            }
        }
        exponential
    }

    fn exported(&self, value: u64) -> f64 {
        value as f64 / self.per_unit
    }
}

/// Buckets that each are a factor wide, 2^(1/16): 4.4 %. A counted bucket, at most 3.125 %
/// wide, is in the one that its middle is in, so that every octave's are without gaps; a value
/// is at most 4.4 % + 1.6 % from any place in the bucket that it is told in.
#[derive(Debug, Default)]
pub(super) struct Exponential {
    /// Values that are 0.
    pub(super) zeros: u64,
    /// By index, as Prometheus counts: `i` is for (f^(i-1), f^i]. OTLP's index is one less.
    pub(super) counts: BTreeMap<i32, u64>,
}

impl Exponential {
    /// log2 of the buckets per octave: Prometheus' `schema`, OTLP's `scale`.
    pub(super) const SCHEMA: i32 = 4;

    fn index(value: f64) -> Option<i32> {
        let per_octave = f64::from(1 << Self::SCHEMA);
        let index = (value.log2() * per_octave).ceil();
        #[expect(clippy::cast_possible_truncation, reason = "no value has 2^27 octaves")]
        (value > 0.0).then_some(index as i32)
    }
}

#[cfg(test)]
impl Distribution {
    /// One value of 63 ns, two of 64 ns, one of 1 s, and a boundary behind each of the first two.
    pub(super) fn example() -> Self {
        let of = |(ns, count)| (Bucket::of(ns), count);
        Self {
            counted: [(63, 1), (64, 2), (1_000_000_000, 1)].map(of).into(),
            sum: 1_000_000_191,
            bounds: &[63, 127],
            per_unit: 1e9,
        }
    }

    pub(super) fn forget_above(&mut self, most: u64) {
        self.counted.retain(|(bucket, _)| bucket.low_ns() <= most);
    }
}

#[cfg(test)]
mod tests {
    use hwptop_abi::BUCKETS;

    use super::*;

    /// Something in every bucket.
    fn full() -> Distribution {
        let all = (0..BUCKETS).filter_map(Bucket::at);
        Distribution {
            counted: all.zip((1..13).cycle()).collect(),
            sum: 7,
            bounds: &LATENCY_NS,
            per_unit: 1e9,
        }
    }

    #[test]
    fn every_boundary_is_an_edge_of_the_buckets_that_are_counted_in() {
        assert_eq!(
            (LATENCY_NS[0], LATENCY_NS.last()),
            (63, Some(&((1 << 35) - 1)))
        );
        for bounds in [LATENCY_NS.as_slice(), &BATCH] {
            assert!(bounds.is_sorted_by(|a, b| a < b));
            for &boundary in bounds {
                let bucket = Bucket::of(boundary);
                assert_eq!(bucket.high_ns(), boundary);
                assert!(bucket.index() < BUCKETS - 1, "{boundary} has no end");
            }
        }
    }

    #[test]
    fn each_of_the_counted_buckets_is_whole_in_one_of_the_exported() {
        let full = full();
        let counts = full.by_bounds();
        assert_eq!(counts.iter().sum::<u64>(), full.count());
        let mut below = 0;
        for (count, &bound) in counts.iter().zip(LATENCY_NS.iter()) {
            below += count;
            let at_most = full.counted.iter().filter(|one| one.0.high_ns() <= bound);
            let expected: u64 = at_most.map(|(_, count)| count).sum();
            assert_eq!(below, expected, "le {bound} ns");
        }
    }

    #[test]
    fn a_counted_bucket_is_in_the_exponential_one_of_its_middle_within_6_percent() {
        let full = full();
        let exponential = full.exponential();
        let counts = exponential.counts.values().sum::<u64>() + exponential.zeros;
        assert_eq!((counts, exponential.zeros), (full.count(), 1));
        for (bucket, _) in &full.counted[1..] {
            let low = bucket.low_ns() as f64 / 1e9;
            let high = bucket.high_ns() as f64 / 1e9;
            let index = Exponential::index(f64::midpoint(low, high)).expect("it is above 0");
            let end = f64::from(index) / 16.0;
            let (from, to) = ((end - 1.0 / 16.0).exp2(), end.exp2());
            let inside = |value: f64| from * 0.999_999 < value && value < to * 1.000_001;
            assert!(
                inside(f64::midpoint(low, high)),
                "{bucket:?}: {from} to {to}"
            );
            assert!(high / from < 1.061 && to / low < 1.061, "{bucket:?}");
        }
        // From 64 ns on there is no gap that nothing could have filled.
        let first = Exponential::index(64e-9).expect("it is above 0");
        let indices: Vec<i32> = exponential
            .counts
            .range(first..)
            .map(|one| *one.0)
            .collect();
        assert!(indices.is_sorted_by(|a, b| a + 1 == *b), "{indices:?}");
        assert_eq!(Exponential::index(0.0), None);
    }

    #[test]
    fn a_power_of_the_factor_ends_its_bucket() {
        for (value, index) in [(1.0, 0), (2.0, 16), (0.5, -16), (1.01, 1), (1.05, 2)] {
            assert_eq!(Exponential::index(value), Some(index), "{value}");
        }
    }
}
