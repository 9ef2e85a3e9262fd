//! Agents that go without a word, and come back.

use std::{
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use super::{Agent, LONG};
use crate::{
    run::{HWPTOP, hwptop},
    tmux::eventually,
};

fn of_model() -> Command {
    let mut command = Command::new(HWPTOP);
    command.args(["agent", "--target", "model", "--interval", "50ms"]);
    command
}

#[test]
fn a_killed_agent_can_be_started_again_at_once_and_counts_from_zero() {
    let agent = Agent::start(of_model());
    let socket = agent.socket();
    let address = agent.address.clone();
    agent.first_scrape();
    eventually("it has counted a lot", || {
        agent.scrape()["hwptop_events_seen_total"] > 100.0
    });
    let before = agent.scrape();
    agent.signal("KILL");
    // The old one holds the directory of its socket until it is dropped.
    let mut command = of_model();
    let again = command.arg("--socket").arg(&socket);
    eventually("the kernel has closed its port", || {
        std::net::TcpStream::connect(&address).is_err()
    });
    assert!(socket.exists(), "the killed one took its socket away");
    let next = Agent::start_listening(again, &socket, &address);
    let after = next.first_scrape();
    let start = "hwptop_agent_start_time_seconds";
    assert!(after[start] > before[start], "{after:?}");
    assert!(after["hwptop_events_seen_total"] < before["hwptop_events_seen_total"]);
    let top = hwptop(&["top", "--once", "--target", &next.target()]);
    assert_eq!(top.code, Some(0), "{}", top.stderr);
}

#[test]
fn a_view_that_was_asked_for_so_many_snapshots_says_that_the_agent_was_killed() {
    let agent = Agent::start(of_model());
    agent.first_scrape();
    let target = agent.target();
    let view = Command::new(HWPTOP)
        .args([
            "top", "--count", "1000000", "--format", "csv", "--target", &target,
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    eventually("it follows", || {
        agent.scrape()["hwptop_agent_followers"] > 0.5
    });
    let begun = Instant::now();
    agent.signal("KILL");
    let output = view.wait_with_output().expect("it ends");
    assert!(begun.elapsed() < LONG);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("has ended, after "), "{said}");
    let once = hwptop(&["top", "--once", "--target", &target]);
    assert_eq!(once.code, Some(2), "{}", once.stderr);
    assert!(once.stderr.contains("no agent listens"), "{}", once.stderr);
}

#[test]
fn an_agent_that_hangs_holds_up_nobody() {
    let agent = Agent::start(of_model());
    agent.first_scrape();
    let target = agent.target();
    let following = {
        let target = target.clone();
        thread::spawn(move || {
            hwptop(&[
                "top", "--count", "1000000", "--format", "csv", "--target", &target,
            ])
        })
    };
    eventually("it follows", || {
        agent.scrape()["hwptop_agent_followers"] > 0.5
    });
    agent.signal("STOP");
    // The kernel still takes the connection; nobody greets.
    let new = hwptop(&["top", "--once", "--target", &target]);
    assert_eq!(new.code, Some(3), "{}", new.stderr);
    let who = format!(
        "has not greeted for 5s by process {} (hwptop)",
        agent.child.id()
    );
    assert!(new.stderr.contains(&who), "{}", new.stderr);
    let following = following.join().expect("it ends");
    assert_eq!(following.code, Some(3), "{}", following.stderr);
    assert!(
        following.stderr.contains("has said nothing for"),
        "{}",
        following.stderr
    );
    agent.signal("CONT");
}

#[test]
fn what_is_the_agents_own_is_not_asked_of_it() {
    let agent = Agent::start(of_model());
    for options in [
        &["--interval", "20ms"] as &[&str],
        &["--slow", "20ms"],
        &["--perf"],
    ] {
        let option = options[0];
        for command in ["top", "record"] {
            let run = hwptop(&[&[command, "--target", &agent.target()], options].concat());
            assert_eq!(run.code, Some(2), "{}", run.stderr);
            let part = format!("{option} is the agent's own");
            assert!(run.stderr.contains(&part), "{}", run.stderr);
        }
    }
}
