//! What a change is held against: a store of run files; and rules that nothing could fail.

use super::*;

/// Adds runs of the policies suite that look as if this machine had measured them, of `count`
/// processes; answers the file of the store.
fn add(directory: &Path, store: &str, branch: &str, file: &str, count: &str) -> String {
    let path = directory.join(file);
    let path = path.to_str().expect("UTF-8");
    let bench = ["bench", "batching", "--runs", count, "-o", path];
    let run = hwptop(&[&bench[..], &SHORT[1..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let add = [
        "baseline", "add", path, "--store", store, "--branch", branch,
    ];
    let run = hwptop(&add);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let line = run.stdout.lines().next().expect("a line");
    line.strip_prefix("added ").expect("its file").to_owned()
}

#[test]
fn the_newest_comparable_run_of_a_stores_branch_is_a_base() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("store");
    let store = store.to_str().expect("UTF-8");
    let enough = add(directory.path(), store, "topic", "enough.json", "6");
    // A newer one that tells nothing.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let few = add(directory.path(), store, "topic", "few.json", "2");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let gate = ["gate", "batching", "--base", store, "--branch", "topic"];
    let json = ["--budget", "1s", "--format", "json"];
    // Without options it is measured as that one was.
    let run = hwptop(&[&gate[..], &json].concat());
    assert!(
        matches!(run.code, Some(0 | 1)),
        "{:?}: {}",
        run.code,
        run.stderr
    );
    assert!(
        run.stderr.contains(&format!("the base is {enough}\n")),
        "{}",
        run.stderr
    );
    let document: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(document["comparison"]["base_runs"], 6);
    assert_eq!(document["comparison"]["target"], "model,instances=1");

    let other = [
        "--",
        "--target",
        "model:smmuv3,instances=1",
        "--requests",
        "100",
    ];
    let run = hwptop(&[&gate[..], &other].concat());
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    let name = |path: &str| path.rsplit('/').next().expect("a name").to_owned();
    for part in [
        &*format!(
            "{}: target is \"model,instances=1\" in the base",
            name(&few)
        ),
        &name(&enough),
        "of the branch topic",
        "hwptop baseline add",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let forced = hwptop(&[&gate[..], &["--force", "--budget", "1s"], &other].concat());
    assert!(
        forced.stdout.contains("NOT OF THE SAME: target"),
        "{}",
        forced.stderr
    );

    let base = format!("the base is {enough}\n");
    assert!(forced.stderr.contains(&base), "{}", forced.stderr);

    // A file in the store is not written over.
    let run = hwptop(&[&gate[..], &["-o", &few]].concat());
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(run.stderr.contains("a file in --base ("), "{}", run.stderr);
}

#[test]
fn a_store_without_a_run_to_compare_with_is_told_before_anything_is_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("store");
    let store = store.to_str().expect("UTF-8");
    let few = add(directory.path(), store, "main", "few.json", "2");
    let file = directory.path().join("few.json");
    let empty = tempfile::tempdir().expect("a temporary directory");
    let hour = ["--", "--time", "1h"];
    for (suite, base, branch, said) in [
        (
            "batching",
            store,
            None,
            "processes that it has figures of: 2; a base has 5",
        ),
        (
            "batching",
            store,
            Some("x"),
            "no branch x in this store; it has main",
        ),
        (
            "policies",
            store,
            None,
            "no run of policies of the branch main",
        ),
        (
            "batching",
            empty.path().to_str().expect("UTF-8"),
            None,
            "no branch main",
        ),
        (
            "batching",
            file.to_str().expect("UTF-8"),
            Some("x"),
            "no store's directory",
        ),
        ("batching", "/nonexistent", None, "No such file"),
    ] {
        let branch = branch.map_or(vec![], |branch| vec!["--branch", branch]);
        let run = hwptop(&[&["gate", suite, "--base", base], &branch[..], &hour].concat());
        assert_eq!(run.code, Some(2), "{suite} {base}: {}", run.stdout);
        for part in [base, said] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
    assert!(Path::new(&few).exists());
}

#[test]
fn a_base_with_a_process_that_is_not_whole_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut document = crate::compare::document(6, false);
    let points = document["runs"][2]["points"]
        .as_array_mut()
        .expect("points");
    points.pop();
    let base = write(directory.path(), "base.json", &document);
    let run = hwptop(&["gate", "policies", "--base", base.to_str().expect("UTF-8")]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("base.json: runs[2] is not whole"),
        "{}",
        run.stderr
    );
}

#[test]
fn rules_that_nothing_can_fail_are_refused_with_their_place() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = directory.path().join("ran");
    let binary = script(directory.path(), "touch \"$(dirname \"$0\")/ran\"; exit 1");
    let binary = binary.to_str().expect("UTF-8");
    for (rules, place) in [
        (
            "[[metric]]\nname = \"*\"\nfloor = 1\naction = \"report\"\n",
            ":1: ",
        ),
        (
            "least = 5\n\n[[metric]]\nname = \"entries\"\nfloor = 1\n",
            ":3: ",
        ),
        ("metric = []\n", ":1: "),
    ] {
        let file = write(directory.path(), "rules.toml", rules);
        let file = file.to_str().expect("UTF-8");
        for line in [
            &["gate", "batching", "--against", binary, "--rules", file][..],
            &["bench", "power", "--rules", file],
        ] {
            let run = hwptop(line);
            assert_eq!(run.code, Some(2), "{rules}: {}", run.stdout);
            for part in [
                &*format!("rules.toml{place}"),
                "no metric can fail",
                "--print-rules",
            ] {
                assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
            }
        }
    }
    assert!(!ran.exists(), "something was measured");
}

#[test]
fn rules_that_fit_nothing_of_the_suite_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rules = "[[metric]]\nname = \"ns_per_pair\"\nfloor = 0.1\n";
    let rules = write(directory.path(), "rules.toml", rules);
    let rules = rules.to_str().expect("UTF-8");
    let power = ["bench", "power", "--budget", "1s", "--rules", rules];
    for run in [
        finished(gate(HWPTOP, &["--rules", rules])),
        hwptop(&[&power[..], &SHORT].concat()),
        hwptop(&[&power[..], &["--effect", "0", "--gates", "1"], &SHORT].concat()),
    ] {
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        for part in [
            "rules.toml: no rule lets a metric of batching fail",
            "ns_per_entry",
        ] {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
}
