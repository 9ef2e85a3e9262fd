use std::time::UNIX_EPOCH;

use hwptop_abi::Stage;

use super::{Activity, InstanceSnapshot, ObjectSnapshot, Snapshot};
use crate::totals::InstanceKind;

/// The columns of [`csv_rows`]. Rates are per second over the interval, latencies
/// in nanoseconds; a value that is not known is empty. `all_` columns are of all
/// instances together, and of events that belong to none. A row is of a whole instance
/// where `scope` is `instance`; where it is `object`, of the part that one nested HWPT
/// or vIOMMU has in it; where it is `other`, of the part of all that are not kept apart.
/// `batch_` columns are of items per event; one above 63 is the least of a bucket that is at
/// most 3.2 % wide.
pub const CSV_HEADER: &str = "schema,taken_at_unix_ns,interval_ns,instance,modelled,measured_by,\
stage,per_s,items_per_s,batch_factor,latency_ns_p50,latency_ns_p99,latency_ns_p999,latency_ns_max,\
errors,seen_total,recorded_total,lost_total,items_total,errors_total,guest_faults_total,\
all_seen_total,all_recorded_total,all_lost_total,slow_dropped_total,\
kind,latency_ns_mean,scope,process,pid,context,hwpt,batch_p50,batch_p99,batch_max";

const SCHEMA: &str = "hwptop.snapshot.csv/1";

/// One row per instance and stage, and per object and stage.
#[must_use]
pub fn csv_rows(snapshot: &Snapshot) -> Vec<String> {
    let mut rows = Vec::new();
    for instance in &snapshot.instances {
        let whose = Whose::instance(snapshot, instance);
        for stage in snapshot.stages_of(&instance.total) {
            rows.push(whose.row(snapshot, &instance.interval, &instance.total, stage));
        }
    }
    for object in &snapshot.objects {
        let whose = Whose::object(snapshot, object);
        for stage in snapshot.stages_of_object(&object.total) {
            rows.push(whose.row(snapshot, &object.interval, &object.total, stage));
        }
    }
    rows
}

/// The columns that say whose a row is.
struct Whose {
    instance: String,
    kind: Option<InstanceKind>,
    guest_faults: Option<u64>,
    /// `scope` and those after it.
    scope: [String; 5],
}

impl Whose {
    fn instance(snapshot: &Snapshot, instance: &InstanceSnapshot) -> Self {
        let none = String::new;
        Self {
            instance: quoted(&instance.name),
            kind: Some(instance.kind),
            guest_faults: snapshot.guest_of(&instance.total).map(|guest| guest.faults),
            scope: ["instance".to_owned(), none(), none(), none(), none()],
        }
    }

    fn object(snapshot: &Snapshot, object: &ObjectSnapshot) -> Self {
        let instance = object
            .instance
            .and_then(|number| snapshot.instances.iter().find(|one| one.number == number));
        let owner = object.owner.as_ref();
        let name = owner.and_then(|owner| owner.process.name.as_deref());
        let scope = if owner.is_some() { "object" } else { "other" };
        Self {
            instance: instance.map_or_else(String::new, |one| quoted(&one.name)),
            kind: instance.map(|one| one.kind),
            guest_faults: None,
            scope: [
                scope.to_owned(),
                name.map_or_else(String::new, quoted),
                optional(owner.map(|owner| owner.process.id)),
                optional(owner.and_then(|owner| owner.context)),
                optional(owner.map(|owner| owner.hwpt)),
            ],
        }
    }

    fn row(&self, snapshot: &Snapshot, now: &Activity, total: &Activity, stage: Stage) -> String {
        let (now, total) = (now.stage(stage), total.stage(stage));
        let taken = snapshot
            .taken_at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = snapshot.interval.as_secs_f64();
        let per_s = |n: u64| (seconds > 0.0).then(|| n as f64 / seconds);
        let now_items = now.items_of(stage);
        let events = snapshot.events;
        let mut cells = vec![
            SCHEMA.to_owned(),
            taken.as_nanos().to_string(),
            snapshot.interval.as_nanos().to_string(),
            self.instance.clone(),
            optional(self.kind.map(|kind| kind == InstanceKind::Modelled)),
            snapshot.measured_by.name().to_owned(),
            stage.name().to_owned(),
            optional(per_s(now.seen)),
            optional(now_items.and_then(per_s)),
            optional(now_items.and_then(|_| now.batch_factor())),
            optional(now.latency_ns(0.5)),
            optional(now.latency_ns(0.99)),
            optional(now.latency_ns(0.999)),
            optional(now.latency_ns_max()),
            now.errors.to_string(),
            total.seen.to_string(),
            total.recorded.to_string(),
            total.lost.to_string(),
            optional(total.items_of(stage)),
            total.errors.to_string(),
            optional(self.guest_faults),
            events.seen.to_string(),
            events.recorded.to_string(),
            events.lost.to_string(),
            events.slow_dropped.to_string(),
            optional(self.kind.map(InstanceKind::name)),
            optional(now.latency_ns_mean()),
        ];
        cells.extend(self.scope.iter().cloned());
        cells.extend([
            optional(now.batches.at_quantile(0.5)),
            optional(now.batches.at_quantile(0.99)),
            optional(now.batches.largest()),
        ]);
        cells.join(",")
    }
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// `text` as a cell of CSV, as RFC 4180 has it; a process chooses its name itself.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_comma_stays_one_cell() {
        assert_eq!(quoted("qemu-system-x86"), "qemu-system-x86");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
