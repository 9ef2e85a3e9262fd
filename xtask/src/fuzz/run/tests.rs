use super::*;

const CRASH: &str = "\
INFO: Seed: 1
#10\tINITED cov: 770 ft: 840 corp: 7/11766b exec/s: 0 rss: 44Mb
#11\tNEW    cov: 799 ft: 1252 corp: 8/12958b exec/s: 0 rss: 47Mb

thread '<unnamed>' (7) panicked at src/check.rs:9:5:
memory changed
==7== ERROR: libFuzzer: deadly signal
artifact_prefix='/w/artifacts/vtd/'; Test unit written to /w/artifacts/vtd/crash-0a
Base64: AAA=
";

#[test]
fn progress_is_the_last_line_of_figures() {
    let line = progress(CRASH).unwrap();
    assert!(line.starts_with("#11"), "{line}");
    assert_eq!(progress("INFO: Seed: 1\n"), None);
}

#[test]
fn a_failure_tells_its_reason_its_input_and_how_to_repeat_it() {
    let message = failure("vtd", Path::new("/w/vtd.log"), CRASH);
    assert!(!message.contains("INFO: Seed"), "{message}");
    assert!(message.contains("memory changed\n"), "{message}");
    assert!(
        message.contains("all of its output: /w/vtd.log\n"),
        "{message}"
    );
    let end = "cargo xtask fuzz vtd --repeat /w/artifacts/vtd/crash-0a";
    assert!(message.ends_with(end), "{message}");
}

#[test]
fn a_failure_without_a_reason_shows_the_last_lines() {
    let log = "first\n".repeat(100) + "error: could not compile\n";
    let message = failure("vtd", Path::new("/w/vtd.log"), &log);
    assert!(message.contains("error: could not compile\n"), "{message}");
    assert!(message.lines().count() < 40, "{message}");
}
