//! What is written replaces nothing that is read or run.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn an_output_that_is_an_input_a_binary_or_another_output_is_refused_and_nothing_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| {
        directory
            .path()
            .join(name)
            .to_str()
            .expect("UTF-8")
            .to_owned()
    };
    let binary = script(directory.path(), "touch \"$(dirname \"$0\")/ran\"; exit 1");
    let binary = binary.to_str().expect("UTF-8");
    let rules = rules(directory.path());
    let base = write(
        directory.path(),
        "base.json",
        &crate::compare::document(20, false),
    );
    let base = base.to_str().expect("UTF-8");
    symlink(base, at("link")).expect("it can be linked");
    fs::hard_link(base, at("hard")).expect("it can be linked");
    symlink(binary, at("to-binary")).expect("it can be linked");
    let before = fs::read(base).expect("it is there");
    let (link, hard, to_binary, new) = (at("link"), at("hard"), at("to-binary"), at("new"));
    let gate = ["gate", "policies"];
    let with_base = [&gate[..], &["--base", base]].concat();
    let with_binary = [&gate[..], &["--against", binary]].concat();
    let batching = ["bench", "batching", "--runs", "2", "--against", binary];
    for (line, options, said) in [
        (&with_base[..], &["-o", base][..], "as --base ("),
        (&with_base, &["--junit", &link], "as --base ("),
        (&with_base, &["-o", &hard], "as --base ("),
        (
            &with_base,
            &["--rules", &rules, "-o", &rules],
            "as --rules (",
        ),
        (&with_binary, &["-o", &to_binary], "as --against ("),
        (&with_binary, &["-o", HWPTOP], "as this binary ("),
        (
            &with_binary,
            &["-o", &new, "--junit", &new],
            "as --output (",
        ),
        (&batching, &["-o", binary], "as --against ("),
        (&batching, &["-o", HWPTOP], "as this binary ("),
        (
            &["bench", "power"],
            &["--rules", &rules, "-o", &rules],
            "as --rules (",
        ),
        (&["bench", "power"], &["-o", HWPTOP], "as this binary ("),
        (
            &["bench", "front-end", "--capture", &rules],
            &["-o", &rules],
            "as --capture (",
        ),
    ] {
        let run = hwptop(&[line, options].concat());
        assert_eq!(run.code, Some(2), "{line:?} {options:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{options:?}: {}", run.stderr);
    }
    assert_eq!(fs::read(base).expect("it is there"), before);
    assert!(
        !directory.path().join("ran").exists(),
        "something was measured"
    );
    assert!(!Path::new(&new).exists(), "something was written");
}

#[test]
fn what_github_gives_for_a_summary_is_an_output_too() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let summary = directory.path().join("summary");
    let mut command = gate(
        HWPTOP,
        &["--github", "-o", summary.to_str().expect("UTF-8")],
    );
    command.env("GITHUB_STEP_SUMMARY", &summary);
    let run = finished(command);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("GITHUB_STEP_SUMMARY"), "{}", run.stderr);
    assert!(!summary.exists(), "something was written");
}

#[test]
fn a_report_replaces_none_of_its_run_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run_file = directory.path().join("run.json");
    let run_file = run_file.to_str().expect("UTF-8");
    let bench = ["bench", "batching", "-o", run_file];
    let run = hwptop(&[&bench[..], &SHORT[1..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report = directory.path().join("report");
    fs::create_dir(&report).expect("a directory");
    symlink(run_file, report.join("report.md")).expect("it can be linked");
    let before = fs::read(run_file).expect("it is there");
    let run = hwptop(&["report", run_file, "-o", report.to_str().expect("UTF-8")]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("as what it is made of ("),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(run_file).expect("it is there"), before);
}
