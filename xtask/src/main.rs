//! hwptop's own commands: everything a contributor or CI runs that plain cargo cannot do.
//!
//! ```text
//! cargo xtask ──▶ test ──▶ setup ─▶ fmt, tidy, clippy ─▶ cargo test ─▶ tests with needs, the lab ─▶ guests ─▶ package ─▶ perf
//!             │                                                                        └─▶ beside: ebpf --check, dependencies, semver, repeated, fuzz
//!             ├─▶ dependencies ─▶ cargo-deny, cargo-machete, rust-version
//!             ├─▶ semver ─▶ cargo-semver-checks ─▶ the driver's API of now, held against that of a revision
//!             ├─▶ repeated ─▶ cargo-dupes
//!             ├─▶ ebpf ──▶ toolchain ─▶ build ─▶ strip ─▶ object + sidecar (or compare, with --check)
//!             ├─▶ fuzz ──▶ cargo-fuzz ─▶ build with the address sanitizer ─▶ run (or --repeat one input)
//!             ├─▶ lab ───▶ QEMU, kernel, userland (made once) ─▶ boot ─▶ CMD's output, files and exit code
//!             ├─▶ package ─▶ man, completions, notices, changelog ─▶ cargo-deb (─▶ a clean Debian root, with --check)
//!             ├─▶ perf ──▶ valgrind hwptop … ─▶ counts ─▶ verdict (or bench/baselines, with --update)
//!             ├─▶ pictures ─▶ hwptop --format svg ─▶ docs/*.svg
//!             └─▶ tidy
//! ```

mod apt;
mod dependencies;
mod ebpf;
mod fuzz;
mod lab;
mod package;
mod perf;
mod pictures;
mod process;
mod python;
mod repeated;
mod repo;
mod semver;
mod setup;
mod tally;
mod test;
mod tidy;
mod tool;
mod uapi;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::dependencies::Advisories;
use crate::perf::Outcome;
use crate::repo::Repo;
use crate::setup::Install;

