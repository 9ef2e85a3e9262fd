//! `hwptop report`: reads what it is made of, and says what was written.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use hwptop_agent::{Replay, Summary, compare::Blocks};
use hwptop_bench::{run_file::RunFile, store::Store};
use hwptop_reports::{Base, Histories, Inputs, Rendered, render};

use super::in_use::InUse;
use crate::{cli::ReportArgs, failure::Failure};

pub(crate) fn report(args: &ReportArgs) -> Result<(), Failure> {
    let mut inputs = Inputs::default();
    for path in &args.inputs {
        if let Some(lines) = recording(path) {
            let summary = Summary::read(&lines).map_err(Failure::input)?;
            inputs.recordings.push((lines, summary));
        } else {
            let run = RunFile::read(path).map_err(Failure::input)?;
            inputs.runs.push((path.clone(), run));
        }
    }
    if let Some(base) = &args.base {
        inputs.base = Some(read_base(base, &inputs)?);
    }
    if let Some(store) = &args.history {
        let histories = Store::at(store).histories(&args.branch, None);
        inputs.history = Some(Histories {
            store: store.clone(),
            branch: args.branch.clone(),
            suites: histories.map_err(Failure::input)?,
        });
    }
    let report = render(&inputs).map_err(Failure::input)?;
    replaces_nothing(args, &report)?;
    let written = report.write(&args.output).map_err(Failure::input)?;
    let mut out = io::stdout().lock();
    for file in written {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}

/// Refuses a directory in which a file of the report would replace what it is made of.
fn replaces_nothing(args: &ReportArgs, report: &Rendered) -> Result<(), Failure> {
    let mut in_use = InUse::by_this_binary().reads("--history", args.history.as_deref());
    for path in args.inputs.iter().chain(&args.base) {
        in_use = in_use.reads("what it is made of", Some(path));
    }
    for name in report.names() {
        in_use = in_use.writes("--output", Some(&args.output.join(name)))?;
    }
    Ok(())
}

/// The lines of the recording that `path` is a file of, where it is one by its name.
fn recording(path: &Path) -> Option<PathBuf> {
    let extension = path.extension()?;
    (extension == "jsonl" || extension == "hlog").then(|| path.with_extension("jsonl"))
}

fn read_base(path: &Path, inputs: &Inputs) -> Result<Base, Failure> {
    let nothing = |what: &str| {
        Failure::input(anyhow!(
            "{}: there is no {what} to compare it with; give one, or another --base",
            path.display()
        ))
    };
    let Some(lines) = recording(path) else {
        let run = RunFile::read(path).map_err(Failure::input)?;
        if inputs.runs.is_empty() {
            return Err(nothing("run file"));
        }
        return Ok(Base::Run(path.to_owned(), Box::new(run)));
    };
    let base = Box::new(blocks(&lines)?);
    if inputs.recordings.is_empty() {
        return Err(nothing("recording"));
    }
    let new = inputs.recordings.iter().map(|(path, _)| blocks(path));
    Ok(Base::Recording {
        new: new.collect::<Result<_, _>>()?,
        path: lines,
        base,
    })
}

/// The intervals of a recording, as two are compared.
fn blocks(lines: &Path) -> Result<Blocks, Failure> {
    let mut replay = Replay::open(lines).map_err(Failure::input)?;
    let mut blocks = Blocks::default();
    while let Some(snapshot) = replay.next_snapshot().map_err(Failure::input)? {
        blocks.push(&snapshot);
    }
    Ok(blocks)
}
