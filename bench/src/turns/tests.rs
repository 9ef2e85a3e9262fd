use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::run_file::{Point, fixture};

const LONG: Duration = Duration::from_mins(1);

/// A run of one process with a point.
fn run(target: &str) -> RunFile {
    let point = Point::at([("batch", "1".to_owned())]);
    fixture::run(Some(target), vec![vec![point]])
}

/// A binary that tells its name to a log and writes `run`, where the line of its count in the
/// log's lines is not among `fails`.
fn binary(place: &Path, name: &str, run: &RunFile, fails: &[u32]) -> Measuring {
    let program = place.join(name);
    let json = serde_json::to_string(run).expect("JSON");
    let fails: Vec<String> = fails.iter().map(u32::to_string).collect();
    let script = format!(
        "echo {name} >> {log}\ncase \" {fails} \" in *\" $(wc -l < {log}) \"*) echo no >&2; exit 9;; \
         esac\ncat > \"$4\" <<'END'\n{json}\nEND\n",
        log = place.join("log").display(),
        fails = fails.join(" "),
    );
    crate::script::write(&program, &script);
    Measuring {
        program,
        arguments: vec!["policies".into()],
    }
}

fn turns(own: &RunFile, base: &RunFile, fails: &[u32]) -> (TempDir, Turns) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (a, b) = (
        binary(place.path(), "own", own, fails),
        binary(place.path(), "base", base, fails),
    );
    (place, Turns::new(a, Some(b)))
}

fn log(place: &TempDir) -> String {
    let log = fs::read_to_string(place.path().join("log")).expect("a log");
    log.lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_other_binary_is_first_in_every_second_turn() {
    let stop = AtomicBool::new(false);
    let (place, mut turns) = turns(&run("model"), &run("model"), &[]);
    for _ in 0..4 {
        turns.turn(LONG, &stop).expect("both measure");
    }
    assert_eq!(log(&place), "base own own base base own own base");
    let file = turns.into_file().expect("a file");
    let order = |runs: &[ProcessRun]| runs.iter().map(|run| run.order).collect::<Vec<_>>();
    assert_eq!(order(&file.runs), [1, 2, 5, 6]);
    assert_eq!(order(&file.base.expect("the other").runs), [0, 3, 4, 7]);
    assert_eq!(file.dropped, 0);
}

#[test]
fn a_turn_in_which_one_fails_is_dropped_whole_and_counted() {
    let stop = AtomicBool::new(false);
    // The second turn's second process, and the fourth turn's first.
    let (place, mut turns) = turns(&run("model"), &run("model"), &[4, 7]);
    let mut dropped = Vec::new();
    for _ in 0..5 {
        turns.turn(LONG, &stop).expect("most measure");
        dropped.extend(turns.dropped().map(str::to_owned));
    }
    assert_eq!(log(&place), "base own own base base own own base own");
    let file = turns.into_file().expect("a file");
    let base = file.base.expect("the other");
    assert_eq!((file.dropped, file.runs.len(), base.runs.len()), (2, 3, 3));
    assert!(
        dropped[0].ends_with("base ended with exit status: 9: no"),
        "{dropped:?}"
    );
    assert!(
        dropped[1].ends_with("own ended with exit status: 9: no"),
        "{dropped:?}"
    );
}

#[test]
fn what_always_fails_is_not_tried_for_ever() {
    let stop = AtomicBool::new(false);
    let (_place, mut first) = turns(&run("model"), &run("model"), &[1]);
    assert!(matches!(
        first.turn(LONG, &stop),
        Err(TurnsError::Process(_))
    ));
    let all: Vec<u32> = (3..100).collect();
    let (_place, mut later) = turns(&run("model"), &run("model"), &all);
    let ended = (0..100).position(|_| later.turn(LONG, &stop).is_err());
    assert_eq!(ended, Some(3));
    let file = later.into_file().expect("the first turn");
    assert_eq!((file.runs.len(), file.dropped), (1, 3));
}

#[test]
fn binaries_that_measure_different_things_are_not_compared() {
    let stop = AtomicBool::new(false);
    let (_place, mut turns) = turns(&run("model"), &run("selftest"), &[]);
    let error = turns
        .turn(LONG, &stop)
        .expect_err("they differ")
        .to_string();
    assert_eq!(
        error,
        "the two binaries do not measure the same: target is \"selftest\" in the base and \"model\" \
         in the other"
    );
}

#[test]
fn a_process_that_hangs_takes_no_longer_than_the_time_that_is_left() {
    let stop = AtomicBool::new(false);
    let (place, mut turns) = turns(&run("model"), &run("model"), &[]);
    turns.turn(LONG, &stop).expect("both measure");
    crate::script::write(&place.path().join("own"), "exec sleep 1000");
    let begun = Instant::now();
    turns.turn(Duration::ZERO, &stop).expect("it is dropped");
    let beyond = 2 * turns.longest + SLACK;
    assert!(begun.elapsed() >= beyond, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < beyond + LONG / 2, "{:?}", begun.elapsed());
    let why = turns.failure().expect("it is told");
    assert!(why.contains("own did not end within "), "{why}");
    assert_eq!(turns.file().map(|file| file.dropped), Some(1));
}

#[test]
fn a_process_that_measures_only_a_part_has_failed() {
    let stop = AtomicBool::new(false);
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut part = run("model");
    part.runs[0].points[0] = Point::at([("batch", "2".to_owned())]);
    let whole = binary(place.path(), "own", &run("model"), &[]);
    let mut turns = Turns::new(whole, None);
    turns.turn(LONG, &stop).expect("it measures");
    binary(place.path(), "own", &part, &[]);
    turns.turn(LONG, &stop).expect("it is dropped");
    let why = turns.dropped().expect("it is told");
    assert!(
        why.ends_with("its points are not those of the first process"),
        "{why}"
    );
    let file = turns.into_file().expect("the first turn");
    assert_eq!((file.runs.len(), file.dropped), (1, 1));
}
