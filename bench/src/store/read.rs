use std::{
    fs::{self, File},
    io::{self, Read as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::Stored;
use crate::run_file::RunFile;

/// The most files of a branch and suite that are read: the newest.
pub const FILES_MAX: usize = 1000;
/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most that is read of a branch and suite, in bytes.
pub const BYTES_MAX: u64 = 2 << 30;

/// What was not read of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// What could not be.
    pub skipped: Vec<Skipped>,
    /// Older files, beyond [`FILES_MAX`] or [`BYTES_MAX`].
    pub left_out: usize,
}

/// A file that is no run file, or not of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it; names the file.
    pub why: String,
}

impl Unread {
    /// A file or directory that has no name of a store's.
    pub(super) fn foreign(&mut self, path: PathBuf) {
        self.skip(path, "its name is not one that `hwptop baseline add` gives");
    }

    pub(super) fn skip(&mut self, path: PathBuf, why: &str) {
        let why = format!("{}: {why}", path.display());
        self.skipped.push(Skipped { path, why });
    }
}

/// Reads one after the other, until `with` has enough: answers how many there are from there on.
/// What cannot be read is in `unread`.
pub(super) fn each(
    all: Vec<Stored>,
    unread: &mut Unread,
    with: impl FnMut(Stored, RunFile) -> ControlFlow<()>,
) -> usize {
    within(BYTES_MAX, all, unread, with)
}

fn within(
    bytes_max: u64,
    all: Vec<Stored>,
    unread: &mut Unread,
    mut with: impl FnMut(Stored, RunFile) -> ControlFlow<()>,
) -> usize {
    let (count, mut bytes) = (all.len(), 0_u64);
    for (index, stored) in all.into_iter().enumerate() {
        if index == FILES_MAX || bytes >= bytes_max {
            unread.left_out = unread.left_out.saturating_add(count - index);
            return 0;
        }
        let text = match text(&stored.path) {
            Ok(text) => text,
            Err(error) => {
                unread.skip(stored.path, &error.to_string());
                continue;
            }
        };
        bytes = bytes.saturating_add(text.len() as u64);
        match RunFile::parse(&text, &stored.path.display().to_string()) {
            Ok(run) if run.suite == stored.suite.as_str() => {
                if with(stored, run).is_break() {
                    return count - index;
                }
            }
            Ok(run) => {
                let why = format!(
                    "it is of the suite {:?}, and not of its directory's",
                    run.suite
                );
                unread.skip(stored.path, &why);
            }
            Err(error) => unread.skipped.push(Skipped {
                path: stored.path,
                why: error.to_string(),
            }),
        }
    }
    0
}

/// The text of a regular file that is not too large.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let large = || io::Error::other(format!("more than {FILE_BYTES_MAX} bytes"));
    let there = fs::metadata(path)?;
    if !there.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if there.len() > FILE_BYTES_MAX {
        return Err(large());
    }
    let mut text = String::new();
    let mut file = File::open(path)?.take(FILE_BYTES_MAX + 1);
    file.read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(large());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Name, Store,
        tests::{name, run, store},
    };

    fn stored(store: &Store, main: &Name) -> Vec<Stored> {
        let all = store.stored(main, &name("policies"), &mut Unread::default());
        all.expect("it can be read")
    }

    #[test]
    fn no_more_bytes_are_read_than_is_said_and_the_rest_is_counted() {
        let (_directory, store) = store();
        let main = name("main");
        for started in 0..5 {
            let added = store.add(&main, &run(started, "r", &[7.0]), None, false);
            added.expect("it can be added");
        }
        let all = stored(&store, &main);
        let one = text(&all[0].path).expect("it can be read").len() as u64;
        let (mut unread, mut starts) = (Unread::default(), Vec::new());
        let beyond = within(one + 1, all, &mut unread, |_, run| {
            starts.push(run.started_unix_s);
            ControlFlow::Continue(())
        });
        assert_eq!((beyond, unread.left_out), (0, 3));
        assert_eq!(starts, [4, 3]);

        let mut unread = Unread::default();
        let beyond = each(stored(&store, &main), &mut unread, |_, _| {
            ControlFlow::Break(())
        });
        assert_eq!((beyond, unread.left_out), (5, 0));
    }
}
