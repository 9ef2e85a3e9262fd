//! The gate: this binary against itself, a slower one, and binaries that fail.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use quick_junit::{Report, TestCaseStatus};
use serde_json::{Value, json};

mod bases;
mod doubts;
mod outputs;
mod power;

use crate::{
    compare::write,
    run::{Finished, HWPTOP, hwptop},
};

/// Options of a process that takes no time; a process' figures are of few requests and of no use.
const SHORT: [&str; 7] = [
    "--",
    "--target",
    "model,instances=1",
    "--batch",
    "1,64",
    "--requests",
    "100",
];

/// A shell script in the place of a binary.
fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("binary");
    // Through a shell: a file that is still open for writing in a process forked by another test
    // cannot be run.
    let written = Command::new("sh")
        .args(["-c", "printf '%s' \"$1\" > \"$0\" && chmod +x \"$0\""])
        .arg(&path)
        .arg(format!("#!/bin/sh\n{text}\n"))
        .status();
    assert!(written.expect("a shell can be started").success());
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o100, 0o100);
    path
}

fn gate(against: &str, options: &[&str]) -> Command {
    let mut command = Command::new(HWPTOP);
    command
        .args(["gate", "batching", "--against", against])
        .args(options)
        .args(SHORT)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

fn finished(mut command: Command) -> Finished {
    Finished::of_command(&mut command)
}

fn rules(directory: &Path) -> String {
    let rules = "least = 5\n\
                 [[metric]]\nname = \"ns_per_entry\"\nlabels = { batch = \"64\" }\nfloor = 0.02\n\
                 [[metric]]\nname = \"request_latency_p50\"\nfloor = 0.05\naction = \"report\"\n";
    let path = write(directory, "rules.toml", rules);
    path.to_str().expect("UTF-8").to_owned()
}

/// One whose every request takes twice its time in the same binary.
const SLOWER: [&str; 9] = [
    "--",
    "--target",
    "model,instances=1",
    "--batch",
    "64",
    "--time",
    "20ms",
    "--inject-delay",
    "100",
];

/// A base that is not slower, though it is told to be.
fn faster(directory: &Path) -> PathBuf {
    script(
        directory,
        &format!(
            "for arg; do shift; [ \"$arg\" = 100 ] && arg=0; set -- \"$@\" \"$arg\"; done\n\
             exec {HWPTOP} \"$@\""
        ),
    )
}

#[test]
fn a_binary_does_not_fail_against_itself() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let junit = directory.path().join("gate.xml");
    let junit = junit.to_str().expect("UTF-8");
    let output = directory.path().join("run.json");
    let options = [
        "--budget", "2s", "--strict", "--format", "json", "--junit", junit,
    ];
    let run = finished(gate(
        HWPTOP,
        &[&options[..], &["-o", output.to_str().expect("UTF-8")]].concat(),
    ));
    let document: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(document["schema"], "hwptop.gate/1");
    let code = match document["verdict"].as_str() {
        Some("PASS") => Some(0),
        Some("INDETERMINATE") => Some(3),
        other => panic!("{other:?}: {}", run.stdout),
    };
    assert_eq!(run.code, code, "{}", run.stderr);

    let metrics = document["comparison"]["metrics"]
        .as_array()
        .expect("metrics");
    let report = fs::read_to_string(junit).expect("it was written");
    let report = Report::deserialize_from_str(&report).expect("JUnit");
    let cases = &report.test_suites[0].test_cases;
    assert_eq!(cases.len(), metrics.len());
    for (case, metric) in cases.iter().zip(metrics) {
        let name = metric["metric"].as_str().expect("a name");
        assert!(case.name.as_str().starts_with(name), "{:?}", case.name);
        let is_untold = metric["verdict"] == "INDETERMINATE" && metric["action"] == "fail";
        let is_skipped = matches!(case.status, TestCaseStatus::Skipped { .. });
        assert_eq!(is_skipped, is_untold, "{metric}");
    }

    let kept = hwptop(&[
        "compare",
        output.to_str().expect("UTF-8"),
        "--format",
        "json",
    ])
    .json();
    assert_eq!(kept["new_runs"], document["runs"]);
}

#[test]
fn the_costs_of_any_suite_are_judged_without_rules_or_options() {
    let gate = ["gate", "front-end", "--against", HWPTOP, "--budget", "1s"];
    let run = hwptop(&[&gate[..], &["--format", "json"]].concat());
    let document: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let metrics = document["comparison"]["metrics"]
        .as_array()
        .expect("metrics");
    let judged = metrics.iter().filter(|of| of["action"] == "fail");
    let names: Vec<_> = judged.filter_map(|of| of["metric"].as_str()).collect();
    assert!(names.contains(&"ns_per_guest_command"), "{names:?}");
}

#[test]
fn a_verdict_that_is_none_is_0_unless_it_is_strict() {
    // There is no time for a second pair: nothing can be told.
    for (strict, code) in [(&[][..], 0), (&["--strict"], 3)] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let slow = script(directory.path(), &format!("sleep 1; exec {HWPTOP} \"$@\""));
        let options = [&["--budget", "1s"], strict].concat();
        let run = finished(gate(slow.to_str().expect("UTF-8"), &options));
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stdout.contains("\nINDETERMINATE: "), "{}", run.stdout);
    }
}

