use std::{fs, path::Path};

use super::*;
use crate::{
    gate::Rules,
    process::Measuring,
    run_file::{Point, fixture},
};

/// A binary that writes a run file with these figures at once, and does `extra` before it: `$0.n`
/// is how often it was started.
fn binary(place: &Path, name: &str, figures: &[(&str, f64)], extra: &str) -> Measuring {
    let point = figures
        .iter()
        .fold(Point::default(), |point, (name, value)| {
            point.with(name, Some(*value))
        });
    let file = fixture::run(None, vec![vec![point]]);
    let json = serde_json::to_string(&file).expect("JSON");
    let program = place.join(name);
    crate::script::write(
        &program,
        &format!("echo >> $0.n\nn=$(wc -l < $0.n)\n{extra}\ncat > \"$4\" <<'END'\n{json}\nEND"),
    );
    Measuring {
        program,
        arguments: vec!["policies".into()],
    }
}

const BOTH: &[(&str, f64)] = &[("ns_per_entry", 100.0), ("guest_commands_per_s", 5.0)];

fn run(own: Measuring, base: Measuring, budget_s: u64, stop: &AtomicBool) -> (Outcome, Turns) {
    let rules: Rules = toml::from_str(&format!("least = 6\nbudget_s = {budget_s}")).expect("rules");
    let mut turns = Turns::new(own, Some(base));
    let gate = Gate::new(rules, true);
    let outcome = gate.run(&mut turns, None, Instant::now(), stop, |_| {});
    (outcome.expect("the first turn measures"), turns)
}

#[test]
fn what_is_the_same_passes_where_nothing_is_in_doubt() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let [own, base] = ["own", "base"].map(|name| binary(place.path(), name, BOTH, ""));
    let (outcome, _) = run(own, base, 60, &AtomicBool::new(false));
    assert_eq!(
        (outcome.judged.verdict, outcome.judged.runs),
        (Verdict::Pass, 6)
    );
    assert!(outcome.judged.doubts.is_empty() && outcome.ended.is_none());
}

#[test]
fn a_process_that_crashes_in_the_middle_leaves_no_pass() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let own = binary(place.path(), "own", BOTH, "[ $n = 3 ] && kill -SEGV $$");
    let base = binary(place.path(), "base", BOTH, "");
    let (outcome, _) = run(own, base, 60, &AtomicBool::new(false));
    let judged = outcome.judged;
    assert!(judged.rows.iter().all(|row| row.verdict == Verdict::Pass));
    assert_eq!(judged.verdict, Verdict::Indeterminate);
    let [Doubt::Dropped { turns: 1, why }] = &judged.doubts[..] else {
        panic!("{:?}", judged.doubts);
    };
    assert!(
        why.contains("own ended with") && why.contains("SIGSEGV"),
        "{why}"
    );
}

#[test]
fn a_process_that_hangs_in_the_middle_leaves_no_pass_and_takes_hardly_more_than_the_budget() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let own = binary(place.path(), "own", BOTH, "[ $n -ge 3 ] && exec sleep 1000");
    let base = binary(place.path(), "base", BOTH, "");
    let (outcome, turns) = run(own, base, 2, &AtomicBool::new(false));
    assert_eq!(outcome.judged.verdict, Verdict::Indeterminate);
    let dropped = turns.file().map(|file| file.dropped);
    assert_eq!(dropped, Some(1), "{:?}", outcome.judged.doubts);
    assert!(
        outcome.elapsed < Duration::from_secs(30),
        "{:?}",
        outcome.elapsed
    );
}

#[test]
fn a_metric_that_one_side_alone_has_leaves_no_pass_though_all_others_do() {
    for (own, base, said) in [
        (
            &BOTH[..1],
            BOTH,
            "guest_commands_per_s: only the base has it",
        ),
        (
            BOTH,
            &BOTH[..1],
            "guest_commands_per_s: only the other has it",
        ),
    ] {
        let place = tempfile::tempdir().expect("a temporary directory");
        let own = binary(place.path(), "own", own, "");
        let base = binary(place.path(), "base", base, "");
        let (outcome, _) = run(own, base, 60, &AtomicBool::new(false));
        let judged = outcome.judged;
        assert_eq!(judged.verdict, Verdict::Indeterminate);
        assert_eq!(judged.rows.len(), 1);
        assert_eq!(judged.rows[0].verdict, Verdict::Pass);
        let doubts: Vec<String> = judged.doubts.iter().map(ToString::to_string).collect();
        assert_eq!(doubts, [said]);
    }
    // What is only told may be of one side.
    let place = tempfile::tempdir().expect("a temporary directory");
    let more = [BOTH, &[("commands_per_sync", 5.0)]].concat();
    let own = binary(place.path(), "own", &more, "");
    let base = binary(place.path(), "base", BOTH, "");
    let (outcome, _) = run(own, base, 60, &AtomicBool::new(false));
    assert_eq!(outcome.judged.verdict, Verdict::Pass);
}

#[test]
fn what_is_stopped_says_what_it_has_and_judges_nothing() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let stopped = place.path().join("stopped");
    let wait = format!(
        "[ $n = 4 ] && touch {} && while :; do sleep 0.01; done",
        stopped.display()
    );
    let slower = [("ns_per_entry", 200.0), BOTH[1]];
    let own = binary(place.path(), "own", &slower, &wait);
    let base = binary(place.path(), "base", BOTH, "");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let gate = scope.spawn(|| run(own, base, 600, &stop));
        while !stopped.exists() && !gate.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let (outcome, turns) = gate.join().expect("no panic");
        assert!(outcome.is_stopped());
        let judged = outcome.judged;
        assert_eq!((judged.verdict, judged.runs), (Verdict::Indeterminate, 3));
        assert_eq!(turns.file().map(|file| file.runs.len()), Some(3));
    });
    assert_eq!(
        fs::read_to_string(place.path().join("own.n"))
            .expect("it ran")
            .len(),
        4
    );
}
