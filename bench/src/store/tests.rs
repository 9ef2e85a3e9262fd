use std::{collections::BTreeMap, os::unix::fs::symlink};

use tempfile::TempDir;

use super::*;
use crate::run_file::{Environment, Kind, Point, ProcessRun, SCHEMA};

/// A run of one process per value, that took so many ns per entry.
pub(super) fn run(started_unix_s: u64, revision: &str, values: &[f64]) -> RunFile {
    let process = |(order, value): (usize, &f64)| ProcessRun {
        order: u32::try_from(order).expect("few"),
        started_unix_s,
        cpus: Vec::new(),
        points: vec![
            Point::at([("batch", "1".to_owned())])
                .with("elapsed", Some(1.0))
                .with("ns_per_entry", Some(*value)),
        ],
    };
    RunFile {
        schema: SCHEMA.to_owned(),
        suite: "policies".to_owned(),
        target: Some("model".to_owned()),
        kind: Kind::Modelled,
        timing_profile: None,
        settings: BTreeMap::new(),
        started_unix_s,
        command: vec!["hwptop".to_owned()],
        environment: Environment {
            hwptop: "0.1.0".to_owned(),
            revision: Some(revision.to_owned()),
            kernel: "6.12.0".to_owned(),
            cpu: "A CPU".to_owned(),
            cpus: 2,
            governor: None,
            virtualisation: None,
            ebpf_programs: None,
            profile: None,
            probes: None,
        },
        complete: true,
        dropped: 0,
        runs: values.iter().enumerate().map(process).collect(),
        base: None,
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = Store::at(directory.path().join("store"));
    (directory, store)
}

fn add(store: &Store, run: &RunFile) -> PathBuf {
    match store.add(&name("main"), run, None, false) {
        Ok(Added::New(path)) => path,
        other => panic!("{other:?}"),
    }
}

fn files(store: &Store) -> Vec<String> {
    let all = store.stored(&name("main"), &name("policies"), &mut Unread::default());
    let all = all.expect("it can be read");
    let names = all.iter().map(|stored| {
        let file = stored.path.file_name().expect("a file");
        file.to_str().expect("UTF-8").to_owned()
    });
    names.collect()
}

fn keep(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("some")
}

#[test]
fn what_is_added_is_listed_by_branch_and_suite_the_newest_first() {
    let (_directory, store) = store();
    let (old, new) = (run(1_000, "a", &[7.0]), run(90_000, "v1-2-gb", &[8.0, 9.0]));
    add(&store, &new);
    add(&store, &old);
    let mut other = run(5, "c", &[1.0]);
    other.suite = "batching".to_owned();
    // Another suite is checked as its own.
    other.runs[0].points.clear();
    assert!(matches!(
        store.add(&name("main"), &other, None, false),
        Err(StoreError::Nothing)
    ));
    let branch = name("feature/x");
    store
        .add(&branch, &old, None, false)
        .expect("it can be added");

    let listing = store.list(None).expect("it is there");
    assert_eq!(listing.unread, Unread::default());
    let told: Vec<_> = listing
        .runs
        .iter()
        .map(|listed| {
            let within = listed.stored.path.strip_prefix(&store.root);
            let path = within.expect("in the store").display().to_string();
            (path, listed.run.started_unix_s, listed.processes)
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(path, s, n)| (path.as_str(), *s, *n))
        .collect();
    assert_eq!(
        told,
        [
            ("feature%2Fx/policies/19700101T001640Z-a.json", 1_000, 1),
            ("main/policies/19700102T010000Z-v1-2-gb.json", 90_000, 2),
            ("main/policies/19700101T001640Z-a.json", 1_000, 1),
        ]
    );
    assert!(listing.runs.iter().all(|listed| listed.run.runs.is_empty()));
    let only = store.list(Some(&branch)).expect("it is there");
    assert_eq!(only.runs.len(), 1);
    assert_eq!(only.runs[0].stored.branch, branch);
}

#[test]
fn a_run_is_added_once_and_replaces_no_other() {
    let (_directory, store) = store();
    let main = name("main");
    let first = add(&store, &run(1_000, "a", &[7.0]));
    let again = store.add(&main, &run(1_000, "a", &[7.0]), None, false);
    assert_eq!(again.expect("it is there"), Added::There(first.clone()));
    // Another one of the same second and revision, e.g. of another machine.
    let second = add(&store, &run(1_000, "a", &[8.0]));
    assert_eq!(
        files(&store),
        ["19700101T001640Z-a.json", "19700101T001640Z-a-2.json"]
    );
    assert_eq!(
        RunFile::read(&first).expect("a run").runs[0].points[0].value("ns_per_entry"),
        Some(7.0)
    );
    let again = store.add(&main, &run(1_000, "a", &[8.0]), None, false);
    assert_eq!(again.expect("it is there"), Added::There(second));
}

#[test]
fn a_tag_that_is_given_later_leaves_one_file() {
    let (_directory, store) = store();
    let (main, tag) = (name("main"), name("v1.0"));
    let run = run(1_000, "a", &[7.0]);
    add(&store, &run);
    let tagged = store
        .add(&main, &run, Some(&tag), false)
        .expect("it is there");
    assert!(matches!(tagged, Added::Tagged(_)), "{tagged:?}");
    assert_eq!(files(&store), ["19700101T001640Z-a@v1.0.json"]);
    for given in [None, Some(&tag)] {
        let again = store.add(&main, &run, given, false).expect("it is there");
        assert!(matches!(again, Added::There(_)), "{again:?}");
    }
    let listing = store.list(None).expect("it is there");
    assert_eq!(listing.runs[0].stored.tag, Some(tag));
}

#[test]
fn what_nothing_can_be_compared_with_is_not_added() {
    let (directory, store) = store();
    let refused = |change: fn(&mut RunFile), part: &str| {
        let mut run = run(1_000, "a", &[7.0]);
        change(&mut run);
        let error = store.add(&name("main"), &run, None, false);
        let error = error.expect_err("it is refused");
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.is_the_machines());
        run
    };
    let stopped = refused(|run| run.complete = false, "--force");
    refused(|run| run.runs.clear(), "nothing measured");
    refused(|run| run.started_unix_s = u64::MAX, "the clock was wrong");
    refused(|run| run.suite = "../../etc".to_owned(), "give another");
    assert!(!directory.path().join("store").exists());
    let forced = store.add(&name("main"), &stopped, None, true);
    assert!(matches!(forced, Ok(Added::New(_))));
}

#[test]
fn no_revision_leads_out_of_the_store() {
    let (_directory, store) = store();
    let path = add(&store, &run(1_000, "../../x @\u{e9}", &[7.0]));
    assert!(path.ends_with("store/main/policies/19700101T001640Z-..-..-x---.json"));
    add(&store, &run(1_001, &"r".repeat(10_000), &[7.0]));
    let mut without = run(1_002, "", &[7.0]);
    without.environment.revision = None;
    let path = add(&store, &without);
    assert!(path.ends_with("19700101T001642Z-unknown.json"));
    assert_eq!(store.list(None).expect("it is there").runs.len(), 3);
}

#[test]
fn the_newest_are_kept_and_what_has_a_tag() {
    let (_directory, store) = store();
    let (main, suite) = (name("main"), name("policies"));
    for started in 1..=5 {
        add(&store, &run(started, "a", &[7.0]));
    }
    store
        .add(&main, &run(2, "a", &[7.0]), Some(&name("v1")), false)
        .expect("it can be tagged");
    let removed = store.retain(&main, &suite, keep(2)).expect("they can go");
    let removed: Vec<_> = removed
        .iter()
        .map(|path| path.file_name().expect("a file").to_str().expect("UTF-8"))
        .collect();
    assert_eq!(
        removed,
        ["19700101T000003Z-a.json", "19700101T000001Z-a.json"]
    );
    assert_eq!(
        files(&store),
        [
            "19700101T000005Z-a.json",
            "19700101T000004Z-a.json",
            "19700101T000002Z-a@v1.json"
        ]
    );
    assert_eq!(
        store.retain(&main, &suite, keep(2)).expect("none"),
        Vec::<PathBuf>::new()
    );
}

#[test]
fn the_newest_comparable_is_of_the_same_and_from_before() {
    let (_directory, store) = store();
    let mut elsewhere = run(40, "d", &[7.0]);
    elsewhere.environment.cpus = 64;
    let mut of_other = run(50, "e", &[7.0]);
    of_other.target = Some("selftest".to_owned());
    for run in [
        run(10, "a", &[7.0]),
        run(20, "b", &[7.0]),
        run(30, "c", &[7.0]),
        elsewhere,
        of_other,
    ] {
        add(&store, &run);
    }
    let of = |started| {
        let newest = store.newest_comparable(&name("main"), &run(started, "x", &[7.0]), |_| None);
        let (_, found) = newest.expect("it is there").found?;
        found.environment.revision
    };
    assert_eq!(of(60).as_deref(), Some("c"));
    // Not itself, nor what came later.
    assert_eq!(of(30).as_deref(), Some("b"));
    assert_eq!(of(10), None);
    let mut other = run(60, "x", &[7.0]);
    other.suite = "scaling".to_owned();
    let newest = store.newest_comparable(&name("main"), &other, |_| None);
    assert!(newest.expect("it is there").found.is_none());

    // What is passed over is told, with the reason.
    let is_c = |run: &RunFile| run.environment.revision.as_deref() == Some("c");
    let newest = store.newest_comparable(&name("main"), &run(60, "x", &[7.0]), |run| {
        is_c(run).then(|| "it is c".to_owned())
    });
    let newest = newest.expect("it is there");
    let (_, found) = newest.found.expect("b");
    assert_eq!(found.environment.revision.as_deref(), Some("b"));
    let why: Vec<&str> = newest.refused.iter().map(|of| of.why.as_str()).collect();
    let [target, cpus, c] = why[..] else {
        panic!("{why:?}");
    };
    assert!(
        target.starts_with("target is \"selftest\" in the base"),
        "{target}"
    );
    assert!(cpus.starts_with("CPUs is \"64\" in the base"), "{cpus}");
    assert_eq!(c, "it is c");
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing() {
    let (directory, store) = store();
    let good = add(&store, &run(10, "a", &[7.0]));
    let place = good.parent().expect("a directory");
    let write = |file: &str, text: &str| {
        fs::write(place.join(file), text).expect("it can be written");
    };
    write("20261123T063000Z-cut.json", "{\"schema\": \"hwptop.run/2\"");
    write(
        "20261123T063000Z-later.json",
        "{\"schema\": \"hwptop.run/99\"}",
    );
    write("notes.txt", "x");
    write(".hwptop-part", "x");
    let mut other = run(20, "b", &[7.0]);
    other.suite = "front-end".to_owned();
    write("20261123T063000Z-b.json", &other.to_text().expect("JSON"));
    symlink("/dev/zero", place.join("20261123T063000Z-zero.json")).expect("a link");
    symlink("nowhere", place.join("20261123T063000Z-gone.json")).expect("a link");
    fs::create_dir(place.join("20261123T063000Z-directory.json")).expect("a directory");
    let sparse = fs::File::create(place.join("20261123T063000Z-large.json"));
    let sparse = sparse.and_then(|file| file.set_len(FILE_BYTES_MAX + 1));
    sparse.expect("it can be made");
    // Neither branches nor suites.
    fs::write(directory.path().join("store/README"), "x").expect("it can be written");
    fs::create_dir(directory.path().join("store/%2E%2E")).expect("a directory");

    let listing = store.list(None).expect("it is there");
    assert_eq!(listing.runs.len(), 1);
    assert_eq!(listing.unread.left_out, 0);
    let why = |part: &str| {
        let skipped = &listing.unread.skipped;
        let skipped = skipped
            .iter()
            .find(|one| one.path.to_string_lossy().contains(part));
        let skipped = skipped.unwrap_or_else(|| panic!("{part} is not named"));
        assert!(skipped.why.contains(part), "{}", skipped.why);
        skipped.why.clone()
    };
    assert!(why("cut").contains("line 1"));
    assert!(why("later").contains("hwptop.run/99"));
    assert!(why("notes.txt").contains("hwptop baseline add"));
    assert!(why("-b.json").contains("front-end"));
    assert!(why("zero").contains("not a regular file"));
    assert!(why("gone").contains("No such file"));
    assert!(why("directory").contains("not a regular file"));
    assert!(why("large").contains("more than"));
    assert!(why("%2E%2E").contains("hwptop baseline add"));
    assert_eq!(listing.unread.skipped.len(), 9);

    let newest = store.newest_comparable(&name("main"), &run(30, "x", &[7.0]), |_| None);
    let newest = newest.expect("it is there");
    assert_eq!(newest.found.expect("the good one").0.path, good);
    assert_eq!(newest.unread.skipped.len(), 9);
}

#[test]
fn no_more_than_the_newest_files_are_read() {
    let (_directory, store) = store();
    let path = add(&store, &run(1_000_000, "a", &[7.0]));
    let place = path.parent().expect("a directory");
    for number in 0..FILES_MAX + 4 {
        let file = place.join(format!("19700101T{number:06}Z-x.json"));
        fs::write(file, "{}").expect("it can be written");
    }
    let listing = store.list(None).expect("it is there");
    assert_eq!(listing.runs.len(), 1);
    assert_eq!(listing.unread.skipped.len(), FILES_MAX - 1);
    assert_eq!(listing.unread.left_out, 5);
}

#[test]
fn a_store_or_branch_that_is_not_there_is_told_with_what_helps() {
    let (directory, store) = store();
    let error = store.list(None).expect_err("no store").to_string();
    assert!(error.contains("hwptop baseline add"), "{error}");
    for branch in ["a", "b", "c", "d", "e", "f", "g"] {
        store
            .add(&name(branch), &run(1, "a", &[7.0]), None, false)
            .expect("it can be added");
    }
    let error = store.list(Some(&name("main"))).expect_err("no branch");
    let error = error.to_string();
    assert!(
        error.ends_with("no branch main in this store; it has a, b, c, d, e and 2 more"),
        "{error}"
    );
    let error = store.newest_comparable(&name("main"), &run(1, "a", &[7.0]), |_| None);
    assert!(matches!(error, Err(StoreError::Absent { .. })));

    let file = directory.path().join("file");
    fs::write(&file, "x").expect("it can be written");
    let error = Store::at(&file).list(None).expect_err("a file");
    assert!(error.to_string().contains("Not a directory"), "{error}");
    let error = Store::at(&file).add(&name("main"), &run(1, "a", &[7.0]), None, false);
    assert!(error.expect_err("a file").is_the_machines());
}
