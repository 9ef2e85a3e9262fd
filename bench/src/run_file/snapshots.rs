//! What processes measured, as if each were an interval of a recording.

use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

use hwptop_agent::{
    InstanceKind,
    snapshot::{
        Activity, EventCounts, HistogramError, HistogramV2, InstanceSnapshot, MeasuredBy, Snapshot,
        StageActivity,
    },
};

use super::{Kind, Point, ProcessRun, RunFile};

impl RunFile {
    /// A snapshot of each process that timed requests of instances: what its points say together,
    /// whatever else tells them apart.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let snapshots = self.runs.iter().map(|run| self.snapshot(run));
        snapshots
            .filter(|snapshot| !snapshot.instances.is_empty())
            .collect()
    }

    fn snapshot(&self, run: &ProcessRun) -> Snapshot {
        let mut instances: BTreeMap<&str, Activity> = BTreeMap::new();
        let mut interval = Duration::ZERO;
        for point in &run.points {
            let Some(instance) = point.labels.get("instance") else {
                continue;
            };
            let activity = instances.entry(instance).or_default();
            let request = stage(point, "request_latency", ["requests", "entries"]);
            let submission = stage(point, "submission_latency", ["submissions", "commands"]);
            activity.request.add(&request);
            activity.submission.add(&submission);
            interval = interval.saturating_add(Duration::from_nanos(count(point, "elapsed")));
        }
        instances.retain(|_, activity| !activity.request.latency.is_empty());
        let kind = match self.kind {
            Kind::Hardware => InstanceKind::Hardware,
            Kind::Modelled => InstanceKind::Modelled,
            Kind::Emulated => InstanceKind::Emulated,
            Kind::Mock => InstanceKind::Mock,
        };
        let instances = (0..).zip(instances);
        let instances = instances.map(|(number, (name, activity))| InstanceSnapshot {
            number,
            name: name.to_owned(),
            kind,
            interval: activity.clone(),
            total: activity,
            driver: None,
            fault: None,
        });
        let started = UNIX_EPOCH.checked_add(Duration::from_secs(run.started_unix_s));
        Snapshot {
            taken_at: started.unwrap_or(UNIX_EPOCH),
            interval,
            since_start: interval,
            target: self.target.clone().unwrap_or_else(|| self.suite.clone()),
            measured_by: MeasuredBy::InProcess {
                why: "a benchmark".to_owned(),
            },
            policy: None,
            timing_profile: self.timing_profile.clone(),
            probes: Vec::new(),
            stages: Vec::new(),
            events: EventCounts::default(),
            slow_threshold: None,
            slow_running: None,
            slow: Vec::new(),
            diagnostics: Vec::new(),
            blind: None,
            instances: instances.collect(),
            objects: Vec::new(),
            objects_left_out: 0,
            failures: Vec::new(),
            failures_dropped: 0,
            hw_queues: None,
            perf: None,
            looking: None,
        }
    }
}

fn count(point: &Point, metric: &str) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked when it was read: 0 to 2^53"
    )]
    let count = point.value(metric).unwrap_or_default() as u64;
    count
}

/// What a stage did; some of its latencies only may have been taken.
fn stage(point: &Point, latency: &str, [seen, items]: [&str; 2]) -> StageActivity {
    let decoded = point.latencies.get(latency).map(HistogramV2::decode);
    // It was checked when it was read.
    let Some(Ok(latency)): Option<Result<_, HistogramError>> = decoded else {
        return StageActivity::default();
    };
    let times = latency.iter_recorded();
    let total = times.map(|one| one.value_iterated_to().saturating_mul(one.count_at_value()));
    let mut activity = StageActivity {
        seen: count(point, seen),
        recorded: latency.len(),
        items: count(point, items),
        total_ns: total.fold(0, u64::saturating_add),
        ..StageActivity::default()
    };
    activity.latency.auto(true);
    // Where they are of another precision there are none.
    let _ = activity.latency.add(&latency);
    activity
}

#[cfg(test)]
mod tests {
    use hwptop_agent::snapshot::latency_histogram;

    use super::*;
    use crate::run_file::{Environment, SCHEMA};

    fn point(instance: &str, batch: u32, ns: u64) -> Point {
        let mut latency = latency_histogram();
        latency.record_n(ns, 3).expect("in range");
        let mut named = Point::at([
            ("instance", instance.to_owned()),
            ("batch", batch.to_string()),
        ]);
        named = named
            .with("requests", Some(5_u64))
            .with("entries", Some(u64::from(5 * batch)))
            .with("elapsed", Some(1_000_u64));
        named.with_latency("request_latency", Some(HistogramV2::encode(&latency)))
    }

    #[test]
    fn a_process_is_an_interval_in_which_its_points_are_one() {
        let run = |points| ProcessRun {
            points,
            ..ProcessRun::default()
        };
        let file = RunFile {
            schema: SCHEMA.to_owned(),
            suite: "batching".to_owned(),
            target: Some("model:vtd".to_owned()),
            kind: Kind::Mock,
            timing_profile: None,
            settings: BTreeMap::new(),
            started_unix_s: 1,
            command: Vec::new(),
            environment: Environment::of_this_machine(None),
            complete: true,
            dropped: 0,
            runs: vec![
                run(vec![
                    point("a", 1, 100),
                    point("a", 64, 900),
                    point("b", 1, 7),
                ]),
                // Of no instance: there is nothing to compare it with.
                run(vec![Point::at([("stream", "x".to_owned())])]),
            ],
            base: None,
        };
        let snapshots = file.snapshots();
        assert_eq!(snapshots.len(), 1);
        let [a, b] = &snapshots[0].instances[..] else {
            panic!("two instances")
        };
        assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
        assert_eq!(a.kind, InstanceKind::Mock);
        let request = &a.interval.request;
        assert_eq!(
            (request.seen, request.items, request.recorded),
            (10, 325, 6)
        );
        assert_eq!(request.latency_ns(0.5), Some(100));
        assert!(request.latency_ns(0.9) >= Some(900));
        assert!(a.interval.submission.is_empty());
        assert_eq!(snapshots[0].interval, Duration::from_micros(3));
    }
}
