use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use super::{Doubt, Gate, Judged, Next, Phase};
use crate::{
    compare::Verdict,
    process::ProcessError,
    run_file::{ProcessRun, RunFile},
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
    /// Why it ended before it knew: processes failed, or it was stopped.
    pub ended: Option<TurnsError>,
}

impl Outcome {
    /// Whether it was stopped from outside.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.ended, Some(TurnsError::Process(ProcessError::Stopped)))
    }
}

impl Gate {
    /// Measures `turns` until there is a verdict or the time since `started` is up: pairs of its
    /// binaries, or runs against those of `base`. Where `stop` is set it says what it can of what
    /// there is.
    ///
    /// # Errors
    /// [`TurnsError`] where there is nothing: the first turn fails, or is stopped.
    pub fn run(
        mut self,
        turns: &mut Turns,
        base: Option<&RunFile>,
        started: Instant,
        stop: &AtomicBool,
        mut progress: impl FnMut(&Progress<'_>),
    ) -> Result<Outcome, TurnsError> {
        let mut until = self.first();
        // A first turn may have been before it.
        let mut longest = turns.file().map_or(Duration::ZERO, |_| started.elapsed());
        let mut ended = None;
        let budget = self.rules().budget;
        loop {
            let mut is_time_up = started.elapsed() + longest > budget;
            let mut runs = turns.file().map_or(0, |file| file.runs.len());
            while runs < until && !is_time_up && ended.is_none() {
                let turn = Instant::now();
                let left = budget.saturating_sub(started.elapsed());
                match turns.turn(left, stop) {
                    Ok(()) => {}
                    Err(error) if turns.file().is_none() => return Err(error),
                    Err(error) => ended = Some(error),
                }
                longest = longest.max(turn.elapsed());
                runs = turns.file().map_or(0, |file| file.runs.len());
                is_time_up = started.elapsed() + longest > budget;
                progress(&Progress {
                    phase: self.phase(),
                    runs,
                    until,
                    elapsed: started.elapsed(),
                    dropped: turns.dropped(),
                });
            }
            let (theirs, own) = sides(turns, base);
            let judged = match &ended {
                Some(TurnsError::Process(ProcessError::Stopped)) => self.stop(theirs, own),
                _ => match self.look(theirs, own, is_time_up || ended.is_some()) {
                    Next::Until(more) => {
                        until = more;
                        continue;
                    }
                    Next::Done(judged) => judged,
                },
            };
            return Ok(Outcome {
                judged: doubted(judged, turns, ended.as_ref()),
                elapsed: started.elapsed(),
                ended,
            });
        }
    }
}

/// The runs that are compared, the base's first.
fn sides<'a>(turns: &'a Turns, base: Option<&'a RunFile>) -> (&'a [ProcessRun], &'a [ProcessRun]) {
    let own = turns.file().map_or(&[][..], |file| &file.runs);
    let beside = turns.file().and_then(|file| file.base.as_ref());
    let theirs = match base {
        Some(base) => &base.runs,
        None => beside.map_or(&[][..], |base| &base.runs),
    };
    (theirs, own)
}

/// What crashed or hung may be what the change did: the pairs that are left do not say that it
/// is harmless.
fn doubted(mut judged: Judged, turns: &Turns, ended: Option<&TurnsError>) -> Judged {
    let dropped = turns.file().map_or(0, |file| file.dropped);
    if let (1.., Some(why)) = (dropped, turns.failure()) {
        judged.doubt(Doubt::Dropped {
            turns: dropped,
            why: why.to_owned(),
        });
    }
    if ended.is_some() {
        judged.verdict = judged.verdict.max(Verdict::Indeterminate);
    }
    judged
}

#[cfg(test)]
mod tests;
