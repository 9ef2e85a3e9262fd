//! What may lie at the top level.

use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::Violation;
use crate::process;
use crate::repo::Repo;

const NAMES: &[&str] = &[
    // The rooms.
    "src",
    "ebpf",
    "agent",
    "driver",
    "tui",
    "bench",
    "reports",
    "xtask",
    // What every repository has.
    "docs",
    ".ci",
    ".cargo",
    ".github",
    ".gitignore",
    ".gitattributes",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

pub(super) fn check(repo: &Repo) -> Result<Vec<Violation>> {
    let strangers = entries(repo)?.into_iter().filter(|name| !is_allowed(name));
    let violation = |file| {
        Violation {
        file,
        line: 1,
        message: "the top level has no place for this: move it into a room (ARCHITECTURE.md), or name it in .gitignore".into(),
    }
    };
    Ok(strangers.map(violation).collect())
}

fn is_allowed(name: &str) -> bool {
    let is_toml = name
        .strip_suffix(".toml")
        .is_some_and(|stem| !stem.is_empty());
    NAMES.contains(&name) || is_toml || name.starts_with("LICENSE-")
}

/// Names at the top level as git sees them, without what it ignores; without git, all but the usual.
fn entries(repo: &Repo) -> Result<BTreeSet<String>> {
    let mut list = Command::new("git");
    list.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ])
    .current_dir(repo.root());
    if let Ok(files) = process::output(&mut list, "") {
        let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
        return Ok(files
            .split('\0')
            .map(first)
            .filter(|name| !name.is_empty())
            .collect());
    }
    let entries = fs::read_dir(repo.root()).context("cannot list the checkout")?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names
        .filter(|name| name != ".git" && name != "target")
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_manifests_and_licences_have_a_place() {
        for name in ["driver", "clippy.toml", "LICENSE-MIT", ".ci", "Cargo.lock"] {
            assert!(is_allowed(name), "{name}");
        }
    }

    #[test]
    fn anything_else_has_none() {
        for name in ["utils", "notes.md", ".toml", "build.rs", "LICENSE.txt"] {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
