//! Prometheus' text format, by Prometheus' own library.

use prometheus::{
    Error, TextEncoder,
    proto::{
        Bucket, Counter, Gauge, Histogram, LabelPair, Metric as Written, MetricFamily, MetricType,
    },
};

use super::{
    distribution::Distribution,
    family::{Family, Kind, Metric, Value},
};

pub(super) fn encode<'a>(families: impl Iterator<Item = &'a Family>) -> Result<String, Error> {
    let families: Vec<MetricFamily> = families.map(family).collect();
    TextEncoder::new().encode_to_string(&families)
}

fn family(family: &Family) -> MetricFamily {
    let mut written = MetricFamily::default();
    written.set_name(family.prometheus_name());
    written.set_help(family.help.to_owned());
    written.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    written.set_metric(family.metrics.iter().map(metric).collect());
    written
}

fn metric(metric: &Metric) -> Written {
    let mut written = Written::from_label(metric.labels.iter().map(label).collect());
    match &metric.value {
        Value::Count(count) => {
            let mut counter = Counter::default();
            // Exact below 2^53.
            counter.set_value(*count as f64);
            written.set_counter(counter);
        }
        Value::Level(level) => {
            let mut gauge = Gauge::default();
            gauge.set_value(*level);
            written.set_gauge(gauge);
        }
        Value::Distribution(distribution) => written.set_histogram(histogram(distribution)),
    }
    written
}

fn label((name, value): &(&'static str, String)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name((*name).to_owned());
    pair.set_value(value.clone());
    pair
}

fn histogram(distribution: &Distribution) -> Histogram {
    let mut cumulative = 0;
    let counts = distribution.by_bounds();
    let buckets = distribution.bounds().zip(counts).map(|(bound, count)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(distribution.count());
    histogram.set_sample_sum(distribution.sum());
    histogram
}
