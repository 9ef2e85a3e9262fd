//! `cargo xtask lab`: a kernel with iommufd in an emulated machine with an IOMMU, anywhere.
//!
//! ```text
//! xtask/lab/PROFILE.toml ─┬─▶ QEMU (installed where it is missing)
//!                         ├─▶ kernel: Debian's source ─▶ build ─▶ ~/.cache/hwptop/lab/kernel
//!                         ├─▶ userland: busybox of Debian, hwptop of this checkout, both static ─▶ initramfs
//!                         └─▶ IORT of a first boot, changed ─▶ in front of the initramfs
//! guest: init.sh ─▶ CMD in /lab (a 9p share) ─▶ files, stdout, stderr, exit code ─▶ here
//! ```

mod architecture;
mod cache;
mod firmware;
mod guest;
mod initramfs;
mod iort;
mod kernel;
mod options;
mod profile;
mod program;
mod qemu;
mod source;
mod userland;
mod voice;

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;

use crate::repo::Repo;
use crate::setup::Install;
use cache::Cache;
use guest::{Boot, End, Report};
use initramfs::Job;
pub(crate) use options::Options;
use profile::Profile;
use qemu::Qemu;
use userland::Userland;
use voice::Voice;

/// How a test is told which program to call as `$HWPTOP_LAB lab PROFILE …`.
pub(crate) const VARIABLE: &str = "HWPTOP_LAB";

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
In the guest:
  HWPTOP_LAB_VFIO       the PCI function that is bound to vfio-pci at boot
  HWPTOP_LAB_VFIO_CDEV  its device for iommufd, /dev/vfio/devices/vfioN
  HWPTOP_LAB_PROFILE    the profile
  lab-vfio-bind ADDRESS binds another function and prints its device

What CMD writes is passed on as it comes and may be 1 GiB each on stdout and stderr.

Exit codes: CMD's own; 124 where the time was over, 125 where the guest ended before CMD did (a panic) or CMD wrote too
much, 130 on Ctrl-C, 141 where nobody reads what CMD writes any more, 2 for a wrong command line, 3 where QEMU or the
kernel cannot be had here.

Examples:
  cargo xtask lab --list
  cargo xtask lab x86-intel -- hwptop doctor
  cargo xtask lab arm64-smmuv3                      a shell; `exit` ends it
  cargo xtask lab x86-amd --output out -- sh -c 'dmesg | grep AMD-Vi >found'
  cargo xtask lab x86-intel --file ./my-program -- ./my-program
  cargo xtask lab x86-intel --program bpftrace -- hwptop bench agent-cost --target selftest
  cargo xtask lab x86-intel --append lockdown=confidentiality -- hwptop doctor
  cargo xtask lab x86-intel --append initcall_blacklist=iommufd_init -- hwptop doctor   (no /dev/iommu)
  cargo xtask lab x86-intel -- sh -c 'mount -t tmpfs none /sys/kernel/btf && hwptop doctor'   (no BTF)";

/// Exit codes besides CMD's own, those of timeout(1) and of container tools.
const TIMED_OUT: u8 = 124;
const NO_ANSWER: u8 = 125;
const USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;
const INTERRUPTED: u8 = 130;
const PIPE_CLOSED: u8 = 141;

/// A machine that is ready to boot.
struct Lab {
    folder: PathBuf,
    profile: Profile,
    qemu: Qemu,
    kernel: PathBuf,
    userland: Userland,
    table: Option<Vec<u8>>,
}

/// Runs the command, or lists the profiles.
pub(crate) fn run(repo: &Repo, options: &Options) -> ExitCode {
    let folder = repo.path(profile::FOLDER);
    let answer = if options.list {
        list(&folder).map(|()| ExitCode::SUCCESS)
    } else {
        session(repo, &folder, options)
    };
    answer.unwrap_or_else(|error| failure(CANNOT_RUN, &format!("{error:#}")))
}

