//! Profiles: which machine is emulated and what its kernel is, one TOML file each in xtask/lab.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

use super::architecture::Architecture;

/// Where profiles, kernel configurations and the guest's scripts are, relative to the checkout.
pub(super) const FOLDER: &str = "xtask/lab";

/// What a profile file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// The file's name without its extension.
    #[serde(skip)]
    pub(super) name: String,
    /// One sentence: what can be seen in this machine.
    pub(super) summary: String,
    pub(super) architecture: Architecture,
    /// Fragments of a kernel configuration in this folder, put on top of tinyconfig in this order.
    pub(super) config: Vec<String>,
    /// Kernel command line, besides the console and how a panic ends.
    pub(super) append: String,
    /// A PCI function that is bound to vfio-pci at boot.
    pub(super) vfio: Option<String>,
    /// What is changed in the firmware's IORT.
    pub(super) iort: Option<Iort>,
    pub(super) qemu: Qemu,
}

/// A change of the I/O remapping table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Iort {
    /// Root complexes promise that stage 1 cannot make a write-back attribute weaker.
    Canwbs,
}

/// The emulated machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Qemu {
    /// `-machine`.
    pub(super) machine: String,
    /// `-cpu`.
    pub(super) cpu: String,
    /// `-smp`.
    pub(super) processors: u32,
    /// `-m`.
    pub(super) memory: String,
    /// `-bios`: a file name in one of the folders where distributions keep firmware.
    pub(super) firmware: Option<String>,
    /// Everything else, one word each.
    pub(super) arguments: Vec<String>,
}

impl Profile {
    /// Reads profile `name` in `folder`.
    ///
    /// # Errors
    /// Where there is none, with the names that there are, or it does not parse.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self> {
        let known = names(folder)?;
        if !known.iter().any(|one| one == name) {
            bail!(
                "there is no profile `{name}`; there are: {}",
                known.join(", ")
            );
        }
        let path = folder.join(format!("{name}.toml"));
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(name, &text).with_context(|| format!("{} does not parse", path.display()))
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut profile: Self = toml::from_str(text)?;
        name.clone_into(&mut profile.name);
        if let Some(function) = &profile.vfio
            && !is_pci_function(function)
        {
            bail!("vfio = \"{function}\" is no PCI function such as 0000:00:02.0");
        }
        Ok(profile)
    }

    /// The kernel configuration's fragments in `folder`, one after the other.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(super) fn config(&self, folder: &Path) -> Result<String> {
        let mut config = String::new();
        for name in &self.config {
            let path = folder.join(name);
            config += &fs::read_to_string(&path)
                .with_context(|| format!("profile {} needs {}", self.name, path.display()))?;
        }
        Ok(config)
    }
}

/// The names of all profiles.
///
/// # Errors
/// Where the folder cannot be listed.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_toml)
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Whether `text` is `domain:bus:device.function` as sysfs writes it.
fn is_pci_function(text: &str) -> bool {
    let digits = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = text.split([':', '.']).collect();
    matches!(parts[..], [domain, bus, device, function]
        if digits(domain, 4) && digits(bus, 2) && digits(device, 2) && digits(function, 1))
}

#[cfg(test)]
mod tests;
