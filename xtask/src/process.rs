//! Child processes: what they inherit and how they fail.

use anyhow::{Context, Result, bail};
use std::env;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// The cargo that runs this program, for the workspace itself.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program of another toolchain than the one that runs this program.
///
/// `cargo run` under rustup leaves its own toolchain in the environment (RUSTUP_TOOLCHAIN, CARGO, RUSTC,
/// LD_LIBRARY_PATH with that toolchain's libraries, …), which would steer the other one. User settings that
/// change code (RUSTFLAGS, CARGO_PROFILE_…) go too; where to download from stays.
pub(crate) fn foreign(program: &str) -> Command {
    const KEPT: &[&str] = &[
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "RUSTUP_HOME",
        "RUSTUP_AUTO_INSTALL",
    ];
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let steers =
            name.starts_with("CARGO") || name.starts_with("RUST") || name == "LD_LIBRARY_PATH";
        if steers && !KEPT.iter().any(|kept| name.starts_with(kept)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs `command` with this program's output streams; `remedy` ends the message when it fails.
pub(crate) fn run(command: &mut Command, remedy: &str) -> Result<()> {
    let line = describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`: {remedy}"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}: {remedy}");
    }
    Ok(())
}

/// What `command` writes to its standard output, trimmed.
pub(crate) fn output(command: &mut Command, remedy: &str) -> Result<String> {
    let line = describe(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{line}`: {remedy}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{line}` ended with {}: {}: {remedy}",
            output.status,
            said.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `command` starts and succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether `program` is a file in PATH.
pub(crate) fn in_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// The command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}
