//! Python's HdrHistogram and JSON Schema, OpenTelemetry's own messages and Grafana's types: implementations that share
//! nothing with those that hwptop writes with.

use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::Install;

/// How the tests that use them get the Python that has them.
pub(crate) const VARIABLE: &str = "HWPTOP_PYTHON";

const PACKAGES: [&str; 6] = [
    "hdrhistogram==0.10.8",
    "opentelemetry-proto==1.45.2",
    "googleapis-common-protos==1.76.0",
    "protobuf==7.36.2",
    "jsonschema==4.26.0",
    "grafana-foundation-sdk==1769699998!10.1.0",
];

/// What is in these packages and used.
const USED: &str = "import jsonschema, grafana_foundation_sdk, hdrh.log, opentelemetry.proto.collector.metrics.v1.metrics_service_pb2, google.rpc.status_pb2";

/// A Python with the packages: one of its own in xtask's cache, made once.
///
/// # Errors
/// Where it is not there and may or can not be made.
pub(crate) fn interpreter(repo: &Repo, install: Install) -> Result<PathBuf> {
    let folder = repo.cache().join("python");
    let python = folder.join("bin/python");
    let has_it = || {
        let mut query = Command::new(&python);
        query.args(["-c", USED]);
        python.is_file() && process::output(&mut query, "").is_ok()
    };
    if has_it() {
        return Ok(python);
    }
    if install == Install::Refused {
        bail!("Python's packages are not in the cache, and nothing may be fetched");
    }
    println!("fetching Python's {} (once)", PACKAGES.join(", "));
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&folder);
    process::run(&mut make, "install python3-venv").context("Python cannot be set up")?;
    let mut fetch = Command::new(&python);
    fetch
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(PACKAGES);
    process::run(&mut fetch, "see above").context("Python's packages cannot be fetched")?;
    Ok(python)
}
