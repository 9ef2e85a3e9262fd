//! One process that measures: the unit of every comparison.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::run_file::{RunFile, RunFileError};

/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(2);
/// How long it may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A binary of hwptop, and what it is to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measuring {
    /// The binary.
    pub program: PathBuf,
    /// Suite and options, as behind `hwptop bench`.
    pub arguments: Vec<OsString>,
}

/// Why a process measured nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("{program}: cannot be started: {source}")]
    Start {
        /// The binary.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// It could not be given a place for its figures, or be waited for.
    #[error("{program}: {source}")]
    Io {
        /// The binary.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// It failed.
    #[error("{program} ended with {status}: {said}")]
    Failed {
        /// The binary.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last line that it wrote to its standard error, or what is wrong with what it was
        /// given.
        said: String,
    },
    /// It did not end.
    #[error("{program} did not end within {limit:.1?}")]
    Hung {
        /// The binary.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
    /// What it wrote is no run file.
    #[error("{program} wrote no run file: {source}")]
    File {
        /// The binary.
        program: String,
        /// The reason.
        source: RunFileError,
    },
    /// What it wrote is not all that one process measures.
    #[error("{program} wrote a run file that is not whole: {what}")]
    Part {
        /// The binary.
        program: String,
        /// What is missing, or too much.
        what: String,
    },
    /// It was stopped, for the one that waits for it was.
    #[error("stopped")]
    Stopped,
}

impl Measuring {
    /// Measures in a process of its own, for as long as `limit` at most, until it has ended or
    /// `stop` is set. The file has one whole process run.
    ///
    /// # Errors
    /// [`ProcessError`]; nothing is left running.
    pub fn once(&self, limit: Duration, stop: &AtomicBool) -> Result<RunFile, ProcessError> {
        let program = self.program.display().to_string();
        let io = |source| ProcessError::Io {
            program: program.clone(),
            source,
        };
        let place = tempfile::tempdir().map_err(io)?;
        let (output, errors) = (place.path().join("run.json"), place.path().join("errors"));
        let mut command = Command::new(&self.program);
        command
            .arg("bench")
            .args(&self.arguments)
            .arg("--output")
            .arg(&output)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors).map_err(io)?)
            // What it starts ends with it: the binary may be a script around one.
            .process_group(0);
        let child = command.spawn().map_err(|source| ProcessError::Start {
            program: program.clone(),
            source,
        })?;
        let ended = Running(child).wait(limit, stop).map_err(io)?;
        let status = match ended {
            Ended::Stopped => return Err(ProcessError::Stopped),
            // A signal may be for both, and the process may be the first to end.
            Ended::With(status) if !status.success() && stop.load(Ordering::Relaxed) => {
                return Err(ProcessError::Stopped);
            }
            Ended::With(status) => status,
            Ended::Hung => return Err(ProcessError::Hung { program, limit }),
        };
        if !status.success() {
            let said = fs::read_to_string(&errors).unwrap_or_default();
            // What is wrong in a command line is said before how to learn more.
            let wrong = said.lines().find_map(|line| line.strip_prefix("error: "));
            let said = wrong.or_else(|| said.lines().next_back());
            let said = said.unwrap_or("it said nothing");
            // Escape sequences of another program are not for this one's terminal.
            let said = said.chars().filter(|c| !c.is_control()).take(500).collect();
            return Err(ProcessError::Failed {
                program,
                status,
                said,
            });
        }
        let file = match RunFile::read(&output) {
            Ok(file) => file,
            Err(source) => return Err(ProcessError::File { program, source }),
        };
        match partial(&file) {
            None => Ok(file),
            Some(what) => Err(ProcessError::Part { program, what }),
        }
    }
}

/// Why the file is not what one process measured from its begin to its end.
fn partial(file: &RunFile) -> Option<String> {
    let [run] = &file.runs[..] else {
        return Some(format!("it is of {} processes", file.runs.len()));
    };
    let wrong = if file.base.is_some() {
        "it has another binary's runs, too"
    } else if !file.complete {
        "the process was stopped before it was done"
    } else if run.points.is_empty() {
        "there is nothing measured in it"
    } else {
        return None;
    };
    Some(wrong.to_owned())
}

enum Ended {
    With(ExitStatus),
    Hung,
    Stopped,
}

/// Dropping it ends it.
struct Running(Child);

impl Running {
    fn wait(mut self, limit: Duration, stop: &AtomicBool) -> io::Result<Ended> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Ended::With(status));
            }
            if stop.load(Ordering::Relaxed) {
                self.end();
                return Ok(Ended::Stopped);
            }
            if start.elapsed() >= limit {
                return Ok(Ended::Hung);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Asks it to end, so that it can clean up.
    fn end(&mut self) {
        self.signal(Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.is_running() {
            thread::sleep(PAUSE);
        }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// To it and all that it started. It has not been waited for: the number is its own.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
            // It has ended already where this fails.
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests;
