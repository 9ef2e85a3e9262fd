use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

/// A file that is written under a name of its own beside the one it is for, and takes that
/// one's place when there is something in it. Where it never comes to that, it goes, and
/// what had the name stays.
pub(super) struct Beside {
    file: File,
    /// Its own name and the one it is for; `None` where it has that.
    names: Option<[PathBuf; 2]>,
}

impl Beside {
    /// Its owner alone may read it. A device or a pipe is written as it is.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::with_mode(path, 0o600)
    }

    /// As [`Self::create`], for whom `mode` says.
    pub(super) fn with_mode(path: &Path, mode: u32) -> io::Result<Self> {
        // Neither made nor emptied: whether it may be written.
        match OpenOptions::new().write(true).open(path) {
            Ok(file) if !file.metadata()?.is_file() => {
                return Ok(Self { file, names: None });
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        // Not the link to it, if it is one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = OsString::from(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        name.push(format!(".{}.part", process::id()));
        let own = path.with_file_name(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(&own)?;
        Ok(Self {
            file,
            names: Some([own, path]),
        })
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn is_in_place(&self) -> bool {
        self.names.is_none()
    }

    /// Gives it the name it is for, at the first call.
    pub(super) fn put_in_place(&mut self) -> io::Result<()> {
        if let Some([own, path]) = &self.names {
            fs::rename(own, path)?;
            self.names = None;
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some([own, _]) = &self.names {
            // Somebody else may have removed it.
            let _ = fs::remove_file(own);
        }
    }
}
