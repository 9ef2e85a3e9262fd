//! A clean Debian, to try the package in.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install};

/// What there is of a system that is not a container: whoever reads manual pages has this.
const INCLUDED: &str = "man-db";

/// Runs a program in the root $1, with mounts that end with it.
const INSIDE: &str = "\
root=$1; shift
mount -t proc proc \"$root/proc\"
mount --rbind /sys \"$root/sys\"
mount --rbind /dev \"$root/dev\"
exec chroot \"$root\" \"$@\"";

/// Whether this process may change roots.
///
/// # Errors
/// The reason why not.
pub(super) fn can_be_entered() -> Result<()> {
    if !setup::is_root() {
        bail!("only root can make a Debian root: run it as root");
    }
    process::output(
        Command::new("unshare").args(["--mount", "true"]),
        "it needs CAP_SYS_ADMIN",
    )?;
    Ok(())
}

/// An archive of this machine's Debian as debootstrap makes it; made once.
///
/// # Errors
/// Where it is not there and may or can not be made.
pub(super) fn base(repo: &Repo, install: Install) -> Result<PathBuf> {
    let release =
        fs::read_to_string("/etc/os-release").context("this system has no /etc/os-release")?;
    let suite = suite(&release).context("this system is no Debian with a code name")?;
    let archive = repo.cache().join(format!("package/{suite}-{INCLUDED}.tar"));
    if archive.exists() {
        return Ok(archive);
    }
    if install == Install::Refused {
        bail!(
            "there is no {}, and nothing may be fetched",
            archive.display()
        );
    }
    let kept = repo.cache().join("package");
    fs::create_dir_all(&kept).with_context(|| format!("cannot create {}", kept.display()))?;
    let folder = archive.with_extension("root");
    let mut last = None;
    for mirror in apt::mirrors()? {
        apt::remove(&folder)?;
        println!("making a clean Debian {suite} (once)");
        let mut make = Command::new("debootstrap");
        make.args(["--variant=minbase", &format!("--include={INCLUDED}"), suite])
            .arg(&folder)
            .arg(&mirror);
        // Hundreds of lines, of which the last ones say what went wrong.
        match process::output(&mut make, "check the machine's network") {
            Ok(_) => return pack(&folder, &archive),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("apt knows no source of Debian's packages")?)
}

/// `bookworm`, of os-release(5) of a Debian.
fn suite(release: &str) -> Option<&str> {
    let field = |name: &str| {
        let value = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches('"'))
    };
    (field("ID")? == "debian").then(|| field("VERSION_CODENAME"))?
}

/// Packs a root, in place of it: a run that is interrupted leaves no archive.
fn pack(folder: &Path, archive: &Path) -> Result<PathBuf> {
    // What was downloaded is installed.
    apt::remove(&folder.join("var/cache/apt/archives"))?;
    let aside = archive.with_extension("part");
    let mut pack = Command::new("tar");
    pack.args(["--create", "--one-file-system", "--numeric-owner", "--file"])
        .arg(&aside)
        .arg("--directory")
        .arg(folder)
        .arg(".");
    process::run(&mut pack, "check the room on the disk")?;
    apt::remove(folder)?;
    fs::rename(&aside, archive).with_context(|| format!("cannot name {}", archive.display()))?;
    Ok(archive.to_owned())
}

/// A root of its own, which goes with it.
struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    fn unpack(repo: &Repo, base: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("root-")
            .tempdir_in(repo.cache().join("package"))
            .context("cannot create a folder for a Debian root")?;
        let mut unpack = Command::new("tar");
        unpack
            .args([
                "--extract",
                "--preserve-permissions",
                "--numeric-owner",
                "--file",
            ])
            .arg(base)
            .arg("--directory")
            .arg(folder.path());
        process::run(&mut unpack, "check the room on the disk")?;
        Ok(Self { folder })
    }

    /// What a command says there, which has to succeed.
    fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-euc", INSIDE, "sh"])
            .arg(self.folder.path())
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/root");
        process::output(&mut command, "it has to work in a clean Debian")
    }

    /// What is there once the agent ran as a service, and was given options and a recording to write.
    fn use_agent(&self) -> Result<()> {
        for (folder, file) in [
            ("var/lib/hwptop", "agent.jsonl"),
            ("etc/default", "hwptop-agent"),
        ] {
            let folder = self.folder.path().join(folder);
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(folder.join(file), ""))
                .with_context(|| format!("cannot write below {}", folder.display()))?;
        }
        Ok(())
    }

    /// Every path in it, without what man-db makes of the pages that it finds and shows.
    fn files(&self) -> Result<BTreeSet<String>> {
        let mut find = Command::new("find");
        find.arg(self.folder.path())
            .args(["-xdev", "-printf", "%P %y\\n"]);
        let list = process::output(&mut find, "install findutils")?;
        let others = list
            .lines()
            .filter(|path| !path.starts_with("var/cache/man/"));
        Ok(others.map(str::to_owned).collect())
    }
}

