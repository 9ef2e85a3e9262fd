//! A real terminal (tmux), and waiting for what it shows. Shared with the tests of the
//! built command.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// A terminal of its own, on a tmux server of its own. Dropping it ends both.
pub(crate) struct Terminal(String);

impl Terminal {
    pub(crate) fn open(name: &str) -> Self {
        let terminal = Self(format!("hwptop-test-{}-{name}", std::process::id()));
        // A plain shell: what it shows afterwards is what the dashboard left.
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "30",
            "env",
            "PS1=ready$ ",
            // Not the settings of whoever runs the tests.
            "XDG_CONFIG_HOME=/proc/nowhere",
            "sh",
        ]);
        eventually("the shell is ready", || terminal.is_at_prompt());
        terminal
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.0])
            .args(args)
            .output()
            .expect("tmux is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    pub(crate) fn keys(&self, keys: &str) {
        self.tmux(&["send-keys", keys]);
    }

    pub(crate) fn line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.keys("Enter");
    }

    /// Whether the shell waits for a line: its prompt is the last thing on the screen.
    pub(crate) fn is_at_prompt(&self) -> bool {
        self.screen().trim_end().ends_with("ready$")
    }

    /// The terminal's settings, as `stty -a` tells them.
    pub(crate) fn settings(&self) -> String {
        self.line("clear; stty -a; echo do''ne");
        let mut screen = String::new();
        eventually("stty has answered", || {
            screen = self.screen();
            let whole = screen.contains("isig") && screen.contains("done");
            whole && screen.trim_end().ends_with("ready$")
        });
        screen
            .lines()
            .filter(|line| line.contains("icanon") || line.contains("isig"))
            .collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Waits until `done`, for thirty seconds at most.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "not in 30 s: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
