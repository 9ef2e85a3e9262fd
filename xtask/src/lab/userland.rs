//! What runs in the guest: a static busybox from Debian, and static programs of this checkout.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::architecture::Architecture;
use super::cache::Cache;
use super::kernel;
use super::program::Placed;
use super::voice::Voice;
use crate::apt;
use crate::ebpf;
use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install};

/// Any release serves: the program needs nothing but the kernel.
const SUITE: &str = "trixie";
const BUSYBOX: &str = "busybox-static";

/// Where a program does not build.
const REMEDY: &str = "mend what is shown above";

/// Programs of the guest, as files of this machine.
#[derive(Debug)]
pub(super) struct Userland {
    pub(super) busybox: PathBuf,
    /// Not there in the boot that reads the firmware's tables.
    pub(super) hwptop: Option<PathBuf>,
    /// What else the user wants there.
    pub(super) programs: BTreeSet<Placed>,
}

/// The static busybox, fetched once; it is unpacked, never installed.
///
/// # Errors
/// Where it is not in the cache and may or can not be fetched.
pub(super) fn busybox(
    cache: &Cache,
    architecture: Architecture,
    install: Install,
    voice: Voice,
) -> Result<PathBuf> {
    let name = architecture.debian();
    let lock = cache.lock(voice)?;
    if install == Install::Refused && !cache.path(&format!("busybox/{name}")).is_dir() {
        bail!("{BUSYBOX} for {name} is not in the cache, and nothing may be fetched");
    }
    let folder = cache.folder(&lock, "busybox", name, |aside| {
        voice.say(&format!("fetching {BUSYBOX} for {name} (1 MB, once)"));
        let state = cache.path("apt");
        apt::with_suite(&state, SUITE, Some(name), |suite| {
            let package = suite.download(BUSYBOX, &state)?;
            apt::unpack(&package, &aside.join("tree"))
        })
    })?;
    // Where /bin is and where it is a link to /usr/bin, by release.
    ["tree/bin/busybox", "tree/usr/bin/busybox"]
        .map(|path| folder.join(path))
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("{} has no busybox: remove it", folder.display()))
}

/// Builds hwptop for the guest; answers the program.
///
/// # Errors
/// Where a tool is missing and may not be installed, or it does not build.
pub(super) fn hwptop(repo: &Repo, architecture: Architecture, install: Install) -> Result<PathBuf> {
    let mut command = build(repo, architecture, install, &["build"])?;
    command.args(["--package", "hwptop"]);
    process::run(&mut command, REMEDY)?;
    let program = target(repo, architecture)
        .join(architecture.triple())
        .join("release/hwptop");
    if !program.is_file() {
        bail!("the build left no {}", program.display());
    }
    Ok(program)
}

/// Builds the integration test `test` of `package` for the guest; answers the program.
///
/// # Errors
/// Where a tool is missing and may not be installed, or it does not build.
pub(super) fn test(
    repo: &Repo,
    architecture: Architecture,
    install: Install,
    package: &str,
    test: &str,
) -> Result<PathBuf> {
    let mut command = build(repo, architecture, install, &["test", "--no-run"])?;
    command
        .args(["--package", package, "--test", test])
        // Its name has a hash, which only cargo knows. Diagnostics stay for people.
        .arg("--message-format=json-render-diagnostics");
    let messages = process::output(&mut command, REMEDY)?;
    executable(&messages, test)
        .with_context(|| format!("the build told of no program of the test {test}"))
}

/// The command that builds something for the guest, optimised and static; what to build is to be added.
fn build(
    repo: &Repo,
    architecture: Architecture,
    install: Install,
    subcommand: &[&str],
) -> Result<Command> {
    let mut command = cargo(architecture, install)?;
    command
        .args(subcommand)
        .args(["--release", "--locked", "--quiet"])
        .args(["--target", &architecture.triple(), "--target-dir"])
        .arg(target(repo, architecture))
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // A change of one crate is not to compile the others anew.
        .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true")
        .current_dir(repo.root());
    Ok(command)
}

/// A target folder of its own, since two compilers in one would wait for each other.
fn target(repo: &Repo, architecture: Architecture) -> PathBuf {
    repo.cache()
        .join(format!("lab/guest-{}", architecture.name()))
}

/// What is needed of cargo's message about a finished artifact.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// The program of the integration test `test` in cargo's `messages`, one JSON object a line.
fn executable(messages: &str, test: &str) -> Option<PathBuf> {
    messages
        .lines()
        // Other messages have no target, or no program.
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .find(|artifact| {
            artifact.target.name == test && artifact.target.kind.iter().any(|kind| kind == "test")
        })
        .and_then(|artifact| artifact.executable)
}

/// A cargo that has the guest's standard library: this one, or Debian's, which builds it from source.
fn cargo(architecture: Architecture, install: Install) -> Result<Command> {
    if architecture.is_native() {
        return Ok(process::cargo());
    }
    setup::ensure(&kernel::cross_packages(architecture)?, install)?;
    let triple = architecture.triple();
    let linker = format!(
        "CARGO_TARGET_{}_LINKER",
        triple.to_uppercase().replace('-', "_")
    );
    let mut command = if has_standard_library(&triple) {
        process::cargo()
    } else {
        setup::ensure(&setup::missing(setup::Need::Std), install)?;
        let mut debian = ebpf::debian_cargo();
        // With std, cargo builds the test harness, too, where a test is built.
        debian
            .env("RUSTC_BOOTSTRAP", "1")
            .arg("-Zbuild-std=std,panic_abort");
        debian
    };
    command.env(linker, format!("{}gcc", architecture.prefix()));
    Ok(command)
}

/// Whether the toolchain in use has the standard library of `triple` (`rustup target add`).
fn has_standard_library(triple: &str) -> bool {
    let mut query = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    query.args(["--print", "target-libdir", "--target", triple]);
    process::output(&mut query, "").is_ok_and(|folder| Path::new(&folder).is_dir())
}

#[cfg(test)]
mod tests;
