use std::{io, path::PathBuf};

use crate::snapshot::HistogramError;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file is there already, or the directory does not take it.
    #[error("{}: cannot be created: {source}{}", path.display(), remedy(source))]
    Create {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The name would be that of the histograms.
    #[error("{}: a recording is NAME.jsonl, with its histograms in NAME.hlog", path.display())]
    Name {
        /// The name that was given.
        path: PathBuf,
    },
    /// A file takes no more. What was written before is whole.
    #[error("{}: cannot be written: {source}; it ends with the interval before", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Not a recording, or one of another version.
    #[error("{}: is no recording that this hwptop reads: {why}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A line is whole and wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A histogram is none.
    #[error("{}:{line}: {source}", path.display())]
    Histogram {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        source: HistogramError,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AlreadyExists {
        "; a recording is never written over: give another name, or remove it"
    } else {
        ""
    }
}
