//! What a process does on its CPUs, and what looking at it costs.

use super::family::Family;
use crate::snapshot::Snapshot;

pub(super) fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(perf) = &snapshot.perf {
        let mut counted = Family::counter(
            "hwptop.perf.counts",
            "{event}",
            "Events of the process that perf counters count; task_clock_ns is CPU time.",
        );
        let mut share = Family::gauge(
            "hwptop.perf.counted_ratio",
            "",
            "The part of the interval in which the event was counted: below 1 where counters are \
             shared, and counts are estimated from that part.",
        );
        let pid = perf.pid.to_string();
        for count in &perf.counts {
            let labels = [("event", count.event.key()), ("pid", &pid)];
            if let Some(total) = count.total {
                counted.count(&labels, total);
            }
            share.value(&labels, count.counted);
        }
        families.extend([counted, share]);
    }
    if let Some(looking) = &snapshot.looking {
        let mut gauge = |name, unit, help, value: Option<f64>| {
            let mut family = Family::gauge(name, unit, help);
            if let Some(value) = value {
                family.value(&[], value);
            }
            families.push(family);
        };
        gauge(
            "hwptop.looking.request",
            "s",
            "What looking adds to a request, estimated from samples of the programs' run time and \
             the calibrated way into them.",
            looking.ns_per_request().map(|ns| ns / 1e9),
        );
        gauge(
            "hwptop.looking.core_ratio",
            "",
            "The part of a core that hwptop's programs took in the interval, estimated.",
            looking.core_share(snapshot.interval),
        );
    }
    families
}
