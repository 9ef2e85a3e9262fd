//! The kernel's `linux/iommufd.h`, against which the driver's layouts are checked.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

use crate::apt;
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
    println!("fetching {PACKAGE} of {SUITE} for {HEADER} (once)");
    fetch(&kept).with_context(|| format!("this machine's {HEADER} is missing or too old"))?;
    if !is_complete(&unpacked) {
        bail!("{PACKAGE} of {SUITE} has no {HEADER} with {NEWEST}");
    }
    Ok(unpacked)
}

fn is_complete(folder: &Path) -> bool {
    fs::read_to_string(folder.join(HEADER)).is_ok_and(|text| text.contains(NEWEST))
}

fn fetch(kept: &Path) -> Result<()> {
    let state = kept.with_extension("apt");
    apt::with_suite(&state, SUITE, None, |suite| {
        let package = suite.download(PACKAGE, &state)?;
        apt::unpack(&package, kept)
    })
}
