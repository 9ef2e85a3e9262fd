use super::{Action, Rules};
use crate::{
    compare::{Comparison, Row, Verdict},
    metric::Better,
    run_file::Key,
    statistics::criterion_rule::{self, Decision},
};

/// Draws for criterion's rule: a hundredth of its own, for each metric of every comparison.
const DRAWS: usize = 1000;

/// What a gate found.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The worst of those that the rules let fail it.
    pub verdict: Verdict,
    /// Each metric that a rule is for.
    pub rows: Vec<JudgedRow>,
    /// Pairs, or runs, that were measured.
    pub runs: usize,
    /// How many of those were fresh ones that a FAIL was to be confirmed by.
    pub fresh: usize,
    /// How often it looked.
    pub looks: usize,
    /// Why it is no PASS, whatever the rows say.
    pub doubts: Vec<Doubt>,
}

/// Something that could not be compared, so that nothing says that it is not worse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Turns in which a process failed.
    #[error("turns that were dropped, as a process failed: {turns}, the last as {why}")]
    Dropped {
        /// How many.
        turns: u32,
        /// Why the last one was.
        why: String,
    },
    /// A metric that the rules let fail the gate, which the new side does not have.
    #[error("{0}: only the base has it")]
    OnlyBase(Key),
    /// One that the base does not have.
    #[error("{0}: only the other has it")]
    OnlyNew(Key),
}

/// A metric and its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedRow {
    /// Its figures; of the fresh runs where a FAIL was to be confirmed.
    pub row: Row,
    /// What does not matter of it, as a part.
    pub floor: f64,
    /// What becomes of the verdict.
    pub action: Action,
    /// The verdict.
    pub verdict: Verdict,
}

impl JudgedRow {
    /// The rows of `comparison` that there is a rule for, judged as they are.
    #[must_use]
    pub fn all(comparison: Comparison, rules: &Rules) -> Vec<Self> {
        let judged = |mut row: Row| {
            let rule = rules.of(&row.key)?;
            row.better = rule.better.unwrap_or(row.better);
            Some(Self {
                floor: rule.floor,
                action: rule.action,
                verdict: row.verdict(rule.floor, rules.confidence),
                row,
            })
        };
        comparison.rows.into_iter().filter_map(judged).collect()
    }

    /// What criterion's default rule says of the same figures, one of each process; of rates, their
    /// reciprocals.
    #[must_use]
    pub fn criterion(&self) -> Option<Decision> {
        let times = |figures: &[f64]| -> Vec<f64> {
            let time = |figure: &f64| match self.row.better {
                Better::Lower => *figure,
                Better::Higher => 1.0 / figure,
            };
            figures.iter().map(time).collect()
        };
        let (base, new) = (times(&self.row.base), times(&self.row.new));
        criterion_rule::verdict(&base, &new, DRAWS).map(|verdict| verdict.decision)
    }

    /// Whether the gate hangs on it.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.action == Action::Fail
    }
}

impl Judged {
    /// Takes in that something could not be compared: it is no PASS then.
    pub(super) fn doubt(&mut self, doubt: Doubt) {
        self.verdict = self.verdict.max(Verdict::Indeterminate);
        self.doubts.push(doubt);
    }

    /// The worst verdict of the rows that count; where none does, nothing was told.
    pub(super) fn worst(rows: &[JudgedRow]) -> Verdict {
        let counting = rows.iter().filter(|row| row.counts());
        let worst = counting.map(|row| row.verdict).max();
        worst.unwrap_or(Verdict::Indeterminate)
    }
}
