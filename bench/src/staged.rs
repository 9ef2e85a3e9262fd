//! Files that are there whole or not at all.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file written beside its place and renamed into it. Dropped before it is
/// committed, it is gone (only a process that is killed leaves it).
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    place: PathBuf,
}

impl Staged {
    /// Begins a file for `place`. A symbolic link is followed; a file that is there
    /// gives its permissions, else the umask does.
    ///
    /// # Errors
    /// Where no file can be made in its directory.
    pub fn create(place: &Path) -> io::Result<Self> {
        let place = followed(place)?;
        let directory = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Asked first for the system's own words: tempfile's name a file nobody knows.
        fs::metadata(directory)?;
        let permissions = match fs::metadata(&place) {
            Ok(there) => there.permissions(),
            Err(_) => Permissions::from_mode(0o666),
        };
        let file = tempfile::Builder::new()
            .prefix(".hwptop-")
            .permissions(permissions)
            .tempfile_in(directory)?;
        Ok(Self { file, place })
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// As the file system answers, a full disk for one.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Puts the file into its place, where nothing is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where something is, which stays as it was.
    pub fn commit_new(self) -> io::Result<()> {
        self.file
            .persist_noclobber(&self.place)
            .map(drop)
            .map_err(|refused| refused.error)
    }

    /// Puts the file into its place.
    ///
    /// # Errors
    /// Where it cannot be replaced; what was there still is.
    pub fn commit(self) -> io::Result<()> {
        self.file
            .persist(&self.place)
            .map(drop)
            .map_err(|refused| refused.error)
    }
}

/// Where a path leads, a link to a file that is not there yet included.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Ok(path.parent().unwrap_or(Path::new("")).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut staged = Staged::create(path)?;
        staged.write(text.as_bytes())?;
        staged.commit()
    }

    #[test]
    fn a_link_is_followed_whether_it_leads_to_a_file_or_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        symlink("file", &link).expect("it can be linked");
        for text in ["new", "replaced"] {
            write(&link, text).expect("it can be written");
            assert!(link.symlink_metadata().expect("it is there").is_symlink());
            assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
        }
    }

    #[test]
    fn the_permissions_of_what_was_there_stay() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("secret");
        fs::write(&path, "old").expect("it can be written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it can be set");
        write(&path, "new").expect("it can be written");
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_new_file_replaces_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("run.json");
        let add = |text: &str| {
            let mut staged = Staged::create(&path)?;
            staged.write(text.as_bytes())?;
            staged.commit_new()
        };
        add("first").expect("nothing is there");
        let error = add("second").expect_err("something is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "first");
        assert_eq!(
            fs::read_dir(directory.path()).expect("a directory").count(),
            1
        );
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        drop(Staged::create(&directory.path().join("run.json")).expect("it can be begun"));
        assert_eq!(
            fs::read_dir(directory.path()).expect("a directory").count(),
            0
        );
        let error = Staged::create(Path::new("/nonexistent/run.json")).expect_err("no directory");
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }
}
