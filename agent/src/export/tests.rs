use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Instant, UNIX_EPOCH},
};

use hwptop_abi::{Batch, Bucket, GuestCell, InstanceArg, Stage, Vendor};

use super::*;
use crate::{
    Aggregator, HwQueues, InstanceTotals, ObjectKey, ObjectTotals, Origin, StageTotals, Stages,
    Totals,
    snapshot::{How, MeasuredBy, PerfCount, PerfCounts, PerfEvent, StageAttachment},
};

fn timed(latencies: &[(u64, u64)]) -> StageTotals {
    let mut totals = StageTotals::default();
    for &(ns, count) in latencies {
        totals.0.seen += count;
        totals.0.items += count * 3;
        totals.0.total_ns += count * ns;
        totals.0.buckets[Bucket::of(ns).index()] += count;
    }
    totals.0.seen += 2;
    totals.0.lost_no_start = 2;
    totals.0.errors = 1;
    totals.0.error_codes[5] = 1;
    totals.0.batches[Batch::of(3).index()] = totals.0.seen;
    totals
}

fn totals() -> Totals {
    let mut instance = InstanceTotals::new(InstanceArg::new(0, Vendor::Vtd, false));
    instance.name = Some("dmar\"0\\\n".to_owned());
    instance.stages[Stage::Request as usize] = timed(&[(700, 90), (5_000, 9), (90_000_000, 1)]);
    instance.guest = GuestCell {
        doorbells: 5,
        descriptors: 40,
        waits: 4,
        faults: 1,
    };
    let object = |tgid, hwpt| ObjectTotals {
        key: ObjectKey {
            instance: 0,
            tgid,
            context: 7,
            hwpt,
        },
        stages: {
            let mut stages = Stages::default();
            stages[Stage::Request as usize] = timed(&[(700, 10)]);
            stages
        },
    };
    Totals {
        instances: vec![instance],
        objects: vec![object(Some(u32::MAX), 4), object(None, 0)],
        hw_queues: Some(HwQueues {
            allocated: 2,
            failed: 1,
        }),
        ..Totals::default()
    }
}

fn snapshot() -> Snapshot {
    let start = Instant::now();
    let origin = Origin {
        target: "kernel".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        stages: vec![StageAttachment {
            stage: Stage::Request,
            site: "iommufd_hwpt_invalidate".to_owned(),
            how: Some(How::Fentry),
            why_not_better: None,
        }],
        slow_threshold: Some(Duration::from_millis(1)),
        instances: Vec::new(),
    };
    let mut aggregator = Aggregator::new(origin, start);
    let mut snapshot = aggregator.snapshot(totals(), start + Duration::from_secs(1));
    snapshot.perf = Some(PerfCounts {
        pid: 7,
        of: "process".to_owned(),
        user_only: false,
        threads_left_out: 0,
        unsettled: false,
        unread: 0,
        counts: vec![PerfCount {
            event: PerfEvent::Cycles,
            interval: Some(1_000),
            total: Some(2_000),
            counted: 0.5,
        }],
        absent: Vec::new(),
    });
    snapshot
}

/// The exposition, read back: each sample's value by its name and labels, and the names that
/// have a HELP and a TYPE.
struct ReadBack {
    samples: BTreeMap<String, f64>,
    help: BTreeSet<String>,
    kinds: BTreeMap<String, String>,
}

fn read_back(text: &str) -> ReadBack {
    let mut back = ReadBack {
        samples: BTreeMap::new(),
        help: BTreeSet::new(),
        kinds: BTreeMap::new(),
    };
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(!words.is_empty(), "{line}");
            back.help.insert(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            back.kinds.insert(name.to_owned(), kind.to_owned());
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a sample and a value");
            let value = value.parse().expect("a number");
            let twice = back.samples.insert(sample.to_owned(), value);
            assert_eq!(twice, None, "{sample} is there twice");
        }
    }
    back
}

fn exposed(snapshot: &Snapshot) -> ReadBack {
    let text = prometheus_text(&scrape(snapshot));
    read_back(&text.expect("every family has a name and a metric"))
}

static KEPT: KeptOnDisk = KeptOnDisk {
    path: String::new(),
    intervals: 9,
    missed: 10,
    dumps: 11,
    failure: None,
};