/// hwptop's build, check and test commands.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what is missing, builds, and runs every test
    ///
    /// Formatting, tidy, clippy, the workspace's tests and doc tests, the tests that need what is not everywhere (root
    /// and eBPF, hardware counters, the kernel's uAPI header, the lab; only where it is at hand), the driver's tests on
    /// the real kernels of the lab's guests, the Debian package, and beside these `ebpf --check`, `dependencies`,
    /// `semver`, `repeated` and every fuzz target for a minute; alone at the end, `perf`. The last line is `N passed,
    /// N failed, N skipped`; a test that ran in three guests counts three times.
    Test {
        /// Never install anything: print the command that would and fail
        #[arg(long)]
        no_install: bool,
    },
    /// Builds the eBPF programs from source into ebpf/object, one object per processor
    ///
    /// Needs Debian's rustc-web, rust-web-src and LLVM (installed here when run as root), or a rustup nightly with
    /// rust-src and a bpf-linker in PATH. Commit the object and the .toml beside it together with the sources.
    Ebpf {
        /// Write nothing: fail when the committed object is not what the source gives
        #[arg(long)]
        check: bool,
        /// Never install anything: print the command that would and fail
        #[arg(long)]
        no_install: bool,
    },
    /// Looks for inputs that break the driver's decoders and front ends
    ///
    /// Builds the targets in driver/fuzz with the toolchain at hand and the address sanitizer, and starts from
    /// driver/fuzz/seeds and what earlier runs found (kept in target/xtask/fuzz/corpus). An input that fails is
    /// written to driver/fuzz/artifacts. The long run, after a change of a front end: `--seconds 28800`.
    Fuzz {
        /// One target in place of all
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = fuzz::SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Try the same inputs each time, as far as the corpus is the same
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u32>,
        /// Run the target on this input only
        #[arg(
            long,
            value_name = "FILE",
            requires = "target",
            conflicts_with_all = ["seconds", "seed"]
        )]
        repeat: Option<PathBuf>,
        /// Never install anything: print the command that would and fail
        #[arg(long)]
        no_install: bool,
    },
    /// Boots a kernel with iommufd in an emulated machine and runs a command there
    ///
    /// The first run builds the profile's kernel from Debian's source (about 7 minutes on two cores; kept in
    /// ~/.cache/hwptop/lab) and, as root, installs QEMU 10 and what the build needs. Later ones boot in seconds; no
    /// hardware virtualisation is needed. In the guest, `hwptop` of this checkout is in PATH beside busybox's tools,
    /// and the working directory is the folder of --output.
    #[command(after_long_help = lab::EXAMPLES)]
    Lab(lab::Options),
    /// Holds the instructions that hwptop takes against those it took
    ///
    /// Counted by valgrind, of the dev build: the driver's front end by capture and policy, and a recording that is
    /// replayed. More than the floor of `hwptop gate`'s rules fails it; where the compiler, the profile or valgrind is
    /// another than that of bench/baselines, it says so and fails nothing. Latencies are told beside them.
    Perf {
        /// Store what is counted now, in bench/baselines: for a change that is meant, and a new compiler
        #[arg(long)]
        update: bool,
        /// Never install anything: print the command that would and fail
        #[arg(long)]
        no_install: bool,
    },
    /// Makes the Debian package, and release notes of CHANGELOG.md, in target/xtask/package
    ///
    /// With the command's own manual pages and completions, the agent's systemd unit and example configuration, and the
    /// notices of every crate that is linked in. cargo-deb is installed beside it (once).
    Package {
        /// A .tar.gz with a static hwptop in place of the package, for any Linux of this processor
        #[arg(long, conflicts_with = "check")]
        r#static: bool,
        /// Package the dev build, install it into a clean Debian (debootstrap, as root), use it there and remove it again
        #[arg(long)]
        check: bool,
        /// Never install anything: print the command that would and fail
        #[arg(long)]
        no_install: bool,
    },
    /// Checks what comes in with dependencies, and which Rust it all takes
    ///
    /// Licences, bans and sources by cargo-deny and deny.toml, dependencies that nothing uses by cargo-machete (both built
    /// here once, at a version of their own), and `rust-version`: that every package states it and none that is locked
    /// to needs more, and where rustup has that Rust beside a later one, that it builds.
    Dependencies {
        /// Look for known vulnerabilities, too: their database is fetched from GitHub
        #[arg(long)]
        advisories: bool,
        /// Never install anything: say what is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Checks that the driver's public API still serves who is built on it
    ///
    /// Held against the revision that is named in xtask/src/semver.rs, by cargo-semver-checks (built here once).
    Semver {
        /// Never install anything: say what is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Looks for functions that are written twice
    ///
    /// By cargo-dupes (built here once), which compares syntax trees without names and values, tests left out.
    Repeated {
        /// Never install anything: say what is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Draws the pictures of the README in docs/ anew
    ///
    /// The dashboard's screens by `hwptop --format svg --screen NAME`, from a live model and from the recording of a kernel in
    /// docs/; those of reports by `hwptop report`, of that recording and of a run in bench/results.
    Pictures,
    /// Checks the rules of this code base that neither rustfmt nor clippy knows
    ///
    /// File length, no mod.rs, no `todo!`, `dbg!` or `#[allow(…)]`, a `// SAFETY:` comment on every unsafe block,
    /// and nothing at the top level that the design does not name.
    Tidy,
    /// What CI runs: the same as `test`
    Ci,
}

fn main() -> ExitCode {
    if ebpf::wrapper::is_requested() {
        return ebpf::wrapper::main();
    }
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let repo = Repo::find()?;
    match &arguments.command {
        &Task::Test { no_install } => Ok(test::run(&repo, Install::unless(no_install))),
        Task::Ci => Ok(test::run(&repo, Install::unless(false))),
        &Task::Ebpf { check, no_install } => {
            let install = Install::unless(no_install);
            let work = if check { ebpf::check } else { ebpf::update };
            work(&repo, install).map(|()| ExitCode::SUCCESS)
        }
        Task::Fuzz {
            target,
            seconds,
            seed,
            repeat,
            no_install,
        } => {
            let install = Install::unless(*no_install);
            match (target, repeat) {
                (Some(target), Some(input)) => fuzz::repeat(&repo, target, input, install),
                _ => fuzz::fuzz(&repo, target.as_deref(), *seconds, *seed, install),
            }
            .map(|()| ExitCode::SUCCESS)
        }
        &Task::Dependencies {
            advisories,
            no_install,
        } => {
            let advisories = Advisories::if_asked(advisories);
            Ok(dependencies::run(
                &repo,
                advisories,
                Install::unless(no_install),
            ))
        }
        &Task::Semver { no_install } => Ok(semver::run(&repo, Install::unless(no_install))),
        &Task::Repeated { no_install } => Ok(repeated::run(&repo, Install::unless(no_install))),
        Task::Lab(options) => Ok(lab::run(&repo, options)),
        &Task::Perf { update, no_install } => {
            let install = Install::unless(no_install);
            if update {
                return perf::update(&repo, install).map(|()| ExitCode::SUCCESS);
            }
            let outcome = perf::check(&repo, install)?;
            println!("{outcome}");
            Ok(match outcome {
                Outcome::Worse(_) => ExitCode::FAILURE,
                Outcome::Held | Outcome::Skipped(_) => ExitCode::SUCCESS,
            })
        }
        &Task::Package {
            r#static,
            check,
            no_install,
        } => package::task(&repo, r#static, check, Install::unless(no_install)),
        Task::Pictures => pictures::draw(&repo).map(|()| ExitCode::SUCCESS),
        Task::Tidy => tidy::check(&repo).map(|()| ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests;
