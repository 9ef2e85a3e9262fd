use std::time::Duration;

use hwptop_abi::Stage;
use hwptop_agent::snapshot::{Process, SlowEvent, SlowRunning, SlowSubmissions, StageThreshold};

use super::*;
use crate::fixture;

#[test]
fn two_instances() {
    insta::assert_snapshot!(render(&fixture::snapshot()));
}

#[test]
fn the_first_interval_has_no_latencies() {
    let text = render(&fixture::first());
    assert!(!text.contains("last interval"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn without_the_right_to_load_ebpf_a_line_says_what_is_missing() {
    let mut snapshot = fixture::snapshot();
    snapshot.measured_by = MeasuredBy::InProcess {
        why: "no CAP_BPF; as root, eBPF would measure".to_owned(),
    };
    let text = render(&snapshot);
    assert!(text.contains("measured in-process: no CAP_BPF"), "{text}");
}

#[test]
fn frozen_queues_and_slow_events_are_told() {
    let mut snapshot = fixture::frozen();
    snapshot.slow = [(Stage::Request, 7, 5), (Stage::Submission, 0, 0)]
        .map(|(stage, hwpt, errno)| SlowEvent {
            hwpt,
            tid: (errno != 0).then_some(4711),
            errno,
            ..slow_event(stage)
        })
        .to_vec();
    insta::assert_snapshot!(render(&snapshot));
}

/// One of which nothing more is known.
fn slow_event(stage: Stage) -> SlowEvent {
    SlowEvent {
        instance: Some("model-vtd0".to_owned()),
        stage,
        latency: Duration::from_micros(4_560),
        ended_at: None,
        hwpt: 0,
        items: 16,
        asked: None,
        driver_op: None,
        submissions: None,
        process: None,
        tid: None,
        cpu: None,
        errno: 0,
        stack: None,
    }
}

#[test]
fn a_slow_request_of_the_kernel_is_told_whole_with_its_stack() {
    let mut snapshot = fixture::snapshot();
    snapshot.slow_threshold = None;
    snapshot.slow_running = Some(SlowRunning {
        percentile: "p99.9".parse().unwrap(),
        thresholds: vec![StageThreshold {
            is_told: true,
            stage: Stage::Request,
            threshold: Duration::from_micros(12),
        }],
    });
    let functions = [
        "intel_nested_flush_cache",
        "iommufd_hwpt_invalidate",
        "iommufd_fops_ioctl",
    ];
    snapshot.slow = vec![SlowEvent {
        ended_at: Some(snapshot.taken_at + Duration::from_micros(45_296_000_789)),
        hwpt: 7,
        asked: Some(64),
        driver_op: Some(Duration::from_micros(4_500)),
        submissions: Some(SlowSubmissions {
            count: 3,
            commands: 48,
            time: Duration::from_micros(4_400),
        }),
        process: Some(Process {
            id: 4700,
            name: Some("qemu".to_owned()),
        }),
        tid: Some(4711),
        cpu: Some(3),
        stack: Some(
            functions
                .iter()
                .cycle()
                .take(7)
                .map(|name| format!("{name}+0x5"))
                .collect(),
        ),
        ..slow_event(Stage::Request)
    }];
    let text = render(&snapshot);
    let (_, slow) = text.split_once("slow events").expect("there is one");
    insta::assert_snapshot!(slow);
}

#[test]
fn an_instance_that_has_done_nothing_yet_has_rows_without_latencies() {
    insta::assert_snapshot!(render(&fixture::silent()));
}

#[test]
fn without_instances_it_says_so_and_still_closes_the_events() {
    let mut snapshot = fixture::snapshot();
    snapshot.instances.clear();
    let text = render(&snapshot);
    assert!(text.contains("no instance has been seen yet"), "{text}");
    assert!(
        text.ends_with("events: seen = 61740, recorded = 61740, lost = 0\n"),
        "{text}"
    );
}

#[test]
fn figures_of_a_real_iommu_are_not_called_modelled() {
    let mut snapshot = fixture::snapshot();
    snapshot.timing_profile = None;
    for instance in &mut snapshot.instances {
        instance.kind = hwptop_agent::InstanceKind::Hardware;
    }
    let text = render(&snapshot);
    assert!(!text.contains("modelled") && !text.contains('*'), "{text}");
}

#[test]
fn extreme_figures_stay_in_their_columns() {
    insta::assert_snapshot!(render(&fixture::extremes()));
}

#[test]
fn a_host_shows_its_machines_and_its_own_submissions_apart() {
    insta::assert_snapshot!(render(&fixture::kernel::host()));
}

#[test]
fn a_failed_entry_on_an_emulated_unit_is_told() {
    let text = render(&fixture::kernel::emulated_smmu());
    let failed =
        "smmu3.0x0000000009050000: failed: HWPT 4 of qemu(123): entry 3 of 64, EIO, handled 3";
    assert!(text.contains(failed), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_mock_is_never_taken_for_an_iommu() {
    insta::assert_snapshot!(render(&fixture::kernel::mock()));
}

#[test]
fn a_kernel_at_which_nothing_has_happened_has_no_objects() {
    insta::assert_snapshot!(render(&fixture::kernel::quiet_kernel()));
}

#[test]
fn of_a_thousand_objects_the_busiest_are_listed_and_the_others_counted() {
    let text = render(&fixture::kernel::thousand_objects());
    assert!(
        text.contains("+240 more") && text.contains("not listed: 744"),
        "{text}"
    );
    assert!(text.lines().count() < 80, "{text}");
}

#[test]
fn what_a_request_and_looking_cost_is_told_with_what_is_estimated() {
    insta::assert_snapshot!(render(&fixture::costs::counted()));
}

#[test]
fn what_is_counted_in_part_and_what_is_not_known_says_so() {
    insta::assert_snapshot!(render(&fixture::costs::counted_in_part()));
}

#[test]
fn a_comparison_has_a_table_for_each_stage_and_what_it_assumes() {
    let kept = |intervals: usize| {
        let mut blocks = hwptop_agent::compare::Blocks::default();
        for _ in 0..intervals {
            blocks.push(&fixture::snapshot());
        }
        blocks
    };
    let baseline = |intervals| crate::Baseline {
        name: "before.jsonl".to_owned(),
        blocks: kept(intervals),
    };
    insta::assert_snapshot!(compare(&baseline(6), &kept(7)));
    let text = compare(&baseline(6), &kept(1));
    assert!(
        text.contains("it takes 5 blocks with events on either side, and one has 1"),
        "{text}"
    );
    let text = compare(&baseline(0), &kept(0));
    assert!(text.contains("nothing happened on either side"), "{text}");
}
