//! SHA-256 digests: of an object, and of everything an object is made from.

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::build::{FLAGS, TARGET};
use super::processor::Processor;
use crate::repo::Repo;

/// Folders whose sources the compiler reads; crates from a registry are pinned by the lock file in the first.
const FOLDERS: &[&str] = &["ebpf/probes", "ebpf/abi"];
const EXTENSIONS: &[&str] = &["rs", "toml", "lock"];

/// Digest of `bytes`, in hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

/// Digest of the present sources: the files of the programs and of the crate they share with user space, what
/// those inherit from the workspace's manifest, and the compiler's flags. Neither names outside the
/// checkout nor times of change go in.
pub(super) fn of_sources(repo: &Repo, processor: Processor) -> Result<String> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&repo.path(folder), &mut files)?;
    }
    let mut sources = Vec::new();
    for file in files {
        let name = file
            .strip_prefix(repo.root())
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        sources.push((name, bytes));
    }
    let manifest = fs::read_to_string(repo.path("Cargo.toml")).context("cannot read Cargo.toml")?;
    sources.push((
        "Cargo.toml [workspace.package]".into(),
        inherited(&manifest).into_bytes(),
    ));
    sources.push((
        "flags".into(),
        format!("{TARGET} {} {}", FLAGS.join(" "), processor.flag()).into_bytes(),
    ));
    Ok(of_named(sources))
}

/// The table that member crates inherit from, the only part of the workspace's manifest that reaches the programs.
fn inherited(manifest: &str) -> String {
    let lines = manifest
        .lines()
        .skip_while(|line| line.trim() != "[workspace.package]");
    let table = lines
        .enumerate()
        .take_while(|(index, line)| *index == 0 || !line.starts_with('['));
    table
        .map(|(_, line)| line.trim())
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Length-prefixed, so that no two lists of files run together into the same bytes.
fn of_named(mut sources: Vec<(String, Vec<u8>)>) -> String {
    sources.sort();
    let mut hash = Sha256::new();
    for (name, bytes) in sources {
        for part in [name.as_bytes(), &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hex(hash)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", folder.display()))?
            .path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "target" {
                collect(&path, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|end| EXTENSIONS.iter().any(|&wanted| end == wanted))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sources: &[(&str, &str)]) -> String {
        of_named(
            sources
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
                .collect(),
        )
    }

    #[test]
    fn a_digest_is_sha256_in_hexadecimal() {
        assert_eq!(
            of_bytes(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_order_in_which_files_are_found_does_not_matter() {
        assert_eq!(
            named(&[("a", "1"), ("b", "2")]),
            named(&[("b", "2"), ("a", "1")])
        );
    }

    #[test]
    fn a_moved_file_boundary_changes_the_digest() {
        assert_ne!(
            named(&[("a", "12"), ("b", "")]),
            named(&[("a", "1"), ("b", "2")])
        );
    }

    #[test]
    fn only_the_inherited_table_of_the_manifest_counts() {
        let manifest = "[workspace]\nmembers = []\n\n[workspace.package]\nedition = \"2024\"\n\n[workspace.dependencies]\nx = \"1\"\n";
        assert_eq!(
            inherited(manifest),
            "[workspace.package]\nedition = \"2024\""
        );
        assert_eq!(
            inherited(manifest),
            inherited(&manifest.replace("\"1\"", "\"2\""))
        );
    }
}
