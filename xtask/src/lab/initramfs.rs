//! The guest's root: an archive that the kernel unpacks (Documentation/driver-api/early-userspace, format `newc`).

use anyhow::{Context as _, Result};
use cpio::newc;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::iort;
use super::profile::Profile;
use super::program::{self, Placed};
use super::userland::Userland;
use crate::process;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const TEXT: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// Mount points of init.sh and what else it expects.
const FOLDERS: &[&str] = &[
    "bin", "dev", "etc", "etc/lab", "lab", "proc", "root", "run", "sys", "tmp",
];

/// What the guest runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job<'a> {
    /// A command, one word each.
    Command(&'a [OsString]),
    /// A shell on the terminal.
    Shell,
}

/// The bytes of the initramfs; a `table` replaces the firmware's IORT.
///
/// # Errors
/// Where a file cannot be read.
pub(super) fn build(
    profile: &Profile,
    folder: &Path,
    userland: &Userland,
    job: Job<'_>,
    table: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(table) = table {
        // The kernel looks for tables in the first archive only, and only where it is not compressed.
        let mut early = Archive::default();
        early.add(iort::PATH, TEXT, table)?;
        bytes = early.finish()?;
    }
    let mut root = Archive::default();
    let programs = &userland.programs;
    let folders = FOLDERS.iter().copied();
    for folder in folders.chain(program::folders(programs)) {
        root.add(folder, FOLDER, &[])?;
    }
    root.console()?;
    let script = |name: &str| read(&folder.join(name));
    root.add("init", PROGRAM, &script("init.sh")?)?;
    root.add("bin/lab-vfio-bind", PROGRAM, &script("lab-vfio-bind.sh")?)?;
    root.add("bin/busybox", PROGRAM, &read(&userland.busybox)?)?;
    if let Some(hwptop) = &userland.hwptop {
        root.add("bin/hwptop", PROGRAM, &read(hwptop)?)?;
    }
    for Placed { file, place } in programs {
        root.add(place, PROGRAM, &read(file)?)?;
    }
    root.add("etc/passwd", TEXT, b"root::0:0:root:/root:/bin/sh\n")?;
    root.add("etc/lab/environment", TEXT, environment(profile).as_bytes())?;
    match job {
        Job::Command(words) => root.add("etc/lab/command", TEXT, &command(words))?,
        Job::Shell => root.add("etc/lab/interactive", TEXT, terminal_size().as_bytes())?,
    }
    bytes.extend(root.finish()?);
    Ok(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What CMD finds in its environment.
fn environment(profile: &Profile) -> String {
    let mut text = format!("export HWPTOP_LAB_PROFILE={}\n", profile.name);
    if let Some(function) = &profile.vfio {
        let _ = writeln!(text, "export HWPTOP_LAB_VFIO={function}");
    }
    text
}

/// `ROWS COLUMNS` of this terminal, for the guest's; empty where it has none to tell.
fn terminal_size() -> String {
    let mut stty = Command::new("stty");
    stty.arg("size").stdin(Stdio::inherit());
    process::output(&mut stty, "").unwrap_or_default()
}

/// A shell script that becomes the command.
fn command(words: &[OsString]) -> Vec<u8> {
    let mut script = b"exec".to_vec();
    for word in words {
        script.extend(b" '");
        script.extend(
            word.as_encoded_bytes()
                .split(|&byte| byte == b'\'')
                .collect::<Vec<_>>()
                .join(&b"'\\''"[..]),
        );
        script.push(b'\'');
    }
    script.push(b'\n');
    script
}

/// An archive that grows in memory.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    /// Files with the same inode number would be links of each other.
    entries: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.write(newc::Builder::new(name).mode(mode), content)
            .with_context(|| format!("cannot archive {name}"))
    }

    /// /dev/console, which the kernel opens for init before anything is mounted.
    fn console(&mut self) -> Result<()> {
        let entry = newc::Builder::new("dev/console").mode(CHARACTER_DEVICE);
        self.write(entry.rdev_major(5).rdev_minor(1), &[])
    }

    fn write(&mut self, entry: newc::Builder, content: &[u8]) -> Result<()> {
        self.entries += 1;
        let length = u32::try_from(content.len()).context("4 GiB and more do not fit")?;
        let mut writer = entry.ino(self.entries).write(&mut self.bytes, length);
        writer.write_all(content)?;
        writer.finish()?;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        newc::trailer(&mut self.bytes).context("cannot end an archive")?;
        // What follows begins at a multiple of four.
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests;
