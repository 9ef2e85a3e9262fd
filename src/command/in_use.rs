//! Files that a command reads, runs or writes: what it writes replaces none of the others.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::anyhow;

use crate::failure::Failure;

/// What a command has to do with which files.
#[derive(Default)]
pub(super) struct InUse {
    files: Vec<(String, Place)>,
    /// Directories whose files are read.
    directories: Vec<(String, PathBuf)>,
}

/// A file, by whatever name.
#[derive(PartialEq, Eq)]
enum Place {
    There {
        device: u64,
        inode: u64,
    },
    /// Not there yet: in that directory, with that name.
    New {
        directory: (u64, u64),
        name: OsString,
    },
}

impl InUse {
    /// The binary that runs, and nothing else yet.
    pub(super) fn by_this_binary() -> Self {
        let own = env::current_exe().ok();
        Self::default().reads("this binary", own.as_deref())
    }

    /// `path` is read, or everything in it where it is a directory; `what` says for what.
    pub(super) fn reads(mut self, what: &str, path: Option<&Path>) -> Self {
        let Some(path) = path else { return self };
        let what = format!("{what} ({})", path.display());
        if path.is_dir() {
            let whole = fs::canonicalize(path);
            self.directories.extend(whole.map(|path| (what, path)));
        } else if let Some(place @ Place::There { .. }) = Place::of(path) {
            self.files.push((what, place));
        }
        self
    }

    /// `program` is run: a path, or a name that is looked for as a shell does.
    pub(super) fn runs(self, what: &str, program: Option<&Path>) -> Self {
        let found = program.and_then(|program| {
            if program.components().count() > 1 || program.is_absolute() {
                return Some(program.to_owned());
            }
            let directories = env::var_os("PATH")?;
            let mut all = env::split_paths(&directories).map(|of| of.join(program));
            all.find(|path| path.is_file())
        });
        self.reads(what, found.as_deref())
    }

    /// `path` is written to by `option`.
    ///
    /// # Errors
    /// Where it is one of the files until now. A device or a pipe is none: it is not replaced.
    pub(super) fn writes(mut self, option: &str, path: Option<&Path>) -> Result<Self, Failure> {
        let Some((path, place)) = path.and_then(|path| Some((path, Place::of(path)?))) else {
            return Ok(self);
        };
        let refused = |what: &str, other: &str| {
            let path = path.display();
            Err(Failure::input(anyhow!(
                "{option} {path}: {what} {other}, which it would replace; give it another name"
            )))
        };
        if let Some((other, _)) = self.files.iter().find(|(_, there)| *there == place) {
            return refused("the same file as", other);
        }
        let directory = fs::canonicalize(parent(path)).unwrap_or_default();
        let mut within = self.directories.iter();
        if let Some((other, _)) = within.find(|(_, of)| directory.starts_with(of)) {
            return refused("a file in", other);
        }
        let option = format!("{option} ({})", path.display());
        self.files.push((option, place));
        Ok(self)
    }
}

impl Place {
    /// None for what is no regular file, or can be none.
    fn of(path: &Path) -> Option<Self> {
        if let Ok(there) = fs::metadata(path) {
            let (device, inode) = (there.dev(), there.ino());
            return there.is_file().then_some(Self::There { device, inode });
        }
        // A link may lead to a file that is not there yet.
        let target = fs::read_link(path).map(|target| parent(path).join(target));
        let path = target.unwrap_or_else(|_| path.to_owned());
        let directory = fs::metadata(parent(&path)).ok()?;
        Some(Self::New {
            directory: (directory.dev(), directory.ino()),
            name: path.file_name().map(OsStr::to_owned)?,
        })
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
