//! Debian's packages from a suite that the machine does not use, with an apt state of its own.
//!
//! The system's sources and lists stay as they are; Debian's keyring, which is installed, verifies what comes.

use anyhow::{Context as _, Result, anyhow, bail};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const NETWORK: &str = "check the machine's network";

/// apt's view of one suite.
pub(crate) struct Suite<'a> {
    /// Where lists and downloads are kept.
    state: &'a Path,
}

/// Does `work` with the lists of `suite` from the first mirror with which that succeeds, for the machine's own
/// architecture or Debian's name of another. The state is a folder that is removed afterwards.
///
/// # Errors
/// Where apt is missing, or what the last mirror was answered with.
pub(crate) fn with_suite<T>(
    state: &Path,
    suite: &str,
    architecture: Option<&str>,
    work: impl Fn(&Suite<'_>) -> Result<T>,
) -> Result<T> {
    if !process::in_path("apt-get") || !process::in_path("dpkg") {
        bail!("only Debian's packages are known, and this machine has no apt-get");
    }
    remove(state)?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(folder))
            .with_context(|| format!("cannot create {}", state.display()))?;
    }
    fs::write(state.join("status"), "").context("cannot write an empty package status")?;

    let mut last = anyhow!("apt knows no source of Debian's packages");
    for mirror in mirrors()? {
        match Suite::open(state, &mirror, suite, architecture).and_then(|suite| work(&suite)) {
            Ok(value) => {
                remove(state)?;
                return Ok(value);
            }
            Err(error) => last = error,
        }
    }
    Err(last.context(format!("cannot fetch from {suite}")))
}

impl<'a> Suite<'a> {
    fn open(
        state: &'a Path,
        mirror: &str,
        suite: &str,
        architecture: Option<&str>,
    ) -> Result<Self> {
        let mut options = Vec::new();
        if Path::new(KEYRING).exists() {
            options.push(format!("signed-by={KEYRING}"));
        }
        if let Some(architecture) = architecture {
            options.push(format!("arch={architecture}"));
        }
        let options = if options.is_empty() {
            String::new()
        } else {
            format!("[{}] ", options.join(" "))
        };
        fs::write(
            state.join("sources.list"),
            format!("deb {options}{mirror} {suite} main\n"),
        )
        .context("cannot write a list of sources")?;
        let own = architecture.map_or_else(String::new, |name| {
            format!("APT::Architecture \"{name}\"; APT::Architectures {{ \"{name}\"; }};\n")
        });
        fs::write(state.join("apt.conf"), own).context("cannot write apt's options")?;
        let suite = Self { state };
        process::run(suite.apt("apt-get").arg("update"), NETWORK)?;
        Ok(suite)
    }

    /// The names of the suite's packages that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let list = process::output(self.apt("apt-cache").args(["pkgnames", prefix]), NETWORK)?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// Downloads `package` into `folder`; answers the file.
    pub(crate) fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        let before = packages(folder)?;
        process::run(
            self.apt("apt-get")
                .args(["download", package])
                .current_dir(folder),
            NETWORK,
        )?;
        let after = packages(folder)?;
        after
            .difference(&before)
            .next()
            .cloned()
            .context("apt-get downloaded no package")
    }

    fn apt(&self, program: &str) -> Command {
        let path = |name: &str| self.state.join(name).display().to_string();
        let mut command = Command::new(program);
        command.arg("-qq").arg("-c").arg(path("apt.conf"));
        for option in [
            format!("Dir::Etc::SourceList={}", path("sources.list")),
            "Dir::Etc::SourceParts=-".into(),
            "Acquire::Languages=none".into(),
            format!("Dir::State::Lists={}", path("lists")),
            format!("Dir::State::status={}", path("status")),
            format!("Dir::Cache={}", path("cache")),
            // apt's own user cannot write where root keeps a checkout.
            "APT::Sandbox::User=root".into(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }
}

/// Installs `names` from the machine's own sources, and `preferred` packages, also as dependencies, from `suite`; as root.
/// Nothing else comes from there: what the machine's own release builds against would no longer fit it.
///
/// # Errors
/// Where the lists cannot be fetched or the packages not installed.
pub(crate) fn install_from(
    mirror: &str,
    suite: &str,
    preferred: &[&str],
    names: &[&str],
) -> Result<()> {
    let state = tempfile::tempdir().context("cannot create a folder for apt's lists")?;
    let lists = state.path().join("lists");
    fs::create_dir_all(lists.join("partial")).context("cannot create a folder for apt's lists")?;
    let own = |name: &str| fs::read_to_string(Path::new("/etc/apt").join(name)).unwrap_or_default();
    let write = |name: &str, text: String| {
        let file = state.path().join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok::<_, anyhow::Error>(file)
    };
    let source = format!("deb {mirror} {suite} main\n");
    let sources = write("sources.list", own("sources.list") + "\n" + &source)?;
    let preference = preference(suite, preferred);
    let preferences = write("preferences", preference + "\n" + &own("preferences"))?;
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.arg("-qq");
        for option in [
            format!("Dir::Etc::SourceList={}", sources.display()),
            format!("Dir::Etc::Preferences={}", preferences.display()),
            format!("Dir::State::Lists={}", lists.display()),
            "APT::Sandbox::User=root".into(),
        ] {
            command.arg("-o").arg(option);
        }
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            // The caller's stdout may be a command's output.
            .stdout(io::stderr());
        command
    };
    process::run(apt_get().arg("update"), NETWORK)?;
    let mut install = apt_get();
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(names);
    process::run(&mut install, "see what apt says above")
}

