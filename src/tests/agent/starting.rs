//! Where and with which rights an agent starts.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{Agent, LONG};
use crate::run::{Finished, HWPTOP, hwptop, unprivileged, unprivileged_command};

#[test]
fn a_place_that_is_taken_is_told_and_left_alone() {
    let agent = Agent::of_model("50ms", &[]);
    let socket = agent.socket();
    let socket = socket.to_str().expect("it is text");
    let run = hwptop(&[
        "agent", "--target", "model", "--listen", "none", "--socket", socket,
    ]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let who = format!("in use by process {} (hwptop)", agent.child.id());
    assert!(run.stderr.contains(&who), "{}", run.stderr);
    let listen = ["--listen", &agent.address, "--socket", "none"];
    let run = hwptop(&[&["agent", "--target", "model"][..], &listen].concat());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains(&agent.address), "{}", run.stderr);
    let who = format!("by process {} (hwptop)", agent.child.id());
    assert!(run.stderr.contains(&who), "{}", run.stderr);
    agent.first_scrape();
}

#[test]
fn a_wrong_configuration_is_exit_code_2_with_file_and_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.toml");
    let path = path.to_str().expect("it is text");
    fs::write(path, "interval = \"1s\"\ncolour = \"red\"\n").expect("it is written");
    let run = hwptop(&["agent", "--config", path]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("{path}:2:1: ")),
        "{}",
        run.stderr
    );
    // What cannot be read is told as well.
    fs::write(path, b"slow = \"\xff\"\n").expect("it is written");
    let not_text = hwptop(&["agent", "--config", path]);
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let unreadable = unprivileged(&["agent", "--config", path]);
    let folder = directory.path().to_str().expect("it is text");
    for (run, part) in [
        (not_text, ":1:9: the byte 0xff"),
        (unreadable, "Permission denied"),
        (hwptop(&["agent", "--config", folder]), "Is a directory"),
        (hwptop(&["agent", "--config", "/dev/zero"]), "larger than"),
    ] {
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let run = hwptop(&["agent", "--config", "/nonexistent.toml"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = hwptop(&["agent", "--listen", "none", "--socket", "none"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = hwptop(&["agent", "--target", "agent:/run/x"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = hwptop(&["top", "--once", "--target", "agent:/nonexistent.sock"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no agent listens at"), "{}", run.stderr);
}

#[test]
fn the_printed_configuration_is_one_it_takes_and_the_unit_names_the_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.toml");
    fs::write(&path, hwptop(&["agent", "--print-config"]).stdout).expect("it is written");
    let mut command = Command::new(HWPTOP);
    command
        .args(["agent", "--target", "model", "--config"])
        .arg(&path);
    let agent = Agent::start(command);
    assert!(agent.said.contains("every 1s"), "{}", agent.said);
    let unit = hwptop(&["agent", "--print-unit"]).stdout;
    assert!(
        unit.contains(&format!("ExecStart={HWPTOP} agent ")),
        "{unit}"
    );
}

#[test]
#[ignore = "needs systemd-analyze: reads the unit as systemd does"]
fn systemd_takes_the_unit_wherever_the_program_is() {
    let directory = tempfile::tempdir().expect("a directory");
    // With what systemd would take for a space between words, a specifier and a variable.
    let folder = directory.path().join("a b%d$HOME");
    fs::create_dir(&folder).expect("it is made");
    let program = folder.join("hwptop");
    fs::copy(HWPTOP, &program).expect("it is copied");
    let printed = Finished::of_command(Command::new(&program).args(["agent", "--print-unit"]));
    let word = format!("\"{}\"", program.display()).replace('%', "%%");
    let start = format!("ExecStart={word} agent ");
    assert!(printed.stdout.contains(&start), "{}", printed.stdout);
    let unit = directory.path().join("hwptop-agent.service");
    fs::write(&unit, &printed.stdout).expect("it is written");
    let analyze = |arguments: &[&str]| {
        Finished::of_command(Command::new("systemd-analyze").args(arguments).arg(&unit))
    };
    let verified = analyze(&["verify", "--man=no"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    assert!(
        !verified.stderr.contains("hwptop-agent"),
        "{}",
        verified.stderr
    );
    // What is still exposed is what eBPF and /proc need; nothing may be added by oversight.
    let exposed = analyze(&["security", "--no-pager", "--offline=true", "--threshold=45"]);
    assert_eq!(
        exposed.code,
        Some(0),
        "{}{}",
        exposed.stdout,
        exposed.stderr
    );
    // A program that is not there is noticed: the path is read as it is.
    fs::remove_file(&program).expect("it is there");
    let absent = analyze(&["verify", "--man=no"]);
    assert!(
        absent.stderr.contains("not executable"),
        "{}",
        absent.stderr
    );
}

#[test]
fn an_agent_without_rights_serves_what_it_can() {
    let mut command = unprivileged_command(&["agent", "--target", "model"]);
    command.args(["--interval", "50ms"]);
    let agent = Agent::start(command);
    let scrape = agent.first_scrape();
    let info = scrape
        .keys()
        .find(|name| name.starts_with("hwptop_target_info"));
    assert!(
        info.is_some_and(|info| info.contains("in-process")),
        "{info:?}"
    );
    assert!(agent.said.contains("measured in-process"), "{}", agent.said);
    // Whoever may connect needs no right either.
    let run = unprivileged(&["top", "--once", "--target", &agent.target()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn no_thread_holds_a_capability_once_it_serves_and_maps_are_read_all_the_same() {
    // Nobody is there: its thread tries again and again.
    let otlp = ["--otlp", "http://127.0.0.1:1", "--otlp-interval", "50ms"];
    let agent = Agent::of_model("50ms", &otlp);
    assert!(
        agent.said.contains("no capability is held"),
        "{}",
        agent.said
    );
    let threads = fs::read_dir(format!("/proc/{}/task", agent.child.id())).expect("it runs");
    let none = "\t0000000000000000";
    let mut looked_at = 0;
    for thread in threads {
        let path = thread.expect("it can be read").path().join("status");
        let status = fs::read_to_string(path).expect("a thread has a status");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert!(
                status.contains(&format!("{set}{none}")),
                "{set} in {status}"
            );
        }
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        looked_at += 1;
    }
    // The collector, the guests, those who serve, the one who pushes.
    assert!(looked_at >= 5, "{looked_at}");
    let first = agent.first_scrape();
    let info = first
        .keys()
        .find(|name| name.starts_with("hwptop_target_info"));
    assert!(
        info.is_some_and(|info| info.contains("\"ebpf\"")),
        "{info:?}"
    );
    let seen = |scrape: &BTreeMap<String, f64>| scrape["hwptop_events_seen_total"];
    let start = Instant::now();
    while seen(&agent.scrape()) <= seen(&first) {
        assert!(start.elapsed() < LONG, "nothing more is read");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(agent.get("/healthz").0.contains(" 200 "));
}

/// hwptop as user `uid`, without any capability.
fn as_user(uid: u32, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    let uid = uid.to_string();
    command.args([
        "--reuid",
        &uid,
        "--regid",
        &uid,
        "--clear-groups",
        "--",
        program,
    ]);
    command.args(args);
    command
}

#[test]
#[ignore = "needs root: takes other users' rights"]
fn another_user_is_refused_even_where_the_files_mode_would_let_them_in() {
    // A directory that every user can reach, with a copy of the program that they can run.
    let directory = tempfile::tempdir().expect("a directory");
    let open = |path: &Path, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, mode).expect("root may");
    };
    open(directory.path(), 0o777);
    let program = directory.path().join("hwptop");
    fs::copy(HWPTOP, &program).expect("it is copied");
    let program = program.to_str().expect("it is text");
    let socket = directory.path().join("agent.sock");
    let place = socket.to_str().expect("it is text");
    let options = ["agent", "--target", "model", "--socket", place];
    let mut command = as_user(64_001, program, &options);
    let agent = Agent::start_at(&mut command, &socket);
    let target = format!("agent:{place}");
    let top = ["top", "--once", "--target", &target];
    let run = |uid| Finished::of_command(&mut as_user(uid, program, &top));
    let denied = run(64_002);
    assert_eq!(denied.code, Some(3), "{}", denied.stderr);
    open(&socket, 0o777);
    let refused = run(64_002);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("user 64001 listens there"),
        "{}",
        refused.stderr
    );
    // The agent has refused it, too.
    assert!(agent.scrape()["hwptop_agent_refused_connections_total"] > 0.5);
    assert_eq!(run(64_001).code, Some(0));
    // Root may connect, and does not believe what another user's process says.
    let stranger = hwptop(&top);
    assert_eq!(stranger.code, Some(3), "{}", stranger.stderr);
    let who = format!("user 64001 listens there by process {} (", agent.child.id());
    assert!(stranger.stderr.contains(&who), "{}", stranger.stderr);
}
