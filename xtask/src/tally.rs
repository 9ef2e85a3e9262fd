//! Checks that are told in the words of Rust's test harness, which `cargo xtask test` counts by.

use anyhow::Result;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What one check came to; an error is a failure.
pub(crate) enum Verdict {
    Held,
    /// Nothing could be told, because.
    Skipped(String),
}

/// What `work` comes to with a program; skipped where that is not to be had.
pub(crate) fn with(
    program: &Result<PathBuf, String>,
    work: impl FnOnce(&Path) -> Result<()>,
) -> Result<Verdict> {
    match program {
        Ok(program) => work(program).map(|()| Verdict::Held),
        Err(why) => Ok(Verdict::Skipped(why.clone())),
    }
}

/// Numbers of checks.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Says how many there will be.
    pub(crate) fn begin(checks: usize) -> Self {
        let s = if checks == 1 { "" } else { "s" };
        println!("running {checks} test{s}");
        Self::default()
    }

    /// Makes one check and tells what it came to.
    pub(crate) fn test(&mut self, name: &str, work: impl FnOnce() -> Result<Verdict>) {
        match work() {
            Ok(Verdict::Held) => {
                self.passed += 1;
                println!("test {name} ... ok");
            }
            Ok(Verdict::Skipped(why)) => {
                self.skipped += 1;
                println!("test {name} ... ignored, {}", in_one_line(&why));
            }
            Err(error) => {
                self.failed += 1;
                println!("{error:#}\ntest {name} ... FAILED");
            }
        }
    }
}

impl Tally {
    /// Tells the numbers; a failure where something failed.
    pub(crate) fn end(&self) -> ExitCode {
        println!("{self}");
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {passed} passed; {failed} failed; {skipped} ignored"
        )
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_cannot_be_asked_is_skipped_and_what_is_refused_fails() {
        let absent = Err("cargo-deny 1.0 cannot be had here: no\n  network".to_owned());
        let present = Ok(PathBuf::from("cargo-deny"));
        let mut tally = Tally::default();
        tally.test("absent", || with(&absent, |_| bail!("is not asked")));
        tally.test("good", || with(&present, |_| Ok(())));
        tally.test("bad", || with(&present, |_| bail!("GPL-3.0")));
        let told = tally.to_string();
        assert_eq!(told, "test result: FAILED. 1 passed; 1 failed; 1 ignored");
        assert_eq!(in_one_line("no\n  network"), "no network");
    }
}
