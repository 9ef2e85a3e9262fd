use std::{io, path::PathBuf};

use hwptop_bench::{run_file::HistogramError, statistics::change_points::NoHistory};

/// Why a report could not be written. Nothing half-written stays behind. The
/// message holds the reason; `source()` does not say it again.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to report on.
    #[error(
        "nothing to report on: give run files (`hwptop bench SUITE -o RUN.json`), recordings (`hwptop record -o \
             NAME.jsonl`), or a store by --history"
    )]
    Nothing,
    /// A run file without measurements.
    #[error("{path}: the run has no points; repeat it with the command it names")]
    NoPoints {
        /// The run file.
        path: PathBuf,
    },
    /// A latency histogram in a run file cannot be read.
    #[error("{path}: {instance}, batch {batch}: request latency: {error}")]
    Histogram {
        /// The run file.
        path: PathBuf,
        /// The point's instance.
        instance: String,
        /// The point's batch size in entries per request.
        batch: u32,
        /// What is wrong with it.
        error: HistogramError,
    },
    /// A latency histogram in a run file of another suite cannot be read.
    #[error("{path}: {place}: {error}")]
    Latency {
        /// The run file.
        path: PathBuf,
        /// Which, in words.
        place: String,
        /// What is wrong with it.
        error: HistogramError,
    },
    /// The base is not of the same.
    #[error(
        "{path} cannot be compared with {base}: {why}; give a base of the same suite, target, settings and machine"
    )]
    Incomparable {
        /// The run file.
        path: PathBuf,
        /// The base.
        base: PathBuf,
        /// In what they differ.
        why: String,
    },
    /// A history cannot be looked at.
    #[error("{store}: history of {suite}: {error}")]
    History {
        /// The store.
        store: PathBuf,
        /// Which suite's.
        suite: String,
        /// Why.
        error: NoHistory,
    },
    /// A picture could not be made.
    #[error("{file}: the picture cannot be drawn: {reason}")]
    Draw {
        /// The picture's file name.
        file: String,
        /// The drawing library's words.
        reason: String,
    },
    /// The file system refused.
    #[error("{path}: {what}: {error}; choose another directory with `-o DIR`")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The reason.
        error: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_chain_of_errors_says_each_reason_once() {
        for (error, reason) in [
            (
                ReportError::Histogram {
                    path: "run.json".into(),
                    instance: "model-vtd0".to_owned(),
                    batch: 8,
                    error: HistogramError::Empty,
                },
                "the histogram is empty",
            ),
            (
                ReportError::Io {
                    path: "report".into(),
                    what: "cannot be written",
                    error: io::Error::other("disk full"),
                },
                "disk full",
            ),
        ] {
            let mut chain = vec![error.to_string()];
            let mut next = error.source();
            while let Some(error) = next {
                chain.push(error.to_string());
                next = error.source();
            }
            let said = chain.join(": ");
            assert_eq!(said.matches(reason).count(), 1, "{said}");
        }
    }
}
