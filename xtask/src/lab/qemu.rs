//! QEMU: finding one that is new enough, and its command line.

use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::architecture::Architecture;
use super::profile::Profile;
use crate::apt;
use crate::process;
use crate::setup::{self, Install};

/// The first with nested stages in arm-smmuv3 and scalable mode in intel-iommu.
const OLDEST: u32 = 10;
/// Where distributions keep firmware.
const FIRMWARE: &[&str] = &[
    "/usr/share/qemu-efi-aarch64",
    "/usr/share/qemu",
    "/usr/share/edk2/aarch64",
    "/usr/share/AAVMF",
];

/// An installed QEMU.
pub(super) struct Qemu {
    program: String,
    /// As `--version` says it.
    pub(super) version: String,
}

/// The files and channels of one boot.
pub(super) struct Wiring<'a> {
    pub(super) kernel: &'a Path,
    pub(super) initramfs: &'a Path,
    /// The kernel command line's end.
    pub(super) append: &'a str,
    pub(super) threads: Threads,
    /// The folder that the guest sees as /lab.
    pub(super) share: &'a Path,
    /// Where the console is written.
    pub(super) console: &'a Path,
    pub(super) channel: Channel<'a>,
}

/// The host threads that QEMU runs the guest's processors on.
///
/// With one each, QEMU 10 may keep the translation of an `int3` that the guest has patched
/// away again: a function that one processor calls while another attaches to it (ftrace's
/// text poking) then ends in `Oops: int3` within some hundred attachments (known since LKML,
/// July 2023, "qemu-x86_64 booting with 8.0.0 stil see int3").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    /// As fast as can be.
    PerProcessor,
    /// The processors take turns.
    One,
}

/// How the guest talks to the lab.
pub(super) enum Channel<'a> {
    /// CMD's streams and the lab's own, each a file.
    Files {
        stdout: &'a Path,
        stderr: &'a Path,
        status: &'a Path,
    },
    /// This process's terminal.
    Terminal,
}

impl Qemu {
    /// Finds QEMU for the profile, or installs it.
    ///
    /// # Errors
    /// Where it is missing or too old and cannot be installed, with what to type.
    pub(super) fn find(profile: &Profile, install: Install) -> Result<Self> {
        let architecture = profile.architecture;
        if let Some(found) = Self::installed(profile) {
            return Ok(found);
        }
        install_packages(architecture, install)?;
        Self::installed(profile).with_context(|| {
            format!(
                "{} is still older than {OLDEST} or without firmware: put a newer one first in PATH",
                architecture.qemu()
            )
        })
    }

    fn installed(profile: &Profile) -> Option<Self> {
        let program = profile.architecture.qemu();
        let version = process::output(Command::new(&program).arg("--version"), "").ok()?;
        let version = version.lines().next()?.to_owned();
        let has_firmware = profile
            .qemu
            .firmware
            .as_deref()
            .is_none_or(|name| firmware(name).is_ok());
        (major(&version)? >= OLDEST && has_firmware).then_some(Self { program, version })
    }

