//! What a request costs the process' CPUs, and what looking at it costs, in words.

use std::time::Duration;

use hwptop_agent::{
    nanos,
    snapshot::{Looking, PerfCount, PerfCounts, PerfEvent, Snapshot, Work},
};

use crate::figure::{latency, scaled};

/// What looking costs, e.g. `looking costs 818ns a request, 0.3 % of a core`; `None` where
/// that is not known.
pub(crate) fn looking(snapshot: &Snapshot) -> Option<String> {
    let looking = snapshot.looking.as_ref()?;
    // The kernel's programs run for the host's own submissions as well.
    let (each, of) = if snapshot.is_of_the_kernel() {
        (looking.ns_per_event(), "an event")
    } else {
        (looking.ns_per_request(), "a request")
    };
    let share = looking.core_share(snapshot.interval).map(share_of_a_core);
    let each = each.map(|ns| format!("{} {of}", nanoseconds(ns)));
    let parts: Vec<String> = [each, share].into_iter().flatten().collect();
    // Without the way into the programs it is the least that it can be.
    let least = if looking.dispatch.pair_ns.is_some() {
        ""
    } else {
        "at least "
    };
    (!parts.is_empty()).then(|| format!("looking costs {least}{}", parts.join(", ")))
}

fn nanoseconds(ns: f64) -> String {
    let whole = Duration::try_from_secs_f64(ns / 1e9).unwrap_or(Duration::MAX);
    latency(nanos(whole))
}

fn share_of_a_core(share: f64) -> String {
    if share > 0.0 && share < 0.001 {
        "<0.1 % of a core".to_owned()
    } else {
        format!("{:.1} % of a core", share * 100.0)
    }
}

/// Where the figures of [`looking`] come from.
pub(crate) fn looking_how(looking: &Looking) -> Vec<String> {
    let Looking {
        clock,
        clock_source,
        dispatch,
        timed,
        not_timed,
        sample,
        ..
    } = looking;
    let source = clock_source
        .as_ref()
        .map_or_else(String::new, |source| format!(", clock source {source}"));
    let dispatch_timing = dispatch.timed_run_ns;
    let dispatch = match dispatch.pair_ns {
        Some(ns) => format!("{} a pair ({})", nanoseconds(ns), dispatch.how),
        None => format!("not known: {}", dispatch.how),
    };
    let programs = match (sample, not_timed) {
        (Some(sample), _) if sample.runs > 0 => {
            let ns = latency(sample.ns / sample.runs);
            let now = if *timed { "" } else { ", not in this interval" };
            let own = dispatch_timing.map_or_else(String::new, |own| {
                format!(", {} of it the timing itself", nanoseconds(own))
            });
            format!("{ns} a run{own}, of {} that were timed{now}", sample.runs)
        }
        (_, Some(why)) => format!("not timed: {why}"),
        _ => "none ran while they were timed".to_owned(),
    };
    vec![
        format!("way into programs and back: {dispatch}"),
        format!("programs: {programs}"),
        format!("clock: {clock}{source}"),
    ]
}

/// What a request takes of the CPUs, e.g. `a request: 31.8µs CPU, 12.3k cycles`; `None` where
/// nothing is counted or no request was made. `~` is before what was not counted in full.
pub(crate) fn a_request(snapshot: &Snapshot) -> Option<String> {
    each(snapshot, "a request", Work::per_request)
}

/// As [`a_request`], for an entry.
pub(crate) fn an_entry(snapshot: &Snapshot) -> Option<String> {
    each(snapshot, "an entry", Work::per_entry)
}

fn each(snapshot: &Snapshot, what: &str, of: fn(Work, u64) -> Option<f64>) -> Option<String> {
    let perf = snapshot.perf.as_ref()?;
    let work = snapshot.work_of(perf.pid);
    let each = |count: &PerfCount| {
        let each = of(work, count.interval?)?;
        let mark = if is_estimate(perf, count) { "~" } else { "" };
        let words = match count.event {
            PerfEvent::TaskClockNs => format!("{} CPU", nanoseconds(each)),
            PerfEvent::Cycles | PerfEvent::CacheMisses | PerfEvent::DtlbMisses => {
                format!("{} {}", scaled(each), count.event.name())
            }
            _ => return None,
        };
        Some(format!("{mark}{words}"))
    };
    let parts: Vec<String> = perf.counts.iter().filter_map(each).collect();
    (!parts.is_empty()).then(|| format!("{what}: {}", parts.join(", ")))
}

/// Whether a count is not of all the time, or not of all threads.
pub(crate) fn is_estimate(perf: &PerfCounts, count: &PerfCount) -> bool {
    perf.is_partial() || count.counted < 1.0
}
