//! `cargo xtask semver`: whether the driver's public API still serves who is built on it.
//!
//! cargo-semver-checks makes the documentation of both as JSON, of [`BASELINE`] and of this checkout, and holds one against
//! the other by the rules of the Cargo book's "SemVer Compatibility".

use anyhow::Result;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;
use crate::tally::{self, Tally, Verdict};
use crate::tool::Tool;

/// The revision that the API is held against: the last one that broke it on purpose, or the last release.
const BASELINE: &str = "831933c9ee67";

const CARGO_SEMVER_CHECKS: Tool = Tool {
    name: "cargo-semver-checks",
    version: "0.51.0",
};

/// What the driver is built on and shows, first.
const PACKAGES: [&str; 2] = ["hwptop-abi", "hwptop-driver"];

/// Checks every package that embedders see; fails where something would no longer build, or not mean the same.
pub(crate) fn run(repo: &Repo, install: Install) -> ExitCode {
    let mut tally = Tally::begin(PACKAGES.len());
    let program = CARGO_SEMVER_CHECKS.at_hand(repo, install);
    for package in PACKAGES {
        tally.test(&format!("the public API of {package}"), || {
            if !has_baseline(repo) {
                return Ok(Verdict::Skipped(format!(
                    "this clone has no revision {BASELINE}: `git fetch --unshallow`"
                )));
            }
            tally::with(&program, |program| check(repo, program, package))
        });
    }
    tally.end()
}

/// A clone may have the newest revisions only.
fn has_baseline(repo: &Repo) -> bool {
    let mut query = Command::new("git");
    query
        .args(["cat-file", "-e", BASELINE])
        .current_dir(repo.root());
    process::succeeds(&mut query)
}

fn check(repo: &Repo, program: &Path, package: &str) -> Result<()> {
    let mut command = Command::new(program);
    command
        .args([
            "semver-checks",
            "--package",
            package,
            "--baseline-rev",
            BASELINE,
        ])
        .env("CARGO_TARGET_DIR", repo.cache().join("semver"))
        .current_dir(repo.root());
    process::run(
        &mut command,
        "keep what is named, or break it on purpose: a new version in Cargo.toml, a line in CHANGELOG.md, \
         and BASELINE in xtask/src/semver.rs",
    )
}
