use hwptop_agent::snapshot::MeasuredBy;

use super::*;
use crate::fixture::{self, kernel};

fn after(snapshot: &Snapshot) -> History {
    let mut history = History::default();
    history.push(snapshot);
    history
}

/// Everything that is said, alarms marked by `[!]`.
fn said(snapshot: &Snapshot) -> String {
    let sections = sections(snapshot, &after(snapshot), 0).into_iter();
    let lines = sections.flat_map(|section| {
        let lines = section.lines.into_iter().map(|one| {
            let mark = if one.is_alarm { "[!]" } else { "" };
            format!("{mark}{}", one.text)
        });
        [section.title.to_owned()]
            .into_iter()
            .chain(lines)
            .collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sums_of_the_stages_are_the_sum_of_all() {
    let mut host = kernel::host();
    let totals = |stage: Stage| -> u64 {
        let totals = host.instances.iter().map(|one| one.total.stage(stage).seen);
        totals.sum()
    };
    let stages = [
        Stage::Request,
        Stage::DriverOp,
        Stage::Submission,
        Stage::HostSubmission,
    ];
    let all: u64 = stages.map(totals).iter().sum();
    (host.events.seen, host.events.recorded, host.events.lost) = (all, all, 0);
    let before = said(&host);
    assert!(
        before.contains(&format!("all: seen {all} = recorded {all} + lost 0")),
        "{before}"
    );
    assert!(!before.contains("of no instance"), "{before}");
    host.events.seen += 3;
    host.events.lost += 3;
    let after = said(&host);
    assert!(
        after.contains(&format!(
            "[!]! all: seen {} = recorded {all} + lost 3",
            all + 3
        )),
        "{after}"
    );
    assert!(
        after.contains("of no instance that is kept apart: seen 3 = recorded 0 + lost 3"),
        "{after}"
    );
    host.events.seen += 1;
    assert!(said(&host).contains(&format!("seen {} ≠", all + 4)));
}

#[test]
fn what_is_wrong_comes_first_and_is_an_alarm() {
    let mut wrong = fixture::frozen();
    wrong.blind = Some("the probes see nothing: a switch is off".to_owned());
    wrong.diagnostics = vec!["table of starts is full".to_owned()];
    wrong.failures_dropped = 7;
    let said = said(&wrong);
    assert!(
        said.starts_with("not as it should be\n[!]! the probes see nothing"),
        "{said}"
    );
    for alarm in [
        "[!]! eBPF program: table of starts is full",
        "[!]! model-vtd1: guest queue frozen",
        "[!]! failed requests that were only counted since the start: 7",
    ] {
        assert!(said.contains(alarm), "{alarm}\n{said}");
    }
    assert!(!self::said(&fixture::snapshot()).contains("[!]"));
}

#[test]
fn how_each_stage_is_attached_is_told_with_why_not_better() {
    let emulated = said(&kernel::emulated_smmu());
    assert!(
        emulated.contains(
            "submission: kprobe/kretprobe, __arm_smmu_cmdq_issue_cmdlist.isra.0; nothing better, \
             because fentry: the function is not in the kernel's BTF"
        ),
        "{emulated}"
    );
    let mut none = kernel::quiet_kernel();
    for stage in &mut none.stages {
        stage.how = None;
        stage.why_not_better = Some("not allowed".to_owned());
    }
    let none = said(&none);
    assert!(
        none.contains(
            "request: not attached, iommufd_hwpt_invalidate; nothing better, because not allowed"
        ),
        "{none}"
    );
    assert!(
        none.contains("[!]! nothing times the stage request"),
        "{none}"
    );
}

#[test]
fn what_was_dropped_of_the_slow_is_told_and_the_sum_closes() {
    let said = said(&fixture::slow::host());
    assert!(said.contains("slower than 1.00ms"), "{said}");
    assert!(
        said.contains("[!]! since the start: seen 24 = captured 4 + dropped 20"),
        "{said}"
    );
}

#[test]
fn the_timing_profile_is_there_in_full() {
    let snapshot = fixture::snapshot();
    let said = said(&snapshot);
    let end = snapshot
        .timing_profile
        .as_deref()
        .unwrap()
        .rsplit("; ")
        .next()
        .unwrap();
    assert!(
        said.contains("* modelled, timing profile") && said.contains(end),
        "{said}"
    );
}

#[test]
fn counters_and_costs_are_there_or_absent_with_the_reason() {
    let counted = said(&fixture::costs::counted());
    for text in [
        "looking costs 865ns a request, 0.2 % of a core",
        "clock: CLOCK_MONOTONIC (bpf_ktime_get_ns), clock source tsc",
        "program invalidate_end: 80ns a run, 4116 runs timed",
        "cycles: counted 50 % of the time",
        "not counted: cache misses, dTLB misses: no counter of the PMU is free",
    ] {
        assert!(counted.contains(text), "{text}\n{counted}");
    }
    let part = said(&fixture::costs::counted_in_part());
    assert!(part.contains("[!]! 44 threads are left out"), "{part}");
    let mut absent = fixture::snapshot();
    absent.measured_by = MeasuredBy::InProcess {
        why: "CAP_BPF is missing".to_owned(),
    };
    let absent = said(&absent);
    for text in [
        "measured in-process: CAP_BPF is missing",
        "no program of ours runs",
        "not counted: --perf counts them",
    ] {
        assert!(absent.contains(text), "{text}\n{absent}");
    }
}

#[test]
fn what_is_kept_is_counted() {
    let said = said(&fixture::snapshot());
    assert!(
        said.contains("intervals: 1 of at most 512, about 1 s"),
        "{said}"
    );
    assert!(said.contains("memory: about"), "{said}");
}
