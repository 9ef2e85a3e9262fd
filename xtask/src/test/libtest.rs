//! What Rust's test harness prints, read while it is shown.
//!
//! Stable Rust has no other form than the one for people: `running N tests`, a line per test, `test result: …`.

use std::fmt;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// A test that was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) name: String,
    /// What stands in `#[ignore = "…"]`; empty for a bare one.
    pub(super) reason: String,
}

impl Ignored {
    pub(super) fn why(&self) -> &str {
        if self.reason.is_empty() {
            "it is ignored without a reason"
        } else {
            &self.reason
        }
    }
}

/// What one run of cargo test came to, over all its binaries.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) counts: Counts,
    pub(super) ignored: Vec<Ignored>,
}

impl Results {
    /// What stands for a run that could not be watched.
    pub(super) fn of_a_failure() -> Self {
        Self {
            counts: Counts {
                failed: 1,
                ..Counts::default()
            },
            ..Self::default()
        }
    }
}

/// Reads the output of cargo test as it comes.
#[derive(Default)]
pub(super) struct Reader {
    results: Results,
    /// What came after the last line end.
    rest: Vec<u8>,
    /// A binary has begun and not yet given its result.
    running: bool,
}

impl Reader {
    /// Takes the next bytes, cut anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.rest);
                self.line(&String::from_utf8_lossy(&line));
            } else {
                self.rest.push(byte);
            }
        }
    }

    /// The results, after the last byte.
    pub(super) fn finish(mut self) -> Results {
        let line = std::mem::take(&mut self.rest);
        self.line(&String::from_utf8_lossy(&line));
        self.close_unfinished();
        self.results
    }

    fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if is_start(line) {
            self.close_unfinished();
            self.running = true;
        } else if let Some(test) = parse_ignored(line) {
            self.results.ignored.push(test);
        } else if self.running
            && let Some(counts) = parse_result(line)
        {
            self.results.counts.add(&counts);
            self.running = false;
        }
    }

    /// A binary without a result was ended by a signal or an exit in the middle: one failure.
    fn close_unfinished(&mut self) {
        self.results.counts.failed += usize::from(self.running);
        self.running = false;
    }
}

fn is_start(line: &str) -> bool {
    let number = line.strip_prefix("running ").and_then(|rest| {
        rest.strip_suffix(" tests")
            .or_else(|| rest.strip_suffix(" test"))
    });
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// `test module::name ... ignored, reason`.
fn parse_ignored(line: &str) -> Option<Ignored> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest.strip_prefix(", ").unwrap_or_default();
    Some(Ignored {
        name: name.to_owned(),
        reason: reason.to_owned(),
    })
}

/// `test result: ok. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s`, possibly
/// behind what a child process of a test wrote without a line end.
fn parse_result(line: &str) -> Option<Counts> {
    let (_, rest) = line.split_once("test result: ")?;
    let (verdict, rest) = rest.split_once(". ")?;
    if !matches!(verdict, "ok" | "FAILED") {
        return None;
    }
    let mut parts = rest.split("; ");
    let mut number = |what: &str| parts.next()?.strip_suffix(what)?.trim_end().parse().ok();
    Some(Counts {
        passed: number("passed")?,
        failed: number("failed")?,
        skipped: number("ignored")?,
    })
}

#[cfg(test)]
mod tests;
