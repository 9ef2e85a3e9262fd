//! The recording or run file that --baseline names, read from its begin to its end.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use hwptop_agent::{Replay, compare::Blocks};
use hwptop_bench::run_file::RunFile;
use hwptop_tui::Baseline;

use crate::{
    cli::{ShowArgs, TopFormat},
    failure::Failure,
    output::remark,
};

/// How often it is said how far a long file is read.
const PROGRESS: Duration = Duration::from_secs(2);

/// What the arguments want to compare with, if anything. It takes as long as the file is long,
/// and as much memory as for a short one.
pub(super) fn baseline(show: &ShowArgs) -> Result<Option<Baseline>, Failure> {
    let Some(path) = &show.baseline else {
        return Ok(None);
    };
    if !matches!(show.format, TopFormat::Text | TopFormat::Svg) {
        return Err(Failure::input(anyhow!(
            "--baseline is for the dashboard, --format text and --format svg"
        )));
    }
    let is_run = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let baseline = if is_run {
        measured(path)
    } else {
        recorded(path)
    };
    baseline.map(Some).map_err(|error| {
        Failure::input(error.context(
            "--baseline takes a recording (NAME.jsonl, with NAME.hlog beside it, as hwptop record \
             makes them) or a run file (NAME.json, of hwptop bench -o)",
        ))
    })
}

/// Each process of a run file is an interval.
fn measured(path: &Path) -> anyhow::Result<Baseline> {
    let run = RunFile::read(path)?;
    let mut blocks = Blocks::default();
    for snapshot in run.snapshots() {
        blocks.push(&snapshot);
    }
    let name = path.display();
    if blocks.is_empty() {
        return Err(anyhow!(
            "{name}: no request of an instance is timed in it; `hwptop bench batching` does that"
        ));
    }
    Ok(Baseline {
        name: format!("{name}, bench {}", run.suite),
        blocks,
    })
}

fn recorded(path: &Path) -> anyhow::Result<Baseline> {
    let name = path.display().to_string();
    let mut replay = Replay::open(path)?;
    let mut blocks = Blocks::default();
    let mut said = Instant::now();
    while let Some(snapshot) = replay.next_snapshot()? {
        blocks.push(&snapshot);
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let (intervals, seconds) = (blocks.intervals(), blocks.length().as_secs());
            remark(&format!(
                "{name}: {intervals} intervals are read, {seconds} s of the recording"
            ));
        }
    }
    if blocks.is_empty() {
        return Err(anyhow!("{name}: there is no whole interval in it"));
    }
    if replay.is_cut() {
        remark(&format!(
            "{name}: its last interval is not whole and left out"
        ));
    }
    Ok(Baseline { name, blocks })
}
