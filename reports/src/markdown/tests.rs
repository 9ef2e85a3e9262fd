use std::path::PathBuf;

use super::*;
use crate::fixture;
use hwptop_bench::run_file::{BatchingRun, Kind, Work};

fn report(runs: &[(PathBuf, BatchingRun)]) -> String {
    text(&fixture::document(runs))
}

#[test]
fn it_opens_with_the_answer() {
    let text = report(&[("run.json".into(), fixture::run(&["model-vtd0"]))]);
    assert_eq!(
        text.lines().nth(4).unwrap(),
        "On model-vtd0 (modelled), batch 1024 costs 14.4× less per entry than batch 1: 111 ns \
         instead of 1,610 ns."
    );
}

#[test]
fn batching_that_does_not_help_is_not_praised() {
    let mut run = fixture::run(&["model-vtd0"]);
    run.points = [(1, 100), (64, 300)]
        .map(|(batch, entry_ns)| fixture::point("model-vtd0", batch, 0, entry_ns))
        .to_vec();
    let text = report(&[("run.json".into(), run.clone())]);
    assert!(
        text.contains("no batch size costs less per entry than batch 1 (100 ns)"),
        "{text}"
    );
    run.points.truncate(1);
    let text = report(&[("run.json".into(), run)]);
    assert!(text.contains("batch 1 costs 100 ns per entry."), "{text}");
}

#[test]
fn a_run_that_was_stopped_is_said_to_be() {
    let mut runs = fixture::two_instances();
    assert!(!report(&runs).contains("stopped"));
    runs[0].1.complete = false;
    let text = report(&runs);
    let said = "\nrun.json was stopped before its end: points are missing.\n";
    assert!(text.contains(said), "{text}");
}

#[test]
fn counters_that_are_absent_are_said_to_be_and_not_shown_as_0() {
    let text = report(&fixture::two_instances());
    assert!(
        text.contains(
            "| instructions, cycles | absent: this machine has no hardware counters, or they may \
             not be used |"
        ),
        "{text}"
    );
    assert!(!text.contains("cycles/entry"), "{text}");
    assert!(!text.contains("user and kernel"), "{text}");
}

#[test]
fn counters_are_shown_per_entry() {
    let mut runs = fixture::with_counters();
    runs[0].1.points[1].counters = None;
    let text = report(&runs);
    assert!(text.contains("| 1,234 | 2,345 |"), "{text}");
    assert!(text.contains("| absent | absent |"), "{text}");
    assert!(!text.contains("no hardware counters"), "{text}");
}

#[test]
fn counters_say_whether_the_kernels_part_is_in_them() {
    let mut runs = fixture::with_counters();
    let said = "| instructions, cycles | user and kernel, on the thread that submits |";
    let text = report(&runs);
    assert!(text.contains(said), "{text}");
    assert!(!text.contains("user only"), "{text}");

    for point in &mut runs[0].1.points {
        if let Some(counters) = &mut point.counters {
            counters.user_only = true;
        }
    }
    let text = report(&runs);
    for said in [
        "| instructions, cycles | user only (the kernel's part needs more rights), on the thread",
        "\nInstructions and cycles per entry: user only (the kernel's part needs more rights).",
    ] {
        assert!(text.contains(said), "{text}");
    }
    assert!(!text.contains("user and kernel"), "{text}");
}

#[test]
fn hostile_names_are_text_and_not_markup() {
    let text = report(&fixture::hostile());
    let control = |c: char| (c.is_control() && c != '\n') || c == '\u{ffff}';
    assert!(!text.contains(control), "{text}");
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("&lt;script&gt;"), "{text}");
    // The only tags are those that hold the commands.
    let tags = text.matches("<code>").count() + text.matches("</code>").count();
    assert_eq!(text.matches('<').count(), tags, "{text}");
    // No line was ended within a name.
    for line in text.lines().filter(|line| line.contains("&lt;script")) {
        assert!(line.contains("a\\_b\\*\\`\\[x\\](y)"), "{line}");
    }
}

#[test]
fn every_table_row_has_as_many_cells_as_its_heading() {
    let text = report(&fixture::hostile());
    let mut width = None;
    for line in text.lines() {
        let cells = line.matches('|').count();
        width = if line.starts_with('|') {
            width.or(Some(cells))
        } else {
            None
        };
        assert_eq!(width.unwrap_or(cells), cells, "{line}");
    }
}

#[test]
fn how_it_was_measured_can_be_repeated() {
    let text = report(&fixture::two_instances());
    for said in [
        "`hwptop bench batching --target model -o 'a run.json'`",
        "| timing profile | strict-700ns: 250 ns per submission; modelled, not measured here: a \
         paper |",
        "2023-11-14 22:13:20 UTC",
        "Example CPU @ 2.00GHz, 2 logical",
        "| kernel | 6.12.0 |",
        "modelled: a model stood in for hardware",
        "### Run 1: run.json",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn figures_of_hardware_are_not_called_modelled() {
    let mut runs = fixture::two_instances();
    runs[0].1.kind = Kind::Hardware;
    runs[0].1.timing_profile = None;
    for point in &mut runs[0].1.points {
        point.instance = point.instance.replace("model-vtd", "dmar");
    }
    let text = report(&runs);
    assert!(!text.contains("modelled"), "{text}");
}

#[test]
fn figures_of_a_mock_and_of_an_emulated_unit_say_so() {
    for (kind, meaning) in [
        (Kind::Mock, "mock: the kernel's selftest mock"),
        (
            Kind::Emulated,
            "emulated: a virtual machine monitor emulated",
        ),
    ] {
        let mut runs = fixture::two_instances();
        let run = &mut runs[0].1;
        (run.kind, run.timing_profile) = (kind, None);
        run.work = Work::Unmap;
        for point in &mut run.points {
            (point.submissions, point.commands) = (None, None);
        }
        let text = report(&runs);
        assert!(text.contains(meaning), "{text}");
        assert!(text.contains(&format!("({})", kind.name())), "{text}");
        assert!(text.contains("no HWPT request"), "{text}");
        assert!(text.contains("| absent |"), "{text}");
        assert!(!text.contains("modelled:"), "{text}");
    }
}
