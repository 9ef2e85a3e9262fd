//! Snapshots for tests: the same figures every time.

use std::time::{Duration, UNIX_EPOCH};

use hwptop_agent::{
    InstanceKind,
    snapshot::{
        Activity, AttachedProbe, DriverCounts, EventCounts, GuestCounts, InstanceSnapshot,
        MeasuredBy, Snapshot, StageActivity,
    },
};

pub(crate) mod costs;
pub(crate) mod kernel;
pub(crate) mod slow;

/// `events` latencies from `ns` up, skewed as latencies are: half near `ns`,
/// one in a hundred ten times that, the last one fifty times.
pub(crate) fn stage(events: u64, items: u64, ns: u64) -> StageActivity {
    let mut stage = StageActivity {
        seen: events,
        recorded: events,
        items,
        ..Default::default()
    };
    if let Some(each) = items.checked_div(events) {
        let each = u32::try_from(each).unwrap_or(u32::MAX);
        let sizes = [(each, events - 1), (each.saturating_mul(2), 1)];
        stage.batches = sizes.into_iter().collect();
    }
    for event in 0..events {
        let factor = match event {
            last if last + 1 == events => 50,
            tail if tail % 100 == 99 => 10,
            _ => 1,
        };
        let latency = ns * factor + ns * (event % 10) / 20;
        stage.latency += latency;
        stage.total_ns += latency;
    }
    stage
}

/// What an instance did that took `ns` for a request.
pub(crate) fn activity(requests: u64, ns: u64) -> Activity {
    let submissions = requests * 3 / 2;
    Activity {
        guest: GuestCounts {
            doorbells: requests,
            descriptors: requests * 17,
            waits: requests,
            faults: 0,
        },
        request: stage(requests, requests * 16, ns),
        submission: stage(submissions, requests * 17, ns * 3 / 5),
        ..Activity::default()
    }
}

/// A timing profile as the driver's models describe theirs.
const PROFILE: &str = "timing profile strict-700ns: 250 ns per submission, 250 ns per command, \
                       200 ns per wait, up to 16 commands a submission; modelled, not measured \
                       here: one strict VT-d IOTLB invalidation is 2,127-2,135 cycles, about \
                       0.7 µs (rIOMMU, ASPLOS 2015); the split into submission, command and wait \
                       is an assumption";

/// Instance `number` at work.
pub(crate) fn instance(number: u16, name: &str, requests: u64, ns: u64) -> InstanceSnapshot {
    InstanceSnapshot {
        number,
        name: name.to_owned(),
        kind: InstanceKind::Modelled,
        interval: activity(requests, ns),
        total: activity(requests * 12, ns),
        driver: Some(DriverCounts {
            descriptors: vec![
                ("context_cache_inv".into(), 1),
                ("iotlb_inv".into(), 1),
                ("inv_wait".into(), requests * 12),
                ("p_iotlb_inv".into(), requests * 192 - 2),
            ],
            waits: requests * 12,
            requests: requests * 12,
            entries: requests * 192,
            request_errors: 0,
            submission_errors: 0,
            submissions: requests * 18,
            commands: requests * 204,
            faults: 0,
        }),
        fault: None,
    }
}

/// Two modelled instances, measured by eBPF.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        taken_at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        interval: Duration::from_secs(1),
        since_start: Duration::from_millis(12_345),
        target: "model:vtd,instances=2".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        policy: None,
        timing_profile: Some(PROFILE.to_owned()),
        probes: [
            "invalidate_begin",
            "invalidate_end",
            "queue_submit",
            "queue_complete",
        ]
        .map(|name| AttachedProbe {
            name: format!("hwptop:{name}"),
            offset: 0x1000,
        })
        .to_vec(),
        stages: Vec::new(),
        events: EventCounts {
            seen: 61_740,
            recorded: 61_740,
            lost: 0,
            slow_seen: 0,
            slow_dropped: 0,
        },
        slow_threshold: Some(Duration::from_millis(1)),
        slow_running: None,
        slow: Vec::new(),
        diagnostics: Vec::new(),
        blind: None,
        instances: vec![
            instance(0, "model-vtd0", 1234, 1830),
            instance(1, "model-vtd1", 824, 2410),
        ],
        objects: Vec::new(),
        objects_left_out: 0,
        failures: Vec::new(),
        failures_dropped: 0,
        hw_queues: None,
        perf: None,
        looking: None,
    }
}

/// The first moment: nothing has happened yet.
pub(crate) fn first() -> Snapshot {
    let mut first = snapshot();
    first.since_start = first.interval;
    first.events = EventCounts::default();
    for instance in &mut first.instances {
        instance.interval = Activity::default();
        instance.total = Activity::default();
        instance.driver = Some(DriverCounts::default());
    }
    first
}

/// The second instance is known but has done nothing since the start.
pub(crate) fn silent() -> Snapshot {
    let mut silent = snapshot();
    let instance = &mut silent.instances[1];
    instance.interval = Activity::default();
    instance.total = Activity::default();
    instance.driver = Some(DriverCounts::default());
    silent
}

/// The second instance met a descriptor type that does not exist.
pub(crate) fn frozen() -> Snapshot {
    let mut frozen = snapshot();
    let instance = &mut frozen.instances[1];
    instance.interval = Activity::default();
    instance.total.guest.faults = 1;
    instance.fault = Some(
        "guest queue frozen: invalidation queue error: descriptor type 0xe at head 0x40 does not exist \
         (VT-d 6.5.2); write 1 to FSTS.IQE to resume"
            .to_owned(),
    );
    frozen
}

/// `count` instances with names as a large machine has them.
pub(crate) fn many(count: u16) -> Snapshot {
    let mut many = snapshot();
    many.target = format!("model:smmuv3,instances={count}");
    many.instances = (0..count)
        .map(|number| {
            instance(
                number,
                &format!(
                    "smmu3.{:#018x}",
                    0x4100_0000_u64 + 0x2_0000 * u64::from(number)
                ),
                100,
                900,
            )
        })
        .collect();
    many
}

/// The smallest and the largest figures that can occur.
pub(crate) fn extremes() -> Snapshot {
    let mut extremes = snapshot();
    let tiny = &mut extremes.instances[0].interval;
    *tiny = Activity {
        request: stage(1, 1, 0),
        ..Default::default()
    };
    let huge = &mut extremes.instances[1];
    huge.interval.request = stage(3, 9_999_999_999_999, 1);
    huge.interval.request.seen = 1_234_567_890_123;
    huge.interval.request.latency.clear();
    huge.interval.request.latency += (1 << 36) - 1;
    huge.total.request.errors = u64::MAX / 4;
    extremes.events = EventCounts {
        seen: 1_234_567_890_123,
        recorded: 1_234_567_890_000,
        lost: 123,
        slow_seen: 50,
        slow_dropped: 45,
    };
    extremes
}
