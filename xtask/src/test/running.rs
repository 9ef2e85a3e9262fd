//! A run of tests whose output can be shown later than it is written.

use anyhow::{Context as _, Result};
use std::io::{self, Read as _, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process;

use super::libtest::{Reader, Results};

/// Where a run's standard error goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// To this program's: cargo draws its progress on a terminal.
    Apart,
    /// Along with its output, so that both can be held back.
    Along,
}

/// What a run that ends well counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// The tests that it tells of.
    Tests,
    /// A test itself.
    AsOne,
}

/// A run that was started. What it writes is kept until it is shown.
pub(super) struct Running {
    line: String,
    counted: Counted,
    begun: Instant,
    child: Child,
    output: Receiver<io::Result<Vec<u8>>>,
    /// Reads the output until it ends, and answers when that was.
    reader: JoinHandle<Instant>,
}

impl Running {
    pub(super) fn start(mut command: Command, errors: Errors, counted: Counted) -> Result<Self> {
        let line = process::describe(&command);
        let (mut reader, writer) = io::pipe().context("cannot make a pipe")?;
        if errors == Errors::Along {
            command.stderr(writer.try_clone().context("cannot share a pipe")?);
        }
        let begun = Instant::now();
        let child = command
            .stdout(writer)
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        // It keeps its ends of the pipe, which else would never end.
        drop(command);
        let (sender, output) = channel();
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let read = match reader.read(&mut buffer) {
                    Ok(0) => return Instant::now(),
                    read => read.map(|length| buffer[..length].to_vec()),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    return Instant::now();
                }
            }
        });
        Ok(Self {
            line,
            counted,
            begun,
            child,
            output,
            reader,
        })
    }

    /// Shows on `out` what it has written and goes on to write, until it ends; answers also how long it took.
    pub(super) fn show(mut self, out: &mut impl Write) -> Result<(Results, Duration)> {
        let line = &self.line;
        let mut reader = Reader::default();
        for bytes in self.output {
            let bytes = bytes.with_context(|| format!("cannot read from `{line}`"))?;
            out.write_all(&bytes)
                .and_then(|()| out.flush())
                .context("cannot write the output")?;
            reader.feed(&bytes);
        }
        let status = self
            .child
            .wait()
            .with_context(|| format!("cannot wait for `{line}`"))?;
        let ended = self.reader.join().unwrap_or_else(|_| Instant::now());
        let mut results = reader.finish();
        if status.success() && self.counted == Counted::AsOne {
            results.counts.passed += 1;
        }
        if !status.success() && results.counts.failed == 0 {
            writeln!(
                out,
                "FAILED: `{line}` ended with {status} and no failed test: it did not build or end well, see above"
            )
            .context("cannot write the output")?;
            results.counts.failed = 1;
        }
        Ok((results, ended - self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::super::libtest::Counts;
    use super::*;

    fn run(script: &str, errors: Errors, counted: Counted) -> (Counts, Duration) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let running = Running::start(command, errors, counted).unwrap();
        let (results, took) = running.show(&mut io::sink()).unwrap();
        (results.counts, took)
    }

    #[test]
    fn what_is_written_before_it_is_shown_is_counted_however_much_it_is() {
        let script = "seq 100000; echo running 2 tests; \
                      echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out' >&2";
        let (counts, _) = run(script, Errors::Along, Counted::Tests);
        assert_eq!((counts.passed, counts.failed, counts.skipped), (2, 0, 1));
    }

    #[test]
    fn a_run_that_ends_badly_without_a_failed_test_counts_as_one() {
        for counted in [Counted::Tests, Counted::AsOne] {
            let (counts, _) = run("exit 101", Errors::Apart, counted);
            assert_eq!((counts.passed, counts.failed), (0, 1), "{counted:?}");
        }
    }

    #[test]
    fn a_run_that_ends_well_without_tests_counts_only_as_one_test() {
        assert_eq!(run(":", Errors::Apart, Counted::Tests).0.passed, 0);
        assert_eq!(run(":", Errors::Apart, Counted::AsOne).0.passed, 1);
    }

    #[test]
    fn the_time_that_a_run_waits_to_be_shown_is_not_its_own() {
        let waits = Duration::from_secs(3);
        let running = Running::start(Command::new("true"), Errors::Apart, Counted::AsOne).unwrap();
        thread::sleep(waits);
        let (_, took) = running.show(&mut io::sink()).unwrap();
        assert!(took < waits, "{took:?}");
    }
}
