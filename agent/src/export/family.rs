//! What is exported, in the words of no format: each of them is written from this.

use super::distribution::Distribution;

/// Labels of one metric, by name.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something that only grows.
    Counter,
    /// Something that goes up and down.
    Gauge,
    /// How often which value was measured; only grows, too.
    Histogram,
}

/// Metrics of one name, filled one by one.
#[derive(Debug)]
pub(super) struct Family {
    /// With dots, without unit: `hwptop.stage.latency`.
    pub(super) name: &'static str,
    /// One sentence.
    pub(super) help: &'static str,
    /// By UCUM, as OTLP wants it: `s`; `{request}` for what is counted; nothing where the
    /// value is no quantity.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    pub(super) metrics: Vec<Metric>,
}

/// One series of a family.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// Of the kind that its family has.
#[derive(Debug)]
pub(super) enum Value {
    Count(u64),
    Level(f64),
    Distribution(Distribution),
}

impl Family {
    /// Something that only grows.
    pub(super) fn counter(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Counter, name, unit, help)
    }

    /// Something that goes up and down.
    pub(super) fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Gauge, name, unit, help)
    }

    /// How often which value was measured.
    pub(super) fn histogram(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Histogram, name, unit, help)
    }

    fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            unit,
            kind,
            metrics: Vec::new(),
        }
    }

    /// Adds the count of what `labels` name.
    pub(super) fn count(&mut self, labels: Labels, count: u64) {
        self.add(labels, Value::Count(count));
    }

    /// Adds the present value of what `labels` name.
    pub(super) fn value(&mut self, labels: Labels, value: f64) {
        self.add(labels, Value::Level(value));
    }

    /// Adds what was measured of what `labels` name.
    pub(super) fn distribution(&mut self, labels: Labels, distribution: Distribution) {
        self.add(labels, Value::Distribution(distribution));
    }

    fn add(&mut self, labels: Labels, value: Value) {
        let owned = |&(name, value): &(&'static str, &str)| (name, value.to_owned());
        self.metrics.push(Metric {
            labels: labels.iter().map(owned).collect(),
            value,
        });
    }

    /// Its name in Prometheus: what OpenTelemetry's rules make of the name, unit and kind, so
    /// that a backend that got it by OTLP calls it the same.
    pub(super) fn prometheus_name(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            _ => "",
        };
        let total = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.replace('.', "_") + unit + total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_names_say_the_unit_and_that_something_is_a_counter() {
        for (family, name) in [
            (Family::counter("a.b_c.d", "{item}", ""), "a_b_c_d_total"),
            (Family::histogram("a.b", "s", ""), "a_b_seconds"),
            (Family::counter("a.b", "s", ""), "a_b_seconds_total"),
            (Family::gauge("a.info", "", ""), "a_info"),
        ] {
            assert_eq!(family.prometheus_name(), name);
        }
    }
}
