use hwptop_bench::run_file::{Base as Other, Point};

use super::*;
use crate::{document::Block, fixture, markdown};

fn said(inputs: &Inputs) -> String {
    markdown::text(&document(inputs).unwrap())
}

fn of(run: RunFile) -> Inputs {
    Inputs {
        runs: vec![("run.json".into(), run)],
        ..Inputs::default()
    }
}

#[test]
fn policies_are_compared_by_place_and_the_best_is_named() {
    let document = document(&of(fixture::policies())).unwrap();
    assert_eq!(
        document.answers,
        [
            "policies (modelled): by guest_commands_per_s, delivery coalesce is best in 8 of 8 places, up to 2.50× \
             the worst of its place."
        ]
    );
    let files: Vec<&str> = document
        .figures()
        .iter()
        .map(|one| one.file.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "policies-0-0-guest-commands-per-s",
            "policies-0-0-sync-latency"
        ]
    );
}

#[test]
fn a_suite_without_a_section_of_its_own_is_drawn_against_its_numbers() {
    let points = (1..=4_u8).map(|count| {
        let point = Point::at([
            ("instances", count.to_string()),
            ("policy", "array".to_owned()),
        ]);
        point.with("guest_commands_per_s", Some(f64::from(count) * 1e6))
    });
    let text = said(&of(fixture::of_suite("scaling", points.collect())));
    for part in [
        "## Scaling (modelled)",
        "best with instances 4, policy array at 4,000,000 commands/s",
        "![guest\\_commands\\_per\\_s: of the guest (modelled). From 1,000,000 commands/s (instances 1, policy array)",
        "| 3 | array | 3,000,000 |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn stages_are_told_as_shares_of_requests_and_drawn_as_parts_of_a_whole() {
    let at = |batch: u64, driver_op: Option<f64>| {
        Point::at([
            ("instance", "dmar0".to_owned()),
            ("batch", batch.to_string()),
        ])
        .with("requests", Some(1000_u64))
        .with("request_time", Some(2_000_000 * batch))
        .with("driver_op_share", driver_op)
        .with("submission_share", Some(0.75))
        .with("unattributed_share", Some(0.25 - driver_op.unwrap_or(0.0)))
    };
    let points = vec![at(1, Some(0.05)), at(4, None)];
    let document = document(&of(fixture::of_suite("stages", points))).unwrap();
    assert_eq!(
        document.answers,
        [
            "stages (modelled): batch 1, instance dmar0: a request takes 2.00 µs (5.00 % driver op without submissions, \
             75.0 % submissions, 20.0 % neither); batch 4, instance dmar0: a request takes 8.00 µs (75.0 % submissions, \
             25.0 % neither)."
        ]
    );
    let figures = document.figures();
    let crate::chart::Body::Bars(bars) = &figures[0].picture.body else {
        panic!("{figures:?}");
    };
    assert_eq!(bars.legend.len(), 3);
    let rows = bars
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.shares.as_slice()));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ("batch 1, instance dmar0: 2.00 µs", &[0.05, 0.75, 0.2][..]),
            ("batch 4, instance dmar0: 8.00 µs", &[0.0, 0.75, 0.25][..]),
        ]
    );
}

#[test]
fn places_with_other_labels_have_a_table_of_their_own_and_what_is_absent_is_said() {
    let points = vec![
        Point::at([("act", "start".to_owned())]).with("act_ns", Some(5_u64)),
        Point::at([("producers", "two".to_owned())]).with("producers_ratio", Some(1.9)),
        Point::at([("producers", "one".to_owned())]),
    ];
    let text = said(&of(fixture::of_suite("agent-cost", points)));
    for part in ["### By act", "### By producers", "| one | absent |"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_file_of_two_binaries_is_compared_with_intervals_and_without_a_verdict() {
    let mut run = fixture::of_suite("probe-cost", Vec::new());
    run.runs = fixture::processes(12, 1.2);
    run.base = Some(Other {
        program: "old/hwptop".to_owned(),
        environment: run.environment.clone(),
        runs: fixture::processes(12, 1.0),
    });
    let text = said(&of(run));
    for part in [
        "1 have a 95 % interval that leaves out 1; the furthest is ns\\_per\\_pair{variant=hwptop} at 1.200×",
        "which is worse",
        "in pairs that were measured in turns",
        "### Its base: old/hwptop",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for verdict in ["PASS", "FAIL", "INDETERMINATE"] {
        assert!(!text.contains(verdict), "{text}");
    }
}

#[test]
fn a_base_of_something_else_is_refused_with_what_differs() {
    let mut run = fixture::of_suite("probe-cost", Vec::new());
    run.runs = fixture::processes(6, 1.0);
    let mut base = run.clone();
    let mut inputs = of(run);
    inputs.base = Some(Base::Run("base.json".into(), Box::new(base.clone())));
    assert!(said(&inputs).contains("no metric of 1 has a 95 % interval that leaves out 1"));
    base.environment.cpu = "Another CPU".to_owned();
    inputs.base = Some(Base::Run("base.json".into(), Box::new(base)));
    let error = document(&inputs).unwrap_err().to_string();
    for part in [
        "run.json cannot be compared with base.json: CPU is",
        "Another CPU",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_fit_and_its_interval_are_told_of_every_instance() {
    let document = fixture::document(&fixture::two_instances());
    let text = markdown::text(&document);
    assert!(
        text.contains(
            "| model-vtd0 (modelled) | 1,500 (1,500 to 1,500) | 110 (110 to 110) | 0.00 (0.00 to 0.00) | 13.6 | 1.0000 |"
        ),
        "{text}"
    );
    assert!(text.contains("| model-vtd1 (modelled) | 2,400 ("), "{text}");
}

#[test]
fn many_instances_have_one_sentence_and_folded_tables() {
    let names: Vec<String> = (0..64).map(|number| format!("model-vtd{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let document = fixture::document(&[("run.json".into(), fixture::run(&names))]);
    assert_eq!(document.answers.len(), 1);
    assert!(
        document.answers[0].starts_with("On 64 instances (modelled), batching costs 14.4× to"),
        "{:?}",
        document.answers
    );
    let folded = document.sections[0].blocks.last();
    let Some(Block::Folded(_, tables)) = folded else {
        panic!("{folded:?}");
    };
    let is_table = |block: &&Block| matches!(block, Block::Table(_));
    assert_eq!(tables.iter().filter(is_table).count(), 64);
}
