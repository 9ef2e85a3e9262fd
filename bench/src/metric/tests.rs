use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_is_there_once_and_found_by_it() {
    let mut names = BTreeSet::new();
    for metric in METRICS {
        assert!(names.insert(metric.name.to_owned()), "{}", metric.name);
        assert_eq!(Metric::named(metric.name), Some(*metric));
    }
    for metric in LATENCIES {
        for (percentile, _) in PERCENTILES {
            let name = format!("{}_{percentile}", metric.name);
            assert_eq!(Metric::named(&name), Some(*metric));
            assert!(names.insert(name), "{}", metric.name);
        }
    }
    assert_eq!(Metric::named("request_latency_p42"), None);
}