fn scrape(snapshot: &Snapshot) -> Scrape<'_> {
    Scrape {
        measured: Some(Measured {
            snapshot,
            age: Duration::from_millis(250),
            began: UNIX_EPOCH + Duration::from_secs(2),
        }),
        service: ServiceCounts {
            followers: 2,
            skipped: 3,
            refused: 4,
            failed_reads: 5,
            otlp: Some(OtlpCounts {
                pushed: 6,
                failed: 7,
                rejected_points: 8,
            }),
        },
        started: UNIX_EPOCH + Duration::from_secs(1),
        kept: Some(&KEPT),
    }
}

#[test]
fn what_is_exposed_is_what_the_snapshot_has() {
    let back = exposed(&snapshot());
    let stage = r#"{iommu="dmar\"0\\\n",kind="hardware",stage="request"}"#;
    let iommu = r#"{iommu="dmar\"0\\\n",kind="hardware"}"#;
    for (sample, value) in [
        ("hwptop_snapshot_age_seconds".to_owned(), 0.25),
        ("hwptop_events_seen_total".to_owned(), 102.0),
        ("hwptop_events_recorded_total".to_owned(), 100.0),
        ("hwptop_events_lost_total".to_owned(), 2.0),
        (format!("hwptop_stage_events_total{stage}"), 102.0),
        (format!("hwptop_stage_items_total{stage}"), 300.0),
        (format!("hwptop_stage_errors_total{stage}"), 1.0),
        (format!("hwptop_stage_lost_total{stage}"), 2.0),
        (format!("hwptop_stage_latency_seconds_count{stage}"), 100.0),
        (format!("hwptop_stage_latency_seconds_sum{stage}"), 0.090_108),
        (format!("hwptop_guest_descriptors_total{iommu}"), 40.0),
        (format!("hwptop_guest_faults_total{iommu}"), 1.0),
        (
            r#"hwptop_hw_queue_allocations_total{result="error"}"#.to_owned(),
            1.0,
        ),
        (
            r#"hwptop_object_requests_total{iommu="dmar\"0\\\n",process="other"}"#.to_owned(),
            12.0,
        ),
        (
            r#"hwptop_object_requests_total{iommu="dmar\"0\\\n",pid="4294967295",process="",context="0",hwpt="4"}"#
                .to_owned(),
            12.0,
        ),
        ("hwptop_agent_followers".to_owned(), 2.0),
        ("hwptop_agent_skipped_snapshots_total".to_owned(), 3.0),
        ("hwptop_agent_refused_connections_total".to_owned(), 4.0),
        ("hwptop_agent_failed_reads_total".to_owned(), 5.0),
        ("hwptop_agent_otlp_pushed_total".to_owned(), 6.0),
        ("hwptop_agent_otlp_failed_total".to_owned(), 7.0),
        ("hwptop_agent_otlp_rejected_points_total".to_owned(), 8.0),
        ("hwptop_agent_start_time_seconds".to_owned(), 1.0),
        ("hwptop_agent_recording_active".to_owned(), 1.0),
        ("hwptop_agent_recorded_intervals_total".to_owned(), 9.0),
        (
            "hwptop_agent_recording_missed_intervals_total".to_owned(),
            10.0,
        ),
        ("hwptop_agent_recording_dumps_total".to_owned(), 11.0),
        ("hwptop_probes_blind".to_owned(), 0.0),
        ("hwptop_objects_left_out".to_owned(), 0.0),
        (
            r#"hwptop_target_info{target="kernel",measured_by="ebpf",kinds="hardware"}"#.to_owned(),
            1.0,
        ),
    ] {
        assert_eq!(back.samples.get(&sample), Some(&value), "{sample}");
    }
}

