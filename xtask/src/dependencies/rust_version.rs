//! `rust-version`: the oldest Rust that this project says it builds with.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::env;
use std::fmt;
use std::process::Command;
use std::str::FromStr;

use super::Verdict;
use crate::process;
use crate::repo::Repo;

/// Other processors' and systems' dependencies are not built.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A version of Rust; what it is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl FromStr for Version {
    type Err = anyhow::Error;

    /// `1.95` or `1.95.0`, possibly with `-nightly` behind it.
    fn from_str(text: &str) -> Result<Self> {
        let release = text.split('-').next().unwrap_or_default();
        let mut numbers = release.split('.').map(str::parse);
        let mut next = || numbers.next().transpose();
        let (major, minor, patch) = (next(), next(), next());
        match (major, minor, patch) {
            (Ok(Some(major)), Ok(Some(minor)), Ok(patch)) => Ok(Self {
                major,
                minor,
                patch: patch.unwrap_or(0),
            }),
            _ => bail!("`{text}` is no version of Rust"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

/// What `cargo metadata` tells of a project.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

/// A package that is built.
#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    rust_version: Option<String>,
}

/// Whether every package of `project` states this project's `rust-version`, and no dependency that it is locked to needs a
/// later one.
///
/// # Errors
/// Those that do not, or do.
pub(super) fn states(repo: &Repo, project: &str) -> Result<()> {
    let mut command = process::cargo();
    command
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", TARGET, "--manifest-path"])
        .arg(repo.path(project));
    let text = process::output(&mut command, "check the network and the lock file")?;
    let metadata = serde_json::from_str(&text).context("cannot read what `cargo metadata` says")?;
    let wrong = wrong(&metadata, stated()?)?;
    if !wrong.is_empty() {
        bail!(wrong.join("\n"));
    }
    Ok(())
}

/// The workspace's own.
fn stated() -> Result<Version> {
    env!("CARGO_PKG_RUST_VERSION").parse()
}

fn wrong(metadata: &Metadata, stated: Version) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Package { name, version, .. } = package;
        let needs = package.rust_version.as_deref().map(str::parse);
        let needs: Option<Version> = needs
            .transpose()
            .with_context(|| format!("the rust-version of {name} {version}"))?;
        let is_built = metadata
            .resolve
            .nodes
            .iter()
            .any(|node| node.id == package.id);
        if metadata.workspace_members.contains(&package.id) {
            if needs != Some(stated) {
                wrong.push(format!("{name} does not state rust-version {stated}"));
            }
        } else if is_built
            && let Some(needs) = needs
            && needs > stated
        {
            wrong.push(format!(
                "{name} {version} needs Rust {needs}, and rust-version is {stated}: lock an older one, or raise it"
            ));
        }
    }
    Ok(wrong)
}

/// Builds the workspace with the oldest toolchain, where that is another than this one and at hand.
///
/// # Errors
/// Where it does not build, or cargo does not start.
pub(super) fn builds(repo: &Repo) -> Result<Verdict> {
    let stated = stated()?;
    let mut query = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let said = process::output(query.arg("--version"), "reinstall the toolchain")?;
    let here: Version = said.split(' ').nth(1).unwrap_or_default().parse()?;
    if (here.major, here.minor) == (stated.major, stated.minor) {
        return Ok(Verdict::Skipped(format!(
            "this is Rust {here}: all that is built here is built with it"
        )));
    }
    let mut list = Command::new("rustup");
    let installed = process::output(list.args(["toolchain", "list"]), "").unwrap_or_default();
    let Some(toolchain) = toolchain(&installed, stated) else {
        return Ok(Verdict::Skipped(format!(
            "this is Rust {here}, and {stated} is not installed: `rustup toolchain install {stated}`"
        )));
    };
    let mut check = process::foreign("rustup");
    check
        .args(["run", toolchain, "cargo", "check", "--workspace"])
        .args(["--all-targets", "--locked", "--quiet", "--target-dir"])
        .arg(repo.cache().join("rust-version"))
        .current_dir(repo.root());
    process::run(
        &mut check,
        "use what that Rust has, or raise rust-version in Cargo.toml and say so in CHANGELOG.md",
    )?;
    Ok(Verdict::Held)
}

/// The one of rustup's toolchains that is `version`, whatever its patch.
fn toolchain(installed: &str, version: Version) -> Option<&str> {
    installed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .find(|name| {
            let number = name.split('-').next().unwrap_or_default();
            number
                .parse::<Version>()
                .is_ok_and(|found| (found.major, found.minor) == (version.major, version.minor))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_by_number_and_not_by_text() {
        assert!(version("1.9") < version("1.95.0"));
        assert_eq!(version("1.95"), version("1.95.0-nightly"));
        assert!("stable".parse::<Version>().is_err());
        assert!("1".parse::<Version>().is_err());
        assert!("1.95.x".parse::<Version>().is_err());
    }

    #[test]
    fn a_member_without_it_and_a_dependency_beyond_it_are_told() {
        let package = |id: &str, rust_version: Option<&str>| Package {
            id: id.to_owned(),
            name: id.to_owned(),
            version: "2.0.0".to_owned(),
            rust_version: rust_version.map(str::to_owned),
        };
        let built = ["own", "other", "old", "new", "silent"];
        let metadata = Metadata {
            packages: vec![
                package("own", Some("1.95")),
                package("other", None),
                package("old", Some("1.70")),
                package("new", Some("1.96.1")),
                package("silent", None),
                package("another system's", Some("1.99")),
            ],
            workspace_members: vec!["own".to_owned(), "other".to_owned()],
            resolve: Resolve {
                nodes: built.map(|id| Node { id: id.to_owned() }).into(),
            },
        };
        let wrong = wrong(&metadata, version("1.95")).unwrap();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("other does not state rust-version 1.95"));
        assert!(wrong[1].starts_with("new 2.0.0 needs Rust 1.96.1,"));
    }

    #[test]
    fn rustups_toolchain_is_found_by_its_number() {
        let installed = "stable-x86_64 (active, default)\nnightly-x86_64\n1.95.0-x86_64\n";
        assert_eq!(toolchain(installed, version("1.95")), Some("1.95.0-x86_64"));
        assert_eq!(toolchain(installed, version("1.96")), None);
    }
}
