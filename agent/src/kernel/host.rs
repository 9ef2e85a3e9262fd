//! The files of `/proc`, `/sys`, `/dev` and `/boot`, of this machine or of a folder that
//! stands for one.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The most that is read of one file: `/proc/kallsyms` takes 10 to 20 MB.
const BYTES_MAX: u64 = 256 << 20;

/// A machine as its files show it.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// This machine.
    #[must_use]
    pub fn running() -> Self {
        Self::at(Path::new("/"))
    }

    /// A machine whose files lie in a folder, for tests.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where a file of the machine lies; `name` has no leading slash.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(super) fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(name))?
            .take(BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The text of a file without blanks around it, if it can be read.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let bytes = self.bytes(name).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The names in a folder, sorted; none where it cannot be read.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }
}
