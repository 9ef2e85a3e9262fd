//! A server of snapshots and those who follow it, over a real socket.

use std::{
    io::Write as _,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use hwptop_abi::{Bucket, InstanceArg, Stage, Vendor};

use super::*;
use crate::{
    Aggregator, InstanceTotals, Origin, Totals,
    snapshot::{MeasuredBy, Snapshot},
};

/// A wait that never takes so long where things work.
const LONG: Duration = Duration::from_secs(20);

/// A snapshot after `count` requests.
pub(super) fn snapshot(count: u64) -> Arc<Snapshot> {
    let mut instance = InstanceTotals::new(InstanceArg::new(0, Vendor::Vtd, true));
    let request = &mut instance.stages[Stage::Request as usize].0;
    request.seen = count;
    request.total_ns = count * 700;
    request.buckets[Bucket::of(700).index()] = count;
    let start = Instant::now();
    let origin = Origin {
        target: "model".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        timing_profile: None,
        policy: None,
        probes: Vec::new(),
        stages: Vec::new(),
        slow_threshold: Some(Duration::from_millis(1)),
        instances: Vec::new(),
    };
    let totals = Totals {
        instances: vec![instance],
        ..Totals::default()
    };
    Arc::new(Aggregator::new(origin, start).snapshot(totals, start + Duration::from_secs(1)))
}

pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn next(follower: &mut Follower) -> Result<Option<Snapshot>, FollowError> {
    until("something comes", || follower.has_next());
    follower.take()
}

fn serving(path: &Path) -> (SnapshotServer, Arc<Latest>) {
    let latest = Arc::new(Latest::new(Duration::from_secs(1)));
    let socket = SnapshotSocket::bind(path).expect("it binds");
    let server = SnapshotServer::start(socket, Arc::clone(&latest)).expect("it starts");
    (server, latest)
}

#[test]
fn everyone_gets_the_last_snapshot_and_those_after_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let (server, latest) = serving(&path);
    server.publish(&snapshot(1));
    server.publish(&snapshot(2));
    let mut followers = [(); 2].map(|()| Follower::connect(&path).expect("it listens"));
    for follower in &mut followers {
        assert_eq!(follower.interval(), Duration::from_secs(1));
        let first = next(follower).expect("it is whole").expect("it is there");
        assert_eq!(first.events.seen, 2);
    }
    assert_eq!(latest.followers.load(Ordering::Relaxed), 2);
    server.publish(&snapshot(3));
    for follower in &mut followers {
        let next = next(follower).expect("it is whole").expect("it is there");
        let request = next.instances[0].total.stage(Stage::Request);
        assert_eq!((request.seen, request.latency.len()), (3, 3));
        assert!(!follower.has_ended());
    }
    drop(followers);
    until("they are seen to leave", || {
        latest.followers.load(Ordering::Relaxed) == 0
    });
}

#[test]
fn a_follower_that_does_not_read_loses_snapshots_and_holds_up_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let (server, latest) = serving(&path);
    let stuck = UnixStream::connect(&path).expect("it listens");
    let mut follower = Follower::connect(&path).expect("it listens");
    until("both are served", || {
        latest.followers.load(Ordering::Relaxed) == 2
    });
    // Far more than a socket and a queue hold.
    let mut large = Arc::unwrap_or_clone(snapshot(1));
    large.diagnostics = vec!["x".repeat(100_000)];
    let large = Arc::new(large);
    let start = Instant::now();
    let mut received = 0;
    for _ in 0..50 {
        server.publish(&large);
        until("the one that reads gets it", || follower.has_next());
        received += usize::from(follower.take().expect("it is whole").is_some());
    }
    assert_eq!(received, 50);
    assert!(latest.skipped.load(Ordering::Relaxed) > 10);
    assert!(start.elapsed() < LONG);
    drop(stuck);
}

#[test]
fn the_end_of_the_agent_is_told_after_the_last_snapshot() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let mut follower = says(&path, |stream| {
        stream.write_all(greeting(AGENT_SCHEMA).as_bytes())?;
        serde_json::to_writer(&mut *stream, snapshot(7).as_ref())?;
        stream.write_all(b"\n")
    })
    .expect("it greets");
    let last = next(&mut follower).expect("it is whole").expect("it came");
    assert_eq!(last.events.seen, 7);
    assert!(next(&mut follower).expect("no error").is_none());
    assert!(follower.has_ended());
}

fn greeting(schema: &str) -> String {
    format!("{{\"schema\":\"{schema}\",\"hwptop\":\"9.9.9\",\"interval_ns\":5}}\n")
}

