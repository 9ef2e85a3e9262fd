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
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;
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

/// What one check came to; an error is a failure.
enum Verdict {
    Held,
    /// Nothing could be told, because.
    Skipped(String),
}

/// Checks everything; fails where something is not as it must be.
pub(crate) fn run(repo: &Repo, advisories: Advisories, install: Install) -> ExitCode {
    println!("running {} tests", PROJECTS.len() * 2 + 3);
    let mut tally = Tally::default();
    let deny = at_hand(&CARGO_DENY, repo, install);
    for project in PROJECTS {
        tally.test(&format!("licences, bans and sources of {project}"), || {
            with(&deny, |program| Deny::new(repo, program).policy(project))
        });
    }
    tally.test("advisories", || match advisories {
        Advisories::Left => Ok(Verdict::Skipped(format!(
            "their database is fetched from GitHub, which not every machine reaches: \
             `cargo xtask dependencies --advisories` looks, where it is reached ({})",
            deny::DATABASE
        ))),
        Advisories::Fetched => with(&deny, |program| {
            Deny::new(repo, program).advisories(&PROJECTS)
        }),
    });
    tally.test("every dependency is used", || {
        let machete = at_hand(&CARGO_MACHETE, repo, install);
        with(&machete, |program| unused(repo, program))
    });
    for project in PROJECTS {
        tally.test(&format!("rust-version of {project}"), || {
            rust_version::states(repo, project).map(|()| Verdict::Held)
        });
    }
    tally.test("it builds with that rust-version", || {
        rust_version::builds(repo)
    });
    println!("{tally}");
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The program, or why it is not to be had.
fn at_hand(tool: &Tool, repo: &Repo, install: Install) -> Result<PathBuf, String> {
    tool.get(repo, install).map_err(|error| {
        let Tool { name, version } = tool;
        format!("{name} {version} cannot be had here: {error:#}")
    })
}

fn with(
    program: &Result<PathBuf, String>,
    work: impl FnOnce(&Path) -> Result<()>,
) -> Result<Verdict> {
    match program {
        Ok(program) => work(program).map(|()| Verdict::Held),
        Err(why) => Ok(Verdict::Skipped(why.clone())),
    }
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

/// Numbers of checks.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    fn test(&mut self, name: &str, work: impl FnOnce() -> Result<Verdict>) {
        match work() {
            Ok(Verdict::Held) => {
                self.passed += 1;
                println!("test {name} ... ok");
            }
            Ok(Verdict::Skipped(why)) => {
                self.skipped += 1;
                println!("test {name} ... ignored, {}", in_one_line(&why));
            }
            Err(error) => {
                self.failed += 1;
                println!("{error:#}\ntest {name} ... FAILED");
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {passed} passed; {failed} failed; {skipped} ignored"
        )
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_skipped_and_what_is_refused_fails() {
        let absent = Err("cargo-deny 1.0 cannot be had here: no\n  network".to_owned());
        let present = Ok(PathBuf::from("cargo-deny"));
        let mut tally = Tally::default();
        tally.test("absent", || with(&absent, |_| bail!("is not asked")));
        tally.test("good", || with(&present, |_| Ok(())));
        tally.test("bad", || with(&present, |_| bail!("GPL-3.0")));
        let told = tally.to_string();
        assert_eq!(told, "test result: FAILED. 1 passed; 1 failed; 1 ignored");
        assert_eq!(in_one_line("no\n  network"), "no network");
    }
}
