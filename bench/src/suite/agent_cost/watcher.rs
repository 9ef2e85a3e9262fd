//! A headless hwptop as a child process, and what the kernel says it used.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::AgentCostError;

/// How long it may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `hwptop`. Dropping it ends it.
pub(super) struct Watcher {
    child: Child,
    lines: Receiver<String>,
    started: Instant,
}

/// Where its lines are read from.
#[derive(Clone, Copy)]
enum Speaks {
    Output,
    Errors,
}

impl Watcher {
    /// `top` on `target`: a snapshot in JSON per line, each `interval`.
    pub(super) fn top(
        program: &Path,
        target: &str,
        interval: &str,
    ) -> Result<Self, AgentCostError> {
        let arguments = ["top", "--target", target, "--interval", interval];
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(["--count", "1000000", "--format", "json"]);
        Self::start(&mut command, Speaks::Output)
    }

    /// `agent` on `target`, with HTTP on a port of its choice.
    pub(super) fn agent(program: &Path, target: &str) -> Result<Self, AgentCostError> {
        let arguments = ["agent", "--target", target, "--socket", "none"];
        let mut command = Command::new(program);
        command.args(arguments).args(["--listen", "127.0.0.1:0"]);
        Self::start(&mut command, Speaks::Errors)
    }

    fn start(command: &mut Command, speaks: Speaks) -> Result<Self, AgentCostError> {
        let (stdout, stderr) = match speaks {
            Speaks::Output => (Stdio::piped(), Stdio::null()),
            Speaks::Errors => (Stdio::null(), Stdio::piped()),
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(|source| AgentCostError::Spawn { program, source })?;
        let (sender, lines) = mpsc::channel();
        let pass_on = |lines: Box<dyn std::io::Read + Send>| {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(lines).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        };
        if let Some(output) = child.stdout.take() {
            pass_on(Box::new(output));
        }
        if let Some(errors) = child.stderr.take() {
            pass_on(Box::new(errors));
        }
        Ok(Self {
            child,
            lines,
            started,
        })
    }

    /// Since it was started.
    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// The next line that `wanted` makes something of.
    pub(super) fn wait_for<T>(
        &self,
        what: &'static str,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<T, AgentCostError> {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => AgentCostError::Silent(what),
                RecvTimeoutError::Disconnected => AgentCostError::Ended(what),
            })?;
            if let Some(found) = wanted(&line) {
                return Ok(found);
            }
        }
    }

    /// Waits for a snapshot with this many instances.
    pub(super) fn wait_for_instances(&self, instances: usize) -> Result<(), AgentCostError> {
        self.wait_for("show all instances", |line| {
            let snapshot: Value = serde_json::from_str(line).ok()?;
            (snapshot["instances"].as_array()?.len() == instances).then_some(())
        })
    }

    /// How many lines come until `deadline`.
    pub(super) fn lines_until(&self, deadline: Instant) -> Result<usize, AgentCostError> {
        let mut lines = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => lines += 1,
                Err(RecvTimeoutError::Timeout) => return Ok(lines),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(AgentCostError::Ended("be watched"));
                }
            }
        }
    }

    /// Tells it to stop, and answers its last line.
    pub(super) fn last_line(mut self) -> Option<String> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It has ended already where these fail.
        let _ = id.map(|id| kill_process(id, Signal::TERM));
        let _ = self.child.wait();
        self.lines.iter().last()
    }

    /// CPU time of all its threads.
    pub(super) fn cpu(&self) -> Result<Duration, AgentCostError> {
        cpu_of(self.child.id())
    }

    /// The most memory that it had resident since its start, in bytes.
    pub(super) fn peak_resident_bytes(&self) -> Result<u64, AgentCostError> {
        let path = format!("/proc/{}/status", self.child.id());
        let failed = |what: String| AgentCostError::Accounting {
            path: path.clone(),
            what,
        };
        let status = fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
            .map(|kib| kib * 1024)
            .ok_or_else(|| failed("no VmHWM in kB".to_owned()))
    }
}

/// CPU time of all threads of a process: first field of `schedstat`, in nanoseconds.
pub(in crate::suite) fn cpu_of(process: u32) -> Result<Duration, AgentCostError> {
    let directory = format!("/proc/{process}/task");
    let failed = |what: String| AgentCostError::Accounting {
        path: directory.clone(),
        what,
    };
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(&directory).map_err(|error| failed(error.to_string()))? {
        let path = task.map_err(|error| failed(error.to_string()))?.path();
        // A thread that ended in between has nothing to tell.
        let Ok(text) = fs::read_to_string(path.join("schedstat")) else {
            continue;
        };
        let ns = text
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse().ok());
        sum += Duration::from_nanos(ns.ok_or_else(|| failed(format!("schedstat is {text:?}")))?);
    }
    Ok(sum)
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
