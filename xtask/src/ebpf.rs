//! `cargo xtask ebpf`: the committed eBPF object, made from source and checked against it.
//!
//! The object is committed so that users need stable Rust only. Beside it lies a sidecar
//! (`hwptop.bpf.toml`) with the digest of the object, the digest of the sources it was made from and the
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
mod sidecar;
mod toolchain;
pub(crate) mod wrapper;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

use crate::repo::Repo;
use crate::setup::Install;
use compare::{Committed, Fresh};
use sidecar::Sidecar;
use toolchain::Toolchain;

const OBJECT: &str = "ebpf/object/hwptop.bpf.o";
const SIDECAR: &str = "ebpf/object/hwptop.bpf.toml";

/// Builds the object and its sidecar into the checkout.
///
/// # Errors
/// Where the toolchain is missing, a build fails, or a file cannot be written.
pub(crate) fn update(repo: &Repo, install: Install) -> Result<()> {
    let toolchain = Toolchain::set_up(repo, install)?;
    let fresh = make(repo, &toolchain, build::Lock::MayChange)?;
    let changed = fs::read(repo.path(OBJECT)).ok().as_deref() != Some(fresh.object.as_slice());
    write(&repo.path(OBJECT), &fresh.object)?;
    write(&repo.path(SIDECAR), fresh.sidecar.to_string().as_bytes())?;
    let verb = if changed { "wrote" } else { "unchanged:" };
    println!(
        "{verb} {OBJECT} ({} bytes, sha256 {})",
        fresh.object.len(),
        fresh.sidecar.object
    );
    Ok(())
}

/// Builds the object aside and compares it with the committed one.
///
/// # Errors
/// Where they differ, with what differs; and wherever [`update`] fails.
pub(crate) fn check(repo: &Repo, install: Install) -> Result<()> {
    let committed = Committed {
        object: read(repo, OBJECT)?,
        sidecar: read_sidecar(repo)?,
    };
    let toolchain = Toolchain::set_up(repo, install)?;
    let fresh = make(repo, &toolchain, build::Lock::Obeyed)?;
    let outcome = compare::compare(&committed, &fresh)?;
    println!("ebpf: {}", outcome.method);
    if outcome.differences.is_empty() {
        println!("ebpf: {OBJECT} is what the source gives");
        return Ok(());
    }
    bail!(
        "{OBJECT} is not what the source gives:\n  {}\nrun `cargo xtask ebpf` and commit the result",
        outcome.differences.join("\n  ")
    )
}

/// Whether the object can be built without installing a package.
pub(crate) fn toolchain_is_at_hand() -> bool {
    Toolchain::is_at_hand()
}

fn make(repo: &Repo, toolchain: &Toolchain, lock: build::Lock) -> Result<Fresh> {
    let linked = build::build(repo, toolchain, lock)?;
    // After the build, which may have written the lock file.
    let source = digest::of_sources(repo)?;
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

fn read_sidecar(repo: &Repo) -> Result<Sidecar> {
    let text = String::from_utf8(read(repo, SIDECAR)?)
        .with_context(|| format!("{SIDECAR} is not text"))?;
    text.parse()
        .with_context(|| format!("{SIDECAR}: run `cargo xtask ebpf` to write it anew"))
}

/// Replaces `path` at once, so that a build that embeds the file never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let aside = path.with_extension("new");
    fs::write(&aside, bytes).with_context(|| format!("cannot write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("cannot replace {}", path.display()))
}
