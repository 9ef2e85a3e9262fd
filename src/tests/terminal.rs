//! The dashboard in a real terminal (tmux).

use std::process::Command;

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
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pid_file = directory.path().join("pid");
    let shown = pid_file.display();
    terminal.line(&format!(
        "sh -c 'echo $$ > {shown}; exec {HWPTOP} --interval 200ms'"
    ));
    eventually("it runs again", || terminal.screen().contains("model-vtd0"));
    let pid = std::fs::read_to_string(&pid_file).expect("the shell wrote its process id");
    let killed = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", pid.trim())])
        .status()
        .expect("a shell can be started");
    assert!(killed.success());
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
    shows(" model-vtd1");
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
