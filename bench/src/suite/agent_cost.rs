//! What the headless agent costs while its target does nothing.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use hwptop_driver::{Capture, Policy};

use crate::fleet::{Fleet, FleetConfig, FleetError, Pace};

/// How long the agent may take from start to the snapshot that is waited for.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// What the agent cost.
#[derive(Clone, Copy, Debug)]
pub struct AgentCost {
    /// Instances it watched.
    pub instances: u16,
    /// How long.
    pub watched: Duration,
    /// CPU time it used in that time, user and kernel.
    pub cpu: Duration,
    /// The most memory it had resident since its start, in bytes.
    pub peak_resident_bytes: u64,
    /// Snapshots it printed in that time.
    pub snapshots: usize,
}

impl AgentCost {
    /// CPU time as a part of one core: 0.01 is 1 %.
    #[must_use]
    pub fn core_share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.watched.as_secs_f64()
    }
}

/// Why the cost could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum AgentCostError {
    /// The agent could not be started.
    #[error("starting {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// The agent ended or said nothing useful.
    #[error("the agent {0}; try `hwptop top --target pid:N --once` by hand")]
    Agent(&'static str),
    /// The idle target could not be set up.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Not a built-in capture any more.
    #[error(transparent)]
    Capture(#[from] hwptop_driver::CaptureError),
    /// The kernel does not tell what the agent used.
    #[error("{path}: {what}")]
    Accounting {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Starts `program` (hwptop) as a headless agent on this process, lets `instances`
/// modelled instances do a little and then nothing, and measures the agent for
/// `time`. `Ok(None)` where `stop` was set before the end.
///
/// # Errors
/// [`AgentCostError`].
pub fn agent_cost(
    program: &Path,
    instances: u16,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Option<AgentCost>, AgentCostError> {
    let agent = Agent::start(program)?;
    // The first snapshot: attached.
    agent.wait_for_instances(0)?;
    let fleet = Fleet::start(&FleetConfig {
        captures: vec![Capture::builtin("vtd-first-stage-nvme-buffered-lazy")?],
        instances,
        policy: Policy::default(),
        passes: Some(1),
        pace: Pace::Max,
        recorder: None,
    })?;
    agent.wait_for_instances(usize::from(instances))?;
    // A whole interval after the last activity: idle from here on.
    agent.wait_for_instances(usize::from(instances))?;
    let (start, cpu) = (Instant::now(), agent.cpu()?);
    let mut snapshots = 0;
    while start.elapsed() < time {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match agent.lines.recv_timeout(LOOK) {
            Ok(_) => snapshots += 1,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(AgentCostError::Agent("ended early"));
            }
        }
    }
    let cost = AgentCost {
        instances,
        watched: start.elapsed(),
        cpu: agent.cpu()?.saturating_sub(cpu),
        peak_resident_bytes: agent.peak_resident_bytes()?,
        snapshots,
    };
    drop(fleet);
    Ok(Some(cost))
}

/// A running agent. Dropping it ends it.
struct Agent {
    child: Child,
    lines: Receiver<String>,
}

impl Agent {
    fn start(program: &Path) -> Result<Self, AgentCostError> {
        let failed = |source| AgentCostError::Spawn {
            program: program.display().to_string(),
            source,
        };
        let target = format!("pid:{}", std::process::id());
        let mut child = Command::new(program)
            .args([
                "top",
                "--target",
                &target,
                "--interval",
                "1s",
                "--count",
                "1000000",
            ])
            .args(["--format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, lines })
    }

    /// Waits for a snapshot with this many instances.
    fn wait_for_instances(&self, instances: usize) -> Result<(), AgentCostError> {
        let start = Instant::now();
        loop {
            let left = START_TIMEOUT.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    AgentCostError::Agent("did not see all instances in 30 s")
                }
                RecvTimeoutError::Disconnected => AgentCostError::Agent("ended early"),
            })?;
            let snapshot: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if snapshot["instances"]
                .as_array()
                .is_some_and(|seen| seen.len() == instances)
            {
                return Ok(());
            }
        }
    }

    /// CPU time of all its threads: first field of `schedstat`, in nanoseconds.
    fn cpu(&self) -> Result<Duration, AgentCostError> {
        let directory = format!("/proc/{}/task", self.child.id());
        let failed = |what: String| AgentCostError::Accounting {
            path: directory.clone(),
            what,
        };
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(&directory).map_err(|error| failed(error.to_string()))? {
            let path = task
                .map_err(|error| failed(error.to_string()))?
                .path()
                .join("schedstat");
            let text = fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
            let ns = text
                .split_whitespace()
                .next()
                .and_then(|field| field.parse().ok());
            sum +=
                Duration::from_nanos(ns.ok_or_else(|| failed(format!("schedstat is {text:?}")))?);
        }
        Ok(sum)
    }

    /// `VmHWM` of its status.
    fn peak_resident_bytes(&self) -> Result<u64, AgentCostError> {
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

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
