//! Those who follow an agent, and its end.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Agent, LONG};
use crate::{
    run::{Background, Finished, HWPTOP, hwptop},
    tmux::{Terminal, eventually},
};

fn snapshots(run: &Finished) -> Vec<Value> {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

#[test]
fn several_follow_at_once_and_each_gets_every_snapshot() {
    let agent = Agent::of_model("200ms", &[]);
    agent.first_scrape();
    let target = agent.target();
    let views = [(); 2].map(|()| {
        let target = target.clone();
        thread::spawn(move || {
            hwptop(&[
                "top", "--target", &target, "--count", "4", "--format", "json",
            ])
        })
    });
    for view in views {
        let snapshots = snapshots(&view.join().expect("it ends"));
        assert_eq!(snapshots.len(), 4);
        for pair in snapshots.windows(2) {
            let time = |one: &Value, field: &str| one[field].as_u64().expect("a time");
            // Nothing lies between two of them: the later one's interval is what is new.
            let between = time(&pair[1], "since_start_ns") - time(&pair[0], "since_start_ns");
            assert_eq!(time(&pair[1], "interval_ns"), between);
            assert!(pair[0]["events"]["seen"].as_u64() <= pair[1]["events"]["seen"].as_u64());
        }
    }
    assert_eq!(
        agent.scrape()["hwptop_agent_skipped_snapshots_total"].to_bits(),
        0
    );
}

#[test]
fn sigterm_ends_it_with_its_socket_and_those_who_follow() {
    let agent = Agent::of_model("50ms", &[]);
    let socket = agent.socket();
    let mode = fs::metadata(&socket)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    agent.first_scrape();
    let target = agent.target();
    let view = thread::spawn(move || {
        hwptop(&[
            "top", "--target", &target, "--count", "100000", "--format", "csv",
        ])
    });
    let start = Instant::now();
    while agent.scrape()["hwptop_agent_followers"] < 1.0 {
        assert!(start.elapsed() < LONG);
        thread::sleep(Duration::from_millis(10));
    }
    agent.signal("TERM");
    let (code, said, socket) = agent.ended();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(!socket.exists());
    let view = view.join().expect("it ends");
    // Not what it was asked for, and it says how much of it.
    assert_eq!(view.code, Some(3), "{}", view.stderr);
    assert!(view.stderr.contains("has ended, after "), "{}", view.stderr);
    assert!(
        view.stderr.contains("of 100000 snapshots"),
        "{}",
        view.stderr
    );
}

#[test]
fn the_dashboard_shows_an_agent_keeps_its_last_picture_and_waits_for_the_next() {
    let agent = Agent::of_model("50ms", &[]);
    let terminal = Terminal::open("agent");
    terminal.line(&format!("{HWPTOP} --target {}", agent.target()));
    eventually("both instances are shown", || {
        let screen = terminal.screen();
        screen.contains("model-vtd0") && screen.contains("model-vtd1")
    });
    let first = terminal.screen();
    eventually("the figures move", || terminal.screen() != first);
    let socket = agent.socket();
    agent.signal("KILL");
    eventually("it says that it waits", || {
        let screen = terminal.screen();
        screen.contains("WAITING") && screen.contains("no agent listens")
    });
    assert!(terminal.screen().contains("model-vtd0"));
    let mut command = Command::new(HWPTOP);
    command.args(["agent", "--target", "model:smmuv3", "--interval", "50ms"]);
    let agent_2 = Agent::start_at(command.arg("--socket").arg(&socket), &socket);
    eventually("the next one is shown", || {
        let screen = terminal.screen();
        screen.contains("model-smmuv3.0") && !screen.contains("WAITING")
    });
    agent_2.signal("TERM");
    assert_eq!(agent_2.ended().0, Some(0));
    eventually("it waits again", || terminal.screen().contains("WAITING"));
    assert!(terminal.screen().contains("model-smmuv3.0"));
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
    assert!(
        terminal.screen().contains("has ended"),
        "{}",
        terminal.screen()
    );
}

#[test]
fn it_ends_with_its_target() {
    let agent = Agent::of_model("50ms", &["--passes", "1", "--speed", "max"]);
    let (code, said, socket) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("model,instances=2 has ended"), "{said}");
    assert!(!socket.exists());
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn it_ends_with_the_process_that_it_watches() {
    let mut driver = Background::driver(1);
    let mut command = Command::new(HWPTOP);
    command.args(["agent", "--interval", "50ms", "--target"]);
    command.arg(format!("pid:{}", driver.pid()));
    let agent = Agent::start(command);
    agent.first_scrape();
    driver.kill();
    let (code, said, socket) = agent.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("has ended"), "{said}");
    assert!(!socket.exists());
}
