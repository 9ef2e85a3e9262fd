use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use super::{Gate, Judged, Next, Phase};
use crate::{
    process::ProcessError,
    run_file::RunFile,
    turns::{Turns, TurnsError},
};

/// Where a gate is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What it is about.
    pub phase: &'a Phase,
    /// Pairs, or runs, that are there.
    pub runs: usize,
    /// When it looks next.
    pub until: usize,
    /// Since it began.
    pub elapsed: Duration,
    /// Why the last turn was dropped, where it was.
    pub dropped: Option<&'a str>,
}

/// What came of a gate.
#[derive(Debug)]
pub struct Outcome {
    /// What it found.
    pub judged: Judged,
    /// How long it took.
    pub elapsed: Duration,
    /// Why it ended before it knew, where processes failed.
    pub failed: Option<TurnsError>,
}

impl Gate {
    /// Measures `turns` until there is a verdict or the time is up: pairs of its binaries, or runs
    /// against those of `base`.
    ///
    /// # Errors
    /// [`TurnsError`] where the first turn fails, or `stop` is set.
    pub fn run(
        mut self,
        turns: &mut Turns,
        base: Option<&RunFile>,
        stop: &AtomicBool,
        mut progress: impl FnMut(&Progress<'_>),
    ) -> Result<Outcome, TurnsError> {
        let start = Instant::now();
        let (mut until, mut longest) = (self.first(), Duration::ZERO);
        let mut failed = None;
        loop {
            let mut is_time_up = false;
            let mut runs = turns.file().map_or(0, |file| file.runs.len());
            while runs < until && !is_time_up && failed.is_none() {
                let turn = Instant::now();
                match turns.turn(stop) {
                    Ok(()) => {}
                    Err(error @ TurnsError::Process(ProcessError::Stopped)) => return Err(error),
                    Err(error) if turns.file().is_none() => return Err(error),
                    Err(error) => failed = Some(error),
                }
                longest = longest.max(turn.elapsed());
                runs = turns.file().map_or(0, |file| file.runs.len());
                is_time_up = start.elapsed() + longest > self.rules().budget;
                progress(&Progress {
                    phase: self.phase(),
                    runs,
                    until,
                    elapsed: start.elapsed(),
                    dropped: turns.dropped(),
                });
            }
            let own = turns.file().map_or(&[][..], |file| &file.runs);
            let beside = turns.file().and_then(|file| file.base.as_ref());
            let theirs = match base {
                Some(base) => &base.runs,
                None => beside.map_or(&[][..], |base| &base.runs),
            };
            match self.look(theirs, own, is_time_up || failed.is_some()) {
                Next::Until(more) => until = more,
                Next::Done(judged) => {
                    return Ok(Outcome {
                        judged,
                        elapsed: start.elapsed(),
                        failed,
                    });
                }
            }
        }
    }
}
