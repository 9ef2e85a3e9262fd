//! OTLP metrics: the request of a push, and what its answer says.
//!
//! Counters are monotonic sums; they and histograms are cumulative since the measurement
//! began, so that a push that fails loses nothing: the next one has everything.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message as _;

use super::{
    Families, Scrape,
    distribution::{Distribution, Exponential},
    family::{Family, Kind, Labels, Metric, Value},
};
use wire::{
    AnyValue, Buckets, ExponentialHistogram, ExponentialHistogramDataPoint,
    ExportMetricsServiceRequest, ExportMetricsServiceResponse, Gauge, Histogram,
    HistogramDataPoint, InstrumentationScope, KeyValue, NumberDataPoint, Resource, ResourceMetrics,
    ScopeMetrics, Sum, any_value, metric, number_data_point,
};

mod wire;

/// The content type of requests and their answers.
pub const OTLP: &str = "application/x-protobuf";

/// What a collector said to a request that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpAnswer {
    /// Data points that it took no notice of.
    pub rejected: u64,
    /// Why, or a warning; often nothing.
    pub message: String,
}

/// Which of OTLP's histograms are told: a metric has one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtlpHistograms {
    /// With explicit bounds, edges of the counted buckets: exact, and every backend takes them.
    #[default]
    Explicit,
    /// With buckets that each are 4.4 % wide, as Prometheus' native ones.
    Exponential,
}

/// When the points of some families were taken, and since when they count.
#[derive(Clone, Copy)]
struct Times {
    since_ns: u64,
    at_ns: u64,
}

/// The scrape as an `ExportMetricsServiceRequest` from `host`.
#[must_use]
pub fn otlp_request(scrape: &Scrape, host: &str, histograms: OtlpHistograms) -> Vec<u8> {
    let families = Families::of(scrape);
    let target = scrape.measured.map(|one| one.snapshot.target.as_str());
    let service = Times::new(scrape.started, SystemTime::now());
    let mut metrics: Vec<_> = written(&families.service, service, histograms).collect();
    if let Some(measured) = scrape.measured {
        let times = Times::new(measured.began, measured.snapshot.taken_at);
        metrics.extend(written(&families.measured, times, histograms));
    }
    let scope = InstrumentationScope {
        name: "hwptop".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource(host, target.unwrap_or_default())),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics,
            }],
        }],
    };
    request.encode_to_vec()
}

/// What a collector answered with a status of success.
///
/// # Errors
/// What is wrong with it where it is none of OTLP's.
pub fn otlp_answer(body: &[u8]) -> Result<OtlpAnswer, prost::DecodeError> {
    let answer = ExportMetricsServiceResponse::decode(body)?;
    let partial = answer.partial_success.unwrap_or_default();
    Ok(OtlpAnswer {
        rejected: partial.rejected_data_points.try_into().unwrap_or(0),
        message: partial.error_message,
    })
}

/// What a collector says of a request that it refused, if it says anything.
#[must_use]
pub fn otlp_refusal(body: &[u8]) -> Option<String> {
    let status = wire::Status::decode(body).ok()?;
    (!status.message.is_empty()).then_some(status.message)
}

/// Who measures. The id is the same after a restart: counters then begin again, which their
/// start time says.
fn resource(host: &str, target: &str) -> Resource {
    let id = format!("{host}/{target}");
    Resource {
        attributes: attributes(&[
            ("service.name", "hwptop"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", &id),
            ("host.name", host),
        ]),
    }
}

fn written(
    families: &[Family],
    times: Times,
    histograms: OtlpHistograms,
) -> impl Iterator<Item = wire::Metric> {
    families.iter().map(move |family| wire::Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: family.unit.to_owned(),
        data: Some(match family.kind {
            Kind::Counter => metric::Data::Sum(Sum {
                data_points: numbers(family, times),
                aggregation_temporality: wire::CUMULATIVE,
                is_monotonic: true,
            }),
            Kind::Gauge => metric::Data::Gauge(Gauge {
                data_points: numbers(family, times),
            }),
            Kind::Histogram => match histograms {
                OtlpHistograms::Explicit => metric::Data::Histogram(Histogram {
                    data_points: distributions(family, times, explicit),
                    aggregation_temporality: wire::CUMULATIVE,
                }),
                OtlpHistograms::Exponential => {
                    metric::Data::ExponentialHistogram(ExponentialHistogram {
                        data_points: distributions(family, times, exponential),
                        aggregation_temporality: wire::CUMULATIVE,
                    })
                }
            },
        }),
    })
}

fn numbers(family: &Family, times: Times) -> Vec<NumberDataPoint> {
    let point = |one: &Metric| {
        let value = match &one.value {
            Value::Count(count) => number_data_point::Value::Int(count.cast_signed()),
            Value::Level(level) => number_data_point::Value::Double(*level),
            Value::Distribution(_) => return None,
        };
        Some(NumberDataPoint {
            attributes: attributes_of(one),
            start_time_unix_nano: times.since_ns,
            time_unix_nano: times.at_ns,
            value: Some(value),
        })
    };
    family.metrics.iter().filter_map(point).collect()
}

fn distributions<P>(
    family: &Family,
    times: Times,
    point: fn(&Distribution, Vec<KeyValue>, Times) -> P,
) -> Vec<P> {
    let point = |one: &Metric| match &one.value {
        Value::Distribution(distribution) => Some(point(distribution, attributes_of(one), times)),
        Value::Count(_) | Value::Level(_) => None,
    };
    family.metrics.iter().filter_map(point).collect()
}

