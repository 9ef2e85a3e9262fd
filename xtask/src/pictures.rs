//! `cargo xtask pictures`: the README's pictures of the dashboard's screens and of reports, each as the command itself
//! draws it.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process;
use crate::repo::Repo;

/// What a picture is of.
enum Of {
    /// A live model with two instances.
    Model,
    /// A recording of a kernel, up to an interval in the middle of its work. `cargo xtask lab arm64-smmuv3` was the
    /// machine: `hwptop record --target kernel --interval 500ms --slow p99.9 --slow-rate 6 --slow-stacks` while
    /// `hwptop top --target vfio:… --speed 1` ran, twice.
    Kernel,
    /// A live model with its batches, against one that sends each entry alone.
    Batching,
}

const MODEL: &str = "model:vtd,instances=2";
const BASELINE: &str = "single.jsonl";
const RECORDING: &str = "docs/kernel.jsonl";
const INTERVAL: &str = "54";
const SIZE: &str = "120x32";

/// The pictures, by name of the file in docs/ and of the screen.
const PICTURES: &[(&str, &str, Of)] = &[
    ("dashboard", "instances", Of::Model),
    ("instances", "instances", Of::Kernel),
    ("instance", "instance", Of::Kernel),
    ("process", "process", Of::Kernel),
    ("hwpt", "hwpt", Of::Kernel),
    ("outliers", "outliers", Of::Kernel),
    ("compare", "compare", Of::Batching),
    ("health", "health", Of::Kernel),
    ("help", "help", Of::Kernel),
];

/// Those of reports: name of the file in docs/, what the report is of, and the picture of it.
const REPORTS: &[(&str, &str, &str)] = &[
    (
        "ns-per-entry",
        "bench/results/model.json",
        "ns-per-entry.svg",
    ),
    ("over-time", RECORDING, "recording-0-over-time.svg"),
    ("stages", RECORDING, "recording-0-stages.svg"),
];

/// Draws all of them anew.
///
/// # Errors
/// Where hwptop cannot be built, does not draw one, or the file cannot be written.
pub(crate) fn draw(repo: &Repo) -> Result<()> {
    let build = ["build", "--release", "--package", "hwptop"];
    process::run(
        process::cargo().current_dir(repo.root()).args(build),
        "hwptop draws the pictures",
    )?;
    let hwptop = repo.cache().with_file_name("release").join("hwptop");
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let record = ["record", "--target", MODEL, "--policy", "single"];
    process::run(
        Command::new(&hwptop)
            .args(record)
            .args(["--interval", "200ms", "--time", "12s"])
            .args(["--output", BASELINE])
            .current_dir(folder.path()),
        "it is what the model is compared with",
    )?;
    for (name, screen, of) in PICTURES {
        let file = repo.path(&format!("docs/{name}.svg"));
        let mut command = drawing(&hwptop, screen, of);
        let svg = process::output(
            command.current_dir(match of {
                Of::Batching => folder.path(),
                Of::Model | Of::Kernel => repo.root(),
            }),
            "without its picture the README is not what hwptop is",
        )?;
        fs::write(&file, format!("{svg}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
        println!("docs/{name}.svg: {screen}");
    }
    for (name, of, picture) in REPORTS {
        let report = folder.path().join(name);
        let mut command = Command::new(&hwptop);
        command.args(["report", of, "--output"]).arg(&report);
        process::run(command.current_dir(repo.root()), "its picture is of it")?;
        let file = repo.path(&format!("docs/{name}.svg"));
        fs::copy(report.join(picture), &file)
            .with_context(|| format!("writing {}", file.display()))?;
        println!("docs/{name}.svg: {picture} of {of}");
    }
    Ok(())
}

fn drawing(hwptop: &Path, screen: &str, of: &Of) -> Command {
    let mut command = Command::new(hwptop);
    match of {
        Of::Model => live(&mut command),
        Of::Batching => live(&mut command).args(["--baseline", BASELINE]),
        Of::Kernel => command.args(["replay", RECORDING, "--count", INTERVAL]),
    };
    command.args(["--format", "svg", "--screen", screen, "--size", SIZE]);
    command
}

fn live(command: &mut Command) -> &mut Command {
    command
        .args(["top", "--target", MODEL, "--interval", "200ms"])
        .args(["--count", "60"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_a_file_of_its_own_and_the_recording_is_there() {
        let screens = PICTURES.iter().map(|(name, ..)| *name);
        let mut names: Vec<&str> = screens
            .chain(REPORTS.iter().map(|(name, ..)| *name))
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PICTURES.len() + REPORTS.len());
        let repo = Repo::find().unwrap();
        let reported = REPORTS.iter().map(|(_, of, _)| *of);
        for file in reported.chain(["docs/kernel.hlog"]) {
            assert!(repo.path(file).is_file(), "{file}");
        }
    }
}
