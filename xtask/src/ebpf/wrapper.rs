//! This program as cargo's RUSTC_WRAPPER.
//!
//! Cargo gives every crate a hash (`-C metadata`) that goes into symbol names and decides the order of what
//! is generated from generics. For a crate outside the workspace's folder, as hwptop-abi is for the probes and core for
//! everybody, it is made from the absolute path, so that two checkouts would give two objects. In the BPF build a crate's
//! name and version say as much: no two crates of it share both. Build scripts and procedural macros, compiled
//! for the host, keep cargo's hash.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Environment variable that asks this program to stand in for rustc; its value is the target it is about.
pub(crate) const REQUEST: &str = "HWPTOP_XTASK_WRAPS_RUSTC_FOR";

/// Whether cargo started this program in rustc's place.
pub(crate) fn is_requested() -> bool {
    env::var_os(REQUEST).is_some()
}

/// Becomes rustc, with the crate hash replaced where it is to be.
pub(crate) fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(rustc) = arguments.next() else {
        eprintln!("error: {REQUEST} is set, but no compiler was named: unset it");
        return ExitCode::FAILURE;
    };
    let target = env::var_os(REQUEST).unwrap_or_default();
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let arguments = stable_identity(arguments.collect(), &target, &version);
    let error = Command::new(&rustc).args(arguments).exec();
    eprintln!("error: cannot start {}: {error}", rustc.display());
    ExitCode::FAILURE
}

/// `arguments` with the hash replaced by name and version, if they compile a crate for `target`.
fn stable_identity(mut arguments: Vec<OsString>, target: &OsStr, version: &str) -> Vec<OsString> {
    let value_of = |option: &str| {
        arguments
            .windows(2)
            .find(|pair| pair[0] == option)
            .map(|pair| pair[1].to_string_lossy().into_owned())
    };
    let Some(name) = value_of("--crate-name") else {
        return arguments;
    };
    if value_of("--target").map(OsString::from).as_deref() != Some(target) {
        return arguments;
    }
    for index in 1..arguments.len() {
        if arguments[index - 1] == "-C"
            && arguments[index].to_string_lossy().starts_with("metadata=")
        {
            arguments[index] = format!("metadata={name}-{version}").into();
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let arguments = stable_identity(arguments, OsStr::new("bpfel-unknown-none"), "1.2.3");
        arguments.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn a_crate_of_the_bpf_build_is_known_by_name_and_version() {
        let line = "--crate-name abi -C metadata=03340ffe -C extra-filename=-9b --target bpfel-unknown-none";
        let wanted = "--crate-name abi -C metadata=abi-1.2.3 -C extra-filename=-9b --target bpfel-unknown-none";
        assert_eq!(rewritten(line), wanted);
    }

    #[test]
    fn a_crate_for_the_host_keeps_its_hash() {
        let line = "--crate-name syn -C metadata=03340ffe";
        assert_eq!(rewritten(line), line);
    }

    #[test]
    fn a_question_to_the_compiler_passes_unchanged() {
        for line in [
            "-vV",
            "- --crate-name ___ --print=file-names --target bpfel-unknown-none",
        ] {
            assert_eq!(rewritten(line), line);
        }
    }
}
