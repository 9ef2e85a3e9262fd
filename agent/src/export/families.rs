//! What is exported of a snapshot. Names and units follow OpenTelemetry's conventions, from
//! which those of Prometheus follow; every counter counts since the measurement began and so
//! only grows.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    OtlpCounts, Scrape, ServiceCounts, costs,
    family::Family,
    objects,
    stages::{self, labels},
};
use crate::serve::KeptOnDisk;
use crate::snapshot::{GuestCounts, Snapshot};

/// All that a scrape tells, without families that have no metric.
pub(super) struct Families {
    /// Of the service itself.
    pub(super) service: Vec<Family>,
    /// Of the snapshot.
    pub(super) measured: Vec<Family>,
}

impl Families {
    pub(super) fn of(scrape: &Scrape) -> Self {
        let mut service = vec![build_info(), start_time(scrape.started)];
        service.extend(service_counts(&scrape.service));
        service.extend(scrape.service.otlp.iter().flat_map(otlp));
        service.extend(scrape.kept.into_iter().flat_map(kept_on_disk));
        let mut measured = Vec::new();
        if let Some(of) = scrape.measured {
            let mut age = Family::gauge(
                "hwptop.snapshot.age",
                "s",
                "Time since the snapshot was taken that these figures are from.",
            );
            age.value(&[], of.age.as_secs_f64());
            service.push(age);
            let snapshot = of.snapshot;
            measured.push(target_info(snapshot));
            measured.push(blind(snapshot));
            measured.extend(events(snapshot));
            measured.extend(stages::families(snapshot));
            measured.extend(guests(snapshot));
            measured.extend(objects::families(snapshot));
            measured.extend(costs::families(snapshot));
        }
        measured.retain(|family| !family.metrics.is_empty());
        Self { service, measured }
    }
}

