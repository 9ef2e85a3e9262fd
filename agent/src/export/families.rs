//! What is exported of a snapshot. Names and units follow Prometheus' conventions; every
//! counter counts since the measurement began and so only grows.

use prometheus::proto::MetricFamily;

use super::{Scrape, ServiceCounts, boundaries, family::Family, objects};
use crate::snapshot::{GuestCounts, InstanceSnapshot, Snapshot, StageActivity};

pub(super) fn families(scrape: &Scrape) -> Vec<MetricFamily> {
    let mut families = vec![build_info()];
    families.extend(service(&scrape.service));
    if let Some((snapshot, age)) = scrape.snapshot {
        let mut of_age = Family::gauge(
            "hwptop_snapshot_age_seconds",
            "Time since the snapshot was taken that these figures are from.",
        );
        of_age.value(&[], age.as_secs_f64());
        families.push(of_age);
        families.push(target_info(snapshot));
        families.extend(events(snapshot));
        families.extend(stages(snapshot));
        families.extend(guests(snapshot));
        families.extend(objects::families(snapshot));
    }
    families.into_iter().filter_map(Family::done).collect()
}

fn build_info() -> Family {
    let mut info = Family::gauge("hwptop_build_info", "1, with the version of hwptop.");
    info.value(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    info
}

fn service(counts: &ServiceCounts) -> [Family; 4] {
    let mut followers = Family::gauge(
        "hwptop_agent_followers",
        "Clients that follow the snapshots on the agent's socket.",
    );
    followers.value(&[], counts.followers as f64);
    let count = |name, help, count| {
        let mut family = Family::counter(name, help);
        family.count(&[], count);
        family
    };
    [
        followers,
        count(
            "hwptop_agent_skipped_snapshots_total",
            "Snapshots that a client on the agent's socket was too slow for.",
            counts.skipped,
        ),
        count(
            "hwptop_agent_refused_connections_total",
            "Connections not served: too many at once, or of another user.",
            counts.refused,
        ),
        count(
            "hwptop_agent_failed_reads_total",
            "Reads of the measurement that failed.",
            counts.failed_reads,
        ),
    ]
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
        "hwptop_target_info",
        "1, with what is measured and how; kinds: hardware, modelled, mock, emulated.",
    );
    info.value(&labels, 1.0);
    info
}

fn events(snapshot: &Snapshot) -> Vec<Family> {
    let events = &snapshot.events;
    let mut families: Vec<Family> = [
        (
            "hwptop_events_seen_total",
            "Ends of requests, driver ops and submissions that reached a program; seen = recorded + lost.",
            events.seen,
        ),
        (
            "hwptop_events_recorded_total",
            "Ends that are in a histogram.",
            events.recorded,
        ),
        (
            "hwptop_events_lost_total",
            "Ends that are in no histogram: no start known, or no room for their instance.",
            events.lost,
        ),
        (
            "hwptop_slow_events_dropped_total",
            "Slow events not kept one by one; the histograms have them.",
            events.slow_dropped,
        ),
        (
            "hwptop_failed_requests_dropped_total",
            "Failed requests not kept one by one; the counters have them.",
            snapshot.failures_dropped,
        ),
    ]
    .into_iter()
    .map(|(name, help, count)| {
        let mut family = Family::counter(name, help);
        family.count(&[], count);
        family
    })
    .collect();
    if let Some(queues) = snapshot.hw_queues {
        let mut family = Family::counter(
            "hwptop_hw_queue_allocations_total",
            "Allocations of hardware queues for guests, by result.",
        );
        family.count(&[("result", "ok")], queues.allocated);
        family.count(&[("result", "error")], queues.failed);
        families.push(family);
    }
    families
}

/// Which count of a stage a counter is.
type OfStage = (
    &'static str,
    &'static str,
    for<'a> fn(&'a StageActivity) -> u64,
);

const OF_STAGES: [OfStage; 4] = [
    (
        "hwptop_stage_events_total",
        "Ends of the stage: requests, driver ops or submissions.",
        |stage| stage.seen,
    ),
    (
        "hwptop_stage_items_total",
        "What the ends carried: entries of requests, commands of submissions.",
        |stage| stage.items,
    ),
    (
        "hwptop_stage_errors_total",
        "Ends with an error.",
        |stage| stage.errors,
    ),
    (
        "hwptop_stage_lost_total",
        "Ends whose start is not known: in no histogram.",
        |stage| stage.lost,
    ),
];

fn stages(snapshot: &Snapshot) -> Vec<Family> {
    let mut latency = Family::histogram(
        "hwptop_stage_latency_seconds",
        "How long the stage took, by IOMMU instance.",
    );
    let mut counters = OF_STAGES.map(|(name, help, _)| Family::counter(name, help));
    for instance in &snapshot.instances {
        for stage in snapshot.stages_of(&instance.total) {
            let [iommu, kind] = labels(instance);
            let labels = [iommu, kind, ("stage", stage.name())];
            let activity = instance.total.stage(stage);
            latency.latencies(&labels, boundaries::histogram(activity));
            for (family, (_, _, count)) in counters.iter_mut().zip(OF_STAGES) {
                family.count(&labels, count(activity));
            }
        }
    }
    [latency].into_iter().chain(counters).collect()
}

/// Which count of a guest queue a counter is.
type OfGuest = (
    &'static str,
    &'static str,
    for<'a> fn(&'a GuestCounts) -> u64,
);

const OF_GUESTS: [OfGuest; 4] = [
    (
        "hwptop_guest_doorbells_total",
        "Doorbells of the guest queue that were handled.",
        |guest| guest.doorbells,
    ),
    (
        "hwptop_guest_descriptors_total",
        "Commands that were taken from the guest queue.",
        |guest| guest.descriptors,
    ),
    (
        "hwptop_guest_waits_total",
        "Syncs of the guest queue that completed.",
        |guest| guest.waits,
    ),
    (
        "hwptop_guest_faults_total",
        "Faults that froze the guest queue.",
        |guest| guest.faults,
    ),
];

fn guests(snapshot: &Snapshot) -> impl Iterator<Item = Family> {
    let mut counters = OF_GUESTS.map(|(name, help, _)| Family::counter(name, help));
    for instance in &snapshot.instances {
        if let Some(guest) = snapshot.guest_of(&instance.total) {
            for (family, (_, _, count)) in counters.iter_mut().zip(OF_GUESTS) {
                family.count(&labels(instance), count(&guest));
            }
        }
    }
    counters.into_iter()
}

/// The label is `iommu`, because Prometheus calls the scraped agent `instance`.
fn labels(instance: &InstanceSnapshot) -> [(&'static str, &str); 2] {
    [("iommu", &instance.name), ("kind", instance.kind.name())]
}
