use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use hwptop_bench::run_file::{BatchingRun, RunFile};
use hwptop_reports::FILES;

use super::in_use::InUse;
use crate::{cli::ReportArgs, failure::Failure};

pub(crate) fn report(args: &ReportArgs) -> Result<(), Failure> {
    let mut in_use = InUse::by_this_binary();
    for path in &args.runs {
        in_use = in_use.reads("a run file", Some(path));
    }
    for name in FILES {
        in_use = in_use.writes("--output", Some(&args.output.join(name)))?;
    }
    let mut runs: Vec<(PathBuf, BatchingRun)> = Vec::new();
    for path in &args.runs {
        let run = RunFile::read(path).map_err(Failure::input)?;
        let sweep = run.batching().ok_or_else(|| {
            Failure::input(anyhow::anyhow!(
                "{}: a run of {}; a report is drawn of `hwptop bench batching`",
                path.display(),
                run.suite
            ))
        })?;
        runs.push((path.clone(), sweep));
    }
    let written = hwptop_reports::write(&runs, &args.output).map_err(Failure::input)?;
    let mut out = io::stdout().lock();
    for file in written {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}
