use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hwptop_bench::{run_file::BatchingRun, staged::Staged};

use crate::{
    ReportError, batch_chart,
    chart::{Chart, png, svg},
    markdown, percentile_chart,
    series::{self, Origin},
};

pub(crate) const REPORT: &str = "report.md";
pub(crate) const BATCH_SVG: &str = "ns-per-entry.svg";
pub(crate) const BATCH_PNG: &str = "ns-per-entry.png";
pub(crate) const PERCENTILES_SVG: &str = "latency-percentiles.svg";
pub(crate) const PERCENTILES_PNG: &str = "latency-percentiles.png";

/// The names of the files that [`write`] writes.
pub const FILES: [&str; 5] = [
    REPORT,
    BATCH_SVG,
    BATCH_PNG,
    PERCENTILES_SVG,
    PERCENTILES_PNG,
];

/// Writes `report.md`, `ns-per-entry.svg` and `.png`, `latency-percentiles.svg`
/// and `.png` into `dir`, which is made where it is missing, and returns their
/// paths, the report first.
///
/// Everything is drawn before anything is written, all of it is written aside
/// and renamed into place, the report last. The same runs give the same bytes.
///
/// # Errors
/// [`ReportError`]; no half-written file stays.
pub fn write(runs: &[(PathBuf, BatchingRun)], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    place(&render(runs)?, dir)
}

/// Writes `files` into `dir`, all aside before the first is put into its place.
fn place(files: &[(&str, Vec<u8>)], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    fs::create_dir_all(dir).map_err(io_error(dir, "the directory cannot be made"))?;
    let mut staged = Vec::new();
    for (name, bytes) in files {
        let path = dir.join(name);
        let file = stage(&path, bytes).map_err(io_error(&path, "cannot be written"))?;
        staged.push((path, file));
    }
    let mut paths = Vec::new();
    for (path, file) in staged {
        file.commit()
            .map_err(io_error(&path, "cannot be replaced"))?;
        paths.push(path);
    }
    paths.reverse();
    Ok(paths)
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<Staged> {
    let mut file = Staged::create(path)?;
    file.write(bytes)?;
    Ok(file)
}

/// The files' names and contents, the report last.
fn render(runs: &[(PathBuf, BatchingRun)]) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let series = series::collect(runs)?;
    let origin = Origin::of(runs);
    let subtitle = subtitle(runs);
    let batch = batch_chart::chart(&series, origin, &subtitle);
    let percentiles = percentile_chart::chart(&series, origin, &subtitle);
    Ok(vec![
        picture(PERCENTILES_PNG, &percentiles, png)?,
        picture(PERCENTILES_SVG, &percentiles, |chart| {
            svg(chart).map(String::into_bytes)
        })?,
        picture(BATCH_PNG, &batch, png)?,
        picture(BATCH_SVG, &batch, |chart| {
            svg(chart).map(String::into_bytes)
        })?,
        (REPORT, markdown::text(runs, &series).into_bytes()),
    ])
}

fn picture(
    file: &'static str,
    chart: &Chart,
    draw: impl Fn(&Chart) -> Result<Vec<u8>, String>,
) -> Result<(&'static str, Vec<u8>), ReportError> {
    draw(chart)
        .map(|bytes| (file, bytes))
        .map_err(|reason| ReportError::Draw { file, reason })
}

/// What was measured where, in a line; only what all runs share.
fn subtitle(runs: &[(PathBuf, BatchingRun)]) -> String {
    let mut parts = Vec::new();
    for of in [
        (|run: &BatchingRun| run.target.clone()) as fn(&BatchingRun) -> String,
        |run| run.environment.cpu.clone(),
        |run| format!("Linux {}", run.environment.kernel),
    ] {
        let first = of(&runs[0].1);
        if runs.iter().all(|(_, run)| of(run) == first) {
            parts.push(first);
        }
    }
    parts.join(" · ")
}

fn io_error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> ReportError {
    let path = path.to_owned();
    move |error| ReportError::Io { path, what, error }
}

#[cfg(test)]
mod tests;
