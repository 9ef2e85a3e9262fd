use std::time::UNIX_EPOCH;

use hwptop_abi::Stage;

use super::Snapshot;

/// The columns of [`csv_rows`]. Rates are per second over the interval, latencies
/// in nanoseconds; a value that is not known is empty. `all_` columns are of all
/// instances together, and of events that belong to none.
pub const CSV_HEADER: &str = "schema,taken_at_unix_ns,interval_ns,instance,modelled,measured_by,\
stage,per_s,items_per_s,batch_factor,latency_ns_p50,latency_ns_p99,latency_ns_p999,latency_ns_max,\
errors,seen_total,recorded_total,lost_total,items_total,errors_total,guest_faults_total,\
all_seen_total,all_recorded_total,all_lost_total,slow_dropped_total";

const SCHEMA: &str = "hwptop.snapshot.csv/1";

/// One row per instance and stage.
#[must_use]
pub fn csv_rows(snapshot: &Snapshot) -> Vec<String> {
    let taken = snapshot
        .taken_at
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let interval = snapshot.interval.as_nanos();
    let seconds = snapshot.interval.as_secs_f64();
    let measured_by = snapshot.measured_by.name();
    let events = snapshot.events;
    let mut rows = Vec::new();
    for instance in &snapshot.instances {
        for stage in Stage::ALL {
            let now = instance.interval.stage(stage);
            let total = instance.total.stage(stage);
            let rate = |n: u64| optional((seconds > 0.0).then(|| n as f64 / seconds));
            rows.push(
                [
                    SCHEMA.to_owned(),
                    taken.to_string(),
                    interval.to_string(),
                    instance.name.clone(),
                    instance.modelled.to_string(),
                    measured_by.to_owned(),
                    stage.name().to_owned(),
                    rate(now.seen),
                    rate(now.items),
                    optional(now.batch_factor()),
                    optional(now.latency_ns(0.5)),
                    optional(now.latency_ns(0.99)),
                    optional(now.latency_ns(0.999)),
                    optional(now.latency_ns_max()),
                    now.errors.to_string(),
                    total.seen.to_string(),
                    total.recorded.to_string(),
                    total.lost.to_string(),
                    total.items.to_string(),
                    total.errors.to_string(),
                    instance.total.guest.faults.to_string(),
                    events.seen.to_string(),
                    events.recorded.to_string(),
                    events.lost.to_string(),
                    events.slow_dropped.to_string(),
                ]
                .join(","),
            );
        }
    }
    rows
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
