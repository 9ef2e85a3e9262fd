use std::time::{Instant, UNIX_EPOCH};

use hwptop_abi::{Batch, Bucket, InstanceArg, SlowRecord, StageCell, Vendor};

use super::*;
use crate::{
    Aggregator, InstanceTotals, ObjectKey, ObjectTotals, Origin, StageTotals, Stages, Totals,
};

/// No process has this id, so that no name is found.
const NOBODY: u32 = u32::MAX;

fn timed(count: u64, ns: u64, items: u64, errors: u64) -> StageTotals {
    let mut totals = StageTotals::default();
    totals.0.seen = count;
    totals.0.items = items;
    totals.0.errors = errors;
    totals.0.total_ns = count * ns;
    totals.0.buckets[Bucket::of(ns).index()] = count;
    totals.0.error_codes[5] = errors;
    if let Some(each) = items.checked_div(count) {
        let each = u32::try_from(each).unwrap();
        totals.0.batches[Batch::of(each).index()] = count;
    }
    totals
}

/// As [`timed`], of what is left of requests: nobody asks for its items.
fn left(count: u64, ns: u64) -> StageTotals {
    let mut totals = timed(count, ns, count, 0);
    totals.0.batches = StageCell::ZERO.batches;
    totals
}

fn stages(count: u64, errors: u64) -> Stages {
    let mut stages = Stages::default();
    stages[Stage::Request as usize] = timed(count, 1000, count * 64, errors);
    stages[Stage::DriverOp as usize] = timed(count, 970, count * 64, errors);
    stages[Stage::Submission as usize] = timed(count, 850, count * 65, 0);
    stages[Stage::Unattributed as usize] = left(count, 30);
    stages
}

fn instance(number: u16, name: &str, kind: InstanceKind) -> InstanceTotals {
    let mut instance = InstanceTotals::new(InstanceArg::new(number, Vendor::Vtd, false));
    instance.name = Some(name.to_owned());
    instance.kind = kind;
    instance
}

fn object(instance: u16, tgid: Option<u32>, hwpt: u32, stages: Stages) -> ObjectTotals {
    ObjectTotals {
        key: ObjectKey {
            instance,
            tgid,
            context: 0xffff_8880_0000_1000,
            hwpt,
        },
        stages,
    }
}

fn attached(stage: Stage, site: &str, how: Option<How>, why: Option<&str>) -> StageAttachment {
    StageAttachment {
        stage,
        site: site.to_owned(),
        how,
        why_not_better: why.map(str::to_owned),
    }
}

/// The snapshot of `totals` in a kernel whose `stages` are attached to, at a fixed time.
fn snapshot(stages: Vec<StageAttachment>, totals: Totals) -> Snapshot {
    let start = Instant::now();
    let origin = Origin {
        target: "kernel".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        stages,
        slow_threshold: Some(Duration::from_millis(1)),
        instances: Vec::new(),
    };
    let mut aggregator = Aggregator::new(origin, start);
    let mut snapshot = aggregator.snapshot(totals, start + Duration::from_secs(1));
    snapshot.taken_at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    snapshot
}

fn all_attached() -> Vec<StageAttachment> {
    let fentry = Some(How::Fentry);
    vec![
        attached(Stage::Request, "iommufd_hwpt_invalidate", fentry, None),
        attached(Stage::DriverOp, "arm_vsmmu_cache_invalidate", fentry, None),
        attached(
            Stage::Submission,
            "__arm_smmu_cmdq_issue_cmdlist",
            Some(How::Kprobe),
            Some("fentry: not in the kernel's BTF"),
        ),
    ]
}

fn json(snapshot: &Snapshot) -> String {
    serde_json::to_string_pretty(&snapshot.document()).unwrap()
}

fn csv(snapshot: &Snapshot) -> String {
    let rows = csv_rows(snapshot).join("\n");
    format!("{CSV_HEADER}\n{rows}\n")
}

