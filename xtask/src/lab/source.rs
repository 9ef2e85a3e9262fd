//! The kernel's source: Debian's package, kept in the cache as it was downloaded.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cache::{Cache, Lock};
use super::voice::Voice;
use crate::apt;
use crate::process;
use crate::setup::Install;

const SUITE: &str = "trixie-backports";
/// The series that the lab is made with; where the suite has left it, the newest of the same major version.
const SERIES: &str = "linux-source-7.3";
const MAJOR: &str = "linux-source-7.";

/// A downloaded package, `linux-source-SERIES_VERSION_all.deb`.
pub(super) struct Source {
    package: PathBuf,
    series: String,
    /// Debian's version of the package.
    pub(super) version: String,
}

impl Source {
    /// The package that is in the cache, or one that is fetched into it: what was fetched once is used until the
    /// cache is removed, so that a kernel of today is not built anew tomorrow.
    ///
    /// # Errors
    /// Where there is none and none may or can be fetched.
    pub(super) fn get(cache: &Cache, lock: &Lock, install: Install, voice: Voice) -> Result<Self> {
        let kept = cache.path("source/package");
        if !kept.is_dir() && install == Install::Refused {
            bail!(
                "the kernel's source ({SERIES} of {SUITE}) is not in the cache, and nothing may be fetched"
            );
        }
        let folder = cache.folder(lock, "source", "package", |aside| {
            voice.say(&format!(
                "fetching {SERIES} of {SUITE} (about 150 MB, once)"
            ));
            apt::with_suite(&cache.path("apt"), SUITE, None, |suite| {
                let name = choose(&suite.names(MAJOR)?)
                    .with_context(|| format!("{SUITE} has no {MAJOR}*"))?;
                suite.download(&name, aside).map(|_| ())
            })
        })?;
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut sources = entries
            .flatten()
            .filter_map(|entry| Self::of(&entry.path()));
        sources
            .next()
            .with_context(|| format!("{} has no {MAJOR}*.deb: remove it", folder.display()))
    }

    fn of(package: &Path) -> Option<Self> {
        let name = package.file_name()?.to_str()?.strip_suffix("_all.deb")?;
        let (series, version) = name.split_once('_')?;
        series.starts_with(MAJOR).then(|| Self {
            package: package.to_owned(),
            series: series.to_owned(),
            version: version.replace("%7e", "~").replace("%3a", ":"),
        })
    }

    /// Unpacks the source in `folder`; answers the place of its Makefile.
    ///
    /// # Errors
    /// Where dpkg or tar fail.
    pub(super) fn unpack(&self, folder: &Path) -> Result<PathBuf> {
        let remedy = "check the room on the disk: it takes 2 GB while it builds";
        let outer = folder.join("package");
        let mut extract = Command::new("dpkg");
        extract.arg("--extract").arg(&self.package).arg(&outer);
        process::run(&mut extract, remedy)?;
        let archive = outer.join(format!("usr/src/{}.tar.xz", self.series));
        let mut tar = Command::new("tar");
        tar.arg("--extract")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(folder);
        process::run(&mut tar, remedy)?;
        apt::remove(&outer)?;
        Ok(folder.join(&self.series))
    }
}

/// Of the names of packages, the series that the lab is made with, or the newest one.
fn choose(names: &[String]) -> Option<String> {
    if names.iter().any(|name| name == SERIES) {
        return Some(SERIES.into());
    }
    let minor = |name: &&String| name.strip_prefix(MAJOR)?.parse::<u32>().ok();
    names
        .iter()
        .filter(|name| minor(name).is_some())
        .max_by_key(minor)
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_series_is_the_labs_own_or_else_the_newest() {
        let all = names(&["linux-source-7.10", "linux-source-7.3", "linux-source-7.9"]);
        assert_eq!(choose(&all).unwrap(), "linux-source-7.3");
        let later = names(&[
            "linux-source-7.9",
            "linux-source-7.10",
            "linux-source-7.x-dbg",
        ]);
        assert_eq!(choose(&later).unwrap(), "linux-source-7.10");
        assert_eq!(choose(&names(&["linux-source-7.x"])), None);
    }

    #[test]
    fn a_packages_file_name_tells_series_and_version() {
        let path = Path::new("/c/linux-source-7.3_7.3.4-1~bpo13+1_all.deb");
        let source = Source::of(path).unwrap();
        assert_eq!(source.series, "linux-source-7.3");
        assert_eq!(source.version, "7.3.4-1~bpo13+1");
        assert!(Source::of(Path::new("/c/other_1_all.deb")).is_none());
    }
}
