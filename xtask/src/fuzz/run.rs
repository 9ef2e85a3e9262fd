//! Targets at work, a few at a time, each with its output in a file.

use anyhow::{Context as _, Result};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Fuzzer, LIMITS, Outcome};

/// Targets at a time: each keeps one CPU busy.
const AT_ONCE_MAX: usize = 2;
/// How often a target's progress is shown.
const PROGRESS: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(200);
/// Lines of a failure that are shown; the rest is in the file.
const SHOWN: usize = 24;

impl Fuzzer {
    /// Runs `targets` for `seconds` each, and prints what they find. With a `seed` and an empty corpus the inputs are the
    /// same each time, as far as the seconds reach.
    ///
    /// # Errors
    /// Where one cannot be started.
    pub(super) fn run(
        &self,
        targets: &[String],
        seconds: u32,
        seed: Option<u32>,
    ) -> Result<Outcome> {
        let at_once = thread::available_parallelism().map_or(1, |cpus| cpus.get().min(AT_ONCE_MAX));
        let mut waiting: VecDeque<&String> = targets.iter().collect();
        let mut running: Vec<Running> = Vec::new();
        let mut outcome = Outcome::default();
        while !(waiting.is_empty() && running.is_empty()) {
            while running.len() < at_once
                && let Some(target) = waiting.pop_front()
            {
                println!("fuzz {target}: {seconds} s");
                running.push(self.start(target, seconds, seed)?);
            }
            thread::sleep(POLL);
            let mut still = Vec::new();
            for mut one in running {
                match one.poll()? {
                    Some(succeeded) => {
                        one.close(succeeded);
                        outcome.passed += usize::from(succeeded);
                        outcome.failed += usize::from(!succeeded);
                    }
                    None => still.push(one),
                }
            }
            running = still;
        }
        Ok(outcome)
    }

    fn start(&self, target: &str, seconds: u32, seed: Option<u32>) -> Result<Running> {
        let corpus = self.work.join("corpus").join(target);
        fs::create_dir_all(&corpus)
            .with_context(|| format!("cannot create {}", corpus.display()))?;
        let log = self.work.join(format!("{target}.log"));
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output
            .try_clone()
            .with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = self.command("run");
        command.arg(target).arg(corpus);
        let seeds = self.project.join("seeds").join(target);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        command
            .arg("--")
            .args(LIMITS)
            .arg(format!("-max_total_time={seconds}"))
            .args(seed.map(|seed| format!("-seed={seed}")))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(Running {
            target: target.to_owned(),
            child,
            log,
            start: Instant::now(),
            shown: Instant::now(),
        })
    }
}

/// A target at work.
struct Running {
    target: String,
    child: Child,
    log: PathBuf,
    start: Instant,
    /// When its progress was last printed.
    shown: Instant,
}

impl Running {
    /// Whether it succeeded, once it has ended.
    fn poll(&mut self) -> Result<Option<bool>> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("cannot wait for fuzz target {}", self.target))?;
        if status.is_none() && self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            self.print(&read(&self.log));
        }
        Ok(status.map(|status| status.success()))
    }

    fn print(&self, log: &str) {
        let seconds = self.start.elapsed().as_secs();
        let status = progress(log).unwrap_or("building");
        println!("fuzz {}: after {seconds} s {status}", self.target);
    }

    /// Says how it ended.
    fn close(&self, succeeded: bool) {
        let log = read(&self.log);
        self.print(&log);
        if !succeeded {
            println!("{}", failure(&self.target, &self.log, &log));
        }
    }
}

fn read(log: &Path) -> String {
    fs::read(log).map_or_else(
        |_| String::new(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

/// libFuzzer's last line of figures: `#4096 pulse cov: 823 ft: 1999 corp: 50/60Kb …`.
fn progress(log: &str) -> Option<&str> {
    log.lines()
        .rev()
        .find(|line| line.starts_with('#') && line.contains(" cov: "))
}

/// What to print of a target that failed.
fn failure(target: &str, file: &Path, log: &str) -> String {
    let begins = |line: &&str| line.contains(" panicked at ") || line.contains("ERROR: ");
    let from_first: Vec<&str> = log.lines().skip_while(|line| !begins(line)).collect();
    let lines = if from_first.is_empty() {
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(SHOWN)..].join("\n")
    } else {
        from_first[..from_first.len().min(SHOWN)].join("\n")
    };
    let input = artifact(log).map_or_else(String::new, |path| {
        format!("\ninput: {path}\nto repeat it: cargo xtask fuzz {target} --repeat {path}")
    });
    format!(
        "fuzz {target} FAILED\n{lines}\nall of its output: {}{input}",
        file.display()
    )
}

/// The file that libFuzzer wrote the failing input to.
fn artifact(log: &str) -> Option<&str> {
    log.lines()
        .find_map(|line| Some(line.split_once("Test unit written to ")?.1.trim()))
}

#[cfg(test)]
mod tests;
