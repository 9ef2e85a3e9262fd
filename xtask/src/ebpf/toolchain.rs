//! Which compiler and linker build the eBPF programs.

use anyhow::{Context, Result, bail};
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::repo::Repo;
use crate::setup::{self, Install, Need};

/// The bpf-linker that is built where Debian's compiler is used.
const LINKER_VERSION: &str = "0.13.0";
/// Its feature for Debian's LLVM, and where that LLVM is.
const LINKER_FEATURE: &str = "llvm-22";
const LLVM: &str = "/usr/lib/llvm-22";
/// Debian's own, never those that rustup puts in front.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// What decides about the generated code, in Debian's package names.
const DECISIVE: &[&str] = &["rustc-web", "rust-web-src", "libllvm22"];

/// What two builds must have in common for their bytes to be comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// First line of `rustc --version --verbose`.
    pub(crate) rustc: String,
    /// The LLVM that rustc was built with, by `rustc --version --verbose`.
    pub(crate) llvm: String,
    /// What `bpf-linker --version` says.
    pub(crate) linker: String,
    /// Where they come from: Debian's packages with their revisions, or rustup.
    pub(crate) origin: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, LLVM {}, {}; {}",
            self.rustc, self.llvm, self.linker, self.origin
        )
    }
}

/// A compiler with the source of core, and a linker.
pub(crate) struct Toolchain {
    kind: Kind,
    identity: Identity,
}

enum Kind {
    /// rustc-web and its companions, with a bpf-linker of the project's own in this folder.
    Debian { linker: PathBuf },
    /// rustup's nightly with rust-src, and the user's bpf-linker.
    Nightly,
}

impl Toolchain {
    /// Finds a toolchain: Debian's where its packages are installed, else rustup's nightly, else installs Debian's.
    ///
    /// # Errors
    /// Where none is there and none can be installed, with what to type.
    pub(crate) fn set_up(repo: &Repo, install: Install) -> Result<Self> {
        let missing = setup::missing(Need::Ebpf);
        if !missing.is_empty() {
            if let Some(nightly) = Self::nightly() {
                return nightly;
            }
            setup::ensure(&missing, install)?;
        }
        Self::debian(repo)
    }

    /// Whether eBPF programs can be built without installing a package.
    pub(crate) fn is_at_hand() -> bool {
        setup::missing(Need::Ebpf).is_empty() || has_nightly()
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A cargo command that compiles with this toolchain and finds its linker.
    pub(crate) fn cargo(&self) -> Result<Command> {
        match &self.kind {
            Kind::Debian { linker } => {
                let mut command = debian_cargo();
                let inherited = env::var_os("PATH").unwrap_or_default();
                let path = env::join_paths(
                    [linker.clone()]
                        .into_iter()
                        .chain(env::split_paths(&inherited)),
                )
                .context("PATH has an entry with a colon")?;
                command.env("PATH", path).env("RUSTC_BOOTSTRAP", "1");
                Ok(command)
            }
            Kind::Nightly => Ok(nightly_command("cargo")),
        }
    }

    /// Folder that holds this toolchain's rustlib.
    pub(crate) fn sysroot(&self) -> Result<PathBuf> {
        match self.kind {
            // Where rust-web-src puts it.
            Kind::Debian { .. } => Ok("/usr".into()),
            Kind::Nightly => nightly_sysroot().context("rustup's nightly is gone"),
        }
    }

    fn debian(repo: &Repo) -> Result<Self> {
        let linker = install_linker(&repo.cache())?;
        let origin: Vec<String> = DECISIVE
            .iter()
            .map(|package| {
                format!(
                    "{package} {}",
                    setup::version(package).unwrap_or_else(|| "?".into())
                )
            })
            .collect();
        let version = linker_version(&mut process::foreign(
            &linker.join("bpf-linker").to_string_lossy(),
        ))?;
        let identity = identity(
            &mut process::foreign(DEBIAN_RUSTC),
            version,
            format!("Debian: {}", origin.join(", ")),
        )?;
        Ok(Self {
            kind: Kind::Debian { linker },
            identity,
        })
    }

    /// None where rustup has no nightly with rust-src or no bpf-linker is in PATH.
    fn nightly() -> Option<Result<Self>> {
        has_nightly().then(|| {
            let version = linker_version(&mut process::foreign("bpf-linker"))?;
            let identity = identity(
                &mut nightly_command("rustc"),
                version,
                "rustup: nightly".into(),
            )?;
            Ok(Self {
                kind: Kind::Nightly,
                identity,
            })
        })
    }
}

fn has_nightly() -> bool {
    process::in_path("bpf-linker")
        && nightly_sysroot().is_some_and(|root| {
            root.join("lib/rustlib/src/rust/library/core/Cargo.toml")
                .is_file()
        })
}

fn nightly_sysroot() -> Option<PathBuf> {
    if !process::in_path("rustup") {
        return None;
    }
    process::output(nightly_command("rustc").args(["--print", "sysroot"]), "")
        .ok()
        .map(PathBuf::from)
}

fn nightly_command(program: &str) -> Command {
    let mut command = process::foreign("rustup");
    command.args(["run", "nightly", program]);
    command
}

/// Debian's cargo with its own compiler, whatever rustup put in front.
pub(crate) fn debian_cargo() -> Command {
    let mut command = process::foreign(DEBIAN_CARGO);
    command.env("RUSTC", DEBIAN_RUSTC);
    command
}

/// Builds the project's own bpf-linker, unless it is there; answers its folder.
fn install_linker(cache: &Path) -> Result<PathBuf> {
    let root = cache.join(format!("bpf-linker-{LINKER_VERSION}-{LINKER_FEATURE}"));
    let folder = root.join("bin");
    let program = folder.join("bpf-linker");
    // Started, not only looked for: it is linked to an LLVM that an update may have replaced.
    if process::succeeds(process::foreign(&program.to_string_lossy()).arg("--version")) {
        return Ok(folder);
    }
    println!("building bpf-linker {LINKER_VERSION} (about a minute, once)");
    let mut command = debian_cargo();
    command
        .args(["install", "bpf-linker", "--locked", "--force", "--quiet"])
        .args([
            "--version",
            LINKER_VERSION,
            "--no-default-features",
            "--features",
            LINKER_FEATURE,
        ])
        .arg("--root")
        .arg(&root)
        // Both: the first wins over any llvm-config in PATH, the second is what the bindings look at.
        .env("LLVM_PREFIX", LLVM)
        .env("LLVM_SYS_221_PREFIX", LLVM);
    process::run(
        &mut command,
        "it needs the network and the packages that `cargo xtask ebpf` installs as root",
    )?;
    Ok(folder)
}

fn linker_version(linker: &mut Command) -> Result<String> {
    process::output(
        linker.arg("--version"),
        "install it anew: `cargo install --force bpf-linker`",
    )
}

fn identity(rustc: &mut Command, linker: String, origin: String) -> Result<Identity> {
    let verbose = process::output(
        rustc.args(["--version", "--verbose"]),
        "reinstall the toolchain",
    )?;
    let Some(first) = verbose.lines().next() else {
        bail!("rustc does not say its version")
    };
    let llvm = verbose
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))
        .unwrap_or("unknown");
    Ok(Identity {
        rustc: first.to_owned(),
        llvm: llvm.to_owned(),
        linker,
        origin,
    })
}
