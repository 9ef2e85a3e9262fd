//! Run files that later ones are compared with, by branch and suite.
//!
//! ```text
//! DIR/BRANCH/SUITE/20261123T063000Z-REVISION[-2][@TAG].json
//! ```
//!
//! Branches, suites and tags are percent-encoded ([`Name`]); everything else is in the run files
//! themselves. What is read is bounded: the newest [`FILES_MAX`] of a suite, each of
//! [`FILE_BYTES_MAX`] and all of [`BYTES_MAX`] at most; what is left out so is counted, and what
//! cannot be read is named and hides nothing else.

use std::{
    fs, io,
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::{run_file::RunFile, staged::Staged};

mod directory;
mod error;
mod history;
mod name;
mod read;
mod stored;

pub use error::StoreError;
pub use history::{Change, Dated, History, Median, Segment, rule};
pub use name::{Name, NameError};
pub use read::{BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, Skipped, Unread};
pub use stored::Stored;

/// Runs of one revision that were started in the same second.
const SAME_MAX: u32 = 100;
/// The last second whose year has four digits, so that files' names are in the order of time.
const STARTED_MAX: u64 = 253_402_300_799;

/// A directory of run files.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// What became of a run that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It has this file now.
    New(PathBuf),
    /// It was there already, with this file.
    There(PathBuf),
    /// It was there already and has another tag now, and another file for that.
    Tagged(PathBuf),
}

/// What is in a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// By branch and suite, the newest first.
    pub runs: Vec<Listed>,
    /// What is not among them.
    pub unread: Unread,
}

/// A run of a store.
#[derive(Debug)]
pub struct Listed {
    /// Where it is.
    pub stored: Stored,
    /// It, without what its processes measured.
    pub run: RunFile,
    /// How many processes that were.
    pub processes: usize,
}

/// What a run can be compared with.
#[derive(Debug, Default)]
pub struct Newest {
    /// None where nothing is comparable.
    pub found: Option<(Stored, RunFile)>,
    /// What is newer and is not comparable, the newest first.
    pub refused: Vec<Skipped>,
    /// What was not looked at on the way.
    pub unread: Unread,
}

impl Store {
    /// The store in that directory, which need not be there before something is added.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Adds `run`; a run that was stopped only if `is_forced`. Its file is there whole or not at
    /// all, and replaces no other run's; a run that is there already is not added again.
    ///
    /// # Errors
    /// [`StoreError`] where it is no run to compare with, or the file system refuses.
    pub fn add(
        &self,
        branch: &Name,
        run: &RunFile,
        tag: Option<&Name>,
        is_forced: bool,
    ) -> Result<Added, StoreError> {
        let suite = Name::new(&run.suite)?;
        let text = text_to_keep(run, is_forced)?;
        let directory = self.directory(branch, &suite);
        let written = |path: &Path, source| StoreError::Write {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(&directory).map_err(|source| written(&directory, source))?;
        let stem = stored::stem(run);
        let same = self.same(branch, &suite, &stem, &text)?;
        if let Some(same) = &same
            && (tag.is_none() || same.tag.as_ref() == tag)
        {
            return Ok(Added::There(same.path.clone()));
        }
        for number in 1..=SAME_MAX {
            let path = directory.join(stored::file_name(&stem, number, tag));
            let new = || {
                let mut staged = Staged::create(&path)?;
                staged.write(text.as_bytes())?;
                staged.commit_new()
            };
            match new() {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(written(&path, error)),
                Ok(()) => {
                    let Some(same) = same else {
                        return Ok(Added::New(path));
                    };
                    directory::remove(&same.path)?;
                    return Ok(Added::Tagged(path));
                }
            }
        }
        Err(StoreError::Same { directory, stem })
    }

    /// The file of a run with that stem and text.
    fn same(
        &self,
        branch: &Name,
        suite: &Name,
        stem: &str,
        text: &str,
    ) -> Result<Option<Stored>, StoreError> {
        let all = self.stored(branch, suite, &mut Unread::default())?;
        let is_same = |one: &Stored| {
            let name = one.path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(stem))
                && read::text(&one.path).is_ok_and(|there| there == text)
        };
        Ok(all.into_iter().find(is_same))
    }

    /// Removes what has no tag and is older than the newest `keep` of that branch and suite, by
    /// when they were started; answers what it removed.
    ///
    /// # Errors
    /// [`StoreError`] where the file system refuses.
    pub fn retain(
        &self,
        branch: &Name,
        suite: &Name,
        keep: NonZeroUsize,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let all = self.stored(branch, suite, &mut Unread::default())?;
        let old = all.into_iter().skip(keep.get());
        let old = old.filter(|stored| stored.tag.is_none());
        old.map(|stored| directory::remove(&stored.path).map(|()| stored.path))
            .collect()
    }