/// Installs `package` into a clean root, uses it, and removes it; answers how much was checked.
///
/// # Errors
/// What does not hold.
pub(super) fn try_out(repo: &Repo, base: &Path, package: &Path) -> Result<usize> {
    let root = Root::unpack(repo, base)?;
    let before = root.files()?;
    fs::copy(package, root.folder.path().join("hwptop.deb")).context("cannot copy the package")?;
    root.run(&["dpkg", "--install", "/hwptop.deb"])?;
    fs::remove_file(root.folder.path().join("hwptop.deb")).context("cannot remove the package")?;
    let installed = root.files()?;

    let mut passed = 0;
    for (words, expected) in USES {
        let said = root.run(words)?;
        let line = words.join(" ");
        ensure!(
            said.contains(expected),
            "`{line}` does not say {expected:?} there: {said}"
        );
        println!("{line}: ok");
        passed += 1;
    }
    for file in FILES {
        ensure!(
            installed.contains(&format!("{file} f")),
            "the package has no /{file}"
        );
    }
    println!("every file is in its place: ok");
    root.use_agent()?;
    root.run(&["dpkg", "--purge", "hwptop"])?;
    let after = root.files()?;
    let changed: Vec<&str> = after
        .symmetric_difference(&before)
        .map(String::as_str)
        .collect();
    ensure!(
        changed.is_empty(),
        "after `dpkg --purge hwptop` it is not as before: {}",
        changed.join(", ")
    );
    println!("dpkg --purge hwptop leaves nothing: ok");
    Ok(passed + 2)
}

/// What is run there, and part of what it says.
const USES: [(&[&str], &str); 6] = [
    (&["dpkg", "--verify", "hwptop"], ""),
    (
        &["cat", "/usr/share/doc/hwptop/copyright"],
        "crates of others",
    ),
    (&["hwptop", "doctor"], "can show:"),
    (
        &["hwptop", "top", "--target", "model", "--once"],
        "modelled",
    ),
    (
        &["man", "hwptop"],
        "Shows and measures what nested IOMMU translation costs",
    ),
    (&["man", "hwptop-bench-batching"], "EXIT STATUS"),
];

/// What there is beside the program and the pages.
const FILES: [&str; 13] = [
    "usr/bin/hwptop",
    "usr/share/bash-completion/completions/hwptop",
    "usr/share/zsh/vendor-completions/_hwptop",
    "usr/share/fish/vendor_completions.d/hwptop.fish",
    "usr/lib/systemd/system/hwptop-agent.service",
    "usr/share/doc/hwptop/examples/agent.toml",
    "usr/share/doc/hwptop/copyright",
    "usr/share/doc/hwptop/changelog.Debian.gz",
    "usr/share/doc/hwptop/README.md",
    "usr/share/doc/hwptop/guide.md",
    "usr/share/doc/hwptop/reference.md",
    "usr/share/doc/hwptop/examples/grafana.json",
    "usr/share/doc/hwptop/schema/run-file.json",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_debians_code_name() {
        assert_eq!(
            suite("PRETTY_NAME=\"x\"\nVERSION_CODENAME=bookworm\nID=debian\n"),
            Some("bookworm")
        );
        assert_eq!(suite("ID=ubuntu\nVERSION_CODENAME=noble\n"), None);
        assert_eq!(suite("ID=debian\n"), None);
    }
}
