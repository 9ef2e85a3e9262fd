//! The dashboard for Grafana, docs/grafana.json.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

use super::everything::{Everything, labels, words};
use crate::run::Finished;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What Prometheus adds to a metric by itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

fn dashboard() -> Value {
    let text = fs::read_to_string(format!("{ROOT}/docs/grafana.json")).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

/// Every query of its panels, and the series of its variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries = targets.map(|target| target["expr"].as_str().expect("a query").to_owned());
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
        .iter();
    let variables = variables.filter_map(|variable| {
        let query = variable["query"]["query"].as_str()?;
        let (series, label) = query
            .strip_prefix("label_values(")?
            .strip_suffix(')')?
            .rsplit_once(", ")?;
        Some(format!("sum by ({label}) ({series})"))
    });
    queries.chain(variables).collect()
}

/// The labels of every metric that is exported.
fn exported() -> BTreeMap<String, BTreeSet<String>> {
    let mut exported = BTreeMap::<String, BTreeSet<String>>::new();
    let everything = Everything::start();
    for agent in everything.agents() {
        for series in agent.scrape().keys() {
            let name = series.split('{').next().unwrap_or_default();
            let labels = labels(series);
            // A native histogram has the name of the classic one, without a suffix, and no `le`.
            let native = name.strip_suffix("_bucket").into_iter();
            for name in native.chain([name]) {
                let has_it = |label: &&&str| **label != "le" || name.ends_with("_bucket");
                let labels = labels.iter().filter(has_it).map(|&label| label.to_owned());
                exported.entry(name.to_owned()).or_default().extend(labels);
            }
        }
    }
    exported
}

#[test]
fn every_metric_and_label_of_the_dashboard_is_exported() {
    let exported = exported();
    let queries = queries(&dashboard());
    assert!(queries.len() > 20, "{queries:?}");
    for query in &queries {
        let words = words(query);
        let names: Vec<&&str> = words
            .iter()
            .filter(|word| word.starts_with("hwptop_"))
            .collect();
        assert!(!names.is_empty(), "{query}");
        let mut known: BTreeSet<&str> = OF_PROMETHEUS.into();
        for name in names {
            let labels = exported
                .get(*name)
                .unwrap_or_else(|| panic!("{name} is not exported: {query}"));
            known.extend(labels.iter().map(String::as_str));
        }
        let unknown: Vec<&str> = labels(query).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?} is no label: {query}");
    }
    let latencies = queries
        .iter()
        .filter(|query| query.contains("histogram_quantile"));
    for query in latencies {
        assert!(
            query.contains("_seconds_bucket{") && query.contains("_seconds{"),
            "classic and native: {query}"
        );
    }
}

#[test]
fn what_is_drawn_can_be_chosen_and_no_two_panels_overlap() {
    let dashboard = dashboard();
    let names: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|variable| variable["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["datasource", "instance", "iommu", "stage"]);
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{panel}");
        for row in place("y")..place("y") + place("h") {
            for column in place("x")..place("x") + place("w") {
                assert!(taken.insert((row, column)), "{panel} is over another");
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
        }
    }
}

#[test]
#[ignore = "needs promtool: parses the queries of the Grafana dashboard"]
fn promtool_parses_every_query_of_the_dashboard() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yml");
    let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
    let queries = queries(&dashboard());
    for (number, query) in queries.iter().enumerate() {
        // As Grafana does before it asks.
        let query = query.replace("$__rate_interval", "5m");
        let quoted = serde_json::to_string(&query).expect("a string");
        writeln!(
            rules,
            "  - record: dashboard:query{number}\n    expr: {quoted}"
        )
        .expect("to a string");
    }
    fs::write(&path, &rules).expect("it is written");
    let mut promtool = Command::new("promtool");
    let told = Finished::of_command(promtool.args(["check", "rules"]).arg(&path));
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    assert!(
        told.stdout
            .contains(&format!("{} rules found", queries.len())),
        "{}",
        told.stdout
    );
    fs::write(&path, rules.replacen("sum by", "sum bye", 1)).expect("it is written");
    let mut promtool = Command::new("promtool");
    let told = Finished::of_command(promtool.args(["check", "rules"]).arg(&path));
    assert_ne!(told.code, Some(0), "it finds what is wrong");
}

#[test]
#[ignore = "needs Python's Grafana types: reads the dashboard as they do"]
fn grafanas_own_types_know_everything_in_the_dashboard() {
    let python =
        env::var_os("HWPTOP_PYTHON").expect("HWPTOP_PYTHON, which `cargo xtask test` sets");
    let mut command = Command::new(python);
    command
        .arg(Path::new(ROOT).join("src/tests/agent/grafana/known.py"))
        .arg(Path::new(ROOT).join("docs/grafana.json"));
    let told = Finished::of_command(&mut command);
    assert_eq!(
        (told.code, told.stdout.as_str()),
        (Some(0), ""),
        "{}",
        told.stderr
    );
}
