//! Runs the command as a user would.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    thread,
};

use serde_json::Value;

pub(crate) const HWPTOP: &str = env!("CARGO_BIN_EXE_hwptop");

/// What a finished command left.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What is left of `command`, once it has ended.
    pub(crate) fn of_command(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output();
        Self::of(&output.expect("it can be started"))
    }

    /// The only line of its output, as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("the output is JSON")
    }
}

/// Runs hwptop with the rights of the test.
pub(crate) fn hwptop(args: &[&str]) -> Finished {
    let output = Command::new(HWPTOP)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("hwptop can be started");
    Finished::of(&output)
}

/// hwptop without any capability, whoever runs the test.
pub(crate) fn unprivileged_command(args: &[&str]) -> Command {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let mut command = if status.contains("CapEff:\t0000000000000000") {
        Command::new(HWPTOP)
    } else {
        let mut command = Command::new("setpriv");
        command.args([
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs",
            "--",
            HWPTOP,
        ]);
        command
    };
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs hwptop without any capability.
pub(crate) fn unprivileged(args: &[&str]) -> Finished {
    let output = unprivileged_command(args)
        .output()
        .expect("hwptop or setpriv (util-linux) can be started");
    Finished::of(&output)
}

/// A hwptop in the background that embeds a working driver and is not measured by
/// eBPF itself. Dropping it ends it.
pub(crate) struct Background {
    pub(crate) child: Child,
}

impl Background {
    /// Starts it and waits for its first line, so that its driver runs.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        let mut reader = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("it prints a first line");
        assert!(!line.is_empty(), "it ended before its first line");
        thread::spawn(move || reader.lines().map_while(Result::ok).for_each(drop));
        Self { child }
    }

    /// A driver with `instances` modelled instances that works until the end.
    pub(crate) fn driver(instances: u16) -> Self {
        let target = format!("model,instances={instances}");
        Self::start(unprivileged_command(&[
            "top",
            "--target",
            &target,
            "--speed",
            "20",
            "--count",
            "100000",
            "--interval",
            "50ms",
            "--format",
            "csv",
        ]))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The points of a run file's only process.
pub(crate) fn points(run: &Value) -> &Vec<Value> {
    run["runs"][0]["points"].as_array().expect("points")
}

/// A count of a run file's point.
pub(crate) fn count(point: &Value, metric: &str) -> u64 {
    let value = point["figures"][metric]["value"].as_f64();
    let value = value.unwrap_or_else(|| panic!("{metric} is not in {point}"));
    assert!(value >= 0.0 && value.fract() == 0.0, "{metric} is {value}");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and below 2^53"
    )]
    let count = value as u64;
    count
}
