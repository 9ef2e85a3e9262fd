//! A static hwptop in a .tar.gz, with its manual pages and completions.

use anyhow::{Context as _, Result};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::contents::{self, Contents};
use crate::process;
use crate::repo::Repo;

/// What is in it beside the program, as [`Contents`] calls it.
const MADE: [&str; 7] = [
    "man",
    "hwptop.bash",
    "hwptop.zsh",
    "hwptop.fish",
    "hwptop-agent.service",
    "copyright",
    "release-notes.md",
];

/// Builds and packs it; answers the archive.
pub(super) fn make(repo: &Repo) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let target = repo.cache().join("static");
    let mut build = process::cargo();
    build
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "hwptop",
            "--target",
            &triple,
            "--target-dir",
        ])
        .arg(&target)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(repo.root());
    process::run(
        &mut build,
        "a static C library is needed: Debian's libc6-dev has it",
    )?;
    let program = target.join(&triple).join("release/hwptop");
    let contents = Contents::make(repo, &program)?;
    let packed = contents.folder().join("hwptop");
    fs::copy(&program, &packed).with_context(|| format!("cannot copy {}", program.display()))?;
    process::run(
        Command::new("strip").arg(&packed),
        "Debian's binutils has it",
    )?;
    let name = format!(
        "hwptop-{}-linux-{}",
        env!("CARGO_PKG_VERSION"),
        env::consts::ARCH
    );
    let archive = contents::folder(repo).join(format!("{name}.tar.gz"));
    let mut pack = Command::new("tar");
    pack.args([
        "--create",
        "--gzip",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ])
    .arg(format!("--transform=s,^,{name}/,"))
    .arg("--file")
    .arg(&archive)
    .arg("--directory")
    .arg(contents.folder())
    .arg("hwptop")
    .args(MADE);
    process::run(&mut pack, "install GNU tar")?;
    Ok(archive)
}
