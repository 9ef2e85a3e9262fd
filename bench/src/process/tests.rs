use super::*;

/// A shell script in the place of the binary: `$4` is where the run file shall be.
fn script(text: &str, limit: Duration) -> (tempfile::TempDir, Measuring) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = place.path().join("binary");
    crate::script::write(&program, text);
    let measuring = Measuring {
        program,
        arguments: vec!["batching".into()],
        limit,
    };
    (place, measuring)
}

const LONG: Duration = Duration::from_mins(1);

fn error(text: &str, limit: Duration) -> String {
    let (_place, measuring) = script(text, limit);
    let stop = AtomicBool::new(false);
    measuring.once(&stop).expect_err("it fails").to_string()
}

#[test]
fn what_a_process_says_before_it_fails_is_told_without_escapes() {
    let said = error(
        r"echo first >&2; printf 'no \033[31msuch thing\n' >&2; exit 3",
        LONG,
    );
    assert!(
        said.ends_with("ended with exit status: 3: no [31msuch thing"),
        "{said}"
    );
    let said = error(
        "printf \"error: no argument '--new'\\n\\nFor more, try --help\\n\" >&2; exit 2",
        LONG,
    );
    assert!(said.ends_with("status: 2: no argument '--new'"), "{said}");
    let said = error("kill -SEGV $$", LONG);
    assert!(
        said.contains("signal: 11 (SIGSEGV)") && said.ends_with("it said nothing"),
        "{said}"
    );
}

#[test]
fn a_process_that_writes_something_else_or_nothing_is_named() {
    let said = error("echo '{\"schema\": \"other\"}' > $4", LONG);
    assert!(said.contains("schema is \"other\""), "{said}");
    let said = error("true", LONG);
    assert!(said.contains("binary wrote no run file: "), "{said}");
}

#[test]
fn a_process_that_does_not_end_is_ended() {
    let said = error("exec sleep 1000", Duration::from_millis(50));
    assert!(said.ends_with("did not end within 50ms"), "{said}");
}

#[test]
fn a_process_is_asked_to_end_where_the_one_that_waits_is_stopped() {
    let (place, measuring) = script(
        "trap 'touch asked; exit 0' TERM; cd $(dirname $0); touch begun; while :; do sleep 0.01; done",
        LONG,
    );
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| measuring.once(&stop));
        while !place.path().join("begun").exists() {
            thread::sleep(PAUSE);
        }
        stop.store(true, Ordering::Relaxed);
        let result = waiting.join().expect("no panic");
        assert!(matches!(result, Err(ProcessError::Stopped)));
    });
    assert!(place.path().join("asked").exists());
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let measuring = Measuring {
        program: "/nonexistent/hwptop".into(),
        arguments: Vec::new(),
        limit: LONG,
    };
    let said = measuring.once(&AtomicBool::new(false));
    let said = said.expect_err("it is not there").to_string();
    assert!(
        said.starts_with("/nonexistent/hwptop: cannot be started: "),
        "{said}"
    );
}
