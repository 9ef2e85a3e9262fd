//! The package's copyright file: hwptop's own, and the notices of what is linked into it.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process;
use crate::repo::Repo;

/// What is needed of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// Absent for those of the workspace.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `dev` or `build`; absent where it is linked.
    kind: Option<String>,
}

impl Metadata {
    /// Every crate that is linked into hwptop, by name and version; procedural macros are not.
    fn linked(&self) -> BTreeMap<(&str, &str), &Package> {
        let packages: BTreeMap<&str, &Package> = self
            .packages
            .iter()
            .map(|one| (one.id.as_str(), one))
            .collect();
        let nodes: BTreeMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|one| (one.id.as_str(), one))
            .collect();
        let is_root = |one: &&Package| one.name == "hwptop" && one.source.is_none();
        let mut todo: Vec<&str> = self
            .packages
            .iter()
            .filter(is_root)
            .map(|one| one.id.as_str())
            .collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(id) = todo.pop() {
            let is_macro = packages[id]
                .targets
                .iter()
                .any(|one| one.kind.iter().any(|kind| kind == "proc-macro"));
            if is_macro || !seen.insert(id) {
                continue;
            }
            let deps = nodes.get(id).map_or(&[][..], |node| &node.deps);
            let is_linked =
                |one: &&Dependency| one.dep_kinds.iter().any(|kind| kind.kind.is_none());
            todo.extend(deps.iter().filter(is_linked).map(|one| one.pkg.as_str()));
        }
        let foreign = seen
            .into_iter()
            .map(|id| packages[id])
            .filter(|one| one.source.is_some());
        foreign
            .map(|one| ((one.name.as_str(), one.version.as_str()), one))
            .collect()
    }
}

/// The text of the file.
///
/// # Errors
/// Where cargo cannot tell what is linked, or a crate says nothing of its licence.
pub(super) fn text(repo: &Repo) -> Result<String> {
    let mut query = process::cargo();
    query
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
        ])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(repo.root());
    let metadata = process::output(&mut query, "see above")?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("cargo metadata is not as expected")?;
    let mut text = String::from(
        "hwptop: copyright 2026 the hwptop authors, MIT or Apache-2.0, at your option.\n",
    );
    for (title, name) in [
        ("MIT", "LICENSE-MIT"),
        ("The font in its pictures", "reports/assets/NOTICE"),
    ] {
        let own =
            fs::read_to_string(repo.path(name)).with_context(|| format!("cannot read {name}"))?;
        let _ = write!(text, "\n{title}:\n\n{own}");
    }
    text.push_str("\nApache-2.0: /usr/share/common-licenses/Apache-2.0\n");
    text.push_str(&of_crates(&metadata.linked())?);
    Ok(text)
}

/// A list of the crates, then each notice once, with those that it is of.
fn of_crates(linked: &BTreeMap<(&str, &str), &Package>) -> Result<String> {
    let mut text = format!(
        "\n\nLinked into it are {} crates of others:\n\n",
        linked.len()
    );
    let mut notices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((name, version), package) in linked {
        let found = files(&package.manifest_path)?;
        let license = match &package.license {
            Some(license) => license,
            None if found.is_empty() => bail!("{name} {version} says nothing of its licence"),
            None => "see below",
        };
        let _ = writeln!(text, "  {name} {version}: {license}");
        for notice in found {
            notices
                .entry(notice)
                .or_default()
                .push(format!("{name} {version}"));
        }
    }
    for (notice, crates) in notices {
        let _ = write!(
            text,
            "\n{}\n{}:\n\n{notice}\n",
            "-".repeat(72),
            crates.join(", ")
        );
    }
    Ok(text)
}

/// The notices that lie beside a crate's manifest.
fn files(manifest: &Path) -> Result<Vec<String>> {
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let is_notice = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        let begins = [
            "LICENSE",
            "LICENCE",
            "COPYING",
            "COPYRIGHT",
            "NOTICE",
            "UNLICENSE",
        ];
        path.is_file() && begins.iter().any(|begin| name.starts_with(begin))
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_notice)
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            Ok(text.trim_end().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_told_and_what_only_builds_or_tests_is_not() {
        let package = |name: &str, kind: &str| {
            let source = (name != "hwptop").then_some("registry");
            serde_json::json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
                "manifest_path": "/nowhere/Cargo.toml", "targets": [{"kind": [kind]}]})
        };
        let dep = |name: &str, kind: Option<&str>| serde_json::json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata: Metadata = serde_json::from_value(serde_json::json!({
            "packages": [package("hwptop", "bin"), package("a", "lib"), package("b", "lib"), package("m", "proc-macro"),
                package("q", "lib"), package("t", "lib")],
            "resolve": {"nodes": [
                {"id": "hwptop", "deps": [dep("a", None), dep("m", None), dep("t", Some("dev"))]},
                {"id": "a", "deps": [dep("b", None), dep("t", Some("build"))]},
                {"id": "m", "deps": [dep("q", None)]},
            ]},
        }))
        .expect("as cargo has it");
        let names: Vec<&str> = metadata.linked().keys().map(|(name, _)| *name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
