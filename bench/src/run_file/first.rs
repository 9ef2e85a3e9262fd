//! The first schema: one process' sweep of batch sizes.

use serde::Deserialize;

use super::{BatchPoint, BatchingRun, Environment, Kind, RunFile, Work};

/// What it calls itself.
pub(super) const SCHEMA: &str = "hwptop.run/1";

#[derive(Deserialize)]
struct First {
    suite: String,
    target: String,
    modelled: bool,
    kind: Option<Kind>,
    #[serde(default)]
    work: Work,
    timing_profile: Option<String>,
    started_unix_s: u64,
    command: Vec<String>,
    environment: Environment,
    #[serde(default = "yes")]
    complete: bool,
    points: Vec<BatchPoint>,
}

fn yes() -> bool {
    true
}

/// The run file that `text` would be today.
pub(super) fn read(text: &str) -> serde_json::Result<RunFile> {
    let first: First = serde_json::from_str(text)?;
    let run = RunFile::from(BatchingRun {
        target: first.target,
        kind: first.kind.unwrap_or(if first.modelled {
            Kind::Modelled
        } else {
            Kind::Hardware
        }),
        work: first.work,
        timing_profile: first.timing_profile,
        started_unix_s: first.started_unix_s,
        command: first.command,
        environment: first.environment,
        complete: first.complete,
        points: first.points,
    });
    Ok(RunFile {
        suite: first.suite,
        ..run
    })
}
