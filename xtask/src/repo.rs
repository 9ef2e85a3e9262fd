//! Where things are in a checkout.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};

/// A checkout of hwptop.
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The checkout that this program belongs to.
    pub(crate) fn find() -> Result<Self> {
        // Cargo names the place at run time; the compiled-in one is for a binary started by hand, or by a test, to
        // which cargo names another package.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|package| package.ends_with("xtask"))
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = package.join("..");
        let root = root.canonicalize().with_context(|| {
            format!(
                "no checkout at {}: start it as `cargo xtask`",
                root.display()
            )
        })?;
        Ok(Self { root })
    }

    /// The folder with the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path given relative to the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo keeps what it builds.
    pub(crate) fn target(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        self.root.join(target)
    }

    /// Where xtask keeps what it builds and installs for itself.
    pub(crate) fn cache(&self) -> PathBuf {
        self.target().join("xtask")
    }

    /// Manifest of the eBPF programs, a workspace of its own.
    pub(crate) fn probes_manifest(&self) -> PathBuf {
        self.path("ebpf/probes/Cargo.toml")
    }
}
