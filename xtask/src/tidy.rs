//! `cargo xtask tidy`: rules of this code base that no other tool checks.

mod layout;
mod rules;
mod source;

use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repo::Repo;

/// Folders with Rust code.
const ROOMS: &[&str] = &[
    "src", "ebpf", "agent", "driver", "tui", "bench", "reports", "xtask",
];

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    /// From 1.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Checks every rule.
///
/// # Errors
/// With one line per violation, or where a file cannot be read.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let mut violations = layout::check(repo)?;
    let mut files = Vec::new();
    for room in ROOMS {
        collect(&repo.path(room), &mut files)?;
    }
    files.sort();
    for file in &files {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file
            .strip_prefix(repo.root())
            .unwrap_or(file)
            .to_string_lossy();
        violations.extend(rules::check(&name, &text));
    }
    if violations.is_empty() {
        println!("tidy: {} Rust files follow the rules", files.len());
        return Ok(());
    }
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    bail!("{}\n{} places break a rule", lines.join("\n"), lines.len())
}

/// Every Rust file under `folder`; a room that is not there yet has none.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", folder.display()))?
            .path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if name != "target" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
