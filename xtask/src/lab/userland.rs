//! What runs in the guest: a static busybox from Debian, and a static hwptop from this checkout.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::architecture::Architecture;
use super::cache::Cache;
use super::kernel;
use super::voice::Voice;
use crate::apt;
use crate::ebpf;
use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install};

/// Any release serves: the program needs nothing but the kernel.
const SUITE: &str = "trixie";
const BUSYBOX: &str = "busybox-static";

/// Programs of the guest, as files of this machine.
#[derive(Debug)]
pub(super) struct Userland {
    pub(super) busybox: PathBuf,
    /// Not there in the boot that reads the firmware's tables.
    pub(super) hwptop: Option<PathBuf>,
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

/// Builds hwptop for the guest, optimised, in a target folder of its own; answers the program.
///
/// # Errors
/// Where a tool is missing and may not be installed, or it does not build.
pub(super) fn hwptop(repo: &Repo, architecture: Architecture, install: Install) -> Result<PathBuf> {
    let triple = architecture.triple();
    // Two compilers in one folder would wait for each other.
    let target = repo
        .cache()
        .join(format!("lab/guest-{}", architecture.name()));
    let mut command = cargo(architecture, install)?;
    command
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "hwptop", "--target", &triple])
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // A change of one crate is not to compile the others anew.
        .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true")
        .current_dir(repo.root());
    process::run(&mut command, "mend what is shown above")?;
    let program = target.join(triple).join("release/hwptop");
    if !program.is_file() {
        bail!("the build left no {}", program.display());
    }
    Ok(program)
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
