//! Processes of one binary, or of two in turns (ABBA), until there are enough.

use std::sync::atomic::AtomicBool;

use crate::{
    process::{Measuring, ProcessError},
    run_file::{Base, ProcessRun, RunFile},
};

/// So many turns one after the other may fail.
const FAILED_MAX: u32 = 3;

/// A binary's processes, in turns with another's where there is one.
#[derive(Debug)]
pub struct Turns {
    own: Measuring,
    base: Option<Measuring>,
    file: Option<RunFile>,
    /// Processes that were started.
    started: u32,
    /// Turns that were begun.
    begun: u32,
    /// Turns that failed since one did not.
    failed: u32,
    last: Option<String>,
}

/// Why there are no more turns.
#[derive(Debug, thiserror::Error)]
pub enum TurnsError {
    /// A process failed in the first turn, or one in each of several.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The two binaries do not measure the same.
    #[error("the two binaries do not measure the same: {0}")]
    Differ(String),
}

impl Turns {
    /// Of `own`, and of `base` in turns with it; nothing is started yet.
    #[must_use]
    pub const fn new(own: Measuring, base: Option<Measuring>) -> Self {
        Self {
            own,
            base,
            file: None,
            started: 0,
            begun: 0,
            failed: 0,
            last: None,
        }
    }

    /// What was measured; none before the first turn.
    #[must_use]
    pub const fn file(&self) -> Option<&RunFile> {
        self.file.as_ref()
    }

    /// The same, when there are no more turns.
    #[must_use]
    pub fn into_file(self) -> Option<RunFile> {
        self.file
    }

    /// Why the last turn was dropped, where it was.
    #[must_use]
    pub fn dropped(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// One process of each: the base's first in every second turn. A turn in which a process
    /// fails is dropped whole, so that those that stay are pairs.
    ///
    /// # Errors
    /// [`TurnsError`] where the first turn fails, or several do without one that does not
    /// between them, or `stop` is set.
    pub fn turn(&mut self, stop: &AtomicBool) -> Result<(), TurnsError> {
        let is_base_first = self.begun.is_multiple_of(2);
        self.begun = self.begun.saturating_add(1);
        self.last = None;
        match self.pair(is_base_first, stop) {
            Ok((own, base)) => {
                self.failed = 0;
                self.keep(own, base)
            }
            Err(ProcessError::Stopped) => Err(ProcessError::Stopped.into()),
            Err(error) => {
                self.failed += 1;
                let Some(file) = &mut self.file else {
                    return Err(error.into());
                };
                file.dropped = file.dropped.saturating_add(1);
                if self.failed == FAILED_MAX {
                    return Err(error.into());
                }
                self.last = Some(error.to_string());
                Ok(())
            }
        }
    }

    fn pair(
        &mut self,
        is_base_first: bool,
        stop: &AtomicBool,
    ) -> Result<(RunFile, Option<RunFile>), ProcessError> {
        let mut once = |measuring: &Measuring| {
            let order = self.started;
            self.started = self.started.saturating_add(1);
            let mut file = measuring.once(stop)?;
            for run in &mut file.runs {
                run.order = order;
            }
            Ok(file)
        };
        let Some(base) = &self.base else {
            return Ok((once(&self.own)?, None));
        };
        if is_base_first {
            let base = once(base)?;
            Ok((once(&self.own)?, Some(base)))
        } else {
            let own = once(&self.own)?;
            Ok((own, Some(once(base)?)))
        }
    }

    fn keep(&mut self, own: RunFile, base: Option<RunFile>) -> Result<(), TurnsError> {
        if let Some(base) = &base {
            let differences = own.differences(base);
            if let Some(first) = differences.into_iter().find(|of| !of.is_of_the_machine) {
                return Err(TurnsError::Differ(first.to_string()));
            }
        }
        let Some(file) = &mut self.file else {
            let base = base.zip(self.base.as_ref()).map(|(file, base)| Base {
                program: base.program.display().to_string(),
                environment: file.environment,
                runs: file.runs,
            });
            self.file = Some(RunFile { base, ..own });
            return Ok(());
        };
        file.runs.extend(own.runs);
        let theirs = base.into_iter().flat_map(|base| base.runs);
        let all: Vec<ProcessRun> = theirs.collect();
        if let Some(base) = &mut file.base {
            base.runs.extend(all);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
