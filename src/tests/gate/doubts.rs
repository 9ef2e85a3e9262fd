//! What leaves no PASS, though all that could be compared passes.

use std::time::{Duration, Instant};

use super::*;

/// A binary that measures, but for its third process, which does `fails`.
fn failing(directory: &Path, fails: &str) -> String {
    let text = format!(
        "cd \"$(dirname \"$0\")\"\necho >> n\nif [ \"$(wc -l < n)\" = 3 ]; then {fails}; fi\n\
         exec {HWPTOP} \"$@\""
    );
    let binary = script(directory, &text);
    binary.to_str().expect("UTF-8").to_owned()
}

/// So wide that whatever is measured passes.
fn wide(directory: &Path) -> String {
    let rules = "confidence = 0.5\nleast = 5\n[[metric]]\nname = \"ns_per_entry\"\nfloor = 10\n";
    let path = write(directory, "wide.toml", rules);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_process_that_crashes_is_counted_and_told_everywhere() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let binary = failing(directory.path(), "kill -SEGV $$");
    let rules = wide(directory.path());
    let junit = directory.path().join("gate.xml");
    let junit = junit.to_str().expect("UTF-8");
    let options = ["--rules", &rules, "--junit", junit, "--github"];
    let run = finished(gate(&binary, &options));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("a turn is dropped: "), "{}", run.stderr);
    assert!(run.stderr.contains("SIGSEGV"), "{}", run.stderr);
    let verdict = run
        .stdout
        .lines()
        .find(|line| line.starts_with("INDETERMINATE: "));
    let verdict = verdict.unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(
        verdict.contains("not compared: turns that were dropped, as a process failed: 1"),
        "{verdict}"
    );
    assert!(run.stdout.contains(" PASS"), "{}", run.stdout);
    let warning = "::warning title=not compared::turns that were dropped, as a process failed: 1";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
    let report = fs::read_to_string(junit).expect("it was written");
    let report = Report::deserialize_from_str(&report).expect("JUnit");
    assert_eq!((report.failures, report.errors), (0, 1));
    let strict = finished(gate(
        &failing(directory.path(), "exit 1"),
        &["--rules", &rules],
    ));
    assert_eq!(
        strict.code,
        Some(0),
        "nothing fails any more: {}",
        strict.stderr
    );
}

#[test]
fn with_json_the_document_is_alone_on_standard_output() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let binary = failing(directory.path(), "kill -SEGV $$");
    let rules = wide(directory.path());
    let options = [
        "--rules", &rules, "--github", "--strict", "--format", "json",
    ];
    let run = finished(gate(&binary, &options));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).expect("JSON and nothing else");
    assert_eq!(document["verdict"], "INDETERMINATE");
    assert_eq!(document["comparison"]["dropped"], 1);
    let doubt = document["doubts"][0].as_str().expect("a doubt");
    assert!(doubt.contains("SIGSEGV"), "{doubt}");
    assert!(
        run.stderr.contains("::warning title=not compared::"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_process_that_hangs_takes_hardly_more_than_the_budget() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let binary = failing(directory.path(), "exec sleep 1000");
    let begun = Instant::now();
    let run = finished(gate(&binary, &["--budget", "3s"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "{:?}",
        begun.elapsed()
    );
    assert!(run.stderr.contains("did not end within"), "{}", run.stderr);
    assert!(run.stdout.contains("\nINDETERMINATE: "), "{}", run.stdout);
}

/// A binary whose run file has the metrics and points that this leaves of it.
fn editing(directory: &Path, sed: &str) -> String {
    let text = format!("{HWPTOP} \"$@\" || exit\nfor file; do :; done\nsed -i '{sed}' \"$file\"");
    let binary = script(directory, &text);
    binary.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_metric_of_one_side_alone_leaves_no_pass() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rules = "confidence = 0.5\nleast = 5\n[[metric]]\nname = \"ns_per_entry\"\nfloor = 10\n\
                 [[metric]]\nname = \"commands_per_sync\"\nfloor = 10\n";
    let rules = write(directory.path(), "rules.toml", rules);
    let rules = rules.to_str().expect("UTF-8");
    let junit = directory.path().join("gate.xml");
    let junit = junit.to_str().expect("UTF-8");
    let without = editing(
        directory.path(),
        "s/\"commands_per_sync\"/\"commands_for_sync\"/",
    );
    let run = finished(gate(&without, &["--rules", rules, "--junit", junit]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("\nINDETERMINATE: "), "{}", run.stdout);
    assert!(
        run.stdout.contains(": only the other has it"),
        "{}",
        run.stdout
    );
    let report = fs::read_to_string(junit).expect("it was written");
    let report = Report::deserialize_from_str(&report).expect("JUnit");
    assert_eq!(
        (report.failures, report.errors),
        (0, 2),
        "one of each batch size"
    );
}

#[test]
fn a_file_of_a_process_that_was_stopped_counts_as_a_failure() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let stopped = editing(
        directory.path(),
        "s/\"complete\": true/\"complete\": false/",
    );
    let run = finished(gate(&stopped, &[]));
    assert_eq!(run.code, Some(3), "{}", run.stdout);
    assert!(
        run.stderr.contains("not whole: the process was stopped"),
        "{}",
        run.stderr
    );
}
