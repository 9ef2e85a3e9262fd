//! Counting instructions with valgrind.

use anyhow::{Context as _, Result, bail};
use std::process::Command;

use crate::process;

/// Without caches it only counts, which is what costs least.
const TOOL: [&str; 3] = [
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
];

/// What counts, e.g. `valgrind-3.19.0`.
pub(super) fn version() -> Result<String> {
    process::output(Command::new("valgrind").arg("--version"), "install it")
}

/// The instructions that `command` executes, on all of its threads.
///
/// # Errors
/// Where it fails, or valgrind says no count.
pub(super) fn instructions(command: &Command) -> Result<u64> {
    let mut counted = Command::new("valgrind");
    counted
        .args(TOOL)
        .arg(command.get_program())
        .args(command.get_args())
        .env_remove("VALGRIND_OPTS");
    if let Some(folder) = command.get_current_dir() {
        counted.current_dir(folder);
    }
    let line = process::describe(&counted);
    let output = counted
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, said.trim());
    }
    total(&said).with_context(|| format!("`{line}` told no count: {}", said.trim()))
}

/// The count in `==123== I   refs:      1,234`, which cachegrind ends with; among what the program itself says.
fn total(said: &str) -> Option<u64> {
    said.lines().rev().find_map(|line| {
        let (_, line) = line.strip_prefix("==")?.split_once("== ")?;
        let mut words = line.split_whitespace();
        if (words.next()?, words.next()?) != ("I", "refs:") {
            return None;
        }
        words.next()?.replace(',', "").parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_what_the_program_says() {
        let old = "   0 s  round 1 of 1\n==17308== \n==17308== I   refs:      71,897,678\n";
        assert_eq!(total(old), Some(71_897_678));
        let new = "==9== \n==9== I refs:        1,024\n==9== \n";
        assert_eq!(total(new), Some(1024));
    }

    #[test]
    fn what_is_no_count_is_none() {
        for said in [
            "",
            "I refs: 12",
            "==9== D refs: 12",
            "==9== I refs:",
            "==9== I refs: many",
            "==9== I refs: 99999999999999999999999",
        ] {
            assert_eq!(total(said), None, "{said}");
        }
    }
}
