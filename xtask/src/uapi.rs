//! The kernel's `linux/iommufd.h`, against which the driver's layouts are checked.

use anyhow::{Context as _, Result, anyhow, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;

/// How the test that uses the header gets the folder that `linux/iommufd.h` is in.
pub(crate) const VARIABLE: &str = "HWPTOP_UAPI_INCLUDE";

/// The first kernel's header with all that the driver mirrors has this.
const NEWEST: &str = "IOMMU_HWPT_DATA_AMD_GUEST";
const HEADER: &str = "linux/iommufd.h";

/// Debian's suite and package with such a header; it is unpacked, never installed.
const SUITE: &str = "trixie-backports";
const PACKAGE: &str = "linux-libc-dev";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The folder with a header that has everything: the system's, or one that is fetched once into xtask's cache.
///
/// # Errors
/// Where neither can be had.
pub(crate) fn include(repo: &Repo, install: Install) -> Result<PathBuf> {
    let kept = repo.cache().join("uapi");
    let unpacked = kept.join("usr/include");
    let known = [PathBuf::from("/usr/include"), unpacked.clone()];
    if let Some(folder) = known.into_iter().find(|folder| is_complete(folder)) {
        return Ok(folder);
    }
    if install == Install::Refused {
        bail!("this machine's {HEADER} is missing or too old, and nothing may be fetched");
    }
    if !process::in_path("apt-get") || !process::in_path("dpkg") {
        bail!(
            "this machine's {HEADER} is missing or too old, and only Debian's packages are known"
        );
    }
    println!("fetching {PACKAGE} of {SUITE} for {HEADER} (once)");
    fetch(&kept)?;
    if !is_complete(&unpacked) {
        bail!("{PACKAGE} of {SUITE} has no {HEADER} with {NEWEST}");
    }
    Ok(unpacked)
}

fn is_complete(folder: &Path) -> bool {
    fs::read_to_string(folder.join(HEADER)).is_ok_and(|text| text.contains(NEWEST))
}

/// Downloads and unpacks the package with an apt state of its own; the system's sources and lists stay as they are.
fn fetch(kept: &Path) -> Result<()> {
    let state = kept.with_extension("apt");
    remove(&state)?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(folder))
            .with_context(|| format!("cannot create {}", state.display()))?;
    }
    fs::write(state.join("status"), "").context("cannot write an empty package status")?;

    let mut last = anyhow!("apt knows no source of Debian's packages");
    for mirror in mirrors()? {
        match download(&state, &mirror) {
            Ok(package) => {
                unpack(&package, kept)?;
                return remove(&state);
            }
            Err(error) => last = error,
        }
    }
    Err(last.context(format!("cannot fetch {PACKAGE} of {SUITE}")))
}

/// Where this machine gets Debian's packages from; its security updates have a tree of their own, without the suite.
fn mirrors() -> Result<BTreeSet<String>> {
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

fn download(state: &Path, mirror: &str) -> Result<PathBuf> {
    let signed = if Path::new(KEYRING).exists() {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    fs::write(
        state.join("sources.list"),
        format!("deb {signed}{mirror} {SUITE} main\n"),
    )
    .context("cannot write a list of sources")?;
    let remedy = "check the machine's network";
    process::run(apt_get(state).arg("update"), remedy)?;
    process::run(
        apt_get(state)
            .args(["download", PACKAGE])
            .current_dir(state),
        remedy,
    )?;
    let entries = fs::read_dir(state).context("cannot list the download")?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .context("apt-get downloaded no package")
}

fn apt_get(state: &Path) -> Command {
    let path = |name: &str| state.join(name).display().to_string();
    let mut command = Command::new("apt-get");
    command.arg("-qq");
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

/// Aside first, so that a run that is interrupted leaves nothing that looks complete.
fn unpack(package: &Path, kept: &Path) -> Result<()> {
    let aside = kept.with_extension("new");
    remove(&aside)?;
    let mut command = Command::new("dpkg");
    command.arg("--extract").arg(package).arg(&aside);
    process::run(&mut command, "check the room on the disk")?;
    remove(kept)?;
    fs::rename(&aside, kept).with_context(|| format!("cannot replace {}", kept.display()))
}

fn remove(folder: &Path) -> Result<()> {
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
}
