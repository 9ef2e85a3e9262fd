//! The run file: one versioned JSON document per benchmark run.

use std::{collections::BTreeSet, fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

mod draft;
mod kind;

pub use draft::Draft;
pub use hwptop_agent::snapshot::{HistogramError, HistogramV2};
pub use kind::{Kind, Work};

/// The schema this version writes, and the only one it reads.
pub const SCHEMA: &str = "hwptop.run/1";

/// The largest run file that is read, in bytes: [`POINTS_MAX`] points have less.
const BYTES_MAX: u64 = 64 << 20;
/// The most points in a run file: 64 instances with 64 batch sizes each.
const POINTS_MAX: usize = 4096;
/// The largest count or time in a run file: what a double holds exactly.
const COUNT_MAX: u64 = 1 << 53;

/// What was measured, where and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// [`SCHEMA`].
    pub schema: String,
    /// The suite that wrote it, e.g. `batching`.
    pub suite: String,
    /// The target as given, e.g. `model:vtd,instances=2`.
    pub target: String,
    /// Whether a model stood in for hardware.
    pub modelled: bool,
    /// What stood behind the figures; absent in older files: see [`Self::kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What a batch was.
    #[serde(default)]
    pub work: Work,
    /// The model's timing profile, stated in full, where there is one.
    pub timing_profile: Option<String>,
    /// Seconds since 1970-01-01 UTC at the start.
    pub started_unix_s: u64,
    /// The command line that repeats it.
    pub command: Vec<String>,
    /// The machine it ran on.
    pub environment: Environment,
    /// Whether the run came to its end; `false` where it was stopped before.
    #[serde(default = "yes")]
    pub complete: bool,
    /// The points of the batch sweep, in order of instance, then batch.
    pub points: Vec<BatchPoint>,
}

fn yes() -> bool {
    true
}

/// The machine and the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// hwptop's version.
    pub hwptop: String,
    /// `uname -r`.
    pub kernel: String,
    /// The CPU's own name for itself.
    pub cpu: String,
    /// Logical CPUs online.
    pub cpus: usize,
}

/// One batch size on one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchPoint {
    /// The instance's name.
    pub instance: String,
    /// Entries per request that the guest's queue held before each wait.
    pub batch: u32,
    /// Entries invalidated.
    pub entries: u64,
    /// Requests they took.
    pub requests: u64,
    /// Submissions to the hardware queue; absent where nothing counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submissions: Option<u64>,
    /// Commands in those, without the wait that ends each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<u64>,
    /// Wall time of the measured part in nanoseconds.
    pub elapsed_ns: u64,
    /// Latency of a request in nanoseconds; of some of them only, where timing each
    /// would take a part of what is measured.
    pub request_latency: HistogramV2,
    /// Latency of a submission in nanoseconds; absent where nothing measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_latency: Option<HistogramV2>,
    /// Nanoseconds per entry where it was measured in rounds: their median, with its 95 %
    /// confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_ns_per_entry: Option<Interval>,
    /// The same requests from an array that is ready, sent without anything around them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bare: Option<Beside>,
    /// The same entries as commands of a guest's queue, through the front end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Beside>,
    /// Hardware counters of the submitting thread; absent where the machine
    /// has none, never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<CounterPoint>,
}

/// The same batches in another way, in turns with the point's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Entries invalidated.
    pub entries: u64,
    /// Wall time in nanoseconds.
    pub elapsed_ns: u64,
    /// The point's own entries/s as a ratio of this way's: median of the rounds, with its
    /// 95 % confidence interval.
    pub ratio: Interval,
}

impl Beside {
    /// Entries per second.
    #[must_use]
    pub fn entries_per_s(&self) -> f64 {
        self.entries as f64 / (self.elapsed_ns as f64 / 1e9)
    }
}

/// Hardware counters over one point, on the thread that submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterPoint {
    /// Instructions retired.
    pub instructions: u64,
    /// CPU cycles.
    pub cycles: u64,
    /// Whether the kernel's part is left out, for want of the right to see it.
    #[serde(default)]
    pub user_only: bool,
}

impl BatchPoint {
    /// Nanoseconds of wall time per entry.
    #[must_use]
    pub fn ns_per_entry(&self) -> f64 {
        self.elapsed_ns as f64 / self.entries as f64
    }

