//! The comparison that [`super`] describes.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt;

use super::elf::{self, Interface};
use super::sidecar::Sidecar;
use super::{digest, processor::Processor};

/// What the repository holds.
pub(super) struct Committed {
    pub(super) processor: Processor,
    pub(super) object: Vec<u8>,
    pub(super) sidecar: Sidecar,
}

/// What was just built.
pub(super) struct Fresh {
    pub(super) object: Vec<u8>,
    pub(super) sidecar: Sidecar,
}

/// How two objects were compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// The toolchain that made the committed object made the fresh one too.
    Bytes { toolchain: String },
    /// Another one did.
    SourcesAndInterface { committed: String, fresh: String },
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { toolchain } => {
                write!(
                    f,
                    "compared BYTE FOR BYTE, built by the recorded toolchain ({toolchain})"
                )
            }
            Self::SourcesAndInterface { committed, fresh } => write!(
                f,
                "compared by SOURCES AND INTERFACE, not byte for byte: the toolchains differ\n  committed: {committed}\n  here:      {fresh}"
            ),
        }
    }
}

/// The method, and one line per difference.
pub(super) struct Outcome {
    pub(super) method: Method,
    pub(super) differences: Vec<String>,
}

/// Compares the committed object with a fresh build.
///
/// # Errors
/// Where an object cannot be read.
pub(super) fn compare(committed: &Committed, fresh: &Fresh) -> Result<Outcome> {
    let mut differences = Vec::new();
    let (file, sidecar) = (committed.processor.object(), committed.processor.sidecar());
    let digest = digest::of_bytes(&committed.object);
    if digest != committed.sidecar.object {
        differences.push(format!(
            "{file} has sha256 {digest}, {sidecar} records {}",
            committed.sidecar.object
        ));
    }
    if committed.object.len() != committed.sidecar.size {
        differences.push(format!(
            "{file} has {} bytes, {sidecar} records {}",
            committed.object.len(),
            committed.sidecar.size
        ));
    }
    if committed.sidecar.source != fresh.sidecar.source {
        differences.push(format!(
            "the sources have sha256 {}, {sidecar} records {}: they changed since the object was made",
            fresh.sidecar.source, committed.sidecar.source
        ));
    }
    let (recorded, here) = (&committed.sidecar.toolchain, &fresh.sidecar.toolchain);
    let method = if recorded == here {
        differences.extend(differing_bytes(&committed.object, &fresh.object));
        Method::Bytes {
            toolchain: here.to_string(),
        }
    } else {
        let before =
            Interface::of(&committed.object).with_context(|| format!("cannot read {file}"))?;
        differences.extend(before.differences(&Interface::of(&fresh.object)?));
        Method::SourcesAndInterface {
            committed: recorded.to_string(),
            fresh: here.to_string(),
        }
    };
    Ok(Outcome {
        method,
        differences,
    })
}

/// Where two objects differ, section by section; empty for equal ones.
fn differing_bytes(committed: &[u8], fresh: &[u8]) -> Vec<String> {
    if committed == fresh {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "the file has {} bytes, built {}",
        committed.len(),
        fresh.len()
    )];
    if let (Ok(before), Ok(after)) = (elf::sections(committed), elf::sections(fresh)) {
        let before: BTreeMap<_, _> = before.into_iter().collect();
        let after: BTreeMap<_, _> = after.into_iter().collect();
        for (name, bytes) in &before {
            match after.get(name) {
                None => lines.push(format!("section {name} is only in the committed object")),
                Some(other) if other != bytes => {
                    lines.push(format!(
                        "section {name} differs ({} bytes, built {})",
                        bytes.len(),
                        other.len()
                    ));
                }
                Some(_) => {}
            }
        }
        let added = after.keys().filter(|name| !before.contains_key(*name));
        lines.extend(added.map(|name| format!("section {name} is only in the fresh build")));
    }
    lines
}

#[cfg(test)]
mod tests;