/// Connects to one who says something and leaves.
fn says(
    path: &Path,
    what: impl FnOnce(&mut UnixStream) -> std::io::Result<()> + Send + 'static,
) -> Result<Follower, FollowError> {
    let listener = UnixListener::bind(path).expect("it binds");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        what(&mut stream).expect("it is heard");
    });
    Follower::connect(path)
}

#[test]
fn what_is_no_agent_or_speaks_otherwise_is_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("none.sock");
    let error = Follower::connect(&path).expect_err("nobody listens");
    assert!(matches!(error, FollowError::NoAgent { .. }), "{error}");
    for (name, said, part) in [
        ("silent", String::new(), "says nothing"),
        (
            "foreign",
            "220 mail.example.org ESMTP\n".to_owned(),
            "no hwptop agent",
        ),
        ("cut", "{\"schema\"".to_owned(), "cut after 9 bytes"),
        (
            "later",
            greeting("hwptop.agent/2"),
            "(hwptop 9.9.9) speaks hwptop.agent/2",
        ),
        (
            "forging",
            greeting("\\u001b[2J\\n"),
            "(hwptop 9.9.9) speaks ?[2J?",
        ),
    ] {
        let path = directory.path().join(name);
        let error = says(&path, move |stream| stream.write_all(said.as_bytes()))
            .expect_err("it is no agent");
        assert!(error.to_string().contains(part), "{name}: {error}");
    }
}

#[test]
fn a_bad_snapshot_is_an_error_with_its_number_and_the_last_word() {
    let whole = serde_json::to_string(snapshot(1).as_ref()).expect("it is written");
    for (name, bad, part) in [
        ("no-json", "nonsense\n".to_owned(), "expected"),
        ("no-snapshot", "{\"a\":1}\n".to_owned(), "missing field"),
        (
            "histogram",
            whole.replace("\"latency_ns\":\"", "\"latency_ns\":\"????") + "\n",
            "not base64",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let said = format!("{}{whole}\n{bad}", greeting(AGENT_SCHEMA));
        let path = directory.path().join(name);
        let mut follower =
            says(&path, move |stream| stream.write_all(said.as_bytes())).expect("it greets");
        assert!(next(&mut follower).expect("the first is whole").is_some());
        let error = next(&mut follower).expect_err("the second is bad");
        let text = error.to_string();
        assert!(
            text.contains("snapshot 2: ") && text.contains(part),
            "{name}: {text}"
        );
        until("it is over", || follower.has_ended());
    }
}

#[test]
fn an_agent_that_goes_in_the_middle_of_a_snapshot_has_ended() {
    let whole = serde_json::to_string(snapshot(1).as_ref()).expect("it is written");
    let directory = tempfile::tempdir().expect("a directory");
    let said = format!(
        "{}{whole}\n{}",
        greeting(AGENT_SCHEMA),
        &whole[..whole.len() / 2]
    );
    let path = directory.path().join("agent.sock");
    let mut follower =
        says(&path, move |stream| stream.write_all(said.as_bytes())).expect("it greets");
    assert!(next(&mut follower).expect("the first is whole").is_some());
    assert!(next(&mut follower).expect("the half is none").is_none());
    until("it is over", || follower.has_ended());
}

#[test]
fn a_line_without_end_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let mut follower = says(&path, |stream| {
        stream.write_all(greeting(AGENT_SCHEMA).as_bytes())?;
        let piece = vec![b'['; 1 << 20];
        // Until the follower has enough of it.
        while stream.write_all(&piece).is_ok() {}
        Ok(())
    })
    .expect("it greets");
    let error = next(&mut follower).expect_err("it has no end");
    assert!(error.to_string().contains("a line of more than"), "{error}");
}

#[test]
fn an_agent_that_greets_too_slowly_is_not_waited_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let start = Instant::now();
    let error = says(&path, |stream| {
        // One that says something all the time, and never enough.
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    })
    .expect_err("it takes too long");
    assert!(matches!(error, FollowError::Stuck { .. }), "{error}");
    assert!(error.to_string().contains("greeted"), "{error}");
    assert!(start.elapsed() < LONG);
}

#[test]
fn at_the_end_everyone_has_what_was_published() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.sock");
    let (server, latest) = serving(&path);
    let mut follower = Follower::connect(&path).expect("it listens");
    until("it follows", || {
        latest.followers.load(Ordering::Relaxed) == 1
    });
    server.publish(&snapshot(1));
    assert!(next(&mut follower).is_ok_and(|one| one.is_some()));
    server.publish(&snapshot(2));
    server.finish();
    assert_eq!(latest.followers.load(Ordering::Relaxed), 0);
    let last = next(&mut follower).expect("it is a snapshot");
    assert_eq!(last.map(|last| last.events.seen), Some(2));
    assert!(next(&mut follower).is_ok_and(|none| none.is_none()));
}
