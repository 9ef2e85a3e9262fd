//! Prometheus' protobuf format, with native histograms beside the classic ones: whichever the
//! server is told to keep is there.

use std::{collections::BTreeMap, time::SystemTime};

use prost::Message as _;

use super::{
    distribution::{Distribution, Exponential},
    family::{Family, Kind, Metric, Value},
};
use wire::{Bucket, BucketSpan, Counter, Gauge, Histogram, LabelPair, MetricFamily, MetricType};

mod wire;

/// What is at most so far from 0 counts as 0: Prometheus' own default, 2^-128. A histogram
/// without any value is known to be native by it.
const ZERO_THRESHOLD: f64 = 1.0 / (1_u128 << 127) as f64 / 2.0;

/// The families, each behind its length; their counters began at `since`.
pub(super) fn encode<'a>(
    families: impl Iterator<Item = &'a Family>,
    since: SystemTime,
    into: &mut Vec<u8>,
) {
    for family in families {
        let bytes = written(family, since).encode_length_delimited_to_vec();
        into.extend(bytes);
    }
}

fn written(family: &Family, since: SystemTime) -> MetricFamily {
    let kind = match family.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    let metrics = family.metrics.iter();
    MetricFamily {
        name: Some(family.prometheus_name()),
        help: Some(family.help.to_owned()),
        r#type: Some(kind.into()),
        metric: metrics.map(|one| metric(one, since)).collect(),
    }
}

fn metric(metric: &Metric, since: SystemTime) -> wire::Metric {
    let labels = metric.labels.iter().map(|(name, value)| LabelPair {
        name: Some((*name).to_owned()),
        value: Some(value.clone()),
    });
    let mut written = wire::Metric {
        label: labels.collect(),
        ..wire::Metric::default()
    };
    match &metric.value {
        Value::Count(count) => {
            written.counter = Some(Counter {
                value: Some(*count as f64),
                created_timestamp: Some(since.into()),
            });
        }
        Value::Level(level) => {
            written.gauge = Some(Gauge {
                value: Some(*level),
            });
        }
        Value::Distribution(distribution) => {
            written.histogram = Some(histogram(distribution, since));
        }
    }
    written
}

fn histogram(distribution: &Distribution, since: SystemTime) -> Histogram {
    let mut cumulative = 0;
    let bounds = distribution.bounds().chain([f64::INFINITY]);
    let classic = bounds.zip(distribution.by_bounds()).map(|(bound, count)| {
        cumulative += count;
        Bucket {
            cumulative_count: Some(cumulative),
            upper_bound: Some(bound),
        }
    });
    let native = distribution.exponential();
    let (positive_span, positive_delta) = spans(&native.counts);
    Histogram {
        sample_count: Some(distribution.count()),
        sample_sum: Some(distribution.sum()),
        bucket: classic.collect(),
        schema: Some(Exponential::SCHEMA),
        zero_threshold: Some(ZERO_THRESHOLD),
        zero_count: Some(native.zeros),
        positive_span,
        positive_delta,
        created_timestamp: Some(since.into()),
    }
}

/// Runs of neighbouring buckets, each with its distance from the one before, and the counts,
/// each as the difference to the one before.
fn spans(counts: &BTreeMap<i32, u64>) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<BucketSpan>::new(), Vec::new());
    // Where the next bucket would be a neighbour, and the count of the last.
    let (mut next, mut last) = (0, 0);
    for (&index, &count) in counts {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan {
                offset: index - next,
                length: 1,
            }),
        }
        deltas.push(count.cast_signed().wrapping_sub(last));
        next = index + 1;
        last = count.cast_signed();
    }
    (spans, deltas)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn bytes(family: &Family) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(
            [family].into_iter(),
            UNIX_EPOCH + Duration::from_secs(2),
            &mut bytes,
        );
        bytes
    }

    #[test]
    fn a_counter_is_these_bytes() {
        let mut family = Family::counter("a.b", "{x}", "H");
        family.count(&[("l", "v")], 3);
        let expected = [
            b"\x2b\x0a\x09a_b_total\x12\x01H\x18\x00".as_slice(),
            // metric: label, counter with value and creation
            b"\x22\x19\x0a\x06\x0a\x01l\x12\x01v",
            b"\x1a\x0f\x09\x00\x00\x00\x00\x00\x00\x08\x40\x1a\x04\x08\x02\x10\x00",
        ];
        assert_eq!(bytes(&family), expected.concat());
    }

    #[test]
    fn a_histogram_has_classic_and_native_buckets() {
        let mut family = Family::histogram("a.b", "s", "H");
        family.distribution(&[], Distribution::example());
        let all = bytes(&family);
        let has = |part: &[u8]| all.windows(part.len()).any(|one| one == part);
        let double = |value: f64| value.to_le_bytes();
        // sample_count 4, sample_sum
        assert!(has(&[&[0x08, 4, 0x11][..], &double(1.000_000_191)].concat()));
        for (count, bound) in [(1, 63e-9), (3, 127e-9), (4, f64::INFINITY)] {
            let bucket = [&[0x1a, 11, 0x08, count, 0x11][..], &double(bound)].concat();
            assert!(has(&bucket), "{bound}");
        }
        // schema 4 in zigzag, zero_threshold 2^-128, zero_count 0
        assert!(has(&[0x28, 8, 0x31, 0, 0, 0, 0, 0, 0, 0xf0, 0x37, 0x38, 0]));
        // 63 ns and 64 ns are in bucket ceil(16 log2 63e-9) = -382, 1 s is in bucket 0: that is
        // 381 behind the end of the first span.
        let spans = [
            b"\x62\x05\x08\xfb\x05\x10\x01".as_slice(),
            b"\x62\x05\x08\xfa\x05\x10\x01",
            // 3, then 1: 2 less
            b"\x68\x06\x68\x03",
        ];
        assert!(has(&spans.concat()), "{all:02x?}");
    }

    #[test]
    fn runs_of_buckets_have_their_distance_and_counts_their_difference() {
        let (spans, deltas) = spans(&[(-3, 5), (-2, 7), (4, 1), (5, 1)].into());
        let spans: Vec<_> = spans.iter().map(|one| (one.offset, one.length)).collect();
        assert_eq!(spans, [(-3, 2), (5, 2)]);
        assert_eq!(deltas, [5, 2, -6, 0]);
        assert_eq!(ZERO_THRESHOLD.to_bits(), (-128_f64).exp2().to_bits());
    }
}
