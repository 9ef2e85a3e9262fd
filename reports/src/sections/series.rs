use std::{collections::BTreeSet, path::Path, path::PathBuf};

use hdrhistogram::Histogram;
use hwptop_bench::run_file::{BatchPoint, BatchingRun, Kind};

use crate::ReportError;

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

/// Behind a name: nothing for hardware.
fn word(kind: Kind) -> String {
    match kind {
        Kind::Hardware => String::new(),
        other => format!(" ({})", other.name()),
    }
}

/// What stood behind the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The same for all.
    Same(Kind),
    /// Hardware for some, and this for the others.
    Partly(Kind),
    /// Several that are none.
    Mixed,
}

impl Origin {
    pub(crate) fn of(runs: &[(PathBuf, BatchingRun)]) -> Self {
        let kinds: BTreeSet<Kind> = runs.iter().map(|(_, run)| run.kind).collect();
        let kinds: Vec<Kind> = kinds.into_iter().collect();
        match kinds[..] {
            [] => Self::Same(Kind::Hardware),
            [only] => Self::Same(only),
            // The first in order.
            [Kind::Hardware, other] => Self::Partly(other),
            _ => Self::Mixed,
        }
    }

    /// `title` with a word that says so.
    pub(crate) fn titled(self, title: &str) -> String {
        match self {
            Self::Same(kind) => format!("{title}{}", word(kind)),
            Self::Partly(kind) => format!("{title} (partly {})", kind.name()),
            Self::Mixed => format!("{title} (not all of hardware)"),
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
pub(crate) fn collect(runs: &[(PathBuf, BatchingRun)]) -> Result<Vec<Series<'_>>, ReportError> {
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
                kind: run.kind,
                points,
            });
        }
    }
    Ok(all)
}

fn label(runs: &[(PathBuf, BatchingRun)], index: usize, instance: &str, origin: Origin) -> String {
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
    if !matches!(origin, Origin::Same(_)) {
        label.push_str(&word(run.kind));
    }
    label
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
