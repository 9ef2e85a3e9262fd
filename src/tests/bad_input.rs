//! Wrong arguments and broken files: named, exit code 2, nothing lost.

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};

use crate::run::{hwptop, unprivileged};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text.as_bytes())
        .expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn refused(path: &Path, wanted: &[&str]) {
    let file = path.to_str().expect("temporary paths are UTF-8");
    let run = unprivileged(&["top", "--once", "--capture", file]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    for part in wanted {
        assert!(
            run.stderr.contains(part),
            "{part:?} is not in: {}",
            run.stderr
        );
    }
    assert!(
        run.stderr.contains(file),
        "the file is not named: {}",
        run.stderr
    );
}

const GOOD: &str = "t_us,lo,hi\n0,0000000000000011,0000000000000000\n\
                    62,0000000200000025,0000000001a5cc04\n";

#[test]
fn a_malformed_capture_names_file_and_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, line, part) in [
        ("short.csv", "70,0000000000000011", ":4"),
        ("nonhex.csv", "70,00000000000000zz,0", "zz"),
        ("time.csv", "x,0,0", "x"),
        ("wide.csv", "70,00000000000000011,0", "00000000000000011"),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, format!("{GOOD}{line}\n")).expect("it can be written");
        refused(&path, &[":4", part]);
    }
}

#[test]
fn a_missing_column_or_an_empty_file_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("columns.csv");
    fs::write(&path, "t_us,lo\n0,11\n").expect("it can be written");
    refused(&path, &[":1", "hi"]);
    let path = directory.path().join("empty.csv");
    fs::write(&path, "").expect("it can be written");
    refused(&path, &[]);
    refused(&directory.path().join("absent.csv"), &["No such file"]);
}

#[test]
fn a_truncated_gzip_names_file_and_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cut.csv.gz");
    let mut text = GOOD.to_owned();
    for at in 0..10_000u64 {
        let noise = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) << 16 | 0x36;
        let _ = writeln!(text, "{},{noise:016x},0000000000000000", 100 + at);
    }
    let bytes = gzip(&text);
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be written");
    refused(&path, &["cut.csv.gz:"]);
}

#[test]
fn wrong_arguments_are_told_with_exit_code_2() {
    for (args, part) in [
        (&["--target", "nonsense"][..], "no target"),
        (&["--target", "model,instances=65"], "1 to 64"),
        (&["--target", "pid:4294967294", "--once"], "does not exist"),
        (
            &["--target", "pid:1", "--passes", "1", "--once"],
            "--passes is for the model",
        ),
        (
            &["--capture", "nope", "--once"],
            "vtd-first-stage-nvme-strict",
        ),
        (&["--interval", "5"], "no time"),
        (&["--speed", "0"], "no pace"),
        (&["--count", "0"], "0"),
        (&["--once", "--count", "3"], "cannot be used with"),
        (&["bench", "nonsense"], "unrecognized"),
        (
            &["bench", "batching", "--target", "pid:1"],
            "drives its target itself",
        ),
        (
            &["report", "/nonexistent/run.json", "-o", "/tmp/x"],
            "/nonexistent/run.json",
        ),
    ] {
        let run = hwptop(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_process_that_does_not_embed_the_driver_is_told_apart() {
    let mut sleeper = std::process::Command::new("sleep")
        .arg("30")
        .spawn()
        .expect("sleep starts");
    // The kernel lets the parent go on before it has renamed the child.
    let comm = format!("/proc/{}/comm", sleeper.id());
    while std::fs::read_to_string(&comm).expect("it runs").trim() != "sleep" {
        std::thread::yield_now();
    }
    let run = hwptop(&[
        "top",
        "--once",
        "--target",
        &format!("pid:{}", sleeper.id()),
    ]);
    sleeper.kill().expect("sleep can be ended");
    sleeper.wait().expect("sleep can be waited for");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("does not embed hwptop-driver"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("(sleep)"), "{}", run.stderr);
}

#[test]
fn a_descriptor_type_that_does_not_exist_freezes_its_queue_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("unknown-type.csv");
    // Two good doorbells, then type 0xf, then more that is never reached.
    let page = |n: u64| {
        format!(
            "{n},0000000000040036,{:016x}\n{n},0000000200000025,0000000001a5cc04\n",
            n << 12
        )
    };
    let text = format!(
        "t_us,lo,hi\n{}{}9,000000000000000f,0000000000000000\n{}",
        page(1),
        page(2),
        page(10)
    );
    fs::write(&path, text).expect("it can be written");
    let file = path.to_str().expect("temporary paths are UTF-8");
    let args = [
        "top",
        "--target",
        "model,instances=2",
        "--passes",
        "1",
        "--once",
        "--format",
        "json",
        "--capture",
        file,
        "--capture",
        "vtd-first-stage-nvme-buffered-lazy",
        "--speed",
        "max",
    ];
    let snapshot = unprivileged(&args).json();
    let frozen = &snapshot["instances"][0];
    assert!(
        frozen["fault"]
            .as_str()
            .is_some_and(|fault| fault.contains("type")),
        "{frozen}"
    );
    assert_eq!(frozen["driver"]["faults"], 1);
    assert_eq!(frozen["total"]["guest"]["faults"], 1);
    assert_eq!(frozen["total"]["errors"], 1);
    assert_eq!(frozen["driver"]["waits"], 2);
    assert_eq!(frozen["driver"]["requests"], 2);
    let other = &snapshot["instances"][1];
    assert!(other.get("fault").is_none(), "{other}");
    assert_eq!(other["driver"]["waits"], 95);
    let text = unprivileged(&[&args[..7], &["text"], &args[8..]].concat());
    assert!(
        text.stdout.contains("frozen") || text.stdout.contains("type"),
        "{}",
        text.stdout
    );
}

#[test]
fn what_cannot_be_kept_of_slow_events_is_refused_with_the_option() {
    for (arguments, part) in [
        (
            &["--target", "model", "--slow-stacks"][..],
            "--slow-stacks is for what the kernel does",
        ),
        (
            &["--target", "agent:/none", "--slow", "p99"],
            "--slow is the agent's own",
        ),
        (&["--slow", "p100"], "is no percentile"),
        (&["--slow", "5"], "is no time"),
        (&["--slow-rate", "0"], "--slow-rate"),
    ] {
        let run = unprivileged(&[&["top", "--once"], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
    }
}
