//! The run file: one versioned JSON document of what processes measured.

use std::{collections::BTreeMap, collections::BTreeSet, fs, io, path::Path};

use serde::{Deserialize, Serialize};

mod batching;
mod difference;
mod draft;
mod first;
mod fitted;
#[cfg(test)]
pub(crate) mod fixture;
mod kind;
mod point;
mod process_run;
mod snapshots;

pub use batching::{BatchPoint, BatchingRun, Beside, CounterPoint};
pub use difference::Difference;
pub use draft::Draft;
pub use fitted::{Fitted, Prediction, line};
pub use hwptop_agent::snapshot::{HistogramError, HistogramV2};
pub use kind::{Kind, Work};
pub use point::{Figure, Key, Labels, Point};
pub use process_run::ProcessRun;

/// The schema that this version writes. It also reads the first, `hwptop.run/1`.
pub const SCHEMA: &str = "hwptop.run/2";

/// The largest run file that is read, in bytes.
const BYTES_MAX: u64 = 256 << 20;
/// The most points of a process: 64 instances with 64 batch sizes each.
const POINTS_MAX: usize = 4096;
/// The most processes on a side.
const RUNS_MAX: usize = 10_000;
/// The largest count or time in a run file: what a double holds exactly.
const COUNT_MAX: u64 = 1 << 53;

/// What was measured, where and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// [`SCHEMA`].
    pub schema: String,
    /// The suite that wrote it, e.g. `batching`.
    pub suite: String,
    /// The target as given, e.g. `model:vtd,instances=2`; absent where a suite has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What stood behind the figures.
    pub kind: Kind,
    /// The model's timing profile, stated in full, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing_profile: Option<String>,
    /// What else the suite was told, or found, that its figures depend on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Seconds since 1970-01-01 UTC at the start.
    pub started_unix_s: u64,
    /// The command line that repeats it.
    pub command: Vec<String>,
    /// The machine it ran on, and the binary.
    pub environment: Environment,
    /// Whether it came to its end; `false` where it was stopped before.
    pub complete: bool,
    /// Turns that were dropped because a process of theirs failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u32,
    /// What this binary's processes measured, in their order.
    pub runs: Vec<ProcessRun>,
    /// What another binary's measured in turns with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The other binary of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The binary, as given.
    pub program: String,
    /// What it says of itself and of the machine.
    pub environment: Environment,
    /// What its processes measured: the first in turns with the first of this binary's, and so
    /// on.
    pub runs: Vec<ProcessRun>,
}

/// The machine and the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// hwptop's version.
    pub hwptop: String,
    /// The revision of its source; absent where it was built outside a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// `uname -r`.
    pub kernel: String,
    /// The CPU's own name for itself.
    pub cpu: String,
    /// Logical CPUs that the process may use.
    pub cpus: usize,
    /// What sets the CPUs' frequency (cpufreq); absent where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// What the machine calls itself where it is virtual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtualisation: Option<String>,
    /// eBPF programs that the kernel held at the start, of every process; absent where this
    /// process may not see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebpf_programs: Option<usize>,
    /// How it was built: `release` or `debug`; absent where an older version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What this process had attached while it measured, e.g. `static probes`, or `none`; several
    /// where it measured under each in turn. Absent where an older version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Vec<String>>,
}

/// Why a run file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// Not JSON, or not a run file's JSON; the source names line and column.
    #[error("{path}: not a hwptop run file: {source}")]
    Parse {
        /// The file.
        path: String,
        /// What was found where.
        source: serde_json::Error,
    },
    /// A run file of another version.
    #[error("{path}: schema is {found:?}, this version reads {SCHEMA:?} and {first:?}", first = first::SCHEMA)]
    Schema {
        /// The file.
        path: String,
        /// What it says.
        found: String,
    },
    /// A value that no run can have produced.
    #[error("{path}: {place}: {what}")]
    Value {
        /// The file.
        path: String,
        /// Where, in words.
        place: String,
        /// What is wrong.
        what: String,
    },
}

