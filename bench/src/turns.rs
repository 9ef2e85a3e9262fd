//! Processes of one binary, or of two in turns (ABBA), until there are enough.

use std::{
    collections::BTreeSet,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use crate::{
    process::{Measuring, ProcessError},
    run_file::{Base, Labels, ProcessRun, RunFile},
};

/// So many turns one after the other may fail.
const FAILED_MAX: u32 = 3;
/// What the first turn may take beyond the time that there is: nothing is known of it.
const FIRST: Duration = Duration::from_secs(30);
/// What any later one may take beyond that and twice the longest process: a busy machine is no
/// hang.
const SLACK: Duration = Duration::from_secs(1);

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
    /// The longest that a process took.
    longest: Duration,
    last: Option<String>,
    failure: Option<String>,
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
            longest: Duration::ZERO,
            last: None,
            failure: None,
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

    /// Why any turn was dropped: the last of them.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// One process of each: the base's first in every second turn. A turn in which a process
    /// fails is dropped whole, so that those that stay are pairs; one that does not measure all
    /// that the first of its binary did has failed as well.
    ///
    /// A turn takes no longer than `within` and twice the longest process until now, and 1 s; the
    /// first one `within` and 30 s. What runs then hangs, and is ended.
    ///
    /// # Errors
    /// [`TurnsError`] where the first turn fails, or several do without one that does not
    /// between them, or `stop` is set.
    pub fn turn(&mut self, within: Duration, stop: &AtomicBool) -> Result<(), TurnsError> {
        let beyond = match self.longest {
            Duration::ZERO => FIRST,
            longest => 2 * longest + SLACK,
        };
        let due = Instant::now() + within + beyond;
        let is_base_first = self.begun.is_multiple_of(2);
        self.begun = self.begun.saturating_add(1);
        self.last = None;
        match self.pair(is_base_first, due, stop) {
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
                self.last = Some(error.to_string());
                self.failure.clone_from(&self.last);
                if self.failed == FAILED_MAX {
                    return Err(error.into());
                }
                Ok(())
            }
        }
    }

    fn pair(
        &mut self,
        is_base_first: bool,
        due: Instant,
        stop: &AtomicBool,
    ) -> Result<(RunFile, Option<RunFile>), ProcessError> {
        let kept = self.file.as_ref();
        let first = kept.and_then(|file| file.runs.first());
        let theirs = kept.and_then(|file| file.base.as_ref()?.runs.first());
        let (own, base) = (
            (&self.own, first),
            self.base.as_ref().map(|base| (base, theirs)),
        );
        let mut once = |(measuring, first): (&Measuring, Option<&ProcessRun>)| {
            let order = self.started;
            self.started = self.started.saturating_add(1);
            let begun = Instant::now();
            let mut file = measuring.once(due.saturating_duration_since(begun), stop)?;
            self.longest = self.longest.max(begun.elapsed());
            for run in &mut file.runs {
                run.order = order;
                if first.is_some_and(|first| places(first) != places(run)) {
                    return Err(ProcessError::Part {
                        program: measuring.program.display().to_string(),
                        what: "its points are not those of the first process".to_owned(),
                    });
                }
            }
            Ok(file)
        };
        let Some(base) = base else {
            return Ok((once(own)?, None));
        };
        if is_base_first {
            let base = once(base)?;
            Ok((once(own)?, Some(base)))
        } else {
            let own = once(own)?;
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

/// Where a process measured something.
pub(crate) fn places(run: &ProcessRun) -> BTreeSet<&Labels> {
    run.points.iter().map(|point| &point.labels).collect()
}

#[cfg(test)]
mod tests;
