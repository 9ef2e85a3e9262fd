use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use hdrhistogram::Histogram;
use hwptop_bench::run_file::{BatchPoint, BatchingRun, Kind};

use crate::{
    ReportError,
    inputs::{Origin, names, word},
};

/// One instance of one run.
pub(crate) struct Series<'a> {
    /// What tells it from the others; says what stood in for hardware where that is not
    /// the same for all.
    pub(crate) label: String,
    /// What stood behind it.
    pub(crate) kind: Kind,
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
    /// The label, with a word for what stood in for hardware.
    pub(crate) fn name(&self) -> String {
        let word = word(self.kind);
        if self.label.ends_with(&word) {
            self.label.clone()
        } else {
            format!("{}{word}", self.label)
        }
    }

    /// The point with `batch` entries per request.
    pub(crate) fn at(&self, batch: u32) -> Option<&Point<'_>> {
        self.points
            .iter()
            .find(|point| point.measured.batch == batch)
    }
}

/// Every instance of every run, in the order of the runs, then as they are in
/// the run file.
///
/// # Errors
/// [`ReportError`] where there is no point, or an unreadable histogram.
pub(crate) fn collect(runs: &[(PathBuf, BatchingRun)]) -> Result<Vec<Series<'_>>, ReportError> {
    let origin = Origin::of(runs.iter().map(|(_, run)| run.kind));
    let names = names(runs.iter().map(|(path, _)| path));
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
            let mut label = instance.to_owned();
            if runs.len() > 1 {
                label = format!("{}: {label}", names[index]);
            }
            if !matches!(origin, Origin::Same(_)) {
                label.push_str(&word(run.kind));
            }
            let points = points(path, run, instance)?;
            all.push(Series {
                label,
                kind: run.kind,
                points,
            });
        }
    }
    Ok(all)
}

fn points<'a>(
    path: &Path,
    run: &'a BatchingRun,
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
