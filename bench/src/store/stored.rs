use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::Name;
use crate::{compact_utc, run_file::RunFile};

/// What every file's name ends with.
const EXTENSION: &str = ".json";
/// What is between a name and its tag: no other part has it.
const TAG: char = '@';
/// The longest part of a revision that is in a file's name.
const REVISION_MAX: usize = 40;
/// The length of a date, `20261123T063000Z`.
const DATE: usize = 16;

/// A run file in a store, known by its name and not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// Its branch.
    pub branch: Name,
    /// Its suite.
    pub suite: Name,
    /// Its tag, where it has one: it is never removed then.
    pub tag: Option<Name>,
}

/// What the name of the file of `run` begins with: when it was started, and its revision.
pub(super) fn stem(run: &RunFile) -> String {
    let revision = run.environment.revision.as_deref().unwrap_or("unknown");
    let plain = |c: char| match c {
        '.' | '_' => c,
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    let revision: String = revision.chars().take(REVISION_MAX).map(plain).collect();
    format!("{}-{revision}", compact_utc(run.started_unix_s))
}

/// The name of the file that is the `number`th of its [`stem`], from 1.
pub(super) fn file_name(stem: &str, number: u32, tag: Option<&Name>) -> String {
    let number = match number {
        0 | 1 => String::new(),
        more => format!("-{more}"),
    };
    let tag = tag.map_or_else(String::new, |tag| format!("{TAG}{}", tag.file_name()));
    format!("{stem}{number}{tag}{EXTENSION}")
}

impl Stored {
    /// The file of that name in the `directory` of a suite, where it is one of [`file_name`].
    pub(super) fn named(
        file: &OsStr,
        directory: &Path,
        (branch, suite): (&Name, &Name),
    ) -> Option<Self> {
        let name = file.to_str()?.strip_suffix(EXTENSION)?;
        let (name, tag) = match name.split_once(TAG) {
            Some((name, tag)) => (name, Some(Name::of_file_name(tag)?)),
            None => (name, None),
        };
        let (date, revision) = name.split_at_checked(DATE)?;
        let is_dated = date.char_indices().all(|(at, c)| match at {
            8 => c == 'T',
            15 => c == 'Z',
            _ => c.is_ascii_digit(),
        });
        let is_revised = revision.len() > 1 && revision.starts_with('-');
        (is_dated && is_revised).then(|| Self {
            path: directory.join(file),
            branch: branch.clone(),
            suite: suite.clone(),
            tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_name_and_so_is_its_tag() {
        let name = Name::new("v1/a@b").expect("a name");
        let stored = |file: &str| {
            let of = (&Name::new("main").expect("a name"), &name);
            Stored::named(file.as_ref(), Path::new("store"), of)
        };
        let stem = "20261123T063000Z-v0.1.0-3-gabc";
        for (number, tag_of, file) in [
            (1, None, "20261123T063000Z-v0.1.0-3-gabc.json"),
            (2, None, "20261123T063000Z-v0.1.0-3-gabc-2.json"),
            (
                3,
                Some(&name),
                "20261123T063000Z-v0.1.0-3-gabc-3@v1%2Fa%40b.json",
            ),
        ] {
            assert_eq!(file_name(stem, number, tag_of), file);
            let stored = stored(file).expect("it is one");
            assert_eq!(stored.tag.as_ref(), tag_of);
            assert_eq!(stored.path, Path::new("store").join(file));
        }
        for foreign in [
            "run.json",
            "20261123T063000Z.json",
            "20261123T063000Z-.json",
            "20261123T063000Z-a.txt",
            "20261123T063000Z-a@.json",
            "20261123T063000Z-a@..json",
            "2026112ÿT063000Z-a.json",
            "20261123 063000Z-a.json",
            ".20261123T063000Z-a.json",
        ] {
            assert_eq!(stored(foreign), None, "{foreign}");
        }
    }
}
