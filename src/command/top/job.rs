//! The dashboard as a job of a shell: stopped by Ctrl-Z or SIGTSTP, gone on with by SIGCONT.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hwptop_tui::News;
use rustix::{
    io::Errno,
    process::{Pid, Signal, getpgrp, getpid, getppid, getsid, kill_current_process_group},
    termios::tcgetwinsize,
};
use signal_hook::consts::{SIGCONT, SIGTSTP};

use crate::command::signals::flag_of;

/// How long SIGCONT, which let it go on, may take to be seen.
const SEEN_AFTER: Duration = Duration::from_millis(200);

/// What signals said.
pub(super) struct Job {
    is_to_stop: Arc<AtomicBool>,
    goes_on: Arc<AtomicBool>,
}

impl Job {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            is_to_stop: flag_of(SIGTSTP)?,
            goes_on: flag_of(SIGCONT)?,
        })
    }

    /// What happened since this was asked last.
    pub(super) fn news(&self) -> News {
        // Whether SIGHUP came or not: who is left without a terminal cannot be left either.
        if tcgetwinsize(io::stdout()) == Err(Errno::IO) {
            News::HungUp
        } else if self.is_to_stop.swap(false, Ordering::Relaxed) {
            News::Suspend
        } else if self.goes_on.swap(false, Ordering::Relaxed) {
            News::Resumed
        } else {
            News::None
        }
    }

    /// Stops all of this job, as Ctrl-Z does, until the shell lets it go on.
    pub(super) fn stop(&self) -> Result<(), String> {
        if !has_shell() {
            return Err("it is no job of a shell, and nobody could let it go on".to_owned());
        }
        self.goes_on.store(false, Ordering::Relaxed);
        // Not SIGTSTP, which this process catches.
        kill_current_process_group(Signal::STOP).map_err(|error| error.to_string())?;
        let stopped = Instant::now();
        while !self.goes_on.swap(false, Ordering::Relaxed) && stopped.elapsed() < SEEN_AFTER {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Whether what started this job is in its session: a shell that looks after its jobs. SIGSTOP
/// stops those as well that have none, and for good.
fn has_shell() -> bool {
    let leader = getpgrp();
    let parent = if leader == getpid() {
        getppid()
    } else {
        parent_of(leader)
    };
    let session_of = |pid| getsid(Some(pid)).ok();
    parent.is_some_and(|parent| session_of(parent) == getsid(None).ok())
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // `pid (name) state parent …`, and the name can have anything in it.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let parent = behind_name.split_whitespace().nth(1)?;
    Pid::from_raw(parent.parse().ok()?)
}
