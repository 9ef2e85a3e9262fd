use std::{io, path::PathBuf};

use super::{FILE_BYTES_MAX, Name, NameError};

/// Why a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A name that cannot be a file's.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its suite was stopped.
    #[error("the run was stopped before it was done; measure it again, or add it with --force")]
    Incomplete,
    /// There is nothing to compare with in it.
    #[error("there is nothing measured in it; measure it again")]
    Nothing,
    /// When no run was started.
    #[error("it was started {0} s after 1970, beyond the year 9999: the clock was wrong")]
    Started(u64),
    /// More than a store reads.
    #[error("it has {0} bytes, a store's files have {FILE_BYTES_MAX} at most; take fewer --runs")]
    Large(usize),
    /// It is no JSON.
    #[error("it cannot be written as JSON: {0}")]
    Text(serde_json::Error),
    /// More runs of a revision in a second than anyone has.
    #[error("{directory}: there are too many runs of {stem}; remove some", directory = directory.display())]
    Same {
        /// Where.
        directory: PathBuf,
        /// When they were started, and their revision.
        stem: String,
    },
    /// A branch or suite has no runs.
    #[error("{root}: no {what} {name} in this store{there}", root = root.display(), there = names(there))]
    Absent {
        /// The store.
        root: PathBuf,
        /// Branch or suite.
        what: &'static str,
        /// The name of it.
        name: Name,
        /// Those that there are.
        there: Vec<Name>,
    },
    /// There is no store.
    #[error("{root}: no such store; `hwptop baseline add RUN.json --store {root}` makes it", root = .0.display())]
    NoStore(PathBuf),
    /// More than any store has.
    #[error("{directory}: more than {most} files; this is no store, or should be several", directory = directory.display())]
    Many {
        /// Where.
        directory: PathBuf,
        /// How many are looked at.
        most: usize,
    },
    /// The file system refused to tell.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file system refused a change.
    #[error("{path}: {source}", path = path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether the machine failed, and not what was asked for.
    #[must_use]
    pub const fn is_the_machines(&self) -> bool {
        matches!(self, Self::Write { .. })
    }
}

/// `; it has a, b and 3 more`.
fn names(there: &[Name]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = there.iter().take(SHOWN).map(Name::as_str).collect();
    match (shown.join(", "), there.len().saturating_sub(SHOWN)) {
        (_, _) if there.is_empty() => "; it has none".to_owned(),
        (shown, 0) => format!("; it has {shown}"),
        (shown, more) => format!("; it has {shown} and {more} more"),
    }
}
