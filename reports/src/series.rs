use std::{collections::BTreeSet, path::Path, path::PathBuf};

use hdrhistogram::Histogram;
use hwptop_bench::run_file::{BatchPoint, RunFile};

use crate::ReportError;

const MODELLED: &str = " (modelled)";

/// One instance of one run.
pub(crate) struct Series<'a> {
    /// What tells it from the others; says `modelled` where only some are.
    pub(crate) label: String,
    /// Whether a model stood in for hardware.
    pub(crate) modelled: bool,
    /// By batch size.
    pub(crate) points: Vec<Point<'a>>,
}

/// One batch size.
pub(crate) struct Point<'a> {
    /// As the run file has it.
    pub(crate) measured: &'a BatchPoint,
    /// Latency of a request in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Series<'_> {
    /// The label, with the word `modelled` where the figures are.
    pub(crate) fn name(&self) -> String {
        if self.modelled && !self.label.ends_with(MODELLED) {
            format!("{}{MODELLED}", self.label)
        } else {
            self.label.clone()
        }
    }

    /// The point with `batch` entries per request.
    pub(crate) fn at(&self, batch: u32) -> Option<&Point<'_>> {
        self.points
            .iter()
            .find(|point| point.measured.batch == batch)
    }
}

/// Whether the figures are modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Real,
    Modelled,
    Mixed,
}

impl Origin {
    pub(crate) fn of(runs: &[(PathBuf, RunFile)]) -> Self {
        let modelled = runs.iter().filter(|(_, run)| run.modelled).count();
        match modelled {
            0 => Self::Real,
            all if all == runs.len() => Self::Modelled,
            _ => Self::Mixed,
        }
    }

    /// `title` with a word that says so.
    pub(crate) fn titled(self, title: &str) -> String {
        match self {
            Self::Real => title.to_owned(),
            Self::Modelled => format!("{title} (modelled)"),
            Self::Mixed => format!("{title} (partly modelled)"),
        }
    }
}

/// The file's name, without the directories that differ from place to place.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Every instance of every run, in the order of the runs, then as they are in
/// the run file.
///
/// # Errors
/// [`ReportError`] where there is no run, no point, or an unreadable histogram.
pub(crate) fn collect(runs: &[(PathBuf, RunFile)]) -> Result<Vec<Series<'_>>, ReportError> {
    if runs.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let origin = Origin::of(runs);
    let mut all = Vec::new();
    for (index, (path, run)) in runs.iter().enumerate() {
        if run.points.is_empty() {
            return Err(ReportError::NoPoints { path: path.clone() });
        }
        let mut seen = BTreeSet::new();
        for point in &run.points {
            if !seen.insert(point.instance.as_str()) {
                continue;
            }
            let instance = point.instance.as_str();
            let label = label(runs, index, instance, origin);
            let points = points(path, run, instance)?;
            all.push(Series {
                label,
                modelled: run.modelled,
                points,
            });
        }
    }
    Ok(all)
}

fn label(runs: &[(PathBuf, RunFile)], index: usize, instance: &str, origin: Origin) -> String {
    let (path, run) = &runs[index];
    let mut label = instance.to_owned();
    if runs.len() > 1 {
        let name = file_name(path);
        let same_name = runs
            .iter()
            .filter(|(other, _)| file_name(other) == name)
            .count();
        label = match same_name {
            1 => format!("{name}: {label}"),
            _ => format!("{}. {name}: {label}", index + 1),
        };
    }
    if origin == Origin::Mixed && run.modelled {
        label.push_str(MODELLED);
    }
    label
}

fn points<'a>(
    path: &Path,
    run: &'a RunFile,
    instance: &str,
) -> Result<Vec<Point<'a>>, ReportError> {
    let mut points = Vec::new();
    for measured in run.points.iter().filter(|point| point.instance == instance) {
        let latency =
            measured
                .request_latency
                .decode()
                .map_err(|error| ReportError::Histogram {
                    path: path.to_owned(),
                    instance: measured.instance.clone(),
                    batch: measured.batch,
                    error,
                })?;
        points.push(Point { measured, latency });
    }
    points.sort_by_key(|point| point.measured.batch);
    Ok(points)
}
