//! Latencies beside a stored run's: they are told, since a machine's noise is no reason to refuse a change.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

use super::binary::Binary;
use crate::process;
use crate::repo::Repo;

/// The stored run.
pub(super) const STORED: &str = "bench/baselines/batching.json";

/// What is measured: some seconds of the modelled path, alone and in batches.
const SUITE: [&str; 10] = [
    "bench",
    "batching",
    "--target",
    "model:vtd,instances=1",
    "--batch",
    "1,64",
    "--time",
    "20ms",
    "--runs",
    "10",
];

/// Measures, and prints what `hwptop compare` says.
///
/// # Errors
/// Where hwptop fails, or there is no stored run.
pub(super) fn tell(repo: &Repo, binary: &Binary) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let now = folder.path().join("now.json");
    measure(repo, binary, &now)?;
    // The stored run may be of another machine; the output says so.
    let mut compare = binary.command(repo);
    compare.args(["compare", "--force", STORED]).arg(&now);
    println!("latencies, which fail nothing here:");
    println!("{}\n", process::output(&mut compare, "they are not told")?);
    Ok(())
}

/// Measures, and makes that the stored run.
///
/// # Errors
/// Where hwptop fails, or the file cannot be written.
pub(super) fn store(repo: &Repo, binary: &Binary) -> Result<()> {
    let path = repo.path(STORED);
    measure(repo, binary, &path)?;
    let name = || path.display().to_string();
    let text = fs::read_to_string(&path).with_context(name)?;
    let mut run: Value = serde_json::from_str(&text).with_context(name)?;
    // What repeats it, without the places of this machine.
    let line: Vec<_> = ["hwptop"].into_iter().chain(SUITE).collect();
    run["command"] = line.into();
    fs::write(&path, format!("{run:#}\n")).with_context(name)
}

fn measure(repo: &Repo, binary: &Binary, file: &Path) -> Result<()> {
    let mut command = binary.command(repo);
    command.args(SUITE).arg("--output").arg(file);
    process::output(&mut command, "latencies are told beside the counts").map(|_| ())
}
