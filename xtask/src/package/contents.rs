//! What is in the package beside the program and the files of the checkout.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{changelog::Changelog, notices};
use crate::process;
use crate::repo::Repo;

/// Where the packaged program is.
const PLACE: &str = "/usr/bin/hwptop";

/// Made files, in [`folder`].
pub(super) struct Contents {
    folder: PathBuf,
}

/// Where Cargo.toml looks for them, whatever cargo's target folder is.
pub(super) fn folder(repo: &Repo) -> PathBuf {
    repo.path("target/xtask/package")
}

impl Contents {
    /// Makes all with `program`, the hwptop that is packaged.
    pub(super) fn make(repo: &Repo, program: &Path) -> Result<Self> {
        let contents = Self {
            folder: folder(repo),
        };
        let man = contents.folder.join("man");
        // Pages of commands that are no more.
        if man.exists() {
            fs::remove_dir_all(&man).with_context(|| format!("cannot remove {}", man.display()))?;
        }
        process::output(
            Command::new(program).args(["man", "-o"]).arg(&man),
            "see above",
        )?;
        for shell in ["bash", "zsh", "fish"] {
            let script = process::output(
                Command::new(program).args(["completions", shell]),
                "see above",
            )?;
            contents.write(&format!("hwptop.{shell}"), &(script + "\n"))?;
        }
        let unit = read(repo, "src/command/agent/hwptop-agent.service")?;
        contents.write("hwptop-agent.service", &unit.replace("@HWPTOP@", PLACE))?;
        let changes = read(repo, "CHANGELOG.md")?;
        let changelog = Changelog::parse(&changes)?;
        contents.write("changelog", &changelog.debian(&date(repo)?))?;
        contents.write("release-notes.md", &changelog.notes())?;
        contents.write("copyright", &notices::text(repo)?)?;
        Ok(contents)
    }

    /// The release notes, in Markdown.
    pub(super) fn notes(&self) -> PathBuf {
        self.folder.join("release-notes.md")
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn read(repo: &Repo, name: &str) -> Result<String> {
    fs::read_to_string(repo.path(name)).with_context(|| format!("cannot read {name}"))
}

/// Of what is packaged, as a Debian changelog has it: the same of the same revision.
fn date(repo: &Repo) -> Result<String> {
    let mut log = Command::new("git");
    log.args(["log", "-1", "--format=%cD"])
        .current_dir(repo.root());
    let mut now = Command::new("date");
    process::output(&mut log, "").or_else(|_| process::output(now.arg("-R"), "install coreutils"))
}
