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

use super::Agent;
use crate::{
    run::{Finished, HWPTOP},
    tmux::eventually,
};

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

/// The words of a query outside of its strings.
fn words(query: &str) -> Vec<&str> {
    let outside = query.split('"').step_by(2);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    outside
        .flat_map(|part| part.split(move |c| !is_part(c)))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .collect()
}

/// The labels in `{…}` and `by (…)`.
fn labels(query: &str) -> BTreeSet<&str> {
    let matchers = query
        .split('{')
        .skip(1)
        .flat_map(|rest| words(rest.split('}').next().unwrap_or_default()));
    let grouped = query
        .split(" by (")
        .skip(1)
        .flat_map(|rest| words(rest.split(')').next().unwrap_or_default()));
    matchers.chain(grouped).collect()
}

/// The recording of a kernel, at `path`, as if a request had failed in each interval; the target that plays it.
fn failing(path: &Path) -> String {
    let stored = format!("{ROOT}/docs/kernel");
    fs::copy(format!("{stored}.hlog"), path.with_extension("hlog")).expect("it is there");
    let text = fs::read_to_string(format!("{stored}.jsonl")).expect("it is there");
    let mut lines = String::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        for instance in line["instances"].as_array_mut().into_iter().flatten() {
            if let Some(request) = instance["interval"].get_mut("request") {
                request["errors"] = 1.into();
                request["error_codes"] = serde_json::json!([[5, 1]]);
            }
        }
        writeln!(lines, "{line}").expect("to a string");
    }
    fs::write(path, lines).expect("it is written");
    format!("file:{}", path.display())
}

/// The labels of every metric that an agent of the model and one of a kernel's recording export.
fn exported() -> BTreeMap<String, BTreeSet<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("run.jsonl");
    let recording = recording.to_str().expect("UTF-8");
    let model = Agent::of_model("50ms", &["--perf", "--record", recording]);
    let kernel = folder.path().join("kernel.jsonl");
    let mut command = Command::new(HWPTOP);
    command.arg("agent").arg("--target").arg(failing(&kernel));
    let kernel = Agent::start(command);
    eventually("the recording has requests", || {
        let scrape = kernel.scrape();
        scrape
            .keys()
            .any(|series| series.starts_with("hwptop_object_"))
    });
    let mut exported = BTreeMap::<String, BTreeSet<String>>::new();
    for agent in [&model, &kernel] {
        for series in agent.first_scrape().keys() {
            let name = series.split('{').next().unwrap_or_default();
            let labels = labels(series);
            // A native histogram has the name of the classic one, without a suffix, and no `le`.
            let native = name.strip_suffix("_bucket").into_iter();
            for name in native.chain([name]) {
                let known = exported.entry(name.to_owned()).or_default();
                known.extend(
                    labels
                        .iter()
                        .filter(|label| **label != "le" || name.ends_with("_bucket"))
                        .map(|&label| label.to_owned()),
                );
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