/// A record of apt_preferences(5): where `suite` has one of `packages`, it is taken from there. Backports have a lower
/// precedence than a release, so that all else stays.
fn preference(suite: &str, packages: &[&str]) -> String {
    format!(
        "Package: {}\nPin: release n={suite}\nPin-Priority: 990\n",
        packages.join(" ")
    )
}

fn packages(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    Ok(files
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .collect())
}

/// Where this machine gets Debian's packages from; its security updates have a tree of their own, without the suite.
///
/// # Errors
/// Where apt-get cannot tell.
pub(crate) fn mirrors() -> Result<BTreeSet<String>> {
    let mut query = Command::new("apt-get");
    query.args([
        "indextargets",
        "--format",
        "$(LABEL) $(RELEASE) $(REPO_URI)",
    ]);
    Ok(mirrors_among(&process::output(
        &mut query,
        "check /etc/apt",
    )?))
}

fn mirrors_among(targets: &str) -> BTreeSet<String> {
    let mirrors = targets.lines().filter_map(|line| {
        let (rest, mirror) = line.rsplit_once(' ')?;
        let (label, release) = rest.rsplit_once(' ')?;
        // Before the first `apt-get update` there is no label, and apt leaves the words as they are.
        let is_debian = matches!(label, "Debian" | "$(LABEL)");
        (is_debian && !release.ends_with("-security")).then(|| mirror.to_owned())
    });
    mirrors.collect()
}

/// Unpacks a package in place of `folder`: aside first, so that a run that is interrupted leaves nothing that looks
/// complete.
pub(crate) fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let aside = folder.with_extension("new");
    remove(&aside)?;
    let mut command = Command::new("dpkg");
    command.arg("--extract").arg(package).arg(&aside);
    process::run(&mut command, "check the room on the disk")?;
    remove(folder)?;
    fs::rename(&aside, folder).with_context(|| format!("cannot replace {}", folder.display()))
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirrors_are_those_of_debian_itself() {
        let targets = "\
Debian bookworm m://one/debian/
Debian bookworm-updates m://one/debian/
Debian-Security bookworm-security m://one/debian-security/
Some Label nodistro m://other/
$(LABEL) trixie m://new/debian/
$(LABEL) trixie-security m://new/debian-security/
";
        let expected = ["m://new/debian/", "m://one/debian/"].map(str::to_owned);
        assert_eq!(mirrors_among(targets), expected.into());
        assert!(mirrors_among("").is_empty());
    }

    #[test]
    fn a_preference_is_for_the_packages_it_names_only() {
        let text = preference("bookworm-backports", &["qemu-system-x86", "seabios"]);
        assert_eq!(
            text,
            "Package: qemu-system-x86 seabios\nPin: release n=bookworm-backports\nPin-Priority: 990\n"
        );
    }
}
