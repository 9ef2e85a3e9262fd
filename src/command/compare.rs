//! Two sides of runs, metric by metric.

use std::{fs, io, path::Path};

use anyhow::anyhow;
use hwptop_bench::{
    gate::Rules,
    run_file::{Difference, RunFile},
};

use crate::{
    cli::{CompareArgs, Format},
    failure::Failure,
    toml_file,
};

mod compared;

pub(super) use compared::{
    Compared, by_place, figure, heading, meaning, metric_width, percent, quoted,
};

pub(crate) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let rules = rules(args.rules.as_deref())?;
    let base = RunFile::read(&args.base).map_err(Failure::input)?;
    let compared = match &args.new {
        Some(new) => {
            let new = RunFile::read(new).map_err(Failure::input)?;
            let differences = comparable(&base, &new, args.force)?;
            Compared::files(&base, &new, &rules, &differences)
        }
        None => Compared::in_turns(&base, &rules).ok_or_else(|| {
            Failure::input(anyhow!(
                "{}: it has the runs of one binary; give a second file, or measure with --against",
                args.base.display()
            ))
        })?,
    };
    print(&compared, args.format)
}

pub(super) fn print(compared: &Compared, format: Format) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    match format {
        Format::Text => compared.text(out)?,
        Format::Json => compared.json_line(out)?,
        Format::Csv => compared.csv(out)?,
    }
    Ok(())
}

/// The rules of a file, or those that hold without one.
pub(super) fn rules(path: Option<&Path>) -> Result<Rules, Failure> {
    let Some(path) = path else {
        return Ok(Rules::default());
    };
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let path = path.display();
        return Err(Failure::input(anyhow!("{path}: not a regular file")));
    }
    toml_file::read(path).map_err(Failure::Input)
}

/// What differs, where that is nothing or it is gone on all the same.
pub(super) fn comparable(
    base: &RunFile,
    new: &RunFile,
    force: bool,
) -> Result<Vec<Difference>, Failure> {
    let differences = new.differences(base);
    if force || differences.is_empty() {
        return Ok(differences);
    }
    let all: Vec<String> = differences.iter().map(Difference::to_string).collect();
    Err(Failure::input(anyhow!(
        "they cannot be compared: {}; --force goes on all the same",
        all.join("; ")
    )))
}
