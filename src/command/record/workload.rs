use std::{
    ffi::OsStr,
    ffi::OsString,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitCode, ExitStatus},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// The program that is recorded.
pub(super) struct Workload {
    child: Child,
    is_told: bool,
    ended: Option<ExitStatus>,
}

impl Workload {
    pub(super) fn start(program: &OsStr, arguments: &[OsString]) -> anyhow::Result<Self> {
        let child = Command::new(program).args(arguments).spawn();
        let child =
            child.with_context(|| format!("{}: cannot be started", program.to_string_lossy()))?;
        Ok(Self {
            child,
            is_told: false,
            ended: None,
        })
    }

    /// SIGTERM, once. What a terminal sends, as with Ctrl-C, it has had already; what was
    /// sent to this process alone, it has not.
    pub(super) fn tell_to_end(&mut self) {
        if self.is_told || self.has_ended() {
            return;
        }
        self.is_told = true;
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Not waited for yet, so that the number is still its own; where it takes no
            // signal, it is waited for all the same.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    pub(super) fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            // Only a child that somebody else waited for is an error.
            self.ended = self
                .child
                .try_wait()
                .unwrap_or_else(|_| Some(ExitStatus::default()));
        }
        self.ended.is_some()
    }

    /// Its own, or as a shell has it for one that a signal ended.
    pub(super) fn exit_code(&self) -> ExitCode {
        self.ended.map_or(ExitCode::SUCCESS, |status| {
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal));
            ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        })
    }
}
