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
    seen: Seen,
    was_timed: bool,
    sample: Option<Sample>,
    programs: Vec<ProgramTime>,
}

/// What was seen since the measurement began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) events: u64,
    pub(super) requests: u64,
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
            seen: Seen::default(),
            was_timed: false,
            sample: None,
            programs: Vec::new(),
        }
    }
}

impl LookingCosts {
    /// What it cost in the interval that ends with this read.
    pub(super) fn of(&mut self, times: RunTimes, seen: Seen, interval: Duration) -> Looking {
        let events = seen.events.saturating_sub(self.seen.events);
        let requests = seen.requests.saturating_sub(self.seen.requests);
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
                self.add(since, took, (requests, events), interval);
            }
        } else if let Some(sample) = self.sample.filter(|sample| sample.events > 0) {
            let scaled = |part: u64| {
                let all = u128::from(part) * u128::from(events) / u128::from(sample.events);
                u64::try_from(all).unwrap_or(u64::MAX)
            };
            (runs, ns) = (Some(scaled(sample.runs)), Some(scaled(sample.ns)));
        }
        self.was_timed = times.timed;
        self.seen = seen;
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

    fn add(
        &mut self,
        since: Vec<ProgramTime>,
        (runs, ns): (u64, u64),
        (requests, events): (u64, u64),
        interval: Duration,
    ) {
        if self.sample.is_none() {
            self.programs.clear();
        }
        let sample = self.sample.get_or_insert_default();
        sample.length += interval;
        sample.runs += runs;
        sample.ns += ns;
        sample.requests += requests;
        sample.events += events;
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn times(timed: bool, runs: u64, ns: u64) -> RunTimes {
        RunTimes {
            timed,
            not_timed: None,
            programs: vec![ProgramTime {
                name: "invalidate_end".to_owned(),
                runs,
                ns,
            }],
        }
    }

    fn seen(requests: u64) -> Seen {
        Seen {
            events: 2 * requests,
            requests,
        }
    }

    #[test]
    fn a_timed_interval_is_exact_and_an_untimed_one_estimated_by_the_sample() {
        let mut costs = LookingCosts::default();
        let first = costs.of(times(true, 400, 40_000), seen(100), SECOND);
        assert_eq!((first.timed, first.ns), (true, Some(40_000)));
        assert_eq!(first.ns_per_request(), Some(400.0));
        assert_eq!(first.ns_per_event(), Some(200.0));
        assert_eq!(first.programs_core_share(SECOND), Some(40e-6));
        // Three times as many events, and no timing.
        let next = costs.of(times(false, 400, 40_000), seen(400), SECOND);
        assert_eq!(
            (next.timed, next.runs, next.ns),
            (false, Some(1_200), Some(120_000))
        );
        assert_eq!(next.ns_per_request(), Some(400.0));
    }

    #[test]
    fn a_new_sample_takes_the_place_of_the_old_one() {
        let mut costs = LookingCosts::default();
        costs.of(times(true, 400, 40_000), seen(100), SECOND);
        costs.of(times(false, 400, 40_000), seen(100), SECOND);
        let later = costs.of(times(true, 800, 120_000), seen(200), SECOND);
        assert_eq!(later.ns_per_request(), Some(800.0));
        let longer = costs.of(times(true, 1_200, 160_000), seen(300), SECOND);
        assert_eq!(longer.ns_per_request(), Some(600.0));
        assert_eq!(longer.sample.map(|one| one.length), Some(2 * SECOND));
        assert_eq!(longer.programs[0].runs, 800);
    }

    #[test]
    fn the_way_into_programs_is_part_of_the_cost_where_it_is_known() {
        let mut costs = LookingCosts::default();
        costs.dispatch.pair_ns = Some(100.0);
        let looking = costs.of(times(true, 400, 40_000), seen(100), SECOND);
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
        let timed = costs.of(times(true, 400, 40_000), seen(100), SECOND);
        assert_eq!(timed.core_share(SECOND), Some(60e-6));
        // Of 100 ns a run, 60 were the timing's.
        assert_eq!(timed.ns_per_request(), Some(360.0));
        let later = costs.of(times(false, 400, 40_000), seen(200), SECOND);
        assert_eq!(later.core_share(SECOND), Some(36e-6));
    }

    #[test]
    fn what_was_never_timed_has_no_cost_instead_of_none() {
        let mut costs = LookingCosts::default();
        let looking = costs.of(times(false, 0, 0), seen(100), SECOND);
        assert_eq!((looking.ns, looking.ns_per_request()), (None, None));
        assert_eq!(looking.core_share(SECOND), None);
    }
}
