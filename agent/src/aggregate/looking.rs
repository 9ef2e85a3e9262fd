use std::time::Duration;

use crate::{
    looking::{CLOCK, RunTimes, clock_source},
    snapshot::{Dispatch, Looking, ProgramTime, Sample},
};

/// What the measurement cost, from one snapshot to the next.
#[derive(Debug)]
pub(super) struct LookingCosts {
    pub(super) dispatch: Dispatch,
    clock_source: Option<String>,
    /// Of the last read.
    earlier: Vec<ProgramTime>,
    /// Events until then.
    events: u64,
    was_timed: bool,
    sample: Option<Sample>,
    programs: Vec<ProgramTime>,
}

impl Default for LookingCosts {
    fn default() -> Self {
        Self {
            dispatch: Dispatch {
                how: "not calibrated".to_owned(),
                ..Dispatch::default()
            },
            clock_source: clock_source(),
            earlier: Vec::new(),
            events: 0,
            was_timed: false,
            sample: None,
            programs: Vec::new(),
        }
    }
}

impl LookingCosts {
    /// What it cost in the interval that ends with this read, by `events` since the measurement
    /// began.
    pub(super) fn of(&mut self, times: RunTimes, events: u64, interval: Duration) -> Looking {
        let events_since = events.saturating_sub(self.events);
        let since: Vec<ProgramTime> = times.programs.iter().map(|now| self.since(now)).collect();
        let (mut runs, mut ns) = (None, None);
        if times.timed {
            let sum = |of: fn(&ProgramTime) -> u64| since.iter().map(of).sum::<u64>();
            let took = (sum(|one| one.runs), sum(|one| one.ns));
            (runs, ns) = (Some(took.0), Some(took.1));
            if !self.was_timed {
                // Another sample, once there is something in it.
                self.sample = self.sample.filter(|_| took.0 == 0);
            }
            if took.0 > 0 || self.sample.is_none() {
                self.add(since, took, interval);
            }
        } else if let Some(sample) = self.sample.filter(|sample| sample.events > 0) {
            let scaled = |part: u64| {
                let all = u128::from(part) * u128::from(events_since) / u128::from(sample.events);
                u64::try_from(all).unwrap_or(u64::MAX)
            };
            (runs, ns) = (Some(scaled(sample.runs)), Some(scaled(sample.ns)));
        }
        self.was_timed = times.timed;
        self.events = events;
        self.earlier = times.programs;
        Looking {
            clock: CLOCK.to_owned(),
            clock_source: self.clock_source.clone(),
            dispatch: self.dispatch.clone(),
            timed: times.timed,
            not_timed: times.not_timed,
            runs,
            ns,
            sample: self.sample,
            programs: self.programs.clone(),
        }
    }

    fn since(&self, now: &ProgramTime) -> ProgramTime {
        let earlier = self.earlier.iter().find(|one| one.name == now.name);
        let (runs, ns) = earlier.map_or((0, 0), |one| (one.runs, one.ns));
        ProgramTime {
            name: now.name.clone(),
            runs: now.runs.saturating_sub(runs),
            ns: now.ns.saturating_sub(ns),
        }
    }

    fn add(&mut self, since: Vec<ProgramTime>, (runs, ns): (u64, u64), interval: Duration) {
        if self.sample.is_none() {
            self.programs.clear();
        }
        let sample = self.sample.get_or_insert_default();
        sample.length += interval;
        sample.runs += runs;
        sample.ns += ns;
        // Not as the maps count them: these are read a little earlier.
        let runs_of = |is: fn(&str) -> bool| -> u64 {
            let those = since.iter().filter(|one| is(&one.name));
            those.map(|one| one.runs).sum()
        };
        sample.requests += runs_of(ends_request);
        sample.events += runs_of(ends_event);
        for one in since {
            match self.programs.iter_mut().find(|sum| sum.name == one.name) {
                Some(sum) => {
                    sum.runs += one.runs;
                    sum.ns += one.ns;
                }
                None => self.programs.push(one),
            }
        }
    }
}

/// Whether a program runs at the end of every request, and of nothing else.
fn ends_request(program: &str) -> bool {
    ends_event(program) && (program == "invalidate_end" || program.ends_with("request_end"))
}