fn explicit(
    distribution: &Distribution,
    attributes: Vec<KeyValue>,
    times: Times,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: times.since_ns,
        time_unix_nano: times.at_ns,
        count: distribution.count(),
        sum: Some(distribution.sum()),
        bucket_counts: distribution.by_bounds(),
        explicit_bounds: distribution.bounds().collect(),
    }
}

fn exponential(
    distribution: &Distribution,
    attributes: Vec<KeyValue>,
    times: Times,
) -> ExponentialHistogramDataPoint {
    let Exponential { zeros, counts } = distribution.exponential();
    let ends = counts.first_key_value().zip(counts.last_key_value());
    let positive = ends.map(|((&first, _), (&last, _))| Buckets {
        offset: first - 1,
        bucket_counts: (first..=last)
            .map(|index| counts.get(&index).copied().unwrap_or(0))
            .collect(),
    });
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: times.since_ns,
        time_unix_nano: times.at_ns,
        count: distribution.count(),
        sum: Some(distribution.sum()),
        scale: Exponential::SCHEMA,
        zero_count: zeros,
        positive,
    }
}

fn attributes_of(metric: &Metric) -> Vec<KeyValue> {
    let labels = metric.labels.iter();
    let labels: Vec<_> = labels.map(|(name, value)| (*name, &**value)).collect();
    attributes(&labels)
}

/// Those that have a value: what is not known is absent.
fn attributes(labels: Labels) -> Vec<KeyValue> {
    let known = labels.iter().filter(|(_, value)| !value.is_empty());
    let attribute = |(name, value): &(&'static str, &str)| KeyValue {
        key: (*name).to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::String((*value).to_owned())),
        }),
    };
    known.map(attribute).collect()
}

impl Times {
    fn new(since: SystemTime, at: SystemTime) -> Self {
        let unix_ns = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_nanos().try_into().unwrap_or(u64::MAX)
        };
        Self {
            since_ns: unix_ns(since),
            at_ns: unix_ns(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        since_ns: 1,
        at_ns: 2,
    };

    fn bytes(family: &Family, histograms: OtlpHistograms) -> Vec<u8> {
        let families = std::slice::from_ref(family);
        let mut metrics = written(families, TIMES, histograms);
        metrics.next().expect("it is one").encode_to_vec()
    }

    const SINCE_AND_AT: &[u8] = b"\x11\x01\0\0\0\0\0\0\0\x19\x02\0\0\0\0\0\0\0";

    #[test]
    fn a_counter_is_these_bytes() {
        let mut family = Family::counter("a.b", "{x}", "H");
        family.count(&[("l", "v"), ("unknown", "")], 3);
        let point = [
            SINCE_AND_AT,
            // as_int, attributes
            b"\x31\x03\0\0\0\0\0\0\0",
            b"\x3a\x08\x0a\x01l\x12\x03\x0a\x01v",
        ];
        let expected = [
            b"\x0a\x03a.b\x12\x01H\x1a\x03{x}".as_slice(),
            // sum: the point, cumulative, monotonic
            b"\x3a\x2b\x0a\x25",
            &point.concat(),
            b"\x10\x02\x18\x01",
        ];
        assert_eq!(bytes(&family, OtlpHistograms::Explicit), expected.concat());
    }

    #[test]
    fn a_histogram_is_these_bytes() {
        let mut family = Family::histogram("a.b", "s", "H");
        family.distribution(&[], Distribution::example());
        let double = |value: f64| value.to_le_bytes();
        let sum = double(1.000_000_191);
        let bounds = [double(63e-9), double(127e-9)].concat();
        let counts = [1_u64, 2, 1].map(u64::to_le_bytes).concat();
        let expected = [
            b"\x0a\x03a.b\x12\x01H\x1a\x01s\x4a\x54\x0a\x50".as_slice(),
            SINCE_AND_AT,
            // count, sum, bucket_counts, explicit_bounds
            b"\x21\x04\0\0\0\0\0\0\0\x29",
            &sum,
            b"\x32\x18",
            &counts,
            b"\x3a\x10",
            &bounds,
            b"\x10\x02",
        ];
        assert_eq!(bytes(&family, OtlpHistograms::Explicit), expected.concat());
    }

    #[test]
    fn an_exponential_histogram_is_these_bytes() {
        let mut family = Family::histogram("a.b", "s", "H");
        let mut distribution = Distribution::example();
        distribution.forget_above(64);
        family.distribution(&[], distribution);
        let sum = 1.000_000_191_f64.to_le_bytes();
        let expected = [
            b"\x0a\x03a.b\x12\x01H\x1a\x01s\x52\x32\x0a\x2e".as_slice(),
            SINCE_AND_AT,
            // count, sum, scale in zigzag
            b"\x21\x03\0\0\0\0\0\0\0\x29",
            &sum,
            b"\x30\x08",
            // positive: Prometheus' bucket -382 is OTLP's -383
            b"\x42\x06\x08\xfd\x05\x12\x01\x03",
            b"\x10\x02",
        ];
        assert_eq!(
            bytes(&family, OtlpHistograms::Exponential),
            expected.concat()
        );
    }

    #[test]
    fn an_answer_is_read_as_far_as_it_is_one() {
        assert_eq!(otlp_answer(b""), Ok(OtlpAnswer::default()));
        let partial = OtlpAnswer {
            rejected: 3,
            message: "no".to_owned(),
        };
        assert_eq!(otlp_answer(b"\x0a\x06\x08\x03\x12\x02no"), Ok(partial));
        assert!(otlp_answer(b"<html>").is_err());
        assert_eq!(otlp_refusal(b"\x12\x02no"), Some("no".to_owned()));
        assert_eq!(otlp_refusal(b"<html>"), None);
        assert_eq!(otlp_refusal(b""), None);
    }
}
