//! The driver's tests on real kernels: built as a static program, and run by the lab in the guests that have what they
//! need.
//!
//! A test that several guests have the needs of runs in each, since their IOMMU drivers differ, and counts in each.

use anyhow::{Context as _, Result, bail};
use std::env;
use std::path::Path;
use std::process::Command;

use crate::lab;
use crate::repo::Repo;
use crate::setup::Install;

use super::libtest::{Counts, Ignored};
use super::needs::Needs;
use super::pass;

/// The integration test that has them.
const PACKAGE: &str = "hwptop-driver";
const TEST: &str = "iommufd";

/// For boot and tests of one guest, which take less than a minute on two cores.
const TIMEOUT: &str = "10m";

/// One boot of the lab.
#[derive(Debug, PartialEq, Eq)]
struct Boot {
    profile: &'static str,
    /// What is added to the kernel command line.
    append: Option<&'static str>,
    /// What is there for tests, as their `#[ignore = "needs a VFIO device, and root"]` begins.
    offers: &'static [&'static str],
}

/// Everything is run as root.
const BOOTS: [Boot; 4] = [
    Boot {
        profile: "x86-intel",
        append: None,
        offers: &[
            "needs a kernel with CONFIG_IOMMUFD_TEST,",
            "needs /dev/iommu,",
            "needs a VFIO device,",
        ],
    },
    Boot {
        profile: "x86-intel",
        append: Some("iommufd.allow_unsafe_interrupts=0"),
        offers: &["needs a VFIO device without isolated interrupts,"],
    },
    // The mock is the same code in both x86 kernels, so one is enough for it.
    Boot {
        profile: "x86-amd",
        append: None,
        offers: &["needs /dev/iommu,", "needs a VFIO device,"],
    },
    Boot {
        profile: "arm64-smmuv3",
        append: None,
        offers: &[
            "needs a kernel without CONFIG_IOMMUFD_TEST,",
            "needs /dev/iommu,",
            "needs a VFIO device,",
            "needs a VFIO device behind an SMMUv3 with nesting,",
        ],
    },
];

/// Whether a test with this reason runs in guests.
pub(super) fn take(reason: &str) -> bool {
    BOOTS.iter().any(|boot| boot.offers(reason))
}

/// Runs `tests`, which were counted as skipped, in every guest that has what they need.
pub(super) fn run(
    repo: &Repo,
    install: Install,
    tests: &[&Ignored],
    needs: &mut Needs<'_>,
    counts: &mut Counts,
) {
    counts.skipped = counts.skipped.saturating_sub(tests.len());
    for boot in &BOOTS {
        let names = boot.names(tests);
        if names.is_empty() {
            continue;
        }
        if let Err(why) = needs.lab(boot.profile) {
            for name in &names {
                println!("skipped {name} in {}, because {why}", boot.title());
            }
            println!();
            counts.skipped += names.len();
            continue;
        }
        if let Err(error) = run_in(repo, install, boot, &names, counts) {
            println!("FAILED: {error:#}\n");
            counts.failed += 1;
        }
    }
}

/// One boot; what the tests come to is counted here, an error is not.
fn run_in(
    repo: &Repo,
    install: Install,
    boot: &Boot,
    names: &[&str],
    counts: &mut Counts,
) -> Result<()> {
    println!("building {PACKAGE}'s test {TEST} for {}", boot.profile);
    let program = lab::test_program(repo, boot.profile, PACKAGE, TEST, install)?;
    let share = tempfile::tempdir().context("cannot create a temporary folder")?;
    let command = boot.command(&env::current_exe()?, &program, share.path(), names)?;
    let results = pass(
        counts,
        &format!("driver tests in {}", boot.title()),
        command,
    );
    let ran = results.counts.passed + results.counts.failed;
    if results.counts.failed == 0 && ran != names.len() {
        bail!(
            "{ran} of {} tests ran in {}: they are not all in {PACKAGE}'s test {TEST}, \
             and other tests need another `#[ignore = \"…\"]`",
            names.len(),
            boot.title()
        );
    }
    Ok(())
}

impl Boot {
    fn offers(&self, reason: &str) -> bool {
        self.offers.iter().any(|offer| reason.starts_with(offer))
    }

    /// The tests that run in it.
    fn names<'a>(&self, tests: &[&'a Ignored]) -> Vec<&'a str> {
        tests
            .iter()
            .filter(|test| self.offers(&test.reason))
            .map(|test| test.name.as_str())
            .collect()
    }

    /// For people.
    fn title(&self) -> String {
        self.append.map_or_else(
            || self.profile.to_owned(),
            |append| format!("{} with {append}", self.profile),
        )
    }

    /// Boots, and runs the tests `names` of `program`, the guest's folder being `share`; `xtask` is this program.
    fn command(
        &self,
        xtask: &Path,
        program: &Path,
        share: &Path,
        names: &[&str],
    ) -> Result<Command> {
        let file = program.file_name().context("a program has a name")?;
        let mut command = Command::new(xtask);
        command
            .args(["lab", self.profile, "--quiet", "--no-install"])
            .args(["--timeout", TIMEOUT, "--output"])
            .arg(share)
            .arg("--file")
            .arg(program);
        if self.profile.starts_with("x86") {
            // With a thread each, QEMU 10 may end in `iotlb_to_section: Assertion … failed` where a function's BARs come
            // and go, as they do whenever VFIO opens and closes it: one processor still uses the map of the other. On
            // arm64 it was not seen, and the tests take five times as long.
            command.arg("--one-thread");
        }
        if let Some(append) = self.append {
            command.args(["--append", append]);
        }
        command
            .args(["--", "sh", "-c"])
            .arg(r#"HWPTOP_VFIO_FUNCTION=$HWPTOP_LAB_VFIO exec "./$0" "$@""#)
            .arg(file)
            .args(["--ignored", "--exact", "--test-threads=1"])
            .args(names);
        Ok(command)
    }
}

#[cfg(test)]
mod tests;
