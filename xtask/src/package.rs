//! `cargo xtask package`: what is given to others.
//!
//! ```text
//! hwptop ─▶ man, completions ─┐
//! CHANGELOG.md ─▶ changelog ──┼─▶ cargo-deb ─▶ .deb ─▶ (--check) a clean Debian: install, use, purge
//! cargo metadata ─▶ notices ──┘
//! ```

mod archive;
mod changelog;
mod contents;
mod debian;
mod notices;

use anyhow::{Context as _, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install, Need};
use crate::tool::Tool;
use contents::Contents;

const CARGO_DEB: Tool = Tool {
    name: "cargo-deb",
    version: "3.8.0",
};

/// What a check came to.
pub(crate) enum Outcome {
    /// So many things were done with the package, and all went well.
    Held(usize),
    /// It cannot be checked here, because.
    Skipped(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(_) => {
                f.write_str("the package works in a clean Debian and leaves nothing there")
            }
            Self::Skipped(why) => write!(f, "skipped package --check, because {why}"),
        }
    }
}

/// As its options say.
///
/// # Errors
/// Where something is missing, does not build, or does not hold.
pub(crate) fn task(
    repo: &Repo,
    is_static: bool,
    is_check: bool,
    install: Install,
) -> Result<ExitCode> {
    if is_check {
        println!("{}", check(repo, install)?);
        return Ok(ExitCode::SUCCESS);
    }
    let made = if is_static {
        archive::make(repo)?
    } else {
        setup::ensure(&setup::missing(Need::Package), install)?;
        let contents = Contents::make(repo, &Build::Release.binary(repo)?)?;
        println!("{}", contents.notes().display());
        package(repo, &CARGO_DEB.get(repo, install)?, Build::Release)?
    };
    println!("{}", made.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes a package of the dev build and tries it in a clean Debian.
///
/// # Errors
/// Where it cannot be made, or does not do there what it should.
pub(crate) fn check(repo: &Repo, install: Install) -> Result<Outcome> {
    let mut needed = setup::missing(Need::Package);
    needed.extend(setup::missing(Need::Root));
    let ready = setup::ensure(&needed, install)
        .and_then(|()| debian::can_be_entered())
        .and_then(|()| CARGO_DEB.get(repo, install))
        .and_then(|cargo_deb| Ok((cargo_deb, debian::base(repo, install)?)));
    let (cargo_deb, base) = match ready {
        Ok(ready) => ready,
        Err(why) => return Ok(Outcome::Skipped(format!("{why:#}"))),
    };
    Contents::make(repo, &Build::Dev.binary(repo)?)?;
    let package = package(repo, &cargo_deb, Build::Dev)?;
    debian::try_out(repo, &base, &package).map(Outcome::Held)
}

/// Which of cargo's profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Dev,
    Release,
}

impl Build {
    const fn profile(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    /// Builds hwptop; answers the program.
    fn binary(self, repo: &Repo) -> Result<PathBuf> {
        let mut build = process::cargo();
        build
            .args([
                "build",
                "--locked",
                "--package",
                "hwptop",
                "--profile",
                self.profile(),
            ])
            .current_dir(repo.root());
        process::run(&mut build, "mend what is shown above")?;
        let folder = match self {
            Self::Dev => "debug",
            Self::Release => "release",
        };
        Ok(repo.target().join(folder).join("hwptop"))
    }
}

/// The package of what was built and made.
fn package(repo: &Repo, cargo_deb: &Path, build: Build) -> Result<PathBuf> {
    let output = contents::folder(repo).join(build.profile());
    // An earlier version's package would be found in its place.
    if output.exists() {
        fs::remove_dir_all(&output)
            .with_context(|| format!("cannot remove {}", output.display()))?;
    }
    fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let mut make = Command::new(cargo_deb);
    make.args(["--no-build", "--locked", "--strip", "--quiet"])
        .args(["--profile", build.profile(), "--output"])
        .arg(&output)
        .args((build == Build::Dev).then_some("--fast"))
        .current_dir(repo.root());
    process::run(&mut make, "see [package.metadata.deb] in Cargo.toml")?;
    let mut files = fs::read_dir(&output).context("cannot list the packages")?;
    let package = files.find_map(|file| {
        let path = file.ok()?.path();
        path.extension()
            .is_some_and(|end| end == "deb")
            .then_some(path)
    });
    package.context("cargo-deb made no package")
}
