use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use hwptop_bench::run_file::RunFile;

use crate::{cli::ReportArgs, failure::Failure};

pub(crate) fn report(args: &ReportArgs) -> Result<(), Failure> {
    let mut runs: Vec<(PathBuf, RunFile)> = Vec::new();
    for path in &args.runs {
        runs.push((path.clone(), RunFile::read(path).map_err(Failure::input)?));
    }
    let written = hwptop_reports::write(&runs, &args.output).map_err(Failure::input)?;
    let mut out = io::stdout().lock();
    for file in written {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}
