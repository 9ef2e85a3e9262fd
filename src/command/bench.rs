use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    slice,
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};

use hwptop_bench::run_file::Kind;
use hwptop_bench::suite::{
    FrontEndPoint, ProbeCost, SUITES, Variant, front_end as run_front_end,
    probe_cost as run_probe_cost,
};
use hwptop_driver::Policy;

use super::captures::open_captures;
use super::signals::stop_flag;
use crate::{
    cli::{Format, FrontEndArgs, ProbeCostArgs},
    failure::Failure,
};

mod agent;
mod attach;
mod batching;
mod dashboard;
mod kernel;
mod on;
mod policies;
mod power;
mod print;
mod replay;
mod scaling;
mod several;
mod stages;

pub(crate) use agent::agent_cost;
pub(crate) use attach::attach_cost;
pub(crate) use batching::batching;
pub(crate) use dashboard::dashboard;
pub(crate) use kernel::integrity;
pub(crate) use policies::policies;
pub(crate) use power::power;
pub(crate) use replay::bench_replay;
pub(crate) use scaling::scaling;
use several::{Measured, draft, keep_inputs, left, probes, several};
pub(crate) use stages::stages;

/// The revision of the source that this binary is of, where it was built in its repository.
const REVISION: Option<&str> = option_env!("HWPTOP_REVISION");

pub(crate) fn list_suites() -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for (name, purpose) in SUITES {
        writeln!(out, "{name:<12} {purpose}")?;
    }
    Ok(())
}

/// How often it is said how far short rounds are.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The files of `--capture`, for what is not to replace them.
fn captured(captures: &[PathBuf]) -> impl Iterator<Item = (&str, &Path)> {
    captures.iter().map(|file| ("--capture", &**file))
}

pub(crate) fn front_end(args: &FrontEndArgs) -> Result<(), Failure> {
    keep_inputs(&args.runs, captured(&args.capture))?;
    let captures = open_captures(&args.capture)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let progress = Progress::start();
    let policies = args
        .policy
        .as_ref()
        .map_or(&Policy::ALL[..], slice::from_ref);
    let mut said = None;
    let points = run_front_end(&captures, policies, args.rounds, &stop, |round| {
        // A round may be shorter than what says so, which is not to be measured with it.
        if said.is_none_or(|at: Instant| at.elapsed() >= PROGRESS_EVERY) {
            said = Some(Instant::now());
            progress.of("round", (round as usize, args.rounds as usize), "");
        }
    })
    .map_err(Failure::input)?;
    progress.clear();
    let is_complete = !stop.load(Ordering::Relaxed);
    let measured = Measured {
        suite: "front-end",
        target: None,
        kind: Kind::Hardware,
        timing_profile: None,
        settings: BTreeMap::new(),
        started,
        probes: Vec::new(),
        points: points.iter().map(FrontEndPoint::point).collect(),
        is_complete,
    };
    measured.write(draft, &args.runs)?;
    print::front_end(&mut io::stdout().lock(), &points, args.runs.format)?;
    if !is_complete {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped; the figures are of fewer rounds"
        )));
    }
    Ok(())
}

pub(crate) fn probe_cost(args: &ProbeCostArgs) -> Result<(), Failure> {
    if let Some(target) = &args.target {
        return kernel::kernel_cost(target, args);
    }
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let progress = Progress::start();
    let cost = run_probe_cost(args.rounds, |round, variant| {
        let rounds = (round as usize, args.rounds as usize);
        progress.of("round", rounds, variant.name());
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    let measured = Measured {
        suite: "probe-cost",
        target: None,
        kind: Kind::Hardware,
        timing_profile: None,
        settings: BTreeMap::new(),
        started,
        probes: probes(["none", "empty static probes", "static probes", "bpftrace"]),
        points: cost.points(),
        is_complete: true,
    };
    measured.write(draft, &args.runs)?;
    print::probe_cost(&mut io::stdout().lock(), &cost, args.runs.format)?;
    Ok(())
}

/// One line on a terminal's standard error that says what goes on; plain lines
/// elsewhere.
pub(super) struct Progress {
    terminal: bool,
    started: Instant,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            started: Instant::now(),
        }
    }

    /// Whether one line takes the place of the other.
    pub(super) const fn is_seen(&self) -> bool {
        self.terminal
    }

    pub(super) fn show(&self, what: &str) {
        let seconds = self.started.elapsed().as_secs();
        let mut err = io::stderr();
        // Progress that nobody can read is no reason to stop.
        let _ = if self.terminal {
            write!(err, "\r\x1b[K{seconds:>4} s  {what}")
        } else {
            writeln!(err, "{seconds:>4} s  {what}")
        };
    }

    /// Says which point of how many is measured, and how long it and the others will take.
    pub(super) fn point(&self, of: (usize, usize), what: &str) {
        self.of("point", of, what);
    }

    /// The same of points, rounds or whatever else there are so many of.
    pub(super) fn of(&self, unit: &str, (done, all): (usize, usize), what: &str) {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let left = if done == 0 {
            String::new()
        } else {
            let left = left(self.started.elapsed(), count(done), count(all));
            format!(", about {left} left")
        };
        let colon = if what.is_empty() { "" } else { ": " };
        self.show(&format!("{unit} {} of {all}{colon}{what}{left}", done + 1));
    }

    pub(super) fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
