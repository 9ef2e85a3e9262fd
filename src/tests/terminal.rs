//! The dashboard in a real terminal (tmux).

use std::{fs, os::unix::fs::FileExt as _, process::Command};

use crate::{
    run::HWPTOP,
    tmux::{Terminal, eventually},
};

fn started(name: &str) -> Terminal {
    let terminal = Terminal::open(name);
    terminal.line(&format!("{HWPTOP} --interval 200ms"));
    eventually("both instances are shown", || {
        let screen = terminal.screen();
        screen.contains("model-vtd0") && screen.contains("model-vtd1")
    });
    terminal
}

/// The process of a dashboard on `terminal`. How it ends is told afterwards, and no core is left.
fn started_as_process(terminal: &Terminal) -> u32 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pid_file = directory.path().join("pid");
    let shown = pid_file.display();
    terminal.line(&format!(
        "sh -c 'ulimit -c 0; echo $$ > {shown}; exec {HWPTOP} --interval 200ms'; echo status $?"
    ));
    eventually("it runs", || terminal.screen().contains("model-vtd0"));
    let pid = fs::read_to_string(&pid_file).expect("the shell wrote its process id");
    pid.trim().parse().expect("it is a number")
}

fn kill(signal: &str, pid: u32) {
    let killed = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {pid}")])
        .status()
        .expect("a shell can be started");
    assert!(killed.success());
}

/// A dashboard that `fault` happens to ends by one of `signals`, and leaves the terminal as it was.
fn gives_the_terminal_back_at(name: &str, signals: &[i32], fault: impl Fn(u32)) {
    let terminal = Terminal::open(name);
    let before = terminal.settings();
    assert!(before.contains("icanon"), "{before}");
    fault(started_as_process(&terminal));
    eventually("the shell is back", || terminal.is_at_prompt());
    let screen = terminal.screen();
    let status = |signal: &i32| screen.contains(&format!("status {}\n", 128 + signal));
    assert!(signals.iter().any(status), "{name}: {screen}");
    let format = "#{alternate_on} #{cursor_flag} #{mouse_any_flag}#{mouse_sgr_flag}";
    let state = terminal.tmux(&["display-message", "-p", format]);
    assert_eq!(state.trim(), "0 1 00", "{name}: screen, cursor, mouse");
    assert_eq!(terminal.settings(), before, "{name}");
}

#[test]
fn a_signal_that_means_a_fault_gives_the_terminal_back_and_still_ends_the_process() {
    for (name, signal) in [("SEGV", 11), ("BUS", 7), ("ILL", 4), ("FPE", 8)] {
        gives_the_terminal_back_at(name, &[signal], |pid| kill(name, pid));
    }
}

#[test]
#[ignore = "needs root: writes into another process"]
fn a_fault_of_its_own_gives_the_terminal_back_and_ends_the_process_as_it_would() {
    // The main thread waits in a system call of the C library. Zeros behind that are an access to an
    // address near 0 on x86, and no instruction on Arm.
    gives_the_terminal_back_at("fault", &[11, 4], |pid| {
        let mut place = None;
        eventually("it waits", || {
            let call = fs::read_to_string(format!("/proc/{pid}/syscall"));
            let call = call.expect("root may read where it is");
            let back_at = call.trim().rsplit_once("0x");
            place = back_at.and_then(|(_, back_at)| u64::from_str_radix(back_at, 16).ok());
            place.is_some()
        });
        let memory = fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/{pid}/mem"));
        let memory = memory.expect("root may write there");
        let written = memory.write_at(&[0; 16], place.expect("it waits"));
        assert_eq!(written.expect("its code can be changed"), 16);
    });
}

#[test]
fn the_dashboard_shows_live_figures_and_gives_the_terminal_back() {
    let terminal = Terminal::open("quit");
    let before = terminal.settings();
    assert!(before.contains("icanon"), "{before}");
    terminal.line(&format!("{HWPTOP} --interval 200ms"));
    eventually("both instances are shown", || {
        let screen = terminal.screen();
        screen.contains("model-vtd0") && screen.contains("model-vtd1")
    });
    assert!(
        terminal.screen().contains("modelled"),
        "{}",
        terminal.screen()
    );
    let first = terminal.screen();
    eventually("the figures move", || terminal.screen() != first);
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
    assert_eq!(terminal.settings(), before);
}

#[test]
fn pause_stops_the_picture_and_help_lists_the_keys() {
    let terminal = started("pause");
    terminal.keys("Space");
    eventually("it says that it is paused", || {
        terminal.screen().to_uppercase().contains("PAUSED")
    });
    // How long ago it was is told in the first line.
    let below = || terminal.screen().lines().skip(1).collect::<String>();
    let paused = below();
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(below(), paused);
    terminal.keys("?");
    eventually("help is shown", || {
        terminal.screen().to_lowercase().contains("quit")
    });
}

#[test]
fn ctrl_c_and_sigterm_give_the_terminal_back() {
    let terminal = started("signals");
    terminal.keys("C-c");
    eventually("the shell is back", || terminal.is_at_prompt());

    let before = terminal.settings();
    kill("TERM", started_as_process(&terminal));
    eventually("the shell is back", || terminal.is_at_prompt());
    assert_eq!(terminal.settings(), before);
}

#[test]
fn rows_are_narrowed_by_typing_sorted_by_keys_and_selected_by_the_mouse() {
    let terminal = started("rows");
    let shows = |what: &str| eventually(what, || terminal.screen().contains(what));
    let type_in = |text: &str| terminal.tmux(&["send-keys", "-l", text]);
    shows(">model-vtd0");
    type_in("/VTD1");
    shows("1 of 2 matches 'VTD1'");
    shows(">model-vtd1");
    terminal.keys("Escape");
    // Until then the next key would be taken for one with Alt.
    shows(" model-vtd0");
    type_in("s");
    shows("sorted by name, a to z");
    type_in("S");
    shows("sorted by name, z to a");
    // The first row is the other one now. A click as a terminal reports it, counted from 1.
    let screen = terminal.screen();
    let row = screen
        .lines()
        .position(|line| line.starts_with(" model-vtd0"));
    let row = row.unwrap_or_else(|| panic!("{screen}")) + 1;
    type_in(&format!("\x1b[<0;5;{row}M\x1b[<0;5;{row}m"));
    shows(">model-vtd0");
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
}
