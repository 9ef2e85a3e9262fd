//! Agents that together export every metric that there is.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::Agent;
use crate::{run::HWPTOP, tmux::eventually};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Two running agents: of the model, with all that can be asked for, and of a kernel's recording.
pub(super) struct Everything {
    model: Agent,
    kernel: Agent,
    _folder: TempDir,
}

impl Everything {
    /// Starts them, and waits until they export everything.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let recording = folder.path().join("run.jsonl");
        let recording = recording.to_str().expect("UTF-8");
        // Nobody is at that port; that is counted, too.
        let otlp = ["--otlp", "http://127.0.0.1:9"];
        let options = [&["--perf", "--record", recording], &otlp[..]].concat();
        let model = Agent::of_model("50ms", &options);
        let kernel = folder.path().join("kernel.jsonl");
        let mut command = Command::new(HWPTOP);
        command.arg("agent").arg("--target").arg(failing(&kernel));
        let kernel = Agent::start(command);
        let has = |agent: &Agent, name: &str| {
            agent.scrape().keys().any(|series| series.starts_with(name))
        };
        eventually("the recording has requests, and failed ones", || {
            has(&kernel, "hwptop_object_") && has(&kernel, "hwptop_stage_failures_")
        });
        eventually("the model is measured", || {
            has(&model, "hwptop_stage_events_")
        });
        Self {
            model,
            kernel,
            _folder: folder,
        }
    }

    pub(super) fn agents(&self) -> [&Agent; 2] {
        [&self.model, &self.kernel]
    }
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

/// The words of a query outside of its strings.
pub(super) fn words(query: &str) -> Vec<&str> {
    let outside = query.split('"').step_by(2);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    outside
        .flat_map(|part| part.split(move |c| !is_part(c)))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .collect()
}

/// The labels in `{…}` and `by (…)`.
pub(super) fn labels(query: &str) -> BTreeSet<&str> {
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
