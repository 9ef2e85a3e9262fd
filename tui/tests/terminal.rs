//! The terminal comes back from an error and from a panic, in a real terminal.

#[path = "support/tmux.rs"]
mod tmux;

use std::path::PathBuf;

use tmux::{Terminal, eventually};

/// The example, which cargo builds beside this test.
fn ended_by() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its program");
    let target = test.ancestors().nth(2).expect("tests lie two folders down");
    let example = target.join("examples/ended_by");
    assert!(example.exists(), "cargo test -p hwptop-tui builds it first");
    example
}

fn gives_the_terminal_back(how: &str, said: &str) {
    let terminal = Terminal::open(how);
    let before = terminal.settings();
    assert!(before.contains("icanon"), "{before}");
    terminal.line(&format!("{} {how}", ended_by().display()));
    eventually("the dashboard is shown", || {
        terminal
            .tmux(&["display-message", "-p", "#{alternate_on}"])
            .trim()
            == "1"
    });
    eventually("the shell is back", || terminal.is_at_prompt());
    let screen = terminal.screen();
    assert!(screen.contains(said), "{screen}");
    let format = "#{alternate_on} #{cursor_flag} #{mouse_any_flag}#{mouse_sgr_flag}";
    let state = terminal.tmux(&["display-message", "-p", format]);
    assert_eq!(
        state.trim(),
        "0 1 00",
        "alternate screen and mouse off, cursor on"
    );
    assert_eq!(terminal.settings(), before);
}

#[test]
fn an_error_is_told_on_a_terminal_that_is_as_it_was() {
    gives_the_terminal_back("error", "the source failed");
}

#[test]
fn a_panic_is_told_on_a_terminal_that_is_as_it_was() {
    gives_the_terminal_back("panic", "the source panicked");
}

#[test]
fn the_picture_stays_when_the_source_ends_until_the_user_leaves() {
    let terminal = Terminal::open("end");
    let before = terminal.settings();
    terminal.line(&format!("{} end", ended_by().display()));
    eventually("it says that it has ended", || {
        terminal.screen().contains("ENDED")
    });
    // Though another thread's panic has given the terminal back meanwhile.
    assert!(!terminal.screen().contains("a helper panicked"));
    let state = terminal.tmux(&["display-message", "-p", "#{alternate_on}"]);
    assert_eq!(state.trim(), "1", "{}", terminal.screen());
    let mouse = || {
        terminal.tmux(&[
            "display-message",
            "-p",
            "#{mouse_standard_flag}#{mouse_sgr_flag}",
        ])
    };
    assert_eq!(mouse().trim(), "11", "the mouse is heard");
    terminal.keys("q");
    eventually("the shell is back", || terminal.is_at_prompt());
    assert_eq!(mouse().trim(), "00", "and given back");
    let screen = terminal.screen();
    assert!(screen.contains("a helper panicked"), "{screen}");
    assert_eq!(terminal.settings(), before);
}
