use std::{ffi::OsString, fs, io, path::Path};

use super::{Name, StoreError, Unread};

/// The most files of a directory that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// What is in a directory, but for hidden files: those are not whole yet, or not the store's.
pub(super) fn entries(directory: &Path) -> Result<Vec<OsString>, StoreError> {
    let read = |source| StoreError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if names.len() == ENTRIES_MAX {
            return Err(StoreError::Many {
                directory: directory.to_owned(),
                most: ENTRIES_MAX,
            });
        }
        names.push(name);
    }
    Ok(names)
}

/// The directories in `directory` that a [`Name`] has made, in the order of the names.
pub(super) fn named(directory: &Path, unread: &mut Unread) -> Result<Vec<Name>, StoreError> {
    let all = match entries(directory) {
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::NoStore(directory.to_owned()));
        }
        result => result?,
    };
    let mut names = Vec::new();
    for file in all {
        let path = directory.join(&file);
        if !path.is_dir() {
            continue;
        }
        match file.to_str().and_then(Name::of_file_name) {
            Some(name) => names.push(name),
            None => unread.foreign(path),
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes a file; one that somebody else removed already is gone as well.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
