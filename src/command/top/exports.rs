//! Files of what the dashboard shows, under names that nothing has yet.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use hwptop_agent::snapshot::{ObjectScope, Scope};
use hwptop_bench::compact_utc;
use hwptop_tui::{Export, ExportForm};

use crate::command::beside::Beside;

/// The longest part of a file's name that comes from what it is of.
const PART_MAX: usize = 60;
/// More files than that of one second and one part are not thought of.
const TRIES: u32 = 100;
/// Its owner alone may read what is measured of processes.
const MODE: u32 = 0o600;

/// Writes it to a new file in `directory`; answers its name.
pub(super) fn write(directory: &Path, export: &Export) -> Result<String, String> {
    let extension = match export.form {
        ExportForm::Csv => "csv",
        ExportForm::Json => "json",
        ExportForm::Svg => "svg",
    };
    for name in Names::of(&shown(export), extension) {
        let path = directory.join(&name);
        let reserved = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&path);
        match reserved {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot write {name}: {error}")),
            Ok(_) => {
                return match write_beside(&path, &export.text) {
                    Ok(()) => Ok(name),
                    Err(error) => {
                        // Made a moment ago, and empty.
                        let _ = fs::remove_file(&path);
                        Err(format!("cannot write {name}: {error}"))
                    }
                };
            }
        }
    }
    Err(format!("{TRIES} files of this second are there already"))
}

/// All at once or not at all.
fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let mut file = Beside::with_mode(path, MODE)?;
    file.file().write_all(text.as_bytes())?;
    file.put_in_place()
}

/// Names for a file of now: `hwptop-20261123T063000Z-dmar0.csv`, then with -2, -3 and so on.
pub(super) struct Names {
    stem: String,
    extension: &'static str,
    tried: u32,
}

impl Names {
    pub(super) fn of(what: &str, extension: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = compact_utc(now.unwrap_or_default().as_secs());
        let what: String = what
            .chars()
            .map(|one| match one {
                '.' | '_' => one,
                one if one.is_ascii_alphanumeric() => one,
                _ => '-',
            })
            .take(PART_MAX)
            .collect();
        Self {
            stem: format!("hwptop-{now}-{what}"),
            extension,
            tried: 0,
        }
    }
}

impl Iterator for Names {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.tried += 1;
        let Self {
            stem, extension, ..
        } = self;
        match self.tried {
            1 => Some(format!("{stem}.{extension}")),
            tried @ 2..=TRIES => Some(format!("{stem}-{tried}.{extension}")),
            _ => None,
        }
    }
}

/// What is exported, in some words.
fn shown(export: &Export) -> String {
    match (export.screen, &export.scope) {
        (None, scope) => part(scope),
        (Some(screen), Scope::Everything) => screen.to_owned(),
        (Some(screen), scope) => format!("{screen} of {}", part(scope)),
    }
}

/// What it is of, in a word or two.
pub(super) fn part(scope: &Scope) -> String {
    match scope {
        Scope::Everything => "everything".to_owned(),
        Scope::Instance(name) => name.clone(),
        Scope::Process(id) => format!("process {id}"),
        Scope::Object(ObjectScope { process, hwpt, .. }) => format!("hwpt {hwpt} of {process}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str) -> Export {
        Export {
            text: text.to_owned(),
            form: ExportForm::Svg,
            screen: Some("compare"),
            scope: Scope::Everything,
        }
    }

    #[test]
    fn a_name_tells_the_screen_and_the_part() {
        let mut export = picture("");
        assert_eq!(shown(&export), "compare");
        export.scope = Scope::Instance("dmar0".to_owned());
        assert_eq!(shown(&export), "compare of dmar0");
        export.screen = None;
        assert_eq!(shown(&export), "dmar0");
        let name = Names::of("compare of dmar0", "csv").next();
        assert!(name.is_some_and(|name| name.ends_with("Z-compare-of-dmar0.csv")));
    }

    #[test]
    fn a_name_has_the_time_and_the_part_and_no_character_that_a_shell_takes_for_another() {
        let odd = "an odd/\u{1b}[31m\nnäme; $(x)";
        let name = Names::of(odd, "csv").next().expect("there is one");
        let (time, part) = name.split_at("hwptop-20261123T063000Z".len());
        let digits = time.bytes().filter(u8::is_ascii_digit).count();
        assert!(time.starts_with("hwptop-2") && digits == 14, "{name}");
        assert_eq!(part, "-an-odd---31m-n-me----x-.csv");
        let long = "x".repeat(1000);
        let name = Names::of(&long, "jsonl").last().expect("there is one");
        assert!(name.len() < 100 && name.ends_with("-100.jsonl"), "{name}");
    }

    #[test]
    fn what_is_there_is_never_overwritten_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |text| write(folder.path(), &picture(text));
        let mut names = vec![write("one").expect("it is written")];
        names.push(write("two").expect("it is written"));
        assert_ne!(names[0], names[1]);
        for (name, text) in names.iter().zip(["one", "two"]) {
            let path = folder.path().join(name);
            assert_eq!(fs::read_to_string(path).expect("it is there"), text);
        }
        let files = fs::read_dir(folder.path()).expect("it is there");
        assert_eq!(files.count(), 2);
    }

    #[test]
    fn why_it_cannot_be_written_is_told_with_its_name() {
        let error = write(Path::new("/proc/nowhere"), &picture(""));
        let error = error.expect_err("there is no such folder");
        assert!(
            error.starts_with("cannot write hwptop-") && error.contains("No such file"),
            "{error}"
        );
    }
}