/// Makes everything that a run of `profile` needs, so that a test need not wait for it.
///
/// # Errors
/// What cannot be had here, as the end of a sentence.
pub(crate) fn ready(repo: &Repo, profile: &str, install: Install) -> Result<(), String> {
    let folder = repo.path(profile::FOLDER);
    let lab = Profile::read(&folder, profile)
        .and_then(|profile| Lab::prepare(repo, profile, None, install, Voice::Normal));
    lab.map(|_| ()).map_err(|error| format!("{error:#}"))
}

/// Builds the integration test `test` of `package` as a program that runs in `profile`'s guest.
///
/// # Errors
/// Where there is no such profile, or the test does not build.
pub(crate) fn test_program(
    repo: &Repo,
    profile: &str,
    package: &str,
    test: &str,
    install: Install,
) -> Result<PathBuf> {
    let profile = Profile::read(&repo.path(profile::FOLDER), profile)?;
    userland::test(repo, profile.architecture, install, package, test)
}

fn list(folder: &Path) -> Result<()> {
    for name in profile::names(folder)? {
        let profile = Profile::read(folder, &name)?;
        println!("{name:14} {}", profile.summary);
    }
    Ok(())
}

fn session(repo: &Repo, folder: &Path, options: &Options) -> Result<ExitCode> {
    let name = options.profile.as_deref().unwrap_or_default();
    let profile = match Profile::read(folder, name) {
        Ok(profile) => profile,
        Err(error) => return Ok(failure(USAGE, &format!("{error:#}"))),
    };
    if options.command.is_empty() && !io::stdin().is_terminal() {
        let message = format!(
            "a shell in the guest needs a terminal, and stdin is none: give a command, \
             as in `cargo xtask lab {name} -- hwptop --version`"
        );
        return Ok(failure(USAGE, &message));
    }
    if let Some(missing) = options.missing_file() {
        return Ok(failure(
            USAGE,
            &format!("there is no file {}", missing.display()),
        ));
    }
    let voice = if options.quiet {
        Voice::Quiet
    } else {
        Voice::Normal
    };
    let install = Install::unless(options.no_install);
    let programs = program::find(&options.programs, profile.architecture)?;
    let mut lab = Lab::prepare(repo, profile, options.kernel.as_deref(), install, voice)?;
    lab.userland.programs = programs;
    let share = share(repo, name, options)?;
    if options.command.is_empty() {
        lab.shell(options, &share)?;
        voice.say(&format!("files are in {}", share.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let report = lab.run(options, &share, voice)?;
    Ok(conclude(name, &report, &share, options.timeout, voice))
}

/// The folder that the guest works in, with the user's files.
fn share(repo: &Repo, profile: &str, options: &Options) -> Result<PathBuf> {
    let default = || {
        repo.cache()
            .join(format!("lab/output/{profile}-{}", process::id()))
    };
    let folder = options.output.clone().unwrap_or_else(default);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in &options.files {
        let name = file.file_name().context("a file without a name")?;
        copy(file, &folder.join(name))
            .with_context(|| format!("cannot copy {} for the guest", file.display()))?;
    }
    folder
        .canonicalize()
        .with_context(|| format!("cannot find {}", folder.display()))
}

/// Copies a file, unless it is there already: one that is copied onto itself is emptied.
fn copy(file: &Path, to: &Path) -> io::Result<()> {
    let identity = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
    let is_there = identity(to).is_ok_and(|there| identity(file).is_ok_and(|it| it == there));
    if !is_there {
        fs::copy(file, to)?;
    }
    Ok(())
}

/// Says how it ended, and which exit code that is.
fn conclude(
    name: &str,
    report: &Report,
    share: &Path,
    timeout: Duration,
    voice: Voice,
) -> ExitCode {
    let tail = || format!("the end of its console:\n{}", guest::console_tail(share));
    match report.end {
        End::Exit(code) => {
            voice.say(&format!(
                "{name}: exit code {code}; booted in {:.1} s, {:.1} s in all; files are in {}",
                report.boot.unwrap_or_default().as_secs_f64(),
                report.whole.as_secs_f64(),
                share.display()
            ));
            ExitCode::from(code)
        }
        End::Hang { booted } => {
            let what = if booted {
                "CMD was still running"
            } else {
                "CMD had not begun"
            };
            failure(
                TIMED_OUT,
                &format!(
                    "{name}: ended after {} s, when {what} (--timeout gives it longer); {}",
                    timeout.as_secs_f64(),
                    tail()
                ),
            )
        }
        End::Silence(status) => failure(
            NO_ANSWER,
            &format!("{name}: QEMU ended ({status}) before CMD did; {}", tail()),
        ),
        End::Unread => failure(
            TIMED_OUT,
            &format!(
                "{name}: ended after {} s, when what CMD had written was not read yet",
                timeout.as_secs_f64()
            ),
        ),
        End::Flood => failure(
            NO_ANSWER,
            &format!(
                "{name}: ended, since CMD wrote more than {} MiB; into a file in its working \
                 directory it may write more",
                guest::OUTPUT_MAX >> 20
            ),
        ),
        // As `head` ends what it reads from: without a word.
        End::Closed => ExitCode::from(PIPE_CLOSED),
        End::Interrupted => failure(INTERRUPTED, "interrupted"),
    }
}

fn failure(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}

impl Lab {
    fn prepare(
        repo: &Repo,
        profile: Profile,
        kernel: Option<&Path>,
        install: Install,
        voice: Voice,
    ) -> Result<Self> {
        let folder = repo.path(profile::FOLDER);
        let architecture = profile.architecture;
        let cache = Cache::open()?;
        let qemu = Qemu::find(&profile, install)?;
        let kernel = match kernel {
            Some(image) if image.is_file() => image.to_owned(),
            Some(image) => bail!("there is no kernel image {}", image.display()),
            None => kernel::image(&cache, &folder, &profile, install, voice)?,
        };
        let mut userland = Userland {
            busybox: userland::busybox(&cache, architecture, install, voice)?,
            hwptop: None,
            programs: BTreeSet::new(),
        };
        let reader = firmware::Reader {
            cache: &cache,
            folder: &folder,
            qemu: &qemu,
            kernel: &kernel,
            userland: &userland,
            voice,
        };
        let table = reader.table(&profile)?;
        userland.hwptop = Some(userland::hwptop(repo, architecture, install)?);
        Ok(Self {
            folder,
            profile,
            qemu,
            kernel,
            userland,
            table,
        })
    }

    fn run(&self, options: &Options, share: &Path, voice: Voice) -> Result<Report> {
        let initramfs = self.initramfs(Job::Command(&options.command))?;
        guest::run(
            &self.boot(&initramfs, &options.append(), share, options),
            voice,
        )
    }

    fn shell(&self, options: &Options, share: &Path) -> Result<()> {
        let initramfs = self.initramfs(Job::Shell)?;
        guest::shell(&self.boot(&initramfs, &options.append(), share, options))
    }

    fn initramfs(&self, job: Job<'_>) -> Result<Vec<u8>> {
        let table = self.table.as_deref();
        initramfs::build(&self.profile, &self.folder, &self.userland, job, table)
    }

    fn boot<'a>(
        &'a self,
        initramfs: &'a [u8],
        append: &'a str,
        share: &'a Path,
        options: &Options,
    ) -> Boot<'a> {
        Boot {
            qemu: &self.qemu,
            profile: &self.profile,
            kernel: &self.kernel,
            initramfs,
            append,
            share,
            threads: options.threads(),
            timeout: options.timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_in_the_guests_folder_already_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, other] = ["file", "link", "other"].map(|name| folder.path().join(name));
        fs::write(&file, "a capture").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (from, to) in [
            (&file, &file),
            (&link, &file),
            (&file, &link),
            (&file, &other),
        ] {
            copy(from, to).unwrap();
            assert_eq!(fs::read_to_string(to).unwrap(), "a capture");
        }
    }
}
