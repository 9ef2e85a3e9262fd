use std::collections::BTreeSet;

use super::{Doubt, Judged, JudgedRow, Rules};
use crate::{
    compare::{Comparison, Verdict},
    run_file::{Key, ProcessRun},
};

/// A gate that is being measured.
#[derive(Debug)]
pub struct Gate {
    rules: Rules,
    is_paired: bool,
    phase: Phase,
    looks: usize,
}

/// What a gate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Whether anything is worse.
    Exploring,
    /// Whether what looked worse still is, on runs that were not looked at before.
    Confirming {
        /// The first of those.
        from: usize,
        /// What looked worse.
        suspects: BTreeSet<Key>,
    },
}

/// What a gate wants.
#[derive(Debug)]
pub enum Next {
    /// To look again when there are this many pairs, or runs, or the time is up.
    Until(usize),
    /// Nothing more.
    Done(Judged),
}

impl Gate {
    /// A gate on pairs of runs, or on runs against those of a file.
    #[must_use]
    pub const fn new(rules: Rules, is_paired: bool) -> Self {
        Self {
            rules,
            is_paired,
            phase: Phase::Exploring,
            looks: 0,
        }
    }

    /// How many pairs, or runs, there are to be before the first look.
    #[must_use]
    pub fn first(&self) -> usize {
        self.rules.least.min(self.rules.most)
    }

    /// What it is about.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The rules it holds.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Looks at all runs of both sides until now.
    ///
    /// Looks are not paid for with confidence: what a look finds by chance, fresh runs do not
    /// confirm.
    pub fn look(&mut self, base: &[ProcessRun], new: &[ProcessRun], is_time_up: bool) -> Next {
        self.looks += 1;
        let runs = if self.is_paired {
            base.len().min(new.len())
        } else {
            new.len()
        };
        let is_over = is_time_up || runs >= self.rules.most;
        let all = self.compare(base, new, |_| true);
        let doubts = self.one_sided(&all);
        let all = JudgedRow::all(all, &self.rules);
        let mut next = match &self.phase {
            Phase::Exploring => self.explore(all, runs, is_over),
            Phase::Confirming { from, suspects } => {
                let from = *from;
                let base = &base[if self.is_paired { from } else { 0 }..];
                let fresh = self.compare(base, &new[from..], |key| suspects.contains(key));
                let fresh = JudgedRow::all(fresh, &self.rules);
                self.confirm(all, fresh, (from, runs), is_over)
            }
        };
        if let Next::Done(judged) = &mut next {
            for doubt in doubts {
                judged.doubt(doubt);
            }
        }
        next
    }

    /// What can be said where it is ended from outside: INDETERMINATE, with the figures until
    /// then.
    #[must_use]
    pub fn stop(mut self, base: &[ProcessRun], new: &[ProcessRun]) -> Judged {
        self.phase = Phase::Exploring;
        let Next::Done(mut judged) = self.look(base, new, true) else {
            unreachable!("a look when the time is up is the last")
        };
        judged.verdict = Verdict::Indeterminate;
        judged
    }

    /// What of the metrics that it hangs on cannot be compared.
    fn one_sided(&self, all: &Comparison) -> Vec<Doubt> {
        let counts = |key: &&Key| self.rules.fails(key);
        let of = |keys: &[Key], doubt: fn(Key) -> Doubt| -> Vec<Doubt> {
            keys.iter().filter(counts).cloned().map(doubt).collect()
        };
        let mut doubts = of(&all.only_base, Doubt::OnlyBase);
        doubts.extend(of(&all.only_new, Doubt::OnlyNew));
        doubts
    }

    fn compare(
        &self,
        base: &[ProcessRun],
        new: &[ProcessRun],
        wanted: impl Fn(&Key) -> bool,
    ) -> Comparison {
        let (rules, confidence) = (&self.rules, self.rules.confidence);
        let wanted = |key: &Key| rules.of(key).is_some() && wanted(key);
        Comparison::of_these(base, new, self.is_paired, confidence, wanted)
    }

    fn explore(&mut self, mut rows: Vec<JudgedRow>, runs: usize, is_over: bool) -> Next {
        let fails = |row: &&JudgedRow| row.counts() && row.verdict == Verdict::Fail;
        let suspects = rows.iter().filter(fails).map(|row| row.row.key.clone());
        let suspects: BTreeSet<Key> = suspects.collect();
        if is_over || !rows.iter().any(JudgedRow::counts) {
            // Nothing is left to confirm a FAIL with, or nothing can fail.
            doubt(&mut rows);
            return self.done(rows, runs, 0);
        }
        if suspects.is_empty() {
            return match Judged::worst(&rows) {
                Verdict::Pass => self.done(rows, runs, 0),
                _ => self.until(runs + runs / 2 + 1),
            };
        }
        self.phase = Phase::Confirming {
            from: runs,
            suspects,
        };
        // What is much slower is known by a few.
        self.until(runs + self.first())
    }

    fn confirm(
        &mut self,
        mut all: Vec<JudgedRow>,
        fresh: Vec<JudgedRow>,
        (from, runs): (usize, usize),
        is_over: bool,
    ) -> Next {
        let verdict = Judged::worst(&fresh);
        if !is_over && verdict == Verdict::Pass {
            // It was chance; the runs are as good as any others.
            self.phase = Phase::Exploring;
            return self.until(runs + runs / 2 + 1);
        }
        if !is_over && verdict == Verdict::Indeterminate {
            return self.until(runs + (runs - from) / 2 + 1);
        }
        // What else has come to look worse since is not confirmed.
        doubt(&mut all);
        for fresh in fresh {
            let mut rows = all.iter_mut();
            if let Some(row) = rows.find(|row| row.row.key == fresh.row.key) {
                *row = fresh;
            }
        }
        self.done(all, runs, runs - from)
    }

    fn until(&self, runs: usize) -> Next {
        Next::Until(runs.min(self.rules.most))
    }

    fn done(&self, rows: Vec<JudgedRow>, runs: usize, fresh: usize) -> Next {
        Next::Done(Judged {
            verdict: Judged::worst(&rows),
            rows,
            runs,
            fresh,
            looks: self.looks,
            doubts: Vec::new(),
        })
    }
}

/// Without fresh runs that say the same, what looks worse may do so by chance.
fn doubt(rows: &mut [JudgedRow]) {
    for row in rows {
        if row.counts() && row.verdict == Verdict::Fail {
            row.verdict = Verdict::Indeterminate;
        }
    }
}

#[cfg(test)]
mod tests;