impl RunFile {
    /// Reads and checks a run file.
    ///
    /// # Errors
    /// [`RunFileError`], naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, RunFileError> {
        let name = path.display().to_string();
        let io = |source| RunFileError::Io {
            path: name.clone(),
            source,
        };
        let there = fs::metadata(path).map_err(io)?;
        if !there.is_file() {
            return Err(io(io::Error::other("not a regular file")));
        }
        if there.len() > BYTES_MAX {
            return Err(io(io::Error::other(format!(
                "{} bytes are more than any run file has ({BYTES_MAX})",
                there.len()
            ))));
        }
        let text = fs::read_to_string(path).map_err(io)?;
        Self::parse(&text, &name)
    }

    /// Reads and checks the text of the run file `name`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, RunFileError> {
        let parse = |source| RunFileError::Parse {
            path: name.to_owned(),
            source,
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(parse)?;
        let schema = value.get("schema").and_then(serde_json::Value::as_str);
        let run = match schema {
            // What is missing is told with what else there should be.
            Some(SCHEMA) | None => serde_json::from_str(text).map_err(parse)?,
            Some(first::SCHEMA) => first::read(text).map_err(parse)?,
            Some(found) => {
                return Err(RunFileError::Schema {
                    path: name.to_owned(),
                    found: found.to_owned(),
                });
            }
        };
        Self::check(&run, name)?;
        Ok(run)
    }

    /// What a sweep of batch sizes measured; none for any other suite.
    #[must_use]
    pub fn batching(&self) -> Option<BatchingRun> {
        BatchingRun::of(self)
    }

    fn check(&self, path: &str) -> Result<(), RunFileError> {
        let wrong = |place: String, what: String| RunFileError::Value {
            path: path.to_owned(),
            place,
            what,
        };
        self.check_names()
            .map_err(|(place, what)| wrong(place.to_owned(), what))?;
        let base = self.base.as_ref().map_or(&[][..], |base| &base.runs);
        for (side, runs) in [("runs", self.runs.as_slice()), ("base.runs", base)] {
            if runs.len() > RUNS_MAX {
                return Err(wrong(side.to_owned(), format!("more than {RUNS_MAX}")));
            }
            for (index, run) in runs.iter().enumerate() {
                let at = |point: usize| format!("{side}[{index}].points[{point}]");
                if run.points.len() > POINTS_MAX {
                    return Err(wrong(
                        at(POINTS_MAX),
                        format!("more than {POINTS_MAX} points"),
                    ));
                }
                let mut known = BTreeSet::new();
                for (index, point) in run.points.iter().enumerate() {
                    if !known.insert(&point.labels) {
                        let what = format!("the point with {:?} is there twice", point.labels);
                        return Err(wrong(at(index), what));
                    }
                    point.check().map_err(|what| wrong(at(index), what))?;
                    if self.suite == batching::SUITE && BatchPoint::of(point, false).is_none() {
                        let what = "no point of a batch sweep: instance, batch and what was done \
                                    are not all there, or 0";
                        return Err(wrong(at(index), what.to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Refuses what is shown as it is and would do something to a terminal, with its place.
    fn check_names(&self) -> Result<(), (&'static str, String)> {
        let own = [(&self.environment, "environment")];
        let base = self.base.as_ref();
        let base = base.map(|base| (&base.environment, "base.environment"));
        let builds = own.into_iter().chain(base).flat_map(|(build, place)| {
            let said = [
                Some(&build.hwptop),
                build.revision.as_ref(),
                build.profile.as_ref(),
            ];
            let probes = build.probes.iter().flatten();
            let all = said.into_iter().flatten().chain(probes);
            all.map(move |text| (place, text))
        });
        let settings = self.settings.keys().map(|name| ("settings", name));
        let target = self.target.as_ref().map(|target| ("target", target));
        let mut shown = [("suite", &self.suite)]
            .into_iter()
            .chain(target)
            .chain(settings)
            .chain(builds);
        match shown.find(|(_, text)| text.chars().any(char::is_control)) {
            Some((place, text)) => Err((place, format!("{text:?} has control characters"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
