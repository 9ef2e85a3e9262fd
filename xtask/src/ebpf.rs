//! `cargo xtask ebpf`: the committed eBPF object, made from source and checked against it.
//!
//! The object is committed, once per processor, so that users need stable Rust only. Beside it lies a sidecar
//! (`hwptop.x86_64.bpf.toml`) with the digest of the object, the digest of the sources it was made from and the
//! identity of the toolchain that made it.
//!
//! # How two builds are compared, and why that is sound
//!
//! **By the toolchain that the sidecar names: byte for byte.** The build is a function of the sources and
//! the toolchain alone. What could carry anything else into the object is taken away in [`build`] and
//! [`wrapper`]: paths are remapped, source lines for BTF come from the compiler and not from the disk, cargo's
//! path-dependent crate hashes are replaced by name and version, one codegen unit fixes the order, the BPF
//! architecture is set and not taken from the host, user settings are cleared, the lock file is obeyed, this
//! repository's crates are compiled anew every time, and DWARF is dropped. So any difference, of one byte,
//! comes from the sources, and equality proves that the object is what the sources give.
//!
//! **By another toolchain: sources and interface.** A compiler update may change registers and order without
//! anybody having changed a program, so machine code proves nothing there. Instead three things must hold:
//! 1. the digest of the present sources is the one in the sidecar: nobody changed a program and forgot the
//!    object (sources are all that the build reads: see [`digest`]);
//! 2. the digest of the committed object is the one in the sidecar: nobody replaced the object alone;
//! 3. both objects look the same to the loader ([`elf::Interface`]): programs and their sections, map
//!    definitions, globals, licence, BTF.
//!
//! What 1 to 3 cannot see is an object and a sidecar that were forged together. The byte-for-byte check sees
//! that wherever the recorded toolchain is at hand, and it is the one that runs on a current Debian 12. The output
//! says which of the two was made.

mod build;
mod compare;
mod digest;
mod elf;
mod processor;
mod sidecar;
mod toolchain;
pub(crate) mod wrapper;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

use crate::repo::Repo;
use crate::setup::Install;
use compare::{Committed, Fresh};
use processor::Processor;
use sidecar::Sidecar;
use toolchain::Toolchain;

pub(crate) use digest::of_bytes as digest;
pub(crate) use toolchain::debian_cargo;

/// Builds the objects and their sidecars into the checkout.
///
/// # Errors
/// Where the toolchain is missing, a build fails, or a file cannot be written.
pub(crate) fn update(repo: &Repo, install: Install) -> Result<()> {
    let toolchain = Toolchain::set_up(repo, install)?;
    for processor in Processor::ALL {
        let fresh = make(repo, &toolchain, processor, build::Lock::MayChange)?;
        let file = processor.object();
        let changed = fs::read(repo.path(&file)).ok().as_deref() != Some(fresh.object.as_slice());
        write(&repo.path(&file), &fresh.object)?;
        write(
            &repo.path(&processor.sidecar()),
            fresh.sidecar.to_string().as_bytes(),
        )?;
        let verb = if changed { "wrote" } else { "unchanged:" };
        println!(
            "{verb} {file} ({} bytes, sha256 {})",
            fresh.object.len(),
            fresh.sidecar.object
        );
    }
    Ok(())
}

/// Builds the objects aside and compares them with the committed ones.
///
/// # Errors
/// Where they differ, with what differs; and wherever [`update`] fails.
pub(crate) fn check(repo: &Repo, install: Install) -> Result<()> {
    let toolchain = Toolchain::set_up(repo, install)?;
    for processor in Processor::ALL {
        check_one(repo, &toolchain, processor)?;
    }
    Ok(())
}

fn check_one(repo: &Repo, toolchain: &Toolchain, processor: Processor) -> Result<()> {
    let committed = Committed {
        processor,
        object: read(repo, &processor.object())?,
        sidecar: read_sidecar(repo, &processor.sidecar())?,
    };
    let fresh = make(repo, toolchain, processor, build::Lock::Obeyed)?;
    let outcome = compare::compare(&committed, &fresh)?;
    println!("ebpf: {}", outcome.method);
    let file = processor.object();
    if outcome.differences.is_empty() {
        println!("ebpf: {file} is what the source gives");
        return Ok(());
    }
    bail!(
        "{file} is not what the source gives:\n  {}\nrun `cargo xtask ebpf` and commit the result",
        outcome.differences.join("\n  ")
    )
}

/// Whether the object can be built without installing a package.
pub(crate) fn toolchain_is_at_hand() -> bool {
    Toolchain::is_at_hand()
}

fn make(
    repo: &Repo,
    toolchain: &Toolchain,
    processor: Processor,
    lock: build::Lock,
) -> Result<Fresh> {
    let linked = build::build(repo, toolchain, processor, lock)?;
    // After the build, which may have written the lock file.
    let source = digest::of_sources(repo, processor)?;
    let object = elf::without_dwarf(&linked).context("cannot strip what bpf-linker wrote")?;
    elf::Interface::of(&object).context("cannot read what bpf-linker wrote")?;
    let sidecar = Sidecar {
        object: digest::of_bytes(&object),
        size: object.len(),
        source,
        toolchain: toolchain.identity().clone(),
    };
    Ok(Fresh { object, sidecar })
}

fn read(repo: &Repo, file: &str) -> Result<Vec<u8>> {
    fs::read(repo.path(file))
        .with_context(|| format!("cannot read {file}: run `cargo xtask ebpf` to make it"))
}

fn read_sidecar(repo: &Repo, file: &str) -> Result<Sidecar> {
    let text =
        String::from_utf8(read(repo, file)?).with_context(|| format!("{file} is not text"))?;
    text.parse()
        .with_context(|| format!("{file}: run `cargo xtask ebpf` to write it anew"))
}

/// Replaces `path` at once, so that a build that embeds the file never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let aside = path.with_extension("new");
    fs::write(&aside, bytes).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("cannot replace {}", path.display()))
}
