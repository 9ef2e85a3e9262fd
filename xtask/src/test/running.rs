//! A run of tests whose output can be shown later than it is written.

use anyhow::{Context as _, Result};
use std::io::{self, Read as _, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

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

/// A run that was started. What it writes is kept until it is shown.
pub(super) struct Running {
    line: String,
    pub(super) begun: Instant,
    child: Child,
    output: Receiver<io::Result<Vec<u8>>>,
}

impl Running {
    pub(super) fn start(mut command: Command, errors: Errors) -> Result<Self> {
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
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let read = match reader.read(&mut buffer) {
                    Ok(0) => return,
                    read => read.map(|length| buffer[..length].to_vec()),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Self {
            line,
            begun,
            child,
            output,
        })
    }

    /// Shows on `out` what it has written and goes on to write, until it ends.
    pub(super) fn show(mut self, out: &mut impl Write) -> Result<Results> {
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
        let mut results = reader.finish();
        if !status.success() && results.counts.failed == 0 {
            writeln!(
                out,
                "FAILED: `{line}` ended with {status} and no failed test: it did not build or end well, see above"
            )
            .context("cannot write the output")?;
            results.counts.failed = 1;
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_is_written_before_it_is_shown_is_counted_however_much_it_is() {
        let script = "seq 100000; echo running 2 tests; \
                      echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out' >&2";
        let running = Running::start(shell(script), Errors::Along).unwrap();
        let counts = running.show(&mut io::sink()).unwrap().counts;
        assert_eq!((counts.passed, counts.failed, counts.skipped), (2, 0, 1));
    }

    #[test]
    fn a_run_that_ends_badly_without_a_failed_test_counts_as_one() {
        let running = Running::start(shell("exit 101"), Errors::Apart).unwrap();
        assert_eq!(running.show(&mut io::sink()).unwrap().counts.failed, 1);
    }
}
