//! The buckets that latencies are exported in.

use hdrhistogram::Histogram;
use prometheus::proto;

use crate::snapshot::StageActivity;

/// log2 of the first boundary and of the one that ends the fine part, in nanoseconds: 64 ns
/// and 16.8 ms.
const FINE: std::ops::Range<u32> = 6..24;
/// log2 of the last boundary, 34 s: the last bucket of a histogram also counts everything
/// above its range, so that no boundary can be at its end.
const LAST: u32 = 35;
/// Boundaries per octave in the fine part, and one per octave above it. Divides the 32
/// sub-buckets of [`hwptop_abi::Bucket`], so that each boundary is an edge of those.
const PER_OCTAVE: u64 = 4;

/// The largest latency of each bucket, in nanoseconds, ascending. Latencies are whole
/// nanoseconds and Prometheus' `le` is inclusive: what is below 64 ns is at most 63.
pub(super) fn boundaries_ns() -> impl Iterator<Item = u64> {
    let fine = FINE.flat_map(|octave| {
        let low = 1_u64 << octave;
        (0..PER_OCTAVE).map(move |step| low + low / PER_OCTAVE * step)
    });
    let coarse = (FINE.end..=LAST).map(|octave| 1 << octave);
    fine.chain(coarse).map(|edge| edge - 1)
}

/// What a stage recorded, as Prometheus has histograms: cumulative, in seconds.
pub(super) fn histogram(stage: &StageActivity) -> proto::Histogram {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(stage.latency.len());
    histogram.set_sample_sum(seconds(stage.total_ns));
    histogram.set_bucket(buckets(&stage.latency));
    histogram
}

fn buckets(latency: &Histogram<u64>) -> Vec<proto::Bucket> {
    let mut recorded = latency.iter_recorded().peekable();
    let mut cumulative = 0;
    boundaries_ns()
        .map(|boundary| {
            while let Some(value) = recorded.next_if(|one| one.value_iterated_to() <= boundary) {
                cumulative += value.count_since_last_iteration();
            }
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(seconds(boundary));
            bucket.set_cumulative_count(cumulative);
            bucket
        })
        .collect()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use hwptop_abi::{BUCKETS, Bucket};

    use super::*;
    use crate::StageTotals;

    #[test]
    fn every_boundary_is_an_edge_of_the_buckets_that_are_counted_in() {
        let boundaries: Vec<u64> = boundaries_ns().collect();
        assert_eq!(
            (boundaries[0], boundaries.last()),
            (63, Some(&((1 << 35) - 1)))
        );
        assert!(boundaries.is_sorted_by(|a, b| a < b));
        for boundary in boundaries {
            let bucket = Bucket::of(boundary);
            assert_eq!(bucket.high_ns(), boundary);
            assert!(bucket.index() < BUCKETS - 1, "{boundary} has no end");
        }
    }

    #[test]
    fn each_of_the_counted_buckets_is_whole_in_one_of_the_exported() {
        let mut totals = StageTotals::default();
        for (index, count) in totals.0.buckets.iter_mut().enumerate() {
            *count = 1 + (index as u64 * 7) % 13;
        }
        let exported = buckets(&totals.latency());
        for (bucket, boundary) in exported.iter().zip(boundaries_ns()) {
            let at_most = totals.buckets();
            let expected: u64 = at_most
                .filter(|(one, _)| one.high_ns() <= boundary)
                .map(|(_, count)| count)
                .sum();
            assert_eq!(bucket.cumulative_count(), expected, "le {boundary} ns");
        }
    }
}
