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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_more_files_than_any_store_has_is_not_walked_through() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |number: usize| {
            fs::write(directory.path().join(format!("{number}")), "").expect("it can be written");
        };
        (0..ENTRIES_MAX).for_each(write);
        let all = entries(directory.path()).expect("as many as there may be");
        assert_eq!(all.len(), ENTRIES_MAX);
        write(ENTRIES_MAX);
        let error = entries(directory.path()).expect_err("too many").to_string();
        assert!(error.contains("more than 10000 files"), "{error}");
    }
}
