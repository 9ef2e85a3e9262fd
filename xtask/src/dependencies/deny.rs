//! cargo-deny, by the rules of deny.toml.

use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

use crate::process;
use crate::repo::Repo;

/// Where advisories come from.
pub(super) const DATABASE: &str = "https://github.com/RustSec/advisory-db";

/// A cargo-deny that is at hand.
pub(super) struct Deny<'a> {
    repo: &'a Repo,
    program: &'a Path,
}

impl<'a> Deny<'a> {
    pub(super) fn new(repo: &'a Repo, program: &'a Path) -> Self {
        Self { repo, program }
    }

    /// What needs no network but cargo's.
    ///
    /// # Errors
    /// What is refused.
    pub(super) fn policy(&self, project: &str) -> Result<()> {
        self.check(project, &["licenses", "bans", "sources"])
    }

    /// Known vulnerabilities and what is no longer maintained.
    ///
    /// # Errors
    /// What is known, or that the database cannot be fetched.
    pub(super) fn advisories(&self, projects: &[&str]) -> Result<()> {
        projects
            .iter()
            .try_for_each(|project| self.check(project, &["advisories"]))
    }

    fn check(&self, project: &str, checks: &[&str]) -> Result<()> {
        let mut command = Command::new(self.program);
        command
            .args(["--color", "never", "--locked", "--manifest-path"])
            .arg(self.repo.path(project))
            .arg("--config")
            .arg(self.repo.path("deny.toml"))
            .args(["check", "--hide-inclusion-graph"])
            .args(checks);
        let output = command
            .output()
            .with_context(|| format!("cannot start `{}`", process::describe(&command)))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!(
                "{said}{project}: {} refused, see above: take another dependency, or change deny.toml and say why",
                checks.join(", ")
            );
        }
        for warning in warnings(&said) {
            println!("{project}: {warning}");
        }
        Ok(())
    }
}

/// The first line of each warning; cargo-deny draws some lines below it.
fn warnings(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter(|line| line.starts_with("warning["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_in_a_line() {
        let said = "\
warning[duplicate]: found 2 duplicate entries for crate 'syn'
   ┌─ /w/Cargo.lock:31:1
31 │ ╭ syn 2.0.119 registry+https://github.com/rust-lang/crates.io-index

bans ok, licenses ok, sources ok
";
        let found: Vec<&str> = warnings(said).collect();
        assert_eq!(
            found,
            ["warning[duplicate]: found 2 duplicate entries for crate 'syn'"]
        );
    }
}
