use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{RunFile, RunFileError};
use crate::staged::Staged;

/// A run file to be: the place is found to be writable before anything is measured,
/// and what is there is replaced at once, when all is written.
///
/// A device, a pipe or any other file that is not a regular one is written to, never
/// replaced; a symbolic link is followed. A draft that is dropped leaves nothing.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Aside(Staged),
    Through(File),
}

impl Draft {
    /// Makes sure that a run file can be written to `path`.
    ///
    /// # Errors
    /// [`RunFileError::Io`], naming the path.
    pub fn create(path: &Path) -> Result<Self, RunFileError> {
        let kind = match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(there) if !there.is_file() => {
                OpenOptions::new().write(true).open(path).map(Kind::Through)
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Staged::create(path).map(Kind::Aside),
        };
        let path = path.to_owned();
        match kind {
            Ok(kind) => Ok(Self { path, kind }),
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// Writes `run`.
    ///
    /// # Errors
    /// [`RunFileError::Io`]; what was there before still is, where it is a regular file.
    pub fn write(self, run: &RunFile) -> Result<(), RunFileError> {
        let text = run.to_text();
        let text = text.map_err(|error| failed(&self.path, error.into()))?;
        self.write_text(&text)
    }

    /// Writes `text`, of whatever else is to be in a place that was found to be writable.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_text(self, text: &str) -> Result<(), RunFileError> {
        let written = match self.kind {
            Kind::Aside(mut staged) => staged.write(text.as_bytes()).and_then(|()| staged.commit()),
            Kind::Through(mut file) => file.write_all(text.as_bytes()),
        };
        written.map_err(|source| failed(&self.path, source))
    }
}

impl RunFile {
    /// The text of its file.
    pub(crate) fn to_text(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

fn failed(path: &Path, source: io::Error) -> RunFileError {
    RunFileError::Io {
        path: path.display().to_string(),
        source,
    }
}
