//! What has to be on the machine besides rustup's stable toolchain, and getting it there.

use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::process::Command;

use crate::process;

/// Which commands need a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Building the eBPF programs.
    Ebpf,
    /// Tests that compare with or drive other programs.
    Tests,
    /// Fuzzing the driver.
    Fuzz,
    /// Building the lab's kernels.
    Kernel,
    /// Counting instructions.
    Perf,
    /// Making the Debian package.
    Package,
    /// Installing it into a clean Debian.
    Root,
    /// Building for arm64.
    Arm64,
    /// Building a standard library that rustup does not have here.
    Std,
}

/// A Debian package.
pub(crate) struct Package {
    /// As apt knows it.
    pub(crate) name: &'static str,
    /// Which commands need it.
    pub(crate) need: Need,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// The program whose presence in PATH is as good as the package.
    program: Option<&'static str>,
}

/// Every package beyond rustup's stable toolchain, with what needs it.
pub(crate) const PACKAGES: &[Package] = &[
    package(
        "rustc-web",
        Need::Ebpf,
        "the compiler that builds core for the BPF target",
    ),
    package("cargo-web", Need::Ebpf, "the cargo that matches it"),
    package("rust-web-src", Need::Ebpf, "the source of core"),
    package(
        "llvm-22-dev",
        Need::Ebpf,
        "the LLVM that bpf-linker generates code with",
    ),
    package(
        "libpolly-22-dev",
        Need::Ebpf,
        "named by llvm-config when bpf-linker is linked",
    ),
    package(
        "zlib1g-dev",
        Need::Ebpf,
        "named by llvm-config when bpf-linker is linked",
    ),
    program(
        "bpftrace",
        Need::Tests,
        "bpftrace",
        "tests that other tools see the static probes as hwptop does",
    ),
    package(
        "python3-venv",
        Need::Tests,
        "tests that another HdrHistogram and OpenTelemetry's messages read alike what hwptop writes",
    ),
    program(
        "tmux",
        Need::Tests,
        "tmux",
        "tests that drive the dashboard on a real terminal",
    ),
    program(
        "chromium",
        Need::Tests,
        "chromium",
        "tests that a browser shows every figure of a report and loads nothing for it",
    ),
    program(
        "g++",
        Need::Fuzz,
        "g++",
        "the compiler that builds libFuzzer",
    ),
    program(
        "valgrind",
        Need::Perf,
        "valgrind",
        "counts instructions, where the processor's counters are not to be had as well",
    ),
    program(
        "dpkg-dev",
        Need::Package,
        "dpkg-shlibdeps",
        "tells which libraries the package depends on",
    ),
    program(
        "debootstrap",
        Need::Root,
        "debootstrap",
        "makes the clean Debian that the package is tried in",
    ),
    program("gcc", Need::Kernel, "gcc", COMPILER),
    program("make", Need::Kernel, "make", KERNEL),
    program("flex", Need::Kernel, "flex", KERNEL),
    program("bison", Need::Kernel, "bison", KERNEL),
    program("bc", Need::Kernel, "bc", KERNEL),
    program("python3", Need::Kernel, "python3", KERNEL),
    package("libelf-dev", Need::Kernel, KERNEL),
    package("libssl-dev", Need::Kernel, KERNEL),
    program("dwarves", Need::Kernel, "pahole", "makes the kernel's BTF"),
    package("kmod", Need::Kernel, KERNEL),
    program("cpio", Need::Kernel, "cpio", KERNEL),
    program(
        "xz-utils",
        Need::Kernel,
        "xz",
        "unpacks the kernel's source",
    ),
    program(
        "gcc-aarch64-linux-gnu",
        Need::Arm64,
        "aarch64-linux-gnu-gcc",
        COMPILER,
    ),
    package("libc6-dev-arm64-cross", Need::Arm64, "arm64's C library"),
    package("rustc-web", Need::Std, "the compiler that builds std"),
    package("cargo-web", Need::Std, "the cargo that matches it"),
    package("rust-web-src", Need::Std, "the source of std"),
];

