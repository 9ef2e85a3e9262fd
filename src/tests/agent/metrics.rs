//! What Prometheus is told.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::Agent;
use crate::{run::hwptop, tmux::eventually};

#[test]
fn what_prometheus_and_top_are_told_is_the_same_and_only_grows() {
    let agent = Agent::of_model("50ms", &[]);
    let mut before = agent.first_scrape();
    let top = [
        "top",
        "--target",
        &agent.target(),
        "--once",
        "--format",
        "json",
    ];
    for _ in 0..3 {
        let snapshot = hwptop(&top).json();
        assert_eq!(snapshot["target"], "model,instances=2");
        let seen = snapshot["events"]["seen"].as_f64().expect("a count");
        let earlier = before["hwptop_events_seen_total"];
        assert!(earlier <= seen, "{earlier}, {seen}");
        // Followers have a snapshot a moment before the metrics.
        let mut after = before.clone();
        eventually("the metrics have what top was told", || {
            after = agent.scrape();
            after["hwptop_events_seen_total"] >= seen
        });
        for (sample, value) in &before {
            let name = sample.split('{').next().unwrap_or_default();
            if ["_total", "_bucket", "_sum", "_count"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                assert!(after[sample] >= *value, "{sample} shrank");
            }
        }
        let count = |name: &str| after[&format!("hwptop_events_{name}_total")];
        assert!((count("seen") - count("recorded") - count("lost")).abs() < 0.5);
        before = after;
    }
    let (status, health) = agent.get("/healthz");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let health: Value = serde_json::from_str(&health).expect("it is JSON");
    assert_eq!(health["status"], "ok");
    assert!(agent.get("/").0.contains(" 404 "));
}

#[test]
fn one_snapshot_says_the_same_in_json_and_in_metrics() {
    // So long that both see the same snapshot.
    let agent = Agent::of_model("5s", &[]);
    agent.first_scrape();
    let top = [
        "top",
        "--target",
        &agent.target(),
        "--once",
        "--format",
        "json",
    ];
    let snapshot = hwptop(&top).json();
    let scrape = agent.scrape();
    for instance in snapshot["instances"].as_array().expect("instances") {
        let iommu = instance["name"].as_str().expect("a name");
        for (stage, figures) in instance["total"]["stages"].as_object().expect("stages") {
            let labels = format!("iommu=\"{iommu}\",kind=\"modelled\",stage=\"{stage}\"");
            let sample = |name: &str| scrape[&format!("hwptop_stage_{name}{{{labels}}}")];
            for (metric, field) in [
                ("events_total", "seen"),
                ("items_total", "items"),
                ("errors_total", "errors"),
                ("lost_total", "lost"),
                ("latency_seconds_count", "recorded"),
            ] {
                let expected = figures[field].as_f64().expect("a count");
                assert!(
                    (sample(metric) - expected).abs() < 0.5,
                    "{metric} of {labels}"
                );
            }
            // The bucket in which the 99th percentile is holds hwptop's own.
            let rank = 0.99 * sample("latency_seconds_count");
            let buckets = scrape.iter().filter_map(|(name, count)| {
                let start = format!("hwptop_stage_latency_seconds_bucket{{{labels},le=\"");
                let le = name.strip_prefix(&start)?.strip_suffix("\"}")?;
                Some((le.parse::<f64>().ok()?, *count))
            });
            let mut buckets: Vec<_> = buckets.collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let at = buckets.partition_point(|(_, count)| *count < rank);
            let low = at.checked_sub(1).map_or(0.0, |below| buckets[below].0);
            let p99 = figures["latency_ns_p99"].as_f64().expect("a latency") / 1e9;
            assert!(
                low <= p99 && p99 <= buckets[at].0,
                "{low} {p99} {}",
                buckets[at].0
            );
        }
    }
}

#[test]
#[ignore = "needs promtool: reads the metrics as Prometheus does"]
fn promtool_has_nothing_to_say_about_the_metrics() {
    let agent = Agent::of_model("50ms", &[]);
    agent.first_scrape();
    let (_, body) = agent.get("/metrics");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut stdin = promtool.stdin.take().expect("stdin is piped");
    stdin.write_all(body.as_bytes()).expect("it reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