#[test]
fn a_slower_binary_fails_and_github_is_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = faster(directory.path());
    let summary = directory.path().join("summary.md");
    let junit = directory.path().join("gate.xml");
    let mut command = Command::new(HWPTOP);
    command
        .args(["gate", "batching", "--budget", "60s", "--against"])
        .arg(&base)
        .args(["--rules", &rules(directory.path()), "--junit"])
        .arg(&junit)
        .args(SLOWER)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary);
    let run = finished(command);
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("\nFAIL: "), "{}", run.stdout);
    let error = "::error title=ns_per_entry{batch=64%2Cinstance=model-vtd0}::FAIL: new / base ";
    assert!(run.stdout.contains(error), "{}", run.stdout);
    let summary = fs::read_to_string(&summary).expect("it was written");
    for part in ["### hwptop gate: FAIL: ", "| 2 % | FAIL |", "(told) |"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let report = fs::read_to_string(&junit).expect("it was written");
    let report = Report::deserialize_from_str(&report).expect("JUnit");
    // What is reported only fails nothing.
    assert_eq!((report.tests, report.failures), (2, 1));
}

#[test]
fn a_file_is_a_base_too() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = directory.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    let bench = ["bench", "batching", "--runs", "8", "-o", base];
    let run = hwptop(&[&bench[..], &SLOWER[1..7]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let rules = rules(directory.path());
    let gate = ["gate", "batching", "--base", base, "--rules", &rules];
    let text = fs::read_to_string(base).expect("it was written");
    let mut fast: Value = serde_json::from_str(&text).expect("JSON");
    for run in fast["runs"].as_array_mut().expect("runs") {
        run["points"][0]["figures"]["ns_per_entry"] = json!({"value": 0.001});
    }
    write(directory.path(), "base.json", &fast);
    let run = hwptop(&[&gate[..], &["--budget", "60s"], &SLOWER[..7]].concat());
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);

    // Without options it is measured as the base was.
    let output = directory.path().join("run.json");
    let output = output.to_str().expect("UTF-8");
    let run = hwptop(&[&gate[..], &["--budget", "1s", "-o", output]].concat());
    assert!(
        run.stdout.starts_with("batching on model,instances=1 "),
        "{}",
        run.stderr
    );
    let run = fs::read_to_string(output).expect("it was written");
    assert!(run.contains("\"batch\": \"64\""), "{run}");
    assert!(!run.contains("\"batch\": \"1\""), "{run}");

    let few = ["--", "--target", "model,instances=1", "--requests", "9"];
    let run = hwptop(&[&gate[..4], &few].concat());
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(run.stderr.contains("requests is absent"), "{}", run.stderr);
    let other = ["--", "--target", "model:smmuv3", "--requests", "1"];
    let run = hwptop(&[&gate[..4], &other].concat());
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr
            .contains("target is \"model,instances=1\" in the base"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_binary_that_always_fails_is_told_in_its_own_words() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (text, said) in [
        ("echo 'no such luck' >&2; exit 7", "no such luck"),
        (
            "printf \"error: unexpected argument '--batch' found\\n\\nFor more, try --help\\n\" >&2; exit 2",
            "unexpected argument '--batch'",
        ),
        ("exit 0", "wrote no run file"),
        (
            "echo '{}' > \"$(for a; do :; done; echo \"$a\")\"",
            "not a hwptop run file",
        ),
    ] {
        let binary = script(directory.path(), text);
        let name = binary.to_str().expect("UTF-8");
        let run = finished(gate(name, &[]));
        assert_eq!(run.code, Some(3), "{text}: {}", run.stdout);
        for part in [name, said] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
        assert!(run.stdout.is_empty(), "{}", run.stdout);
    }
    for (absent, said) in [("/nonexistent/hwptop", "No such file"), ("/", "denied")] {
        let run = finished(gate(absent, &[]));
        assert_eq!(run.code, Some(3), "{}", run.stdout);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_gated_is_refused_before_anything_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = directory.path().join("ran");
    let binary = script(directory.path(), "touch \"$(dirname \"$0\")/ran\"; exit 1");
    let binary = binary.to_str().expect("UTF-8");
    for (suite, options, said) in [
        (
            "integrity",
            &[][..],
            "integrity: it is measured in one process only",
        ),
        ("power", &[], "power: it is measured in one process only"),
        ("list", &[], "list: it is measured in one process only"),
        ("batchin", &[], "unrecognized subcommand 'batchin'"),
        (
            "batching",
            &["--requsts", "3"],
            "unexpected argument '--requsts'",
        ),
        ("batching", &["--time", "1ms"], "--time"),
        ("batching", &["--format", "json"], "--format: how often"),
        ("batching", &["-o", "x.json"], "-o: how often"),
        ("batching", &["--runs", "3"], "--runs: how often"),
    ] {
        let gate = ["gate", suite, "--against", binary, "--"];
        let run = hwptop(&[&gate, options].concat());
        assert_eq!(run.code, Some(2), "{suite}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }
    for option in ["--junit", "-o"] {
        let path = "/nonexistent/file";
        let run = hwptop(&["gate", "batching", "--against", binary, option, path]);
        assert_eq!(run.code, Some(2), "{option}: {}", run.stderr);
        assert!(run.stderr.contains(path), "{}", run.stderr);
    }
    assert!(!ran.exists(), "something was measured");
}

/// Sends SIGINT when `file` is there, and waits for the end.
fn interrupt(command: &mut Command, file: &Path) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    while !file.exists() {
        let ended = child.try_wait().expect("it can be waited for");
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let interrupted = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status();
    assert!(interrupted.expect("a shell can be started").success());
    let output = child.wait_with_output().expect("it can be waited for");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Measures twice, and then hangs until it is asked to end; says who it is.
const HANGS: &str = "cd \"$(dirname \"$0\")\"\n\
    if [ -e second ]; then trap 'exit 1' TERM; echo $$ > hangs.new; mv hangs.new hangs; \
    while :; do sleep 0.01; done; fi\n\
    if [ -e first ]; then touch second; else touch first; fi\n";

fn is_clean(directory: &Path, temporary: &Path) {
    let pid = fs::read_to_string(directory.join("hangs")).expect("it was written");
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "{} is still there", process.display());
    let left = fs::read_dir(temporary).expect("it is there").count();
    assert_eq!(left, 0, "files are left");
}

#[test]
fn a_signal_ends_a_gate_and_keeps_what_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let binary = script(directory.path(), &format!("{HANGS}exec {HWPTOP} \"$@\""));
    let [junit, output] = ["gate.xml", "run.json"].map(|name| directory.path().join(name));
    let [junit, output] = [&junit, &output].map(|path| path.to_str().expect("UTF-8"));
    let options = ["--junit", junit, "-o", output, "--budget", "10m"];
    let mut command = gate(binary.to_str().expect("UTF-8"), &options);
    command.env("TMPDIR", temporary.path());
    let run = interrupt(&mut command, &directory.path().join("hangs"));
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(
        run.stderr.contains("stopped; measured until then: 2"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("\nINDETERMINATE: "), "{}", run.stdout);
    is_clean(directory.path(), temporary.path());
    let text = fs::read_to_string(output).expect("it was written");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(kept["complete"], false);
    for runs in [&kept["runs"], &kept["base"]["runs"]] {
        assert_eq!(runs.as_array().map(Vec::len), Some(2));
    }
    let report = fs::read_to_string(junit).expect("it was written");
    let report = Report::deserialize_from_str(&report).expect("JUnit");
    assert_eq!((report.failures, report.errors), (0, 0));
}

/// A terminal sends it to the process that measures as well, which may be the first to end.
#[test]
fn ctrl_c_is_no_process_that_failed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let text = format!(
        "cd \"$(dirname \"$0\")\"\nif [ -e first ]; then kill -INT $PPID; exit 130; fi\ntouch first\n\
         exec {HWPTOP} \"$@\""
    );
    let binary = script(directory.path(), &text);
    let output = directory.path().join("run.json");
    let options = ["--budget", "10m", "-o", output.to_str().expect("UTF-8")];
    let run = finished(gate(binary.to_str().expect("UTF-8"), &options));
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(!run.stderr.contains("dropped"), "{}", run.stderr);
    let text = fs::read_to_string(&output).expect("it was written");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(kept["dropped"], Value::Null, "{text}");
    assert_eq!(kept["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_signal_ends_several_runs_and_keeps_what_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let binary = script(directory.path(), &format!("{HANGS}exec {HWPTOP} \"$@\""));
    let output = directory.path().join("run.json");
    let mut command = Command::new(HWPTOP);
    command
        .args(["bench", "batching", "--runs", "9", "--against"])
        .arg(binary)
        .arg("-o")
        .arg(&output)
        .args(&SHORT[1..])
        .env("TMPDIR", temporary.path());
    let run = interrupt(&mut command, &directory.path().join("hangs"));
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(run.stderr.contains("2 of 9 are measured"), "{}", run.stderr);
    is_clean(directory.path(), temporary.path());
    let text = fs::read_to_string(&output).expect("it was written");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(kept["complete"], false);
    for runs in [&kept["runs"], &kept["base"]["runs"]] {
        assert_eq!(runs.as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn reports_go_through_what_is_no_regular_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo can be started").success());
    // Open for both, so that neither side waits for the other.
    let mut reader = fs::OpenOptions::new();
    let reader = reader.read(true).write(true).open(&pipe).expect("a pipe");
    let path = pipe.to_str().expect("UTF-8");
    let run = finished(gate(HWPTOP, &["--budget", "1s", "--junit", path]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let file = fs::metadata(&pipe).expect("it is still there");
    assert!(file.file_type().is_fifo(), "it was replaced");
    let mut line = String::new();
    let read = BufReader::new(reader).read_line(&mut line);
    read.expect("the report is in it");
    assert!(line.starts_with("<?xml"), "{line}");
}