    /// Entries per second.
    #[must_use]
    pub fn entries_per_s(&self) -> f64 {
        self.entries as f64 / (self.elapsed_ns as f64 / 1e9)
    }

    /// Commands per sync on the hardware queue, where they were counted.
    #[must_use]
    pub fn commands_per_sync(&self) -> Option<f64> {
        Some(self.commands? as f64 / self.submissions? as f64)
    }

    /// Instructions per entry, where they were counted.
    #[must_use]
    pub fn instructions_per_entry(&self) -> Option<f64> {
        self.counters
            .map(|counters| counters.instructions as f64 / self.entries as f64)
    }

    /// Cycles per entry, where they were counted.
    #[must_use]
    pub fn cycles_per_entry(&self) -> Option<f64> {
        self.counters
            .map(|counters| counters.cycles as f64 / self.entries as f64)
    }
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
    #[error("{path}: schema is {found:?}, this version reads {SCHEMA:?}")]
    Schema {
        /// The file.
        path: String,
        /// What it says.
        found: String,
    },
    /// A value that no run can have produced.
    #[error("{path}: point {point}: {what}")]
    Value {
        /// The file.
        path: String,
        /// Index of the point, from 0.
        point: usize,
        /// What is wrong.
        what: String,
    },
}

impl RunFile {
    /// What stood behind the figures.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(if self.modelled {
            Kind::Modelled
        } else {
            Kind::Hardware
        })
    }

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
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|source| RunFileError::Parse {
                path: name.clone(),
                source,
            })?;
        if let Some(found) = value.get("schema").and_then(serde_json::Value::as_str)
            && found != SCHEMA
        {
            return Err(RunFileError::Schema {
                path: name,
                found: found.to_owned(),
            });
        }
        let run: Self = serde_json::from_value(value).map_err(|source| RunFileError::Parse {
            path: name.clone(),
            source,
        })?;
        run.check(&name)?;
        Ok(run)
    }

    fn check(&self, path: &str) -> Result<(), RunFileError> {
        let wrong = |point: usize, what: String| RunFileError::Value {
            path: path.to_owned(),
            point,
            what,
        };
        if self.points.len() > POINTS_MAX {
            return Err(wrong(POINTS_MAX, format!("more than {POINTS_MAX} points")));
        }
        let mut known = BTreeSet::new();
        for (index, point) in self.points.iter().enumerate() {
            if !known.insert((&point.instance, point.batch)) {
                return Err(wrong(index, format!("{point} is there twice")));
            }
            point
                .check()
                .map_err(|what| wrong(index, format!("{point}: {what}")))?;
        }
        Ok(())
    }
}

impl fmt::Display for BatchPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {:?}, batch {}", self.instance, self.batch)
    }
}

impl BatchPoint {
    /// Refuses what no run can have produced.
    fn check(&self) -> Result<(), String> {
        if self.instance.is_empty() || self.instance.chars().any(char::is_control) {
            return Err("the instance's name is empty or has control characters".to_owned());
        }
        for (field, value) in [
            ("batch", u64::from(self.batch)),
            ("entries", self.entries),
            ("requests", self.requests),
            // Absent is none of these, and allowed.
            ("submissions", self.submissions.unwrap_or(1)),
            ("elapsed_ns", self.elapsed_ns),
        ] {
            if !(1..=COUNT_MAX).contains(&value) {
                return Err(format!("{field} is {value}, must be 1 to {COUNT_MAX}"));
            }
        }
        for (field, histogram) in [
            ("request_latency", Some(&self.request_latency)),
            ("submission_latency", self.submission_latency.as_ref()),
        ] {
            if let Some(histogram) = histogram {
                let decoded = histogram.decode();
                decoded.map_err(|error| format!("{field}: {error}"))?;
            }
        }
        for (field, beside) in [("bare", &self.bare), ("guest", &self.guest)] {
            let Some(beside) = beside else { continue };
            let counted = [beside.entries, beside.elapsed_ns];
            let Interval { median, low, high } = beside.ratio;
            let is_ratio = 0.0 < low && low <= median && median <= high && high.is_finite();
            if !counted.iter().all(|n| (1..=COUNT_MAX).contains(n)) || !is_ratio {
                return Err(format!("{field}: no run has these figures"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
