//! A run file for tests.

use std::collections::BTreeMap;

use super::{Environment, Kind, Point, ProcessRun, RunFile, SCHEMA};

/// A run of a suite in processes with these points.
pub(crate) fn run(target: Option<&str>, processes: Vec<Vec<Point>>) -> RunFile {
    let process = |points| ProcessRun {
        points,
        ..ProcessRun::default()
    };
    RunFile {
        schema: SCHEMA.to_owned(),
        suite: "policies".to_owned(),
        target: target.map(str::to_owned),
        kind: Kind::Modelled,
        timing_profile: None,
        settings: BTreeMap::new(),
        started_unix_s: 1,
        command: Vec::new(),
        environment: Environment::of_this_machine(None),
        complete: true,
        dropped: 0,
        runs: processes.into_iter().map(process).collect(),
        base: None,
    }
}
