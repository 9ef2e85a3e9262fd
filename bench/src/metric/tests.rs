use std::{collections::BTreeSet, fmt::Write as _};

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

#[test]
fn the_reference_lists_every_metric() {
    let reference = include_str!("../../../docs/reference.md");
    let told = reference.split("<!-- metrics -->\n").nth(1);
    let told = told.and_then(|rest| rest.split("<!-- end -->").next());
    let mut table = String::from("| metric | unit | better | what |\n|---|---|---|---|\n");
    for (metric, kind) in LATENCIES
        .iter()
        .map(|one| (one, "distribution, "))
        .chain(METRICS.iter().map(|one| (one, "")))
    {
        let better = match metric.better {
            Some(Better::Lower) => "lower",
            Some(Better::Higher) => "higher",
            None => "",
        };
        let Metric {
            name, unit, what, ..
        } = metric;
        writeln!(table, "| `{name}` | {unit} | {better} | {kind}{what} |").expect("to a string");
    }
    let table = table.as_str();
    assert!(
        told == Some(table),
        "docs/reference.md has to say:\n{table}"
    );
}
