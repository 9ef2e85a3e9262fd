//! The firmware's IORT of a profile's machine, read from a first boot and changed.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::cache::{self, Cache};
use super::guest::{self, Boot, End};
use super::initramfs::{self, Job};
use super::iort;
use super::profile::{Iort, Profile};
use super::qemu::{Qemu, Threads};
use super::userland::Userland;
use super::voice::Voice;

const TIMEOUT: Duration = Duration::from_mins(2);

/// What is needed to boot once more.
pub(super) struct Reader<'a> {
    pub(super) cache: &'a Cache,
    pub(super) folder: &'a Path,
    pub(super) qemu: &'a Qemu,
    pub(super) kernel: &'a Path,
    pub(super) userland: &'a Userland,
    pub(super) voice: Voice,
}

impl Reader<'_> {
    /// The table for `profile`, kept for the same QEMU and machine; None where the firmware's serves.
    ///
    /// # Errors
    /// Where the boot fails or the table is not as expected.
    pub(super) fn table(&self, profile: &Profile) -> Result<Option<Vec<u8>>> {
        let Some(change) = profile.iort else {
            return Ok(None);
        };
        let Iort::Canwbs = change;
        let machine = format!("{:?} {change:?}", profile.qemu);
        let key = cache::key(&[&self.qemu.version, &machine]);
        let lock = self.cache.lock(self.voice)?;
        let made = self.cache.folder(&lock, "iort", &key, |aside| {
            self.voice
                .say("reading the firmware's IORT in a first boot (once)");
            let table = self.read(profile)?;
            let changed =
                iort::with_canwbs(&table).context("the firmware's IORT is not as expected")?;
            fs::write(aside.join("table"), changed).context("cannot keep the table")
        })?;
        let table = fs::read(made.join("table"))
            .with_context(|| format!("{} is damaged: remove it", made.display()))?;
        Ok(Some(table))
    }

    fn read(&self, profile: &Profile) -> Result<Vec<u8>> {
        let share = tempfile::tempdir().context("cannot create a temporary folder")?;
        let words = ["cp", "/sys/firmware/acpi/tables/IORT", "IORT"].map(OsString::from);
        let job = Job::Command(&words);
        let initramfs = initramfs::build(profile, self.folder, self.userland, job, None)?;
        let boot = Boot {
            qemu: self.qemu,
            profile,
            kernel: self.kernel,
            initramfs: &initramfs,
            append: "",
            threads: Threads::PerProcessor,
            share: share.path(),
            timeout: TIMEOUT,
        };
        let report = guest::run(&boot, self.voice)?;
        if report.end != End::Exit(0) {
            bail!(
                "the boot that reads the firmware's IORT ended with {:?}; the end of its console:\n{}",
                report.end,
                guest::console_tail(share.path())
            );
        }
        fs::read(share.path().join("IORT")).context("the guest left no IORT")
    }
}
