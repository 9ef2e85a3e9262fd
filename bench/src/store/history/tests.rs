use super::*;
use crate::store::tests::{name, run, store};

fn add(store: &Store, run: &RunFile) {
    let added = store.add(&name("main"), run, None, false);
    added.expect("it can be added");
}

fn history(store: &Store) -> History {
    let mut all = store.histories(&name("main"), None).expect("it is there");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Values around `level` by 1 %, over and over the same.
fn around(level: f64, index: u64) -> f64 {
    const PARTS: [f64; 5] = [0.99, 1.0, 1.01, 0.995, 1.005];
    level * PARTS[usize::try_from(index % 5).expect("small")]
}

#[test]
fn a_change_is_told_with_the_revisions_around_it() {
    let (_directory, store) = store();
    // Added in any order.
    for index in (0..20).rev() {
        let level = if index < 12 { 100.0 } else { 110.0 };
        // The median of three processes, one of which was disturbed.
        let value = around(level, index);
        add(
            &store,
            &run(1_000 + index, &format!("r{index}"), &[value, 900.0, value]),
        );
    }
    let history = history(&store);
    assert_eq!(
        (history.suite.as_str(), history.unread),
        ("policies", Unread::default())
    );
    let [segment] = &history.segments[..] else {
        panic!("all can be compared")
    };
    assert_eq!(segment.differences, []);
    let changes = segment.changes(&rule()).expect("short");
    let [change] = &changes[..] else {
        panic!("{changes:?}")
    };
    let revision = |index: usize| segment.runs[index].revision.as_deref();
    assert_eq!(
        (revision(change.before), revision(change.after)),
        (Some("r11"), Some("r12"))
    );
    assert_eq!(change.key.to_string(), "ns_per_entry{batch=1}");
    assert!(
        (change.ratio().expect("not of 0") - 1.1).abs() < 0.01,
        "{change:?}"
    );
    assert!(change.p < 1e-6, "{change:?}");
    assert_eq!(change.is_better(), Some(false));
}

#[test]
fn better_is_by_the_metric() {
    let of = |metric: &str, from, to| Change {
        key: Key {
            metric: metric.to_owned(),
            labels: BTreeMap::new(),
        },
        before: 0,
        after: 1,
        from,
        to,
        p: 0.0,
    };
    assert_eq!(of("ns_per_entry", 2.0, 1.0).is_better(), Some(true));
    assert_eq!(of("entries_per_request", 2.0, 1.0).is_better(), Some(false));
    assert_eq!(of("joules", 2.0, 1.0).is_better(), None);
    assert_eq!(of("ns_per_entry", 0.0, 1.0).ratio(), None);
}

#[test]
fn another_machine_or_kernel_is_no_change_but_another_segment() {
    let (_directory, store) = store();
    for index in 0..40 {
        // Two machines in turns, one of which has a new kernel in the end.
        let other = index % 2 == 1;
        let mut run = run(
            index,
            "r",
            &[around(if other { 300.0 } else { 100.0 }, index / 2)],
        );
        if other {
            run.environment.cpu = "Another CPU".to_owned();
        } else if index > 20 {
            run.environment.kernel = "6.13.0".to_owned();
            run.runs[0].points[0]
                .figures
                .insert("ns_per_entry".to_owned(), 50.0.into());
        }
        add(&store, &run);
    }
    let segments = history(&store).segments;
    let told: Vec<_> = segments
        .iter()
        .map(|segment| {
            assert_eq!(segment.changes(&rule()).expect("short"), []);
            let apart = segment.differences.iter().map(|one| one.what.as_str());
            (segment.runs.len(), apart.collect::<Vec<_>>())
        })
        .collect();
    // The last is told from the first, which it is most like.
    assert_eq!(told, [(11, vec![]), (20, vec!["CPU"]), (9, vec!["kernel"])]);
}

#[test]
fn a_metric_that_some_runs_have_keeps_its_runs() {
    let (_directory, store) = store();
    for index in 0..30_u64 {
        let mut run = run(index, "r", &[around(100.0, index)]);
        if index % 3 == 0 {
            let level = if index < 15 { 1.0 } else { 2.0 };
            let figures = &mut run.runs[0].points[0].figures;
            figures.insert("cycles_per_entry".to_owned(), around(level, index).into());
        }
        add(&store, &run);
    }
    let history = history(&store);
    let changes = history.segments[0].changes(&rule()).expect("short");
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.key.metric.as_str(), change.before, change.after))
        .collect();
    assert_eq!(told, [("cycles_per_entry", 12, 15)]);
}

#[test]
fn a_small_or_short_history_has_no_change() {
    let (_directory, store) = store();
    for index in 0..30 {
        let level = if index < 15 { 100.0 } else { 100.5 };
        add(&store, &run(index, "r", &[level]));
    }
    // 0.5 % is below the rule's floor, however sure it is.
    let history = history(&store);
    assert_eq!(history.segments[0].changes(&rule()).expect("short"), []);
}

#[test]
fn no_more_medians_are_kept_than_there_is_room_for() {
    let (_directory, store) = store();
    for index in 0..10 {
        add(&store, &run(index, "r", &[7.0]));
    }
    let history = store.history(&name("main"), name("policies"), Unread::default(), 4);
    let history = history.expect("it is there");
    let starts: Vec<_> = history.segments[0]
        .runs
        .iter()
        .map(|run| run.started_unix_s)
        .collect();
    // The newest.
    assert_eq!(starts, [6, 7, 8, 9]);
    assert_eq!(history.unread.left_out, 6);
}

#[test]
fn a_suite_that_is_not_there_is_told_with_those_that_are() {
    let (_directory, store) = store();
    add(&store, &run(1, "r", &[7.0]));
    let error = store.histories(&name("main"), Some(&name("scaling")));
    let error = error.expect_err("no such suite").to_string();
    assert!(
        error.ends_with("no suite scaling in this store; it has policies"),
        "{error}"
    );
    let of = store.histories(&name("main"), Some(&name("policies")));
    assert_eq!(of.expect("it is there").len(), 1);
}
