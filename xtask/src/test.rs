//! `cargo xtask test`: everything that must hold, with one line at the end that says how much was checked.

mod beside;
mod fuzzing;
mod guests;
mod libtest;
mod needs;
mod packaging;
mod perf;
mod privilege;
mod running;

use anyhow::Result;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Display;
use std::io;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::ebpf;
use crate::lab;
use crate::process;
use crate::python;
use crate::repo::Repo;
use crate::setup::{self, Install, Need};
use crate::tidy;
use crate::uapi;
use beside::Beside;
use libtest::{Counts, Results};
use needs::Needs;
use running::{Counted, Errors, Running};

/// Guests of the lab at a time: some have one thread of their own, and all wait for their kernels to boot.
const LAB_THREADS: usize = 2;

/// Runs everything; answers success where nothing failed and at least one test ran.
pub(crate) fn run(repo: &Repo, install: Install) -> ExitCode {
    let mut counts = Counts::default();
    if step(&mut counts, "setup", || set_up(install)) {
        step(&mut counts, "fmt", || formatting(repo));
        step(&mut counts, "tidy", || tidy::check(repo));
        step(&mut counts, "clippy", || clippy(repo));
        tests(repo, install, &mut counts);
    }
    let nothing_ran = counts.passed + counts.failed == 0;
    if nothing_ran {
        println!("FAILED: no test ran");
    }
    println!("{counts}");
    if counts.failed > 0 || nothing_ran {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A part of the run, shown with its duration.
struct Step<'a> {
    name: &'a str,
    start: Instant,
}

impl<'a> Step<'a> {
    fn begin(name: &'a str) -> Self {
        println!("== {name}");
        Self {
            name,
            start: Instant::now(),
        }
    }

    fn end(self, verdict: &dyn Display) {
        let took = self.start.elapsed();
        self.end_after(took, verdict);
    }

    fn end_after(self, took: Duration, verdict: &dyn Display) {
        println!("== {}: {verdict}, {:.1} s\n", self.name, took.as_secs_f64());
    }
}

/// Runs one step; a failure is printed and counted.
fn step(counts: &mut Counts, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
    let step = Step::begin(name);
    let result = work();
    if let Err(error) = &result {
        counts.failed += 1;
        println!("{error:#}");
    }
    step.end(if result.is_ok() { &"ok" } else { &"FAILED" });
    result.is_ok()
}

/// Runs a check, shows what it came to and counts that; one that cannot be made has failed.
fn checked<T: Display>(
    counts: &mut Counts,
    name: &str,
    check: impl FnOnce() -> Result<T>,
    of: fn(&T) -> Counts,
) {
    let step = Step::begin(name);
    let own = match check() {
        Ok(outcome) => {
            println!("{outcome}");
            of(&outcome)
        }
        Err(error) => {
            println!("{error:#}");
            Counts {
                failed: 1,
                ..Counts::default()
            }
        }
    };
    step.end(&own);
    counts.add(&own);
}

fn set_up(install: Install) -> Result<()> {
    let mut missing = setup::missing(Need::Tests);
    if !ebpf::toolchain_is_at_hand() {
        missing.extend(setup::missing(Need::Ebpf));
    }
    setup::ensure(&missing, install)?;
    setup::ensure_components(install)
}

fn formatting(repo: &Repo) -> Result<()> {
    let remedy = "run `cargo fmt --all` (and `cargo fmt` in ebpf/probes and in driver/fuzz)";
    let mut workspace = process::cargo();
    process::run(
        workspace
            .args(["fmt", "--all", "--check"])
            .current_dir(repo.root()),
        remedy,
    )?;
    for manifest in [repo.probes_manifest(), repo.path("driver/fuzz/Cargo.toml")] {
        let mut apart = process::cargo();
        apart
            .args(["fmt", "--check", "--manifest-path"])
            .arg(manifest);
        process::run(&mut apart, remedy)?;
    }
    Ok(())
}

fn clippy(repo: &Repo) -> Result<()> {
    let mut command = process::cargo();
    command
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ])
        .current_dir(repo.root());
    process::run(
        &mut command,
        "mend what is shown above; a lint that is wrong here takes #[expect(…, reason)]",
    )
}

