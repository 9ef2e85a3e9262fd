//! `cargo xtask fuzz`: the fuzz targets of the driver, built with the stable toolchain and run for a while.
//!
//! ```text
//! driver/fuzz/seeds ──▶ libFuzzer + address sanitizer ──▶ target/xtask/fuzz/corpus (kept for the next run)
//!                                                    └──▶ driver/fuzz/artifacts (what crashed)
//! ```

mod run;

use anyhow::{Context as _, Result, bail};
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install, Need};
use crate::tool::Tool;

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

/// How long every target runs where nothing else is said.
pub(crate) const SECONDS: u32 = 60;

/// libFuzzer's options. The limits are far above what an input of this length needs: one that takes ten seconds has
/// found a guest's way to take the VMM's time.
const LIMITS: &[&str] = &[
    "-max_len=4096",
    "-timeout=10",
    "-malloc_limit_mb=16",
    "-rss_limit_mb=512",
    // It needs ptrace, which containers do not have; what grows without end reaches the limit above.
    "-detect_leaks=0",
];

/// The sanitizer's: the limit of libFuzzer's does not hold for what grows, as a Vec does; freed memory is kept for
/// long enough to find its use, but not for most of what a run may take.
const SANITIZER: &str = "max_allocation_size_mb=32:quarantine_size_mb=16";

/// What became of the targets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {passed} passed; {failed} failed; 0 ignored"
        )
    }
}

/// A cargo-fuzz that is at hand.
pub(crate) struct Fuzzer {
    program: PathBuf,
    /// The project with the targets.
    project: PathBuf,
    /// Where it is built, and what is kept between runs.
    work: PathBuf,
}

/// The names of the targets.
///
/// # Errors
/// Where the folder with their sources cannot be read.
pub(crate) fn targets(repo: &Repo) -> Result<Vec<String>> {
    let folder = project(repo).join("fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Runs `target`, or all, for `seconds` each; with a `seed` on the same inputs each time, where the corpus is the same. What
/// they come to is told in the words of Rust's test harness, which `cargo xtask test` counts by.
///
/// # Errors
/// Where something is missing, does not build, or a target finds an input that fails.
pub(crate) fn fuzz(
    repo: &Repo,
    target: Option<&str>,
    seconds: u32,
    seed: Option<u32>,
    install: Install,
) -> Result<()> {
    let targets = chosen(repo, target)?;
    let fuzzer = Fuzzer::set_up(repo, install)?;
    fuzzer.build()?;
    println!("running {} tests", targets.len());
    let outcome = fuzzer.run(&targets, seconds, seed)?;
    println!("{outcome}");
    match outcome.failed {
        0 => Ok(()),
        failed => bail!(
            "{failed} of {} fuzz targets failed, see above",
            targets.len()
        ),
    }
}

/// Runs `target` on one input.
///
/// # Errors
/// Where something is missing, does not build, or the input fails.
pub(crate) fn repeat(repo: &Repo, target: &str, input: &Path, install: Install) -> Result<()> {
    chosen(repo, Some(target))?;
    let input = input
        .canonicalize()
        .with_context(|| format!("cannot find {}", input.display()))?;
    let fuzzer = Fuzzer::set_up(repo, install)?;
    let mut command = fuzzer.command("run");
    command.arg(target).arg(&input).arg("--").args(LIMITS);
    process::run(&mut command, "the input still fails, see above")?;
    println!("fuzz: {} passes", input.display());
    Ok(())
}

fn chosen(repo: &Repo, target: Option<&str>) -> Result<Vec<String>> {
    let all = targets(repo)?;
    match target {
        None => Ok(all),
        Some(name) if all.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!(
            "there is no fuzz target `{name}`; there are: {}",
            all.join(", ")
        ),
    }
}

fn project(repo: &Repo) -> PathBuf {
    repo.path("driver/fuzz")
}

impl Fuzzer {
    /// Installs what is missing.
    ///
    /// # Errors
    /// Where something cannot be had, with what to type.
    pub(crate) fn set_up(repo: &Repo, install: Install) -> Result<Self> {
        has_sanitizer()?;
        setup::ensure(&setup::missing(Need::Fuzz), install)?;
        Ok(Self {
            program: CARGO_FUZZ.get(repo, install)?,
            project: project(repo),
            work: repo.cache().join("fuzz"),
        })
    }

    /// Builds every target.
    ///
    /// # Errors
    /// Where one does not build.
    fn build(&self) -> Result<()> {
        let mut fetch = process::cargo();
        fetch
            .args(["fetch", "--locked", "--quiet", "--manifest-path"])
            .arg(self.project.join("Cargo.toml"));
        process::run(
            &mut fetch,
            "check the network, and that driver/fuzz/Cargo.lock fits: \
             `cargo update --workspace --manifest-path driver/fuzz/Cargo.toml`",
        )?;
        process::run(
            &mut self.command("build"),
            "mend what is shown above; driver/fuzz follows the driver's interface",
        )
    }

    /// A subcommand of cargo-fuzz, with the unstable flags that it passes let through.
    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(subcommand)
            .arg("--fuzz-dir")
            .arg(&self.project)
            .arg("--target-dir")
            .arg(&self.work)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("ASAN_OPTIONS", SANITIZER);
        command
    }
}

/// rustup's toolchains have the sanitizer's runtime, distributions' often not.
fn has_sanitizer() -> Result<()> {
    // The one that cargo-fuzz asks, too.
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = process::output(
        Command::new(rustc).args(["--print", "target-libdir"]),
        "reinstall the toolchain",
    )?;
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {folder}"))?;
    let found = entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a"));
    if !found {
        bail!(
            "this Rust has no address sanitizer (librustc-*_rt.asan.a in {folder}): use rustup's"
        );
    }
    Ok(())
}