/// An emulated SMMU, on which a request failed, and one that reached none.
fn emulated_smmu() -> Snapshot {
    let mut smmu = instance(0, "smmu3.0x0000000009050000", InstanceKind::Emulated);
    smmu.stages = stages(10, 1);
    smmu.stages[Stage::HostSubmission as usize] = timed(4, 700, 8, 0);
    let mut unreached = Stages::default();
    unreached[Stage::Request as usize] = timed(1, 400, 0, 1);
    unreached[Stage::Unattributed as usize] = left(1, 400);
    let failure = SlowRecord {
        latency_ns: 9_000,
        instance: 0,
        stage: 0,
        hwpt: 4,
        items: 3,
        tid: 125,
        errno: 5,
        tgid: NOBODY,
        asked: 64,
        ..SlowRecord::UNKNOWN
    };
    let totals = Totals {
        instances: vec![smmu],
        objects: vec![
            object(0, Some(NOBODY), 4, stages(10, 1)),
            object(u16::MAX, Some(NOBODY), 7, unreached),
        ],
        failures: vec![failure],
        ..Totals::default()
    };
    snapshot(all_attached(), totals)
}

#[test]
fn an_emulated_smmu_with_a_failed_entry_in_json() {
    insta::assert_snapshot!(json(&emulated_smmu()));
}

#[test]
fn an_emulated_smmu_with_a_failed_entry_in_csv() {
    let csv = csv(&emulated_smmu());
    let columns = CSV_HEADER.split(',').count();
    assert!(
        csv.lines().all(|line| line.split(',').count() == columns),
        "{csv}"
    );
    insta::assert_snapshot!(csv);
}

#[test]
fn the_mock_and_a_stage_that_nothing_times_in_json() {
    let mut mock = instance(1, "iommufd_selftest_iommu.0", InstanceKind::Mock);
    mock.stages[Stage::Request as usize] = timed(10, 1000, 160, 0);
    let why = "kprobes are off (CONFIG_KPROBES)";
    let attachments = vec![
        attached(
            Stage::Request,
            "iommufd_hwpt_invalidate",
            Some(How::Tracepoint),
            Some(why),
        ),
        attached(
            Stage::DriverOp,
            "mock_domain_cache_invalidate_user",
            None,
            Some(why),
        ),
    ];
    let totals = Totals {
        instances: vec![mock],
        objects: vec![object(1, None, 0, Stages::default())],
        ..Totals::default()
    };
    let json = json(&snapshot(attachments, totals));
    assert!(
        !json.contains("\"split\"") && !json.contains("\"driver op\": {"),
        "{json}"
    );
    insta::assert_snapshot!(json);
}

#[test]
fn a_kernel_at_which_nothing_has_happened_has_empty_lists() {
    let quiet = Totals {
        instances: vec![instance(0, "dmar0", InstanceKind::Hardware)],
        ..Totals::default()
    };
    let snapshot = snapshot(all_attached(), quiet);
    let document = serde_json::to_value(snapshot.document()).unwrap();
    assert_eq!(document["objects"], serde_json::json!([]));
    assert_eq!(document["failures"], serde_json::json!([]));
    let request = &document["instances"][0]["total"]["stages"]["request"];
    assert_eq!(request["latency_ns_mean"], serde_json::Value::Null);
}

#[test]
fn where_the_kernel_is_not_looked_at_nothing_of_it_is_written() {
    let mut model = InstanceTotals::new(InstanceArg::new(0, Vendor::Vtd, true));
    model.stages[Stage::Request as usize] = timed(1, 100, 1, 0);
    let totals = Totals {
        instances: vec![model],
        ..Totals::default()
    };
    let snapshot = snapshot(Vec::new(), totals);
    let document = serde_json::to_value(snapshot.document()).unwrap();
    for key in ["stages_attached", "objects", "failures", "hw_queues"] {
        assert_eq!(document.get(key), None, "{key}");
    }
    let instance = &document["instances"][0];
    assert_eq!(
        (&instance["kind"], &instance["modelled"]),
        (&"modelled".into(), &true.into())
    );
    let stages = instance["total"]["stages"].as_object().unwrap();
    assert_eq!(stages.keys().collect::<Vec<_>>(), ["request", "submission"]);
    assert_eq!(csv_rows(&snapshot).len(), 2);
}