/// The workspace's tests; then those among them that need what is not everywhere, and all that are no tests of cargo's.
fn tests(repo: &Repo, install: Install, counts: &mut Counts) {
    let mut all = process::cargo();
    all.args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(repo.root());
    let first = pass(counts, "tests", all);

    let (in_guests, here): (Vec<_>, Vec<_>) = first
        .ignored
        .iter()
        .partition(|test| guests::take(&test.reason));
    let mut needs = Needs::new(repo, install);
    let (mut in_lab, mut others) = (BTreeSet::new(), BTreeSet::new());
    for test in here {
        let names = if needs::is_of_the_lab(&test.reason) {
            &mut in_lab
        } else {
            &mut others
        };
        match needs.check(&test.reason) {
            Some(Ok(())) => _ = names.insert(test.name.as_str()),
            Some(Err(why)) => println!(
                "skipped {}, because it {} and {why}",
                test.name, test.reason
            ),
            None => println!("skipped {}, because {}", test.name, test.why()),
        }
    }
    println!();
    let (lab, beside) = run_here(repo, install, &in_lab, &others, counts);
    guests::run(repo, install, &in_guests, &mut needs, counts);
    packaging::run(repo, install, counts);
    if let Some(lab) = lab {
        show(counts, "tests in the lab, begun before", lab);
    }
    beside.show(counts);
    // Nothing runs beside it: it tells latencies, too.
    perf::run(repo, install, counts);
}

/// The ignored tests of these names, on this machine: those of the lab, whose guests have kernels of their own, two at
/// a time, and beside them the others, one at a time, since they attach to the same probes or take the same device.
/// Those take about a third as long; what is answered runs on, beside what comes after.
fn run_here(
    repo: &Repo,
    install: Install,
    in_lab: &BTreeSet<&str>,
    others: &BTreeSet<&str>,
    counts: &mut Counts,
) -> (Option<Result<Running>>, Beside) {
    counts.skipped = counts.skipped.saturating_sub(in_lab.len() + others.len());
    let lab = (!in_lab.is_empty()).then(|| {
        Running::start(
            ignored(repo, in_lab, LAB_THREADS),
            Errors::Along,
            Counted::Tests,
        )
    });
    if !others.is_empty() {
        let name = "tests that need what is not everywhere";
        pass(counts, name, ignored(repo, others, 1));
    }
    (lab, Beside::begin(repo, install, counts))
}

/// The command that runs the ignored tests of `names`, so many at a time.
fn ignored(repo: &Repo, names: &BTreeSet<&str>, threads: usize) -> Command {
    let mut command = process::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast", "--tests", "--"])
        .args(["--ignored", "--exact"])
        .arg(format!("--test-threads={threads}"))
        .args(names)
        .current_dir(repo.root());
    if let Ok(folder) = uapi::include(repo, Install::Refused) {
        command.env(uapi::VARIABLE, folder);
    }
    if let Ok(program) = python::interpreter(repo, Install::Refused) {
        command.env(python::VARIABLE, program);
    }
    if let Ok(program) = env::current_exe() {
        command.env(lab::VARIABLE, program);
    }
    command
}

/// One run of tests, its output shown as it comes and counted.
fn pass(counts: &mut Counts, name: &str, command: Command) -> Results {
    let running = Running::start(command, Errors::Apart, Counted::Tests);
    show(counts, name, running)
}

/// Shows what a run has written until now and writes from now on, and counts.
fn show(counts: &mut Counts, name: &str, running: Result<Running>) -> Results {
    let step = Step::begin(name);
    let (results, took) = running
        .and_then(|running| running.show(&mut io::stdout()))
        .unwrap_or_else(|error| {
            println!("{error:#}");
            (Results::of_a_failure(), step.start.elapsed())
        });
    step.end_after(took, &results.counts);
    counts.add(&results.counts);
    results
}
