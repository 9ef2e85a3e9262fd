//! The file beside the object that says what it was made from, and by what.

use anyhow::{Context, Error, Result};
use std::fmt;
use std::str::FromStr;

use super::toolchain::Identity;

/// What is recorded about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sidecar {
    /// SHA-256 of the object.
    pub(crate) object: String,
    /// Size of the object in bytes.
    pub(crate) size: usize,
    /// SHA-256 of the sources, see [`super::digest::of_sources`].
    pub(crate) source: String,
    /// The toolchain that made the object.
    pub(crate) toolchain: Identity,
}

impl fmt::Display for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Written by `cargo xtask ebpf` with the object beside it, checked by `cargo xtask ebpf --check`."
        )?;
        writeln!(f, "object-sha256 = \"{}\"", self.object)?;
        writeln!(f, "object-size = {}", self.size)?;
        writeln!(f, "source-sha256 = \"{}\"", self.source)?;
        writeln!(f, "rustc = \"{}\"", self.toolchain.rustc)?;
        writeln!(f, "llvm = \"{}\"", self.toolchain.llvm)?;
        writeln!(f, "linker = \"{}\"", self.toolchain.linker)?;
        writeln!(f, "origin = \"{}\"", self.toolchain.origin)
    }
}

impl FromStr for Sidecar {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
                .with_context(|| format!("there is no `{key}`"))
        };
        Ok(Self {
            object: value("object-sha256")?,
            size: value("object-size")?
                .parse()
                .context("`object-size` is not a number")?,
            source: value("source-sha256")?,
            toolchain: Identity {
                rustc: value("rustc")?,
                llvm: value("llvm")?,
                linker: value("linker")?,
                origin: value("origin")?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar() -> Sidecar {
        Sidecar {
            object: "aa".into(),
            size: 12_856,
            source: "bb".into(),
            toolchain: Identity {
                rustc: "rustc 1.96.0 (ac68faa20 2026-05-25)".into(),
                llvm: "22.1.8".into(),
                linker: "bpf-linker 0.13.0".into(),
                origin: "Debian: rustc-web 1.96.0+dfsg1-1~deb12u2, libllvm22 1:22.1.8-1~deb12u1"
                    .into(),
            },
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(sidecar().to_string().parse::<Sidecar>().unwrap(), sidecar());
    }

    #[test]
    fn a_missing_or_broken_entry_is_named() {
        let text = sidecar().to_string();
        let error = |text: &str| text.parse::<Sidecar>().unwrap_err().to_string();
        assert_eq!(
            error(&text.replace("linker =", "linkers =")),
            "there is no `linker`"
        );
        assert_eq!(
            error(&text.replace("12856", "many")),
            "`object-size` is not a number"
        );
    }
}
