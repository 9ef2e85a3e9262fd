//! How long our own programs run, as the kernel times them.

use std::{
    fs,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use aya::{
    programs::Program,
    sys::{Stats, SyscallError, enable_stats},
};

use crate::{message::full_message, nanos, snapshot::ProgramTime};

/// The clock that the programs read.
pub(crate) const CLOCK: &str = "CLOCK_MONOTONIC (bpf_ktime_get_ns)";

/// Runs after which a sample is enough. Timing reads a clock twice a run, which makes a pair of
/// programs about a fifth slower (`hwptop bench probe-cost`): so it is on for so many runs, and at
/// least for an interval.
const RUNS: u64 = 20_000;
/// The time from one sample to the next.
const PAUSE: Duration = Duration::from_mins(1);

/// What this machine's kernel makes its clocks from.
#[must_use]
pub fn clock_source() -> Option<String> {
    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let name = fs::read_to_string(CURRENT).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// What the programs took while they were timed, since they were loaded.
#[derive(Clone, Debug, Default)]
pub struct RunTimes {
    /// Whether they were timed ever since the last read.
    pub timed: bool,
    /// Why they are not timed any more, or never were.
    pub not_timed: Option<String>,
    /// By program; those that are loaded.
    pub programs: Vec<ProgramTime>,
}

/// Has the kernel time the programs now and then.
#[derive(Debug)]
pub(crate) struct Sampler<F = OwnedFd> {
    enable: fn() -> Result<F, String>,
    /// The programs of the whole machine are timed as long as this is open.
    stats: Option<F>,
    not_timed: Option<String>,
    since: Instant,
    runs_before: u64,
}

impl Sampler {
    /// Begins the first sample: before the programs are attached, so that it has all of them.
    pub(crate) fn start() -> Self {
        Self::with(|| enable_stats(Stats::RunTime).map_err(|error| refusal(&error)))
    }

    /// What the `programs` took until now.
    pub(crate) fn read(&mut self, programs: Vec<ProgramTime>) -> RunTimes {
        self.times(programs, Instant::now())
    }
}

/// What every program that aya has loaded took while programs were timed.
pub(crate) fn program_times(loaded: &aya::Ebpf) -> Vec<ProgramTime> {
    let time = |(name, program): (&str, &Program)| {
        program.fd().ok()?;
        let info = program.info().ok()?;
        Some(ProgramTime {
            name: name.to_owned(),
            runs: info.run_count(),
            ns: nanos(info.run_time()),
        })
    };
    loaded.programs().filter_map(time).collect()
}

/// Nanoseconds that the kernel counts for a run of the `programs` while `work` runs them;
/// `None` where it does not time them, or none ran.
pub(crate) fn ns_per_timed_run(
    programs: impl Fn() -> Vec<ProgramTime>,
    work: impl FnOnce(),
) -> Option<f64> {
    let sums = || {
        let all = programs().into_iter();
        all.fold((0, 0), |(runs, ns), one| (runs + one.runs, ns + one.ns))
    };
    let _timed = enable_stats(Stats::RunTime).ok()?;
    let (runs, ns) = sums();
    work();
    let (runs_after, ns_after) = sums();
    let runs = runs_after - runs;
    (runs > 0).then(|| (ns_after - ns) as f64 / runs as f64)
}

impl<F> Sampler<F> {
    fn with(enable: fn() -> Result<F, String>) -> Self {
        let mut sampler = Self {
            enable,
            stats: None,
            not_timed: None,
            since: Instant::now(),
            runs_before: 0,
        };
        sampler.begin();
        sampler
    }

    /// Ends a sample before its time.
    pub(crate) fn stop(&mut self) {
        self.stats = None;
    }

    fn begin(&mut self) {
        match (self.enable)() {
            Ok(stats) => self.stats = Some(stats),
            Err(why) => self.not_timed = Some(why),
        }
    }

    fn times(&mut self, mut programs: Vec<ProgramTime>, now: Instant) -> RunTimes {
        programs.sort_by(|one, other| one.name.cmp(&other.name));
        let runs = programs.iter().map(|program| program.runs).sum::<u64>();
        let timed = self.stats.is_some();
        if timed && runs.saturating_sub(self.runs_before) >= RUNS {
            self.stats = None;
            self.since = now;
        } else if !timed && self.not_timed.is_none() && now.duration_since(self.since) >= PAUSE {
            self.runs_before = runs;
            self.begin();
        }
        RunTimes {
            timed,
            not_timed: self.not_timed.clone(),
            programs,
        }
    }
}

fn refusal(error: &SyscallError) -> String {
    if error.io_error.kind() == std::io::ErrorKind::PermissionDenied {
        return "timing programs takes CAP_SYS_ADMIN".to_owned();
    }
    full_message(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(runs: u64) -> Vec<ProgramTime> {
        vec![ProgramTime {
            name: "invalidate_end".to_owned(),
            runs,
            ns: runs * 100,
        }]
    }

    #[test]
    fn a_sample_ends_with_enough_runs_and_the_next_comes_after_a_pause() {
        let mut sampler = Sampler::with(|| Ok(()));
        let start = Instant::now();
        assert!(sampler.times(programs(10), start).timed);
        assert!(sampler.times(programs(RUNS), start).timed);
        // It ended with that read.
        assert!(!sampler.times(programs(RUNS), start + PAUSE / 2).timed);
        assert!(!sampler.times(programs(RUNS), start + PAUSE).timed);
        // And began again with that one, for as many runs.
        let times = sampler.times(programs(RUNS + 5), start + PAUSE);
        assert!(times.timed && times.not_timed.is_none());
        assert!(sampler.times(programs(2 * RUNS), start + PAUSE).timed);
        assert!(!sampler.times(programs(2 * RUNS), start + PAUSE).timed);
    }

    #[test]
    fn without_the_right_programs_are_not_timed_and_the_reason_is_told() {
        let mut sampler = Sampler::<()>::with(|| Err("no right".to_owned()));
        let times = sampler.times(programs(0), Instant::now() + 2 * PAUSE);
        assert!(!times.timed);
        assert_eq!(times.not_timed.as_deref(), Some("no right"));
    }

    #[test]
    fn the_machines_clock_source_is_a_word() {
        if let Some(name) = clock_source() {
            assert!(!name.contains(char::is_whitespace), "{name:?}");
        }
    }
}
