//! Where requests come from.

use hwptop_abi::Stage;

use super::family::{Family, Labels};
use crate::snapshot::{ObjectSnapshot, Owner, Snapshot, StageActivity};

/// Which count of an object's requests a counter is.
type OfRequests = (
    &'static str,
    &'static str,
    &'static str,
    for<'a> fn(&'a StageActivity) -> u64,
);

const OF_REQUESTS: [OfRequests; 3] = [
    (
        "hwptop.object.requests",
        "{request}",
        "Requests to one nested HWPT or vIOMMU of a process; process=\"other\": all not kept apart.",
        |request| request.seen,
    ),
    (
        "hwptop.object.entries",
        "{entry}",
        "Entries of these requests.",
        |request| request.items,
    ),
    (
        "hwptop.object.errors",
        "{request}",
        "Those of these requests that failed.",
        |request| request.errors,
    ),
];

/// As many series as a snapshot has objects, which is bounded; nothing where the kernel is
/// not looked at.
pub(super) fn families(snapshot: &Snapshot) -> Vec<Family> {
    if !snapshot.is_of_the_kernel() {
        return Vec::new();
    }
    let mut counters = OF_REQUESTS.map(|(name, unit, help, _)| Family::counter(name, unit, help));
    for object in &snapshot.objects {
        let request = object.total.stage(Stage::Request);
        for (family, (_, _, _, count)) in counters.iter_mut().zip(OF_REQUESTS) {
            labelled(snapshot, object, |labels| {
                family.count(labels, count(request));
            });
        }
    }
    let mut left_out = Family::gauge(
        "hwptop.objects.left_out",
        "{object}",
        "Objects that are known and not exported: the snapshot has room for the busiest only.",
    );
    left_out.value(&[], snapshot.objects_left_out as f64);
    counters.into_iter().chain([left_out]).collect()
}

fn labelled(snapshot: &Snapshot, object: &ObjectSnapshot, then: impl FnOnce(Labels)) {
    let instance = object.instance.and_then(|one| snapshot.instance_name(one));
    // An empty label is none, in Prometheus.
    let iommu = ("iommu", instance.unwrap_or_default());
    let Some(Owner {
        process,
        context,
        hwpt,
    }) = &object.owner
    else {
        return then(&[iommu, ("process", "other")]);
    };
    then(&[
        iommu,
        ("pid", &process.id.to_string()),
        ("process", process.name.as_deref().unwrap_or_default()),
        ("context", &number(*context)),
        ("hwpt", &hwpt.to_string()),
    ]);
}

/// A number where it is known, else nothing: an empty label is none.
fn number(known: Option<u32>) -> String {
    known.map(|one| one.to_string()).unwrap_or_default()
}
