//! `cargo xtask repeated`: functions that are written twice, by cargo-dupes: it compares syntax trees without names and values.

use anyhow::Result;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;
use crate::tally::{self, Tally};
use crate::tool::Tool;

const CARGO_DUPES: Tool = Tool {
    name: "cargo-dupes",
    version: "0.2.1",
};
/// What is shorter is alike by chance: calls that a library asks for, a match's arms.
const LINES: &str = "8";
const NODES: &str = "60";
/// `decorated_guest` and `shared_guest` in driver/src/replay/machine.rs, of two types that have no trait in common.
const KNOWN: &str = "1";

/// Looks through every room, tests left out: those of the three vendors are much alike, and are read on their own.
pub(crate) fn run(repo: &Repo, install: Install) -> ExitCode {
    let mut tally = Tally::begin(1);
    let program = CARGO_DUPES.at_hand(repo, install);
    tally.test("no function is written twice", || {
        tally::with(&program, |program| check(repo, program))
    });
    tally.end()
}

fn check(repo: &Repo, program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command
        .args(["check", "--exclude", "target", "--exclude-tests"])
        .args(["--min-lines", LINES, "--min-nodes", NODES])
        .args(["--max-exact", KNOWN, "--max-near", "0"])
        .current_dir(repo.root());
    process::run(&mut command, "write once what is named above")
}
