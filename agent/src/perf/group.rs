//! The boundary to the kernel's counters, and which of them can be had here.

use std::{io, time::Duration};

use crate::snapshot::{PerfAbsent, PerfEvent};

/// How long a choice of counters is tried: some scheduler ticks of a busy PMU.
pub(super) const TRIAL: Duration = Duration::from_millis(2);

/// What a group had counted at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// How long its threads were on a CPU while it was enabled, in nanoseconds.
    pub(super) enabled_ns: u64,
    /// How long it was counting of that.
    pub(super) running_ns: u64,
    /// By event.
    pub(super) counts: Vec<u64>,
}

/// Counters of one thread, and of those that it starts.
pub(super) trait Group {
    fn read(&mut self) -> io::Result<Reading>;
}

/// Why a group was not opened: which event was refused, and how.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) at: usize,
    pub(super) error: io::Error,
}

/// Who counts: the kernel, or a simulation of it.
pub(super) trait Counting {
    type Group: Group;

    /// The threads of the process.
    fn threads(&self) -> io::Result<Vec<u32>>;

    /// Starts to count `events` of a thread and all that it starts from now on; thread 0 is the
    /// one that calls.
    fn open(
        &self,
        thread: u32,
        events: &[PerfEvent],
        user_only: bool,
    ) -> Result<Self::Group, Refused>;

    /// Keeps the calling thread busy for [`TRIAL`].
    fn work(&self);
}

/// The events of a group that can be counted here.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) events: Vec<PerfEvent>,
    pub(super) user_only: bool,
    pub(super) absent: Vec<PerfAbsent>,
}

/// Finds out on the calling thread which of `wanted` can be counted together: as many as the
/// PMU has and fits, user and kernel where both may be seen.
pub(super) fn choose<C: Counting>(counting: &C, wanted: &[PerfEvent], user_only: bool) -> Choice {
    let mut choice = Choice {
        events: wanted.to_vec(),
        user_only,
        absent: Vec::new(),
    };
    if user_only {
        choice.leave_out_what_only_the_kernel_does();
    }
    while !choice.events.is_empty() {
        match counting.open(0, &choice.events, choice.user_only) {
            Ok(mut group) => {
                counting.work();
                match group.read() {
                    Ok(reading) if reading.enabled_ns > 0 && reading.running_ns == 0 => {
                        choice.leave_out(choice.events.len() - 1, "no counter of the PMU is free");
                    }
                    Ok(_) => break,
                    Err(error) => choice.leave_all_out(&error.to_string()),
                }
            }
            Err(Refused { error, .. }) if is_denied(&error) && !choice.user_only => {
                choice.user_only = true;
                choice.leave_out_what_only_the_kernel_does();
            }
            Err(Refused { error, .. }) if is_denied(&error) => choice.leave_all_out(
                "perf events are not allowed: root, CAP_PERFMON or a lower \
                 kernel.perf_event_paranoid allows them",
            ),
            Err(Refused { at, error }) => {
                let why = match error.raw_os_error() {
                    Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => {
                        "this machine has no such counter"
                    }
                    Some(libc::EINVAL | libc::ENOSPC) => "the PMU has no room for it in one group",
                    _ => {
                        choice.leave_all_out(&error.to_string());
                        continue;
                    }
                };
                choice.leave_out(at, why);
            }
        }
    }
    choice
}

/// Whether the kernel lets this process not count what it asked for.
pub(super) fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

impl Choice {
    /// In user space alone these are 0, and not what they are.
    fn leave_out_what_only_the_kernel_does(&mut self) {
        for event in [PerfEvent::ContextSwitches, PerfEvent::CpuMigrations] {
            if let Some(at) = self.events.iter().position(|one| *one == event) {
                self.leave_out(
                    at,
                    "only what happens in user space may be counted: root, CAP_PERFMON or \
                     kernel.perf_event_paranoid = 1 allows the rest",
                );
            }
        }
    }

    fn leave_out(&mut self, at: usize, why: &str) {
        let event = self.events.remove(at.min(self.events.len() - 1));
        match self.absent.iter_mut().find(|absent| absent.why == why) {
            Some(absent) => absent.events.push(event),
            None => self.absent.push(PerfAbsent {
                events: vec![event],
                why: why.to_owned(),
            }),
        }
    }

    fn leave_all_out(&mut self, why: &str) {
        while !self.events.is_empty() {
            self.leave_out(0, why);
        }
    }
}
