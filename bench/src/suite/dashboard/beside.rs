//! The CPU time of a process that has a dashboard, beside one that takes the same snapshots and
//! shows nothing.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use hwptop_agent::can_load_ebpf;

use super::DashboardConfig;
use crate::{
    Interval,
    suite::agent_cost::{self, AgentCostError, cpu_of, fleet, this_process},
    terminal::OnTerminal,
};

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_millis(100);
/// From a start until all is attached and the first figures were shown.
const SETTLES_IN: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// What a process used while it was watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// CPU time of all its threads, user and kernel.
    pub cpu: Duration,
    /// How long it was watched.
    pub watched: Duration,
}

/// What a process does with its snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Shows them on a terminal.
    Dashboard,
    /// Prints each as JSON, to where nobody reads.
    Json,
    /// Takes them, and no more.
    Nothing,
}

/// One of each.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// What they used, in the order of [`Shows::ALL`].
    pub used: [Used; 3],
    /// Bytes per frame that came out of the terminal.
    pub frames: Vec<u64>,
}

/// The processes, round by round.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Whether the processes watch another one by eBPF: else they have the modelled guests in
    /// them, whose CPU time is part of theirs.
    pub watches_another: bool,
    /// Instances that they watch.
    pub instances: u16,
    /// What they used.
    pub rounds: Vec<Round>,
}

impl Used {
    /// CPU time as a part of one core: 0.01 is 1 %.
    #[must_use]
    pub fn core_share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.watched.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Shows {
    /// In the order of every output.
    pub const ALL: [Self; 3] = [Self::Dashboard, Self::Json, Self::Nothing];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Json => "json",
            Self::Nothing => "nothing",
        }
    }

    /// The most that the dashboard may use, as a ratio of this.
    #[must_use]
    pub const fn goal(self) -> Option<f64> {
        match self {
            Self::Nothing => Some(1.1),
            Self::Dashboard | Self::Json => None,
        }
    }
}

impl Round {
    /// What the process used that did this.
    #[must_use]
    pub const fn of(&self, shows: Shows) -> Used {
        self.used[shows as usize]
    }
}

impl Beside {
    /// Frames per second.
    pub const FRAMES_PER_SECOND: u64 = 10;

    /// The dashboard's CPU time as a ratio of that of `other`.
    #[must_use]
    pub fn ratio_to(&self, other: Shows) -> Option<Interval> {
        let ratios = self.rounds.iter().map(|round| {
            let [dashboard, other] =
                [Shows::Dashboard, other].map(|one| round.of(one).core_share());
            dashboard / other.max(f64::MIN_POSITIVE)
        });
        Interval::median_of(&ratios.collect::<Vec<_>>())
    }
}

/// Measures one after the other, in turns: forwards and backwards.
pub(super) fn beside(
    program: &Path,
    config: &DashboardConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str),
) -> Result<Beside, AgentCostError> {
    let watches_another = can_load_ebpf().is_ok();
    let guests = watches_another
        .then(|| fleet(config.instances, agent_cost::Doing::Captured))
        .transpose()?;
    let target = if watches_another {
        this_process()
    } else {
        format!("model,instances={}", config.instances)
    };
    let bench = Bench {
        program,
        target,
        config,
        stop,
    };
    let mut beside = Beside {
        watches_another,
        instances: config.instances,
        rounds: Vec::new(),
    };
    for round in 0..config.rounds {
        let mut order = Shows::ALL;
        if round % 2 == 1 {
            order.reverse();
        }
        let mut measured = Round::default();
        for shows in order {
            let (number, name) = (round + 1, shows.name());
            progress(&format!(
                "processes, round {number} of {}: {name}",
                config.rounds
            ));
            let used = match shows {
                Shows::Dashboard => bench.dashboard(&mut measured.frames)?,
                Shows::Json | Shows::Nothing => bench.headless(shows)?,
            };
            let Some(used) = used else {
                return Ok(beside);
            };
            measured.used[shows as usize] = used;
        }
        beside.rounds.push(measured);
    }
    drop(guests);
    Ok(beside)
}

struct Bench<'a> {
    program: &'a Path,
    target: String,
    config: &'a DashboardConfig,
    stop: &'a AtomicBool,
}

impl Bench<'_> {
    fn top(&self) -> Command {
        let mut command = Command::new(self.program);
        let interval = format!("{}ms", INTERVAL.as_millis());
        command
            .args(["top", "--target", &self.target, "--interval", &interval])
            .stderr(Stdio::null())
            // As someone has it who set nothing up.
            .env("TERM", "xterm-256color")
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env_remove("COLORTERM")
            .env_remove("NO_COLOR");
        command
    }

    /// Adds to `frames` what each took. `None` where it was stopped.
    fn dashboard(&self, frames: &mut Vec<u64>) -> Result<Option<Used>, AgentCostError> {
        let started = OnTerminal::start(&mut self.top(), self.config.size);
        let mut shown = started.map_err(|source| self.not_started(source))?;
        if !self.waited(SETTLES_IN) {
            return Ok(None);
        }
        if shown.take_bursts().is_empty() {
            return Err(AgentCostError::Silent("draw its dashboard"));
        }
        let used = self.used(&mut shown.child)?;
        frames.extend(shown.take_bursts().iter().map(|frame| frame.bytes));
        Ok(used)
    }

    /// The same snapshots without a terminal.
    fn headless(&self, shows: Shows) -> Result<Option<Used>, AgentCostError> {
        let mut command = self.top();
        let format = if shows == Shows::Json { "json" } else { "none" };
        command
            .args(["--count", "1000000", "--format", format])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut child = Ended(command.spawn().map_err(|source| self.not_started(source))?);
        if !self.waited(SETTLES_IN) {
            return Ok(None);
        }
        self.used(&mut child.0)
    }

    fn not_started(&self, source: std::io::Error) -> AgentCostError {
        AgentCostError::Spawn {
            program: self.program.display().to_string(),
            source,
        }
    }

    fn used(&self, child: &mut Child) -> Result<Option<Used>, AgentCostError> {
        let (start, before) = (Instant::now(), cpu_of(child.id())?);
        if !self.waited(self.config.time) {
            return Ok(None);
        }
        let (watched, after) = (start.elapsed(), cpu_of(child.id())?);
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(AgentCostError::Ended("be watched"));
        }
        Ok(Some(Used {
            cpu: after.saturating_sub(before),
            watched,
        }))
    }

    /// Whether the whole time was waited for.
    fn waited(&self, time: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < time {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            thread::sleep(LOOK.min(time.saturating_sub(start.elapsed())));
        }
        true
    }
}

/// A process that ends when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
