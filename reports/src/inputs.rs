use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use hwptop_agent::{InstanceKind, Summary, compare::Blocks};
use hwptop_bench::{
    run_file::{Kind, RunFile},
    store::{History, Name},
};

/// What a report is made of, each with the file that it was read from.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Run files.
    pub runs: Vec<(PathBuf, RunFile)>,
    /// Recordings.
    pub recordings: Vec<(PathBuf, Summary)>,
    /// What the run files or recordings are compared with.
    pub base: Option<Base>,
    /// The histories of a store.
    pub history: Option<Histories>,
}

/// What something is compared with.
#[derive(Debug)]
pub enum Base {
    /// Another run file.
    Run(PathBuf, Box<RunFile>),
    /// Another recording, and the intervals of both sides.
    Recording {
        /// The file of the base.
        path: PathBuf,
        /// Its intervals.
        base: Box<Blocks>,
        /// Those of each of [`Inputs::recordings`].
        new: Vec<Blocks>,
    },
}

/// The histories of a store's suites.
#[derive(Debug)]
pub struct Histories {
    /// The store.
    pub store: PathBuf,
    /// Of which branch.
    pub branch: Name,
    /// By suite.
    pub suites: Vec<History>,
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
    pub(crate) fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let kinds: BTreeSet<Kind> = kinds.into_iter().collect();
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

/// Behind a name: nothing for hardware.
pub(crate) fn word(kind: Kind) -> String {
    match kind {
        Kind::Hardware => String::new(),
        other => format!(" ({})", other.name()),
    }
}

/// A run file's word for what stands behind an instance.
pub(crate) const fn kind_of(kind: InstanceKind) -> Kind {
    match kind {
        InstanceKind::Hardware => Kind::Hardware,
        InstanceKind::Modelled => Kind::Modelled,
        InstanceKind::Emulated => Kind::Emulated,
        InstanceKind::Mock => Kind::Mock,
    }
}

/// The kinds of a recording's instances.
pub(crate) fn kinds_of(recording: &Summary) -> impl Iterator<Item = Kind> {
    recording.instances.iter().map(|one| kind_of(one.kind))
}

impl Inputs {
    /// Every kind that figures are of.
    pub(crate) fn kinds(&self) -> BTreeSet<Kind> {
        let runs = self.runs.iter().map(|(_, run)| run.kind);
        let recordings = self.recordings.iter().flat_map(|(_, one)| kinds_of(one));
        let histories = self.history.iter().flat_map(|of| &of.suites);
        let segments = histories.flat_map(|history| &history.segments);
        let stored = segments.map(|segment| segment.first.kind);
        runs.chain(recordings).chain(stored).collect()
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.recordings.is_empty() && self.history.is_none()
    }
}

/// The file's name, without the directories that differ from place to place.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The names of files, with their number where a name is there twice; nothing to tell apart where
/// there is one.
pub(crate) fn names<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Vec<String> {
    let names: Vec<String> = paths.map(|path| file_name(path)).collect();
    let numbered = names.iter().enumerate().map(|(index, name)| {
        match names.iter().filter(|other| *other == name).count() {
            1 => name.clone(),
            _ => format!("{}. {name}", index + 1),
        }
    });
    numbered.collect()
}
