use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hwptop_abi::InstanceArg;

use crate::counts::add;
use crate::{Command, Counters, ObjectId, SubmitError, probes};

/// What every queue does around a submission: refuses what is none, counts, and lets
/// the probes fire.
#[derive(Debug)]
pub(super) struct Account {
    instance: InstanceArg,
    counters: Arc<Counters>,
    tickets: AtomicU64,
    /// The most commands in one submission.
    commands_max: usize,
    is_sync: fn(Command) -> bool,
}

impl Account {
    pub(super) const fn new(
        instance: InstanceArg,
        counters: Arc<Counters>,
        commands_max: usize,
        is_sync: fn(Command) -> bool,
    ) -> Self {
        Self {
            instance,
            counters,
            tickets: AtomicU64::new(0),
            commands_max,
            is_sync,
        }
    }

    /// Submits `commands` with `submit`. What is refused before is no submission.
    pub(super) fn submit(
        &self,
        target: ObjectId,
        commands: &[Command],
        submit: impl FnOnce(&[Command]) -> Result<(), SubmitError>,
    ) -> Result<(), SubmitError> {
        if commands.len() > self.commands_max {
            return Err(SubmitError::TooManyCommands {
                commands: commands.len(),
                max: self.commands_max,
            });
        }
        if let Some(index) = commands.iter().position(|&command| (self.is_sync)(command)) {
            return Err(SubmitError::ForeignSync { index });
        }
        let count = u32::try_from(commands.len()).unwrap_or(u32::MAX);
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        probes::queue_submit(ticket, self.instance, target, count);
        let result = submit(commands);
        let errno = result.err().map_or(0, |error| error.errno());
        add(&self.counters.submissions, 1);
        add(&self.counters.commands, commands.len() as u64);
        if result.is_err() {
            add(&self.counters.submission_errors, 1);
        }
        probes::queue_complete(ticket, self.instance, target, count, errno);
        result
    }
}
