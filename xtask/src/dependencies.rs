//! `cargo xtask dependencies`: what comes in with dependencies, and which Rust it takes.
//!
//! ```text
//! deny.toml ─▶ cargo-deny ────▶ licences, bans and sources of each lock file (and advisories, with --advisories)
//!              cargo-machete ─▶ what is named and not used
//! Cargo.toml ─▶ rust-version ─▶ that every package states it, no dependency needs more, and it builds with no less
//! ```
//!
//! It tells what it finds in the words of Rust's test harness, which `cargo xtask test` counts by.

mod deny;
mod rust_version;

use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;
use crate::tally::{self, Tally, Verdict};
use crate::tool::Tool;
use deny::Deny;

const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};
const CARGO_MACHETE: Tool = Tool {
    name: "cargo-machete",
    version: "0.9.2",
};

/// Every manifest with a lock file of its own.
const PROJECTS: [&str; 3] = [
    "Cargo.toml",
    "driver/fuzz/Cargo.toml",
    "ebpf/probes/Cargo.toml",
];

/// Whether known vulnerabilities are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advisories {
    /// In a database that is fetched from GitHub.
    Fetched,
    Left,
}

impl Advisories {
    pub(crate) fn if_asked(asked: bool) -> Self {
        if asked { Self::Fetched } else { Self::Left }
    }
}

/// Checks everything; fails where something is not as it must be.
pub(crate) fn run(repo: &Repo, advisories: Advisories, install: Install) -> ExitCode {
    let mut tally = Tally::begin(PROJECTS.len() * 2 + 3);
    let deny = CARGO_DENY.at_hand(repo, install);
    for project in PROJECTS {
        tally.test(&format!("licences, bans and sources of {project}"), || {
            tally::with(&deny, |program| Deny::new(repo, program).policy(project))
        });
    }
    tally.test("advisories", || match advisories {
        Advisories::Left => Ok(Verdict::Skipped(format!(
            "their database is fetched from GitHub, which not every machine reaches: \
             `cargo xtask dependencies --advisories` looks, where it is reached ({})",
            deny::DATABASE
        ))),
        Advisories::Fetched => tally::with(&deny, |program| {
            Deny::new(repo, program).advisories(&PROJECTS)
        }),
    });
    tally.test("every dependency is used", || {
        let machete = CARGO_MACHETE.at_hand(repo, install);
        tally::with(&machete, |program| unused(repo, program))
    });
    for project in PROJECTS {
        tally.test(&format!("rust-version of {project}"), || {
            rust_version::states(repo, project).map(|()| Verdict::Held)
        });
    }
    tally.test("it builds with that rust-version", || {
        rust_version::builds(repo)
    });
    tally.end()
}

/// Looks through the sources of every manifest in the checkout.
fn unused(repo: &Repo, program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    let output = command
        .arg(".")
        .current_dir(repo.root())
        .output()
        .with_context(|| format!("cannot start `{}`", process::describe(&command)))?;
    if !output.status.success() {
        let found = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{found}{said}remove what is named, or name it as is said and say in a comment why");
    }
    Ok(())
}