fn build_info() -> Family {
    let mut info = Family::gauge("hwptop.build.info", "", "1, with the version of hwptop.");
    info.value(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    info
}

fn service_counts(counts: &ServiceCounts) -> [Family; 4] {
    let mut followers = Family::gauge(
        "hwptop.agent.followers",
        "{client}",
        "Clients that follow the snapshots on the agent's socket.",
    );
    followers.value(&[], counts.followers as f64);
    [
        followers,
        counted(
            "hwptop.agent.skipped_snapshots",
            "{snapshot}",
            "Snapshots that a client on the agent's socket was too slow for.",
            counts.skipped,
        ),
        counted(
            "hwptop.agent.refused_connections",
            "{connection}",
            "Connections not served: too many at once, or of another user.",
            counts.refused,
        ),
        counted(
            "hwptop.agent.failed_reads",
            "{read}",
            "Reads of the measurement that failed.",
            counts.failed_reads,
        ),
    ]
}

fn otlp(counts: &OtlpCounts) -> [Family; 3] {
    [
        counted(
            "hwptop.agent.otlp_pushed",
            "{push}",
            "Pushes by OTLP that were taken.",
            counts.pushed,
        ),
        counted(
            "hwptop.agent.otlp_failed",
            "{push}",
            "Pushes by OTLP that were not taken; the next has what they had.",
            counts.failed,
        ),
        counted(
            "hwptop.agent.otlp_rejected_points",
            "{data_point}",
            "Data points that were not taken, of pushes by OTLP that were.",
            counts.rejected_points,
        ),
    ]
}

/// That of the wall clock then: a clock that is set later does not move it.
fn start_time(started: SystemTime) -> Family {
    let mut family = Family::gauge(
        "hwptop.agent.start_time",
        "s",
        "When the agent began, in seconds since 1970; counters count since then.",
    );
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    family.value(&[], since.as_secs_f64());
    family
}

fn kept_on_disk(kept: &KeptOnDisk) -> [Family; 4] {
    let mut active = Family::gauge(
        "hwptop.agent.recording_active",
        "",
        "1 while intervals are written to disk, 0 where that fails; /healthz says why.",
    );
    active.value(&[], if kept.failure.is_none() { 1.0 } else { 0.0 });
    [
        active,
        counted(
            "hwptop.agent.recorded_intervals",
            "{interval}",
            "Intervals that were written to disk.",
            kept.intervals,
        ),
        counted(
            "hwptop.agent.recording_missed_intervals",
            "{interval}",
            "Intervals that were not written: the disk was full, failed or was too slow.",
            kept.missed,
        ),
        counted(
            "hwptop.agent.recording_dumps",
            "{recording}",
            "Recordings of the last minutes that a signal or a threshold has made.",
            kept.dumps,
        ),
    ]
}

/// Whether the probes ran all the time.
fn blind(snapshot: &Snapshot) -> Family {
    let mut family = Family::gauge(
        "hwptop.probes.blind",
        "",
        "1 where the kernel was told not to run the attached probes in the interval: what \
         happened is in no count. /healthz says why.",
    );
    family.value(&[], if snapshot.blind.is_some() { 1.0 } else { 0.0 });
    family
}

/// A counter of one series.
fn counted(name: &'static str, unit: &'static str, help: &'static str, count: u64) -> Family {
    let mut family = Family::counter(name, unit, help);
    family.count(&[], count);
    family
}

fn target_info(snapshot: &Snapshot) -> Family {
    let kinds: Vec<&str> = snapshot.kinds().iter().map(|kind| kind.name()).collect();
    let mut labels = vec![
        ("target", snapshot.target.as_str()),
        ("measured_by", snapshot.measured_by.name()),
    ];
    let kinds = kinds.join(",");
    labels.push(("kinds", &kinds));
    labels.extend(snapshot.policy.as_deref().map(|policy| ("policy", policy)));
    let profile = snapshot.timing_profile.as_deref();
    labels.extend(profile.map(|profile| ("timing_profile", profile)));
    let mut info = Family::gauge(
        "hwptop.target.info",
        "",
        "1, with what is measured and how; kinds: hardware, modelled, mock, emulated.",
    );
    info.value(&labels, 1.0);
    info
}

fn events(snapshot: &Snapshot) -> Vec<Family> {
    let events = &snapshot.events;
    let mut families: Vec<Family> = [
        (
            "hwptop.events.seen",
            "{event}",
            "Ends of requests, driver ops and submissions that reached a program; seen = recorded + lost.",
            events.seen,
        ),
        (
            "hwptop.events.recorded",
            "{event}",
            "Ends that are in a histogram.",
            events.recorded,
        ),
        (
            "hwptop.events.lost",
            "{event}",
            "Ends that are in no histogram: no start known, or no room for their instance.",
            events.lost,
        ),
        (
            "hwptop.slow_events.seen",
            "{event}",
            "Events beyond the slow threshold: those kept one by one and those dropped.",
            events.slow_seen,
        ),
        (
            "hwptop.slow_events.dropped",
            "{event}",
            "Slow events not kept one by one; the histograms have them.",
            events.slow_dropped,
        ),
        (
            "hwptop.failed_requests.dropped",
            "{request}",
            "Failed requests not kept one by one; the counters have them.",
            snapshot.failures_dropped,
        ),
    ]
    .into_iter()
    .map(|(name, unit, help, count)| counted(name, unit, help, count))
    .collect();
    if let Some(queues) = snapshot.hw_queues {
        let mut family = Family::counter(
            "hwptop.hw_queue.allocations",
            "{allocation}",
            "Allocations of hardware queues for guests, by result.",
        );
        family.count(&[("result", "ok")], queues.allocated);
        family.count(&[("result", "error")], queues.failed);
        families.push(family);
    }
    families
}

/// Which count of a guest queue a counter is.
type OfGuest = (
    &'static str,
    &'static str,
    &'static str,
    for<'a> fn(&'a GuestCounts) -> u64,
);

const OF_GUESTS: [OfGuest; 4] = [
    (
        "hwptop.guest.doorbells",
        "{doorbell}",
        "Doorbells of the guest queue that were handled.",
        |guest| guest.doorbells,
    ),
    (
        "hwptop.guest.descriptors",
        "{descriptor}",
        "Commands that were taken from the guest queue.",
        |guest| guest.descriptors,
    ),
    (
        "hwptop.guest.waits",
        "{wait}",
        "Syncs of the guest queue that completed.",
        |guest| guest.waits,
    ),
    (
        "hwptop.guest.faults",
        "{fault}",
        "Faults that froze the guest queue.",
        |guest| guest.faults,
    ),
];

fn guests(snapshot: &Snapshot) -> impl Iterator<Item = Family> {
    let mut counters = OF_GUESTS.map(|(name, unit, help, _)| Family::counter(name, unit, help));
    for instance in &snapshot.instances {
        if let Some(guest) = snapshot.guest_of(&instance.total) {
            for (family, (_, _, _, count)) in counters.iter_mut().zip(OF_GUESTS) {
                family.count(&labels(instance), count(&guest));
            }
        }
    }
    counters.into_iter()
}
