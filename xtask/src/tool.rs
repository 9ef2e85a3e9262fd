//! Programs of crates.io that checks ask: each at one version, built once and kept in target/xtask.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;

/// A program, and the version that it is used at.
pub(crate) struct Tool {
    /// Of the crate, and of the program in it.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// The program; built, unless it is there.
    ///
    /// # Errors
    /// Where it is missing and may not be installed, with what to type, or does not build.
    pub(crate) fn get(&self, repo: &Repo, install: Install) -> Result<PathBuf> {
        let Self { name, version } = self;
        let root = repo.cache().join(format!("{name}-{version}"));
        let program = root.join("bin").join(name);
        if process::succeeds(Command::new(&program).arg("--version")) {
            return Ok(program);
        }
        let mut command = process::cargo();
        command
            .args(["install", name, "--locked", "--force", "--quiet"])
            // They are asked for seconds: the optimiser would take longer than it saves.
            .arg("--debug")
            .args(["--version", version, "--root"])
            .arg(&root)
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        if install == Install::Refused {
            bail!(
                "missing on this machine:\n  {name} {version}\nto install:\n  {}",
                process::describe(&command)
            );
        }
        println!("building {name} {version} (about a minute, once)");
        process::run(&mut command, "it needs the network")?;
        Ok(program)
    }
    /// The same, or in words why it is not to be had.
    pub(crate) fn at_hand(&self, repo: &Repo, install: Install) -> Result<PathBuf, String> {
        self.get(repo, install).map_err(|error| {
            let Self { name, version } = self;
            format!("{name} {version} cannot be had here: {error:#}")
        })
    }
}
