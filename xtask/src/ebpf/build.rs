//! One build of the eBPF programs that depends on nothing but sources and toolchain.

use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::digest;
use super::processor::Processor;
use super::toolchain::Toolchain;
use super::wrapper;
use crate::process;
use crate::repo::Repo;

pub(super) const TARGET: &str = "bpfel-unknown-none";

/// Flags that decide about the object. Part of the source digest, as they are sources too.
pub(super) const FLAGS: &[&str] = &[
    // BTF is made from debug information.
    "-Cdebuginfo=2",
    // BTF quotes source lines, which the verifier shows. LLVM would read them from the disk, where it finds a
    // file or not; so the compiler hands them over.
    "-Zdwarf-version=5",
    "-Zembed-source=yes",
    "-Clink-arg=--btf",
    // More than one would be put together in an order that depends on the machine's load.
    "-Ccodegen-units=1",
];

/// What the build may do to the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Add what a changed manifest needs.
    MayChange,
    /// Fail where it does not fit the manifest.
    Obeyed,
}

/// Builds the programs and answers the linked object, DWARF and all.
pub(super) fn build(
    repo: &Repo,
    toolchain: &Toolchain,
    processor: Processor,
    lock: Lock,
) -> Result<Vec<u8>> {
    let manifest = repo.probes_manifest();
    let locked: &[&str] = if lock == Lock::Obeyed {
        &["--locked"]
    } else {
        &[]
    };

    // First, because the remapped paths are only known when the sources are unpacked.
    let mut fetch = toolchain.cargo()?;
    fetch
        .arg("fetch")
        .args(locked)
        .arg("--quiet")
        .arg("--manifest-path")
        .arg(&manifest);
    process::run(
        &mut fetch,
        "check the network, and that ebpf/probes/Cargo.lock fits its Cargo.toml",
    )?;

    // A folder per toolchain, since cargo does not see a change of the linker, and per processor, so that one does
    // not undo the other's build.
    let identity = toolchain.identity();
    let key = format!(
        "{}\n{}\n{}\n{}",
        identity.rustc,
        identity.linker,
        identity.origin,
        processor.name()
    );
    let target = repo
        .cache()
        .join(format!("ebpf-{}", &digest::of_bytes(key.as_bytes())[..12]));

    forget_own_crates(toolchain, &manifest, &target)?;

    let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    flags.push(processor.flag());
    flags.extend(remaps(repo.root(), &toolchain.sysroot()?));
    let mut command = toolchain.cargo()?;
    command
        .args(["build", "--release", "-Zbuild-std=core", "--target", TARGET])
        .args(locked)
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        // The encoded form, since a path may have a space.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env(
            "RUSTC_WRAPPER",
            env::current_exe().context("cannot tell where this program is")?,
        )
        .env(wrapper::REQUEST, TARGET)
        .current_dir(repo.root());
    process::run(&mut command, "the compiler's messages are above")?;

    let object = target.join(TARGET).join("release/hwptop");
    fs::read(&object).with_context(|| format!("the build left no {}", object.display()))
}

/// Makes cargo compile this repository's crates again. Cargo goes by times of change, and a file that was
/// restored or unpacked with an old one would pass for compiled; crates from a registry and core never change
/// under one toolchain and are kept.
fn forget_own_crates(toolchain: &Toolchain, manifest: &Path, target: &Path) -> Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let mut clean = toolchain.cargo()?;
    clean
        .args(["clean", "--quiet", "--release", "--target", TARGET])
        .args(["--package", "hwptop-probes", "--package", "hwptop-abi"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target);
    process::run(&mut clean, "remove the folder by hand")
}

/// Replaces the paths that differ from machine to machine; of two that fit, rustc takes the later one.
///
/// The new ones are below a file, where nothing can be: LLVM opens source files by these names.
fn remaps(root: &Path, sysroot: &Path) -> Vec<String> {
    let mut remaps = vec![
        (sysroot.join("lib/rustlib/src/rust"), "/dev/null/rust"),
        (root.to_owned(), "/dev/null/hwptop"),
    ];
    remaps.extend(
        registries()
            .into_iter()
            .map(|folder| (folder, "/dev/null/registry")),
    );
    remaps
        .into_iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect()
}

/// The folders under cargo's home that hold unpacked crates, one per registry.
fn registries() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    let Some(Ok(folders)) = sources.map(fs::read_dir) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = folders.flatten().map(|folder| folder.path()).collect();
    folders.sort();
    folders
}