#[test]
fn costs_survive_being_written_and_a_snapshot_of_before_them_can_be_read() {
    let mut with = emulated_smmu();
    with.perf = Some(PerfCounts {
        pid: NOBODY,
        of: "process".to_owned(),
        user_only: true,
        threads_left_out: 2,
        unsettled: false,
        unread: 0,
        counts: vec![PerfCount {
            event: PerfEvent::Cycles,
            interval: Some(1_000),
            total: Some(2_000),
            counted: 0.5,
        }],
        absent: vec![PerfAbsent {
            events: vec![PerfEvent::DtlbMisses],
            why: "no room".to_owned(),
        }],
    });
    with.looking = Some(Looking {
        clock: "CLOCK_MONOTONIC".to_owned(),
        clock_source: None,
        dispatch: Dispatch::default(),
        timed: false,
        not_timed: Some("no right".to_owned()),
        runs: None,
        ns: None,
        sample: None,
        programs: Vec::new(),
    });
    let json = serde_json::to_value(&with).unwrap();
    let read: Snapshot = serde_json::from_value(json.clone()).unwrap();
    assert_eq!((&read.perf, &read.looking), (&with.perf, &with.looking));

    let mut before = json;
    let fields = before.as_object_mut().unwrap();
    assert!(fields.remove("perf").is_some() && fields.remove("looking").is_some());
    let read: Snapshot = serde_json::from_value(before).unwrap();
    assert_eq!((read.perf, read.looking), (None, None));

    let document = serde_json::to_value(with.document()).unwrap();
    let cycles = &document["perf"]["counts"]["cycles"];
    // Ten requests of 64 entries are that process'; one reached no instance.
    assert_eq!(document["perf"]["requests"], 11);
    assert_eq!(cycles["per_entry"], 1_000.0 / 640.0);
    assert_eq!(
        (&cycles["interval"], &cycles["counted"]),
        (&1_000.into(), &0.5.into())
    );
    assert_eq!(document["perf"]["absent"]["dtlb_misses"], "no room");
    assert!(document["looking"]["core_share"].is_null());
}

#[test]
fn a_recording_from_before_slow_events_were_whole_still_opens_and_no_list_is_endless() {
    let record = SlowRecord {
        latency_ns: 5,
        tid: 7,
        instance: u32::from(crate::totals::NO_INSTANCE),
        ..SlowRecord::UNKNOWN
    };

    let totals = Totals {
        slow: vec![record.into()],
        ..Totals::default()
    };
    let new = serde_json::to_value(snapshot(Vec::new(), totals)).unwrap();
    let mut old = new.clone();
    old["events"].as_object_mut().unwrap().remove("slow_seen");
    old["slow"][0] = serde_json::json!({
        "instance": null, "stage": "request", "latency_ns": 5, "hwpt": 0, "items": 0, "tid": 7, "errno": 0
    });
    let old: Snapshot = serde_json::from_value(old).unwrap();
    assert_eq!(old.slow_threshold, Some(Duration::from_millis(1)));
    let slow = &old.slow[0];
    assert_eq!((slow.tid, &slow.stack, slow.cpu), (Some(7), &None, None));

    let mut hostile = new.clone();
    hostile["slow"][0]["stack"] = vec!["f"; 2_000].into();
    assert!(serde_json::from_value::<Snapshot>(hostile).is_err());
    let mut hostile = new;
    hostile["slow"] = vec![hostile["slow"][0].clone(); 2_000].into();
    assert!(serde_json::from_value::<Snapshot>(hostile).is_err());
}
