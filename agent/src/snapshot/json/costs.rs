//! What the process costs its CPUs, and what the measurement costs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    nanos,
    snapshot::{PerfAbsent, PerfCount, PerfCounts, PerfEvent, Snapshot},
};

#[derive(Debug, Serialize)]
pub(super) struct Perf {
    of: String,
    pid: u32,
    user_only: bool,
    threads_left_out: u32,
    unsettled: bool,
    unread: u32,
    requests: u64,
    entries: u64,
    counts: BTreeMap<&'static str, Count>,
    absent: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
struct Count {
    interval: Option<u64>,
    total: Option<u64>,
    counted: f64,
    per_request: Option<f64>,
    per_entry: Option<f64>,
}

impl Perf {
    pub(super) fn of(snapshot: &Snapshot) -> Option<Self> {
        let PerfCounts {
            pid,
            of,
            user_only,
            threads_left_out,
            unsettled,
            unread,
            counts,
            absent,
        } = snapshot.perf.as_ref()?;
        let work = snapshot.work_of(*pid);
        let count = |count: &PerfCount| Count {
            interval: count.interval,
            total: count.total,
            counted: count.counted,
            per_request: count.interval.and_then(|all| work.per_request(all)),
            per_entry: count.interval.and_then(|all| work.per_entry(all)),
        };
        let why = |absent: &PerfAbsent| {
            let why = absent.why.clone();
            let events: Vec<PerfEvent> = absent.events.clone();
            events
                .into_iter()
                .map(move |event| (event.key(), why.clone()))
        };
        Some(Self {
            of: of.clone(),
            pid: *pid,
            user_only: *user_only,
            threads_left_out: *threads_left_out,
            unsettled: *unsettled,
            unread: *unread,
            requests: work.requests,
            entries: work.entries,
            counts: counts
                .iter()
                .map(|one| (one.event.key(), count(one)))
                .collect(),
            absent: absent.iter().flat_map(why).collect(),
        })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct LookingPart {
    clock: String,
    clock_source: Option<String>,
    dispatch_ns_per_pair: Option<f64>,
    timed_run_ns: Option<f64>,
    dispatch: String,
    ns_per_request: Option<f64>,
    ns_per_event: Option<f64>,
    core_share: Option<f64>,
    programs_core_share: Option<f64>,
    timed: bool,
    not_timed: Option<String>,
    sample: Option<Sample>,
    programs: Vec<Program>,
}

#[derive(Debug, Serialize)]
struct Sample {
    length_ns: u64,
    requests: u64,
    events: u64,
    runs: u64,
    ns: u64,
}

#[derive(Debug, Serialize)]
struct Program {
    name: String,
    runs: u64,
    ns: u64,
}

impl LookingPart {
    pub(super) fn of(snapshot: &Snapshot) -> Option<Self> {
        let looking = snapshot.looking.as_ref()?;
        Some(Self {
            clock: looking.clock.clone(),
            clock_source: looking.clock_source.clone(),
            dispatch_ns_per_pair: looking.dispatch.pair_ns,
            timed_run_ns: looking.dispatch.timed_run_ns,
            dispatch: looking.dispatch.how.clone(),
            ns_per_request: looking.ns_per_request(),
            ns_per_event: looking.ns_per_event(),
            core_share: looking.core_share(snapshot.interval),
            programs_core_share: looking.programs_core_share(snapshot.interval),
            timed: looking.timed,
            not_timed: looking.not_timed.clone(),
            sample: looking.sample.map(|sample| Sample {
                length_ns: nanos(sample.length),
                requests: sample.requests,
                events: sample.events,
                runs: sample.runs,
                ns: sample.ns,
            }),
            programs: looking
                .programs
                .iter()
                .map(|program| Program {
                    name: program.name.clone(),
                    runs: program.runs,
                    ns: program.ns,
                })
                .collect(),
        })
    }
}