    /// What is in the store, or in a branch of it.
    ///
    /// # Errors
    /// [`StoreError`] where the store or the branch is not there.
    pub fn list(&self, branch: Option<&Name>) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let Listing { runs, unread } = &mut listing;
        for branch in &self.branches(branch, unread)? {
            for suite in &self.suites(branch, unread)? {
                let stored = self.stored(branch, suite, unread)?;
                read::each(stored, unread, |stored, run| {
                    runs.push(Listed {
                        stored,
                        processes: run.runs.len(),
                        run: without_figures(run),
                    });
                    ControlFlow::Continue(())
                });
            }
        }
        Ok(listing)
    }

    /// The newest run of `branch` that was started before `run` and can be compared with it: of
    /// the same suite, target, kind and settings, on the same machine
    /// ([`RunFile::differences`] has none), and of which `unfit` says nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the store or the branch is not there.
    pub fn newest_comparable(
        &self,
        branch: &Name,
        run: &RunFile,
        unfit: impl Fn(&RunFile) -> Option<String>,
    ) -> Result<Newest, StoreError> {
        self.newest(branch, &Name::new(&run.suite)?, |base| {
            if base.started_unix_s >= run.started_unix_s {
                return Some("it was not started before".to_owned());
            }
            let differences = run.differences(base);
            let first = differences.first().map(ToString::to_string);
            first.or_else(|| unfit(base))
        })
    }

    /// The newest run of `suite` in `branch` of which `unfit` says nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the store or the branch is not there.
    pub fn newest(
        &self,
        branch: &Name,
        suite: &Name,
        unfit: impl Fn(&RunFile) -> Option<String>,
    ) -> Result<Newest, StoreError> {
        let mut newest = Newest::default();
        let Newest {
            found,
            refused,
            unread,
        } = &mut newest;
        self.branches(Some(branch), unread)?;
        let stored = self.stored(branch, suite, unread)?;
        read::each(stored, unread, |stored, base| {
            if let Some(why) = unfit(&base) {
                let path = stored.path;
                refused.push(Skipped { path, why });
                return ControlFlow::Continue(());
            }
            *found = Some((stored, base));
            ControlFlow::Break(())
        });
        Ok(newest)
    }

    /// That branch, which must be there, or all.
    fn branches(&self, only: Option<&Name>, unread: &mut Unread) -> Result<Vec<Name>, StoreError> {
        let mut all = directory::named(&self.root, unread)?;
        let Some(only) = only else { return Ok(all) };
        self.check("branch", only, &all)?;
        all.retain(|name| name == only);
        Ok(all)
    }

    /// That `name` is one of those that are there.
    fn check(&self, what: &'static str, name: &Name, there: &[Name]) -> Result<(), StoreError> {
        if there.contains(name) {
            return Ok(());
        }
        Err(StoreError::Absent {
            root: self.root.clone(),
            what,
            name: name.clone(),
            there: there.to_vec(),
        })
    }

    fn suites(&self, branch: &Name, unread: &mut Unread) -> Result<Vec<Name>, StoreError> {
        directory::named(&self.root.join(branch.file_name()), unread)
    }

    fn directory(&self, branch: &Name, suite: &Name) -> PathBuf {
        self.root.join(branch.file_name()).join(suite.file_name())
    }

    /// The files of a suite, the newest first; none where the suite has none.
    fn stored(
        &self,
        branch: &Name,
        suite: &Name,
        unread: &mut Unread,
    ) -> Result<Vec<Stored>, StoreError> {
        let directory = self.directory(branch, suite);
        let mut files = match directory::entries(&directory) {
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Vec::new()
            }
            result => result?,
        };
        files.sort_unstable_by(|one, other| other.cmp(one));
        let mut all = Vec::with_capacity(files.len());
        for file in files {
            match Stored::named(&file, &directory, (branch, suite)) {
                Some(stored) => all.push(stored),
                None => unread.foreign(directory.join(file)),
            }
        }
        Ok(all)
    }
}

/// The text of a run that later ones can be compared with.
fn text_to_keep(run: &RunFile, is_forced: bool) -> Result<String, StoreError> {
    if run.runs.iter().all(|of| of.points.is_empty()) {
        return Err(StoreError::Nothing);
    }
    if !run.complete && !is_forced {
        return Err(StoreError::Incomplete);
    }
    if run.started_unix_s > STARTED_MAX {
        return Err(StoreError::Started(run.started_unix_s));
    }
    let text = run.to_text().map_err(StoreError::Text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(StoreError::Large(text.len()));
    }
    Ok(text)
}

/// What tells what was measured, where and how, without the figures.
fn without_figures(run: RunFile) -> RunFile {
    RunFile {
        runs: Vec::new(),
        base: None,
        ..run
    }
}

#[cfg(test)]
mod tests;
