//! What the dashboard says batching would do, against what it does.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::{
    run::{HWPTOP, unprivileged},
    tmux::{Terminal, eventually},
};

/// Invalidations before each sync.
const BATCH: u32 = 8;
const SYNCS: u32 = 300;

/// A guest that unmaps [`BATCH`] pages at a time, far from one another, every 2 ms.
fn capture(path: &Path) {
    let mut text = String::from("t_us,lo,hi\n");
    for sync in 0..SYNCS {
        let (time, status) = (sync * 2000, 0x01a5_c000 + sync * 8 + 4);
        for page in 0..BATCH {
            let address = 0xffff_0040 - page * 0x2000;
            let _ = writeln!(text, "{time},0000000000040036,{address:016x}");
        }
        let _ = writeln!(text, "{time},0000000200000025,{status:016x}");
    }
    fs::write(path, text).expect("a file can be written");
}

fn arguments<'a>(file: &'a str, policy: &'a str) -> [&'a str; 7] {
    let target = "model:vtd,instances=1";
    [
        "top",
        "--target",
        target,
        "--capture",
        file,
        "--policy",
        policy,
    ]
}

/// The requests of a whole run with `policy`.
fn measured(file: &str, policy: &str) -> Value {
    let once = [
        "--passes",
        "1",
        "--once",
        "--interval",
        "1m",
        "--format",
        "json",
    ];
    let snapshot = unprivileged(&[&arguments(file, policy)[..], &once].concat()).json();
    snapshot["instances"][0]["total"]["stages"]["request"].clone()
}

/// `4.01k` as 4010.
fn scaled(text: &str) -> f64 {
    let (digits, times) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1000.0),
        None => (text, 1.0),
    };
    digits.parse::<f64>().expect("a figure") * times
}

#[test]
fn array_needs_as_few_requests_as_it_is_said_to_need_at_best() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("unmaps.csv");
    capture(&file);
    let file = file.to_str().expect("a plain name");

    let terminal = Terminal::open("advice");
    terminal.tmux(&["resize-window", "-x", "120", "-y", "50"]);
    let arguments = arguments(file, "single").join(" ");
    terminal.line(&format!("{HWPTOP} {arguments} --interval 200ms"));
    eventually("advice is given", || {
        terminal.screen().contains("coalesce: at most")
    });
    let screen = terminal.screen();
    let line = screen.lines().find(|line| line.starts_with("array: "));
    let line = line.unwrap_or_else(|| panic!("no advice:\n{screen}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let [
        "array:",
        before,
        "→",
        after,
        "requests/s,",
        "0",
        "to",
        most,
        ..,
    ] = words[..]
    else {
        panic!("{line}")
    };

    // The rates, to the digits that are shown and a sync at the end of an interval.
    let single = measured(file, "single");
    let array = measured(file, "array");
    let fewer = |run: &Value| run["seen"].as_f64().expect("a count");
    let said = scaled(before) / scaled(after);
    let found = fewer(&single) / fewer(&array);
    assert!(
        (said / found - 1.0).abs() < 0.03,
        "said {said}, measured {found}\n{line}"
    );
    assert_eq!(array["items"], single["items"], "the entries stay");
    // How long requests take is the scheduler's affair here, and not to be held against it.
    let most: f64 = most.trim_start_matches('−').parse().expect("a figure");
    let all_but_one = 100.0 * (1.0 - 1.0 / f64::from(BATCH));
    assert!((most - all_but_one).abs() < 1.6, "{line}");
}