#[test]
fn batches_failures_by_code_and_perf_counters_are_exposed() {
    let back = exposed(&snapshot());
    let stage = r#"{iommu="dmar\"0\\\n",kind="hardware",stage="request"}"#;
    for (sample, value) in [
        (
            format!(
                "hwptop_stage_failures_total{}",
                stage.replace('}', r#",errno="EIO"}"#)
            ),
            1.0,
        ),
        (format!("hwptop_stage_batch_count{stage}"), 102.0),
        (format!("hwptop_stage_batch_sum{stage}"), 300.0),
        (
            format!(
                "hwptop_stage_batch_bucket{}",
                stage.replace('}', r#",le="2"}"#)
            ),
            0.0,
        ),
        (
            format!(
                "hwptop_stage_batch_bucket{}",
                stage.replace('}', r#",le="4"}"#)
            ),
            102.0,
        ),
        (
            r#"hwptop_perf_counts_total{event="cycles",pid="7"}"#.to_owned(),
            2_000.0,
        ),
        (
            r#"hwptop_perf_counted_ratio{event="cycles",pid="7"}"#.to_owned(),
            0.5,
        ),
    ] {
        assert_eq!(back.samples.get(&sample), Some(&value), "{sample}");
    }
}

#[test]
fn every_family_has_help_and_a_type_and_counters_end_in_total() {
    let back = exposed(&snapshot());
    for (name, kind) in &back.kinds {
        assert!(back.help.contains(name), "{name} has no HELP");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
    for sample in back.samples.keys() {
        let name = sample.split('{').next().unwrap_or_default();
        let of_histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let known = [Some(name), of_histogram]
            .into_iter()
            .flatten()
            .any(|name| back.kinds.contains_key(name));
        assert!(known, "{name} has no TYPE");
    }
}

#[test]
fn a_quantile_of_the_exposed_buckets_is_the_snapshots_within_a_bucket() {
    let snapshot = snapshot();
    let back = exposed(&snapshot);
    let stage = snapshot.instances[0].total.stage(Stage::Request);
    for (quantile, rank) in [(0.5, 50.0), (0.95, 95.0), (0.999, 99.9)] {
        let ours = stage.latency_ns(quantile).expect("there are latencies") as f64 / 1e9;
        let mut below = 0.0;
        let mut found = None;
        for boundary in distribution::Distribution::of_latencies(stage).bounds() {
            let sample = format!(
                r#"hwptop_stage_latency_seconds_bucket{{iommu="dmar\"0\\\n",kind="hardware",stage="request",le="{boundary}"}}"#
            );
            if back.samples[&sample] >= rank {
                found = Some(below..=boundary);
                break;
            }
            below = boundary;
        }
        let found = found.expect("a bucket has it");
        assert!(found.contains(&ours), "{quantile}: {ours} not in {found:?}");
    }
}

#[test]
fn before_the_first_snapshot_the_service_is_exposed_alone() {
    let scrape = Scrape {
        measured: None,
        service: ServiceCounts::default(),
        started: UNIX_EPOCH,
        kept: None,
    };
    let text = prometheus_text(&scrape).expect("it is written");
    assert!(text.contains("hwptop_build_info{version="), "{text}");
    assert!(!text.contains("hwptop_stage"), "{text}");
    // What is not pushed is absent, and not 0.
    assert!(!text.contains("otlp"), "{text}");
    assert!(!text.contains("record"), "{text}");
    assert!(!prometheus_protobuf(&scrape).is_empty());
}

#[test]
fn every_family_is_in_every_format_under_its_name() {
    let snapshot = snapshot();
    let scrape = scrape(&snapshot);
    let families = Families::of(&scrape);
    let text = exposed(&snapshot);
    let protobuf = prometheus_protobuf(&scrape);
    let otlp = otlp_request(&scrape, "host", OtlpHistograms::Explicit);
    let has = |bytes: &[u8], name: &str| {
        // A string's length is in front of it.
        let length = u8::try_from(name.len()).expect("a name is short");
        let wanted = [&[length], name.as_bytes()].concat();
        bytes.windows(wanted.len()).any(|part| part == wanted)
    };
    let mut known = 0;
    for family in families.service.iter().chain(&families.measured) {
        let name = family.prometheus_name();
        assert!(text.kinds.contains_key(&name), "{name}");
        assert!(has(&protobuf, &name), "{name}");
        assert!(has(&otlp, family.name), "{}", family.name);
        let is_unit = matches!(family.unit, "" | "s") || family.unit.starts_with('{');
        assert!(is_unit, "{}: {}", family.name, family.unit);
        known += 1;
    }
    assert_eq!(text.kinds.len(), known);
}
