//! Python's HdrHistogram, an implementation that shares nothing with the one that hwptop writes with.

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;

/// How the test that uses it gets the Python that has it.
pub(crate) const VARIABLE: &str = "HWPTOP_PYTHON";

const PACKAGE: &str = "hdrhistogram==0.10.8";

/// A Python with the package: one of its own in xtask's cache, made once.
///
/// # Errors
/// Where it is not there and may or can not be made.
pub(crate) fn interpreter(repo: &Repo, install: Install) -> Result<PathBuf> {
    let folder = repo.cache().join("python");
    let python = folder.join("bin/python");
    let has_it = || {
        let mut query = Command::new(&python);
        query.args(["-c", "import hdrh.log"]);
        python.is_file() && process::output(&mut query, "").is_ok()
    };
    if has_it() {
        return Ok(python);
    }
    if install == Install::Refused {
        bail!("Python's hdrhistogram is not in the cache, and nothing may be fetched");
    }
    println!("fetching Python's {PACKAGE} (once)");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&folder);
    process::run(&mut make, "install python3-venv").context("Python cannot be set up")?;
    let mut fetch = Command::new(&python);
    fetch.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ]);
    process::run(&mut fetch, "see above").context("Python's hdrhistogram cannot be fetched")?;
    Ok(python)
}
