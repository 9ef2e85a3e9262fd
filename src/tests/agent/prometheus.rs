//! A Prometheus server that scrapes an agent.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::Agent;
use crate::{run::hwptop, tmux::eventually};

/// A running server. Dropping it ends it.
struct Prometheus {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    fn scraping(agent: &Agent, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "scrape_configs:\n- job_name: hwptop\n  scrape_interval: 100ms\n  \
             scrape_timeout: 100ms\n  static_configs:\n  - targets: [\"{}\"]\n",
            agent.address
        );
        fs::write(&config, text).expect("it is written");
        // It does not say which port it took: one that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let address = free.expect("a port is free").to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// The value of each series of the answer, by its labels `iommu` and `stage`; nothing as
    /// long as there is none.
    fn query(&self, query: &str) -> Vec<(String, String, f64)> {
        let Some(answer) = self.ask(query) else {
            return Vec::new();
        };
        let series = answer["data"]["result"].as_array();
        let series = series.unwrap_or_else(|| panic!("{query}: {answer}"));
        let one = |one: &Value| {
            let label = |name: &str| one["metric"][name].as_str().unwrap_or_default().to_owned();
            let value = one["value"][1].as_str().expect("a value");
            (
                label("iommu"),
                label("stage"),
                value.parse().expect("a number"),
            )
        };
        series.iter().map(one).collect()
    }

    fn ask(&self, query: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let query = query.replace(' ', "%20");
        // In HTTP/1.0 an answer is never in chunks.
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For every stage of every instance of the snapshot that the server has, its p99 is `query`'s
/// within a factor.
fn assert_p99(server: &Prometheus, agent: &Agent, query: &str, count: &str, factor: f64) {
    let top = [
        "top",
        "--target",
        &agent.target(),
        "--once",
        "--format",
        "json",
    ];
    let mut snapshot = Value::Null;
    eventually("the server has the snapshot", || {
        snapshot = hwptop(&top).json();
        let seen = server.query("hwptop_events_seen_total");
        let seen = seen.first().map(|(_, _, seen)| *seen);
        seen.is_some() && seen == snapshot["events"]["seen"].as_f64()
    });
    let quantiles = server.query(query);
    let counts = server.query(count);
    let mut compared = 0;
    for instance in snapshot["instances"].as_array().expect("instances") {
        let iommu = instance["name"].as_str().expect("a name");
        for (stage, figures) in instance["total"]["stages"].as_object().expect("stages") {
            let of = |series: &[(String, String, f64)]| {
                let is_it = |one: &&(String, String, f64)| one.0 == iommu && one.1 == *stage;
                series.iter().find(is_it).map(|(_, _, value)| *value)
            };
            assert_eq!(of(&counts), figures["recorded"].as_f64(), "{count}");
            let theirs = of(&quantiles).expect("there is a quantile");
            let ours = figures["latency_ns_p99"].as_f64().expect("a latency") / 1e9;
            let apart = (theirs / ours).max(ours / theirs);
            assert!(
                apart <= factor,
                "{query} of {iommu}/{stage}: {theirs}, not {ours}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}

#[test]
#[ignore = "needs prometheus: scrapes as it does"]
fn a_quantile_of_prometheus_is_ours_within_a_bucket_classic_and_native() {
    // So long that all see the same snapshot.
    let agent = Agent::of_model("10s", &[]);
    let plain = Prometheus::scraping(&agent, &[]);
    let native = Prometheus::scraping(&agent, &["--enable-feature=native-histograms"]);
    agent.first_scrape();
    // Classic buckets are at most a quarter wide, native ones 4.4 %, ours 3.125 %.
    assert_p99(
        &plain,
        &agent,
        "histogram_quantile(0.99, hwptop_stage_latency_seconds_bucket)",
        "hwptop_stage_latency_seconds_count",
        1.25,
    );
    assert_p99(
        &native,
        &agent,
        "histogram_quantile(0.99, hwptop_stage_latency_seconds)",
        "histogram_count(hwptop_stage_latency_seconds)",
        1.061,
    );
}
