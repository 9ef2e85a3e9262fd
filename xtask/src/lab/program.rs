//! Programs of this machine in the guest, with the shared libraries that they are linked to.

use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::architecture::Architecture;
use crate::process;

/// A file of this machine, and where the guest has it, without the first slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    pub(super) file: PathBuf,
    pub(super) place: String,
}

/// The files of the programs with these names, each once.
///
/// # Errors
/// Where there is no such program, or the guest has another processor.
pub(super) fn find(names: &[String], architecture: Architecture) -> Result<BTreeSet<Placed>> {
    let mut files = BTreeSet::new();
    for name in names {
        if env::consts::ARCH != architecture.name() {
            bail!(
                "--program {name}: the guest is {}, this machine's programs are {}",
                architecture.name(),
                env::consts::ARCH
            );
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders = env::split_paths(&path);
        let Some(file) = folders.find_map(|folder| {
            let file = folder.join(name);
            file.is_file().then_some(file)
        }) else {
            bail!("--program {name}: there is no such program in PATH");
        };
        let linked = process::output(
            Command::new("ldd").arg(&file),
            "only programs with shared libraries can be given; for others use --file",
        )?;
        files.extend(libraries(&linked));
        files.insert(Placed {
            place: format!("bin/{name}"),
            file,
        });
    }
    Ok(files)
}

/// The files in the output of ldd(1): `NAME => /PATH (0x…)`, or `/PATH (0x…)`.
fn libraries(linked: &str) -> impl Iterator<Item = Placed> + '_ {
    linked.lines().filter_map(|line| {
        let path = line.split_whitespace().find(|word| word.starts_with('/'))?;
        Some(Placed {
            place: path.trim_start_matches('/').to_owned(),
            file: Path::new(path).to_owned(),
        })
    })
}

/// The folders above these places, outermost first.
pub(super) fn folders<'a>(places: impl IntoIterator<Item = &'a Placed>) -> BTreeSet<&'a str> {
    let above = |placed: &'a Placed| {
        let slashes = placed.place.match_indices('/');
        slashes.map(|(at, _)| &placed.place[..at])
    };
    places.into_iter().flat_map(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_comes_with_its_libraries_and_their_folders() {
        let linked = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f12)\n\
                      \t/lib64/ld-linux.so.2 (0x00007f13)\n";
        let files: BTreeSet<Placed> = libraries(linked).collect();
        let places: Vec<&str> = files.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, ["lib/x/libc.so.6", "lib64/ld-linux.so.2"]);
        let folders: Vec<&str> = folders(&files).into_iter().collect();
        assert_eq!(folders, ["lib", "lib/x", "lib64"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let here = match env::consts::ARCH {
            "aarch64" => Architecture::Aarch64,
            _ => Architecture::X86_64,
        };
        let error = find(&["no-such-program".into()], here).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