    /// The command that boots `profile`, without its standard streams.
    ///
    /// # Errors
    /// Where the firmware is nowhere.
    pub(super) fn command(&self, profile: &Profile, wiring: &Wiring<'_>) -> Result<Command> {
        // It ends with this process even where that is killed, which no handler can see.
        let mut command = if process::in_path("setpriv") {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--", &self.program]);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(arguments(profile, wiring));
        if let Some(name) = &profile.qemu.firmware {
            command.arg("-bios").arg(firmware(name)?);
        }
        Ok(command)
    }
}

/// The words of the command line, but for firmware.
fn arguments(profile: &Profile, wiring: &Wiring<'_>) -> Vec<String> {
    let qemu = &profile.qemu;
    let append = format!(
        "console={} panic=-1 quiet {} {}",
        profile.architecture.console(),
        profile.append,
        wiring.append
    );
    let mut words: Vec<String> = Vec::new();
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    add("-machine", qemu.machine.clone());
    // Stock kernels do not run under every /dev/kvm, and figures of a lab are not for comparing anyway.
    let threads = match wiring.threads {
        Threads::PerProcessor => "multi",
        Threads::One => "single",
    };
    add("-accel", format!("tcg,thread={threads}"));
    add("-cpu", qemu.cpu.clone());
    add("-smp", qemu.processors.to_string());
    add("-m", qemu.memory.clone());
    add("-display", "none".into());
    add("-monitor", "none".into());
    add("-nic", "none".into());
    add("-kernel", wiring.kernel.display().to_string());
    add("-initrd", wiring.initramfs.display().to_string());
    add("-append", append.trim_end().to_owned());
    let file = |id: &str, path: &Path| format!("file,id={id},path={}", escaped(path));
    add("-chardev", file("console", wiring.console));
    add("-serial", "chardev:console".into());
    // Far above the slots that profiles use; without an IOMMU in between, as virtio is by default.
    add(
        "-fsdev",
        format!(
            "local,id=lab,path={},security_model=none",
            escaped(wiring.share)
        ),
    );
    add(
        "-device",
        "virtio-9p-pci,fsdev=lab,mount_tag=lab,addr=1d.0".into(),
    );
    add("-device", "virtio-serial-pci,id=lab-ports,addr=1e.0".into());
    match wiring.channel {
        Channel::Files {
            stdout,
            stderr,
            status,
        } => {
            for (nr, id, path) in [
                (1, "stdout", stdout),
                (2, "stderr", stderr),
                (3, "status", status),
            ] {
                add("-chardev", file(id, path));
                let port =
                    format!("virtserialport,bus=lab-ports.0,nr={nr},chardev={id},name=lab.{id}");
                add("-device", port);
            }
        }
        Channel::Terminal => {
            add("-chardev", "stdio,id=terminal,signal=off".into());
            add(
                "-device",
                "virtconsole,bus=lab-ports.0,chardev=terminal".into(),
            );
        }
    }
    words.push("-no-reboot".into());
    words.push("-nodefaults".into());
    words.extend(qemu.arguments.iter().cloned());
    words
}

/// A path inside an option, where a comma ends a value and two make one.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

fn firmware(name: &str) -> Result<PathBuf> {
    let mut places = FIRMWARE.iter().map(|folder| Path::new(folder).join(name));
    places
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is in none of {}", FIRMWARE.join(", ")))
}

/// The first number of `QEMU emulator version 10.0.2 (Debian …)`.
fn major(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("version ")?;
    rest.split('.').next()?.parse().ok()
}

/// The packages of QEMU's own release for an architecture, with the firmware it is released with.
fn released_together(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::X86_64 => &[
            "qemu-system-x86",
            "qemu-system-common",
            "qemu-system-data",
            "seabios",
        ],
        Architecture::Aarch64 => &["qemu-system-arm", "qemu-system-common", "qemu-system-data"],
    }
}

/// The firmware that is a project of its own.
fn firmware_packages(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::X86_64 => &[],
        Architecture::Aarch64 => &["qemu-efi-aarch64"],
    }
}

/// Installs QEMU of the backports of the machine's release, and all else of the release itself; the system goes on
/// without backports.
fn install_packages(architecture: Architecture, install: Install) -> Result<()> {
    let program = architecture.qemu();
    let suite = format!("{}-backports", codename()?);
    let mirror = apt::mirrors()
        .ok()
        .and_then(|mirrors| mirrors.into_iter().next());
    let mirror = mirror.with_context(|| {
        format!("{program} {OLDEST} or later is not in PATH, and apt knows no source of Debian's packages")
    })?;
    let preferred = released_together(architecture);
    if install == Install::Refused || !setup::is_root() {
        bail!(
            "{program} {OLDEST} or later is not in PATH\nto install, as root on Debian 12:\n  \
             echo 'deb {mirror} {suite} main' >/etc/apt/sources.list.d/backports.list && apt-get update && \
             apt-get install --yes --no-install-recommends {}",
            typed(architecture, &suite)
        );
    }
    let names = [preferred, firmware_packages(architecture)].concat();
    eprintln!("installing {} of {suite}", names.join(" "));
    apt::install_from(&mirror, &suite, preferred, &names)
}

/// The packages as one types them for apt-get, where `suite` is a source without precedence.
fn typed(architecture: Architecture, suite: &str) -> String {
    let of_suite = released_together(architecture)
        .iter()
        .map(|name| format!("{name}/{suite}"));
    let own = firmware_packages(architecture)
        .iter()
        .map(|&name| name.to_owned());
    of_suite.chain(own).collect::<Vec<_>>().join(" ")
}

fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot tell the system's release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let name =
        name.context("only Debian's releases are known to the lab: install QEMU 10 or later")?;
    Ok(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests;
