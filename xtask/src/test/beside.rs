//! Parts that run beside others: begun early, shown when their turn comes, and at a low priority, so that what is shown
//! meanwhile has the processors first. Each is a process of this program's, in the same process group: Ctrl-C ends all.

use anyhow::{Context as _, Result};
use std::env;
use std::process::Command;

use crate::repo::Repo;
use crate::setup::Install;

use super::fuzzing;
use super::libtest::Counts;
use super::running::{Counted, Errors, Running};
use super::show;

/// Above that of what runs in front, which then gets nine parts of ten.
const NICENESS: &str = "15";

/// The parts, in the order in which they are shown.
pub(super) struct Beside(Vec<(&'static str, Result<Running>)>);

impl Beside {
    /// Begins all of them; what cannot run here is told and counted at once.
    pub(super) fn begin(repo: &Repo, install: Install, counts: &mut Counts) -> Self {
        let check = begin(&["ebpf", "--check"], install, Counted::AsOne);
        let mut parts = vec![("ebpf --check", check)];
        for name in ["dependencies", "semver", "repeated"] {
            parts.push((name, begin(&[name], install, Counted::Tests)));
        }
        if let Some(arguments) = fuzzing::arguments(repo, install, counts) {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            parts.push(("fuzz", begin(&arguments, install, Counted::Tests)));
        }
        let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        println!("begun beside what follows: {}\n", names.join(", "));
        Self(parts)
    }

    /// Shows one after the other, each until it ends, and counts.
    pub(super) fn show(self, counts: &mut Counts) {
        for (name, running) in self.0 {
            show(counts, &format!("{name}, begun before"), running);
        }
    }
}

fn begin(arguments: &[&str], install: Install, counted: Counted) -> Result<Running> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut command = Command::new("nice");
    command
        .args(["-n", NICENESS])
        .arg(program)
        .args(arguments)
        .args((install == Install::Refused).then_some("--no-install"));
    Running::start(command, Errors::Along, counted)
}
