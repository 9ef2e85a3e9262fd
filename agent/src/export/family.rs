//! Prometheus' families, made from labels and values.

use prometheus::proto::{Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// Labels of one metric, by name.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A family that is filled metric by metric.
pub(super) struct Family(MetricFamily);

impl Family {
    /// Something that only grows; its name ends in `_total`.
    pub(super) fn counter(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::COUNTER)
    }

    /// Something that goes up and down.
    pub(super) fn gauge(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::GAUGE)
    }

    /// Latencies.
    pub(super) fn histogram(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::HISTOGRAM)
    }

    fn new(name: &str, help: &str, kind: MetricType) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Self(family)
    }

    /// Adds the count of what `labels` name. Exact below 2^53.
    pub(super) fn count(&mut self, labels: Labels, count: u64) {
        let mut counter = Counter::default();
        counter.set_value(count as f64);
        let mut metric = labelled(labels);
        metric.set_counter(counter);
        self.0.mut_metric().push(metric);
    }

    /// Adds the present value of what `labels` name.
    pub(super) fn value(&mut self, labels: Labels, value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(labels);
        metric.set_gauge(gauge);
        self.0.mut_metric().push(metric);
    }

    /// Adds the latencies of what `labels` name.
    pub(super) fn latencies(&mut self, labels: Labels, histogram: Histogram) {
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.0.mut_metric().push(metric);
    }

    /// The family, if there is anything in it: one without metrics cannot be written.
    pub(super) fn done(self) -> Option<MetricFamily> {
        (!self.0.get_metric().is_empty()).then_some(self.0)
    }
}

fn labelled(labels: Labels) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}