/// Whether it runs at the end of every request, driver op or submission of some kind. Those on
/// tracepoints run at every ioctl.
fn ends_event(program: &str) -> bool {
    let is_end = program.ends_with("_end") || program == "queue_complete";
    is_end && !program.starts_with("t_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Requests and as many submissions until now, and how long the programs took for them.
    fn times(timed: bool, requests: u64, ns: u64) -> RunTimes {
        let program = |name: &str| ProgramTime {
            name: name.to_owned(),
            runs: requests,
            ns: ns / 4,
        };
        let names = [
            "invalidate_begin",
            "invalidate_end",
            "queue_submit",
            "queue_complete",
        ];
        RunTimes {
            timed,
            not_timed: None,
            programs: names.map(program).to_vec(),
        }
    }

    #[test]
    fn a_timed_interval_is_exact_and_an_untimed_one_estimated_by_the_sample() {
        let mut costs = LookingCosts::default();
        let first = costs.of(times(true, 100, 40_000), 200, SECOND);
        assert_eq!((first.timed, first.ns), (true, Some(40_000)));
        assert_eq!(first.ns_per_request(), Some(400.0));
        assert_eq!(first.ns_per_event(), Some(200.0));
        assert_eq!(first.programs_core_share(SECOND), Some(40e-6));
        // Three times as many events, and no timing.
        let next = costs.of(times(false, 100, 40_000), 800, SECOND);
        assert_eq!(
            (next.timed, next.runs, next.ns),
            (false, Some(1_200), Some(120_000))
        );
        assert_eq!(next.ns_per_request(), Some(400.0));
    }

    #[test]
    fn a_new_sample_takes_the_place_of_the_old_one() {
        let mut costs = LookingCosts::default();
        costs.of(times(true, 100, 40_000), 200, SECOND);
        costs.of(times(false, 100, 40_000), 200, SECOND);
        let later = costs.of(times(true, 200, 120_000), 400, SECOND);
        assert_eq!(later.ns_per_request(), Some(800.0));
        let longer = costs.of(times(true, 300, 160_000), 600, SECOND);
        assert_eq!(longer.ns_per_request(), Some(600.0));
        assert_eq!(longer.sample.map(|one| one.length), Some(2 * SECOND));
        assert_eq!(longer.programs[0].runs, 200);
    }

    #[test]
    fn the_way_into_programs_is_part_of_the_cost_where_it_is_known() {
        let mut costs = LookingCosts::default();
        costs.dispatch.pair_ns = Some(100.0);
        let looking = costs.of(times(true, 100, 40_000), 200, SECOND);
        // Four runs, each with half a pair.
        assert_eq!(looking.ns_per_request(), Some(600.0));
        assert_eq!(looking.core_share(SECOND), Some(60e-6));
        assert_eq!(looking.programs_core_share(SECOND), Some(40e-6));
    }

    #[test]
    fn what_the_timing_itself_takes_is_part_of_timed_intervals_only() {
        let mut costs = LookingCosts::default();
        costs.dispatch.pair_ns = Some(100.0);
        costs.dispatch.timed_run_ns = Some(60.0);
        let timed = costs.of(times(true, 100, 40_000), 200, SECOND);
        assert_eq!(timed.core_share(SECOND), Some(60e-6));
        // Of 100 ns a run, 60 were the timing's.
        assert_eq!(timed.ns_per_request(), Some(360.0));
        let later = costs.of(times(false, 100, 40_000), 400, SECOND);
        assert_eq!(later.core_share(SECOND), Some(36e-6));
    }

    #[test]
    fn the_programs_at_the_ends_are_known_by_their_names_however_they_are_attached() {
        for name in ["invalidate_end", "request_end", "k_request_end"] {
            assert!(ends_request(name) && ends_event(name), "{name}");
        }
        for name in ["mock_viommu_end", "qi_end", "queue_complete"] {
            assert!(ends_event(name) && !ends_request(name), "{name}");
        }
        for name in [
            "t_request_end",
            "guest_doorbell",
            "request_begin",
            "hw_queue",
            "hwpt_destroy",
        ] {
            assert!(!ends_event(name), "{name}");
        }
    }

    #[test]
    fn what_was_never_timed_has_no_cost_instead_of_none() {
        let mut costs = LookingCosts::default();
        let looking = costs.of(times(false, 0, 0), 200, SECOND);
        assert_eq!((looking.ns, looking.ns_per_request()), (None, None));
        assert_eq!(looking.core_share(SECOND), None);
    }
}
