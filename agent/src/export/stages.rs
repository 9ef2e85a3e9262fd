//! What the stages of each instance did.

use super::{distribution::Distribution, family::Family};
use crate::snapshot::{InstanceSnapshot, Snapshot, StageActivity, errno_name};

/// Which count of a stage a counter is.
type OfStage = (
    &'static str,
    &'static str,
    &'static str,
    for<'a> fn(&'a StageActivity) -> u64,
);

const OF_STAGES: [OfStage; 4] = [
    (
        "hwptop.stage.events",
        "{event}",
        "Ends of the stage: requests, driver ops or submissions.",
        |stage| stage.seen,
    ),
    (
        "hwptop.stage.items",
        "{item}",
        "What the ends carried: entries of requests, commands of submissions.",
        |stage| stage.items,
    ),
    (
        "hwptop.stage.errors",
        "{event}",
        "Ends with an error.",
        |stage| stage.errors,
    ),
    (
        "hwptop.stage.lost",
        "{event}",
        "Ends whose start is not known: in no histogram.",
        |stage| stage.lost,
    ),
];

pub(super) fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut latency = Family::histogram(
        "hwptop.stage.latency",
        "s",
        "How long the stage took, by IOMMU instance.",
    );
    let mut batches = Family::histogram(
        "hwptop.stage.batch",
        "{item}",
        "How many items an end carried: entries of a request, commands of a submission.",
    );
    let mut errors = Family::counter(
        "hwptop.stage.failures",
        "{event}",
        "Ends with an error by its code; errno=\"other\": codes that Linux has no name for.",
    );
    let mut counters = OF_STAGES.map(|(name, unit, help, _)| Family::counter(name, unit, help));
    for instance in &snapshot.instances {
        for stage in snapshot.stages_of(&instance.total) {
            let [iommu, kind] = labels(instance);
            let labels = [iommu, kind, ("stage", stage.name())];
            let activity = instance.total.stage(stage);
            latency.distribution(&labels, Distribution::of_latencies(activity));
            if activity.items_of(stage).is_some() {
                batches.distribution(&labels, Distribution::of_batches(activity));
            }
            for (errno, count) in activity.error_codes.iter() {
                let number = errno.to_string();
                let code = match errno {
                    0 => "other",
                    _ => errno_name(errno).unwrap_or(&number),
                };
                let [iommu, kind, stage] = labels;
                errors.count(&[iommu, kind, stage, ("errno", code)], count);
            }
            for (family, (_, _, _, count)) in counters.iter_mut().zip(OF_STAGES) {
                family.count(&labels, count(activity));
            }
        }
    }
    [latency, batches, errors]
        .into_iter()
        .chain(counters)
        .collect()
}

/// The label is `iommu`, because Prometheus calls the scraped agent `instance`.
pub(super) fn labels(instance: &InstanceSnapshot) -> [(&'static str, &str); 2] {
    [("iommu", &instance.name), ("kind", instance.kind.name())]
}
