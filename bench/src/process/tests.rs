use super::*;

/// A shell script in the place of the binary: `$4` is where the run file shall be.
fn script(text: &str) -> (tempfile::TempDir, Measuring) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let program = place.path().join("binary");
    crate::script::write(&program, text);
    let measuring = Measuring {
        program,
        arguments: vec!["batching".into()],
    };
    (place, measuring)
}

const LONG: Duration = Duration::from_mins(1);

fn error(text: &str, limit: Duration) -> String {
    let (_place, measuring) = script(text);
    let stop = AtomicBool::new(false);
    measuring
        .once(limit, &stop)
        .expect_err("it fails")
        .to_string()
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
    assert!(said.ends_with("did not end within 50.0ms"), "{said}");
}

#[test]
fn what_a_script_around_the_binary_started_ends_with_it() {
    let (place, measuring) = script("sleep 1000 & echo $! > $(dirname $0)/started; wait");
    let result = measuring.once(Duration::from_millis(200), &AtomicBool::new(false));
    assert!(
        matches!(result, Err(ProcessError::Hung { .. })),
        "{result:?}"
    );
    let pid = fs::read_to_string(place.path().join("started")).expect("it began");
    // Gone, or a zombie until init looks after it.
    let is_running = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    let start = Instant::now();
    while is_running() {
        assert!(start.elapsed() < LONG, "process {} runs on", pid.trim());
        thread::sleep(PAUSE);
    }
}

#[test]
fn a_process_is_asked_to_end_where_the_one_that_waits_is_stopped() {
    let (place, measuring) = script(
        "trap 'touch asked; exit 0' TERM; cd $(dirname $0); touch begun; while :; do sleep 0.01; done",
    );
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| measuring.once(LONG, &stop));
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
    };
    let said = measuring.once(LONG, &AtomicBool::new(false));
    let said = said.expect_err("it is not there").to_string();
    assert!(
        said.starts_with("/nonexistent/hwptop: cannot be started: "),
        "{said}"
    );
}

#[test]
fn what_is_not_all_that_one_process_measures_is_not_taken_for_it() {
    let point = r#"{"labels": {}, "figures": {"requests": {"value": 1}}}"#;
    let one = format!(r#"{{"order": 0, "started_unix_s": 1, "points": [{point}]}}"#);
    let none = r#"{"order": 0, "started_unix_s": 1, "points": []}"#;
    for (complete, runs, base, said) in [
        (true, one.clone(), "null", None),
        (
            false,
            one.clone(),
            "null",
            Some("stopped before it was done"),
        ),
        (true, String::new(), "null", Some("it is of 0 processes")),
        (
            true,
            format!("{one}, {one}"),
            "null",
            Some("it is of 2 processes"),
        ),
        (
            true,
            none.to_owned(),
            "null",
            Some("nothing measured in it"),
        ),
        (true, one.clone(), "BASE", Some("another binary's runs")),
    ] {
        let environment = r#"{"hwptop": "1", "kernel": "6", "cpu": "x", "cpus": 1}"#;
        let other = format!(r#"{{"program": "x", "environment": {environment}, "runs": []}}"#);
        let base = base.replace("BASE", &other);
        let (_place, measuring) = script(&format!(
            "cat > $4 <<'END'\n{{\"schema\": \"hwptop.run/2\", \"suite\": \"policies\", \
             \"kind\": \"modelled\", \"started_unix_s\": 1, \"command\": [], \"environment\": \
             {environment}, \"complete\": {complete}, \"runs\": [{runs}], \"base\": {base}}}\nEND"
        ));
        let measured = measuring.once(LONG, &AtomicBool::new(false));
        match (measured, said) {
            (Ok(_), None) => {}
            (Err(error), Some(said)) => {
                let error = error.to_string();
                assert!(error.contains("not whole: "), "{error}");
                assert!(error.contains(said), "{error}");
            }
            (measured, said) => panic!("{said:?}: {measured:?}"),
        }
    }
}