const COMPILER: &str = "the compiler of the lab's kernel";
const KERNEL: &str = "a tool of the kernel's build";

const fn package(name: &'static str, need: Need, purpose: &'static str) -> Package {
    Package {
        name,
        need,
        purpose,
        program: None,
    }
}

const fn program(
    name: &'static str,
    need: Need,
    program: &'static str,
    purpose: &'static str,
) -> Package {
    Package {
        name,
        need,
        purpose,
        program: Some(program),
    }
}

/// What serves as well as the packages for eBPF.
const NIGHTLY: &str = "\nin place of the packages for eBPF, on any system:\n  \
    rustup toolchain install nightly --component rust-src && cargo install bpf-linker";

/// Whether missing packages may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Install {
    Allowed,
    Refused,
}

impl Install {
    /// Refused where `no_install` was given.
    pub(crate) fn unless(no_install: bool) -> Self {
        if no_install {
            Self::Refused
        } else {
            Self::Allowed
        }
    }
}

/// The packages for `need` that are not installed.
pub(crate) fn missing(need: Need) -> Vec<&'static Package> {
    PACKAGES
        .iter()
        .filter(|package| package.need == need && !is_present(package))
        .collect()
}

fn is_present(package: &Package) -> bool {
    package.program.is_some_and(process::in_path) || version(package.name).is_some()
}

/// The installed version of a package, or None where it (or dpkg) is not installed.
pub(crate) fn version(package: &str) -> Option<String> {
    let mut query = Command::new("dpkg-query");
    query.args([
        "--show",
        "--showformat=${db:Status-Status} ${Version}",
        package,
    ]);
    let answer = process::output(&mut query, "").ok()?;
    answer.strip_prefix("installed ").map(str::to_owned)
}

/// Installs `packages`, or says what to type.
///
/// # Errors
/// Where something is missing and installing is refused, not permitted, or fails.
pub(crate) fn ensure(packages: &[&Package], install: Install) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let typed = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        names.join(" ")
    );
    if install == Install::Refused || !is_root() || !process::in_path("apt-get") {
        let mut message = String::from("missing on this machine:");
        for package in packages {
            let _ = write!(message, "\n  {}: {}", package.name, package.purpose);
        }
        let _ = write!(message, "\nto install, as root on Debian 12:\n  {typed}");
        if packages.iter().any(|package| package.need == Need::Ebpf) {
            message.push_str(NIGHTLY);
        }
        bail!(message);
    }
    eprintln!("installing {}", names.join(" "));
    process::run(
        apt_get().arg("update"),
        "check the machine's network and /etc/apt",
    )?;
    let mut command = apt_get();
    command
        .args(["install", "--yes", "--no-install-recommends"])
        .args(names);
    process::run(
        &mut command,
        "the packages are in Debian 12 with its security suite; other systems need a rustup nightly with rust-src",
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The caller's stdout may be a command's output.
        .stdout(io::stderr());
    command
}

/// Gets rustfmt and clippy, which rustup's minimal profile leaves out.
///
/// # Errors
/// Where one is missing and cannot be fetched.
pub(crate) fn ensure_components(install: Install) -> Result<()> {
    let has = |name| process::succeeds(process::cargo().args([name, "--version"]));
    let components: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(subcommand, _)| !has(subcommand))
        .map(|(_, component)| component)
        .collect();
    if components.is_empty() {
        return Ok(());
    }
    if install == Install::Refused {
        bail!(
            "missing on this machine: {0}\nto install:\n  rustup component add {0}",
            components.join(" ")
        );
    }
    let mut command = Command::new("rustup");
    command.args(["component", "add"]).args(components);
    process::run(
        &mut command,
        "check the machine's network, or install the components by hand",
    )
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    status_field("Uid:")
        .and_then(|ids| ids.split_whitespace().nth(1).map(|id| id == "0"))
        .unwrap_or(false)
}

/// Whether this process has capability number `bit` (capabilities(7)) in effect.
pub(crate) fn has_capability(bit: u32) -> bool {
    status_field("CapEff:")
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> bit & 1 == 1)
}

fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::to_owned)
}
