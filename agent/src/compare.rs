//! What was measured before against what is measured now.
//!
//! ```text
//! Snapshot ─▶ Blocks (base) ─┐ of intervals, by scope and stage
//!                            ├─▶ Comparison ─▶ tui, text
//! Snapshot ─▶ Blocks (new) ──┘ ratios with intervals, differences
//! ```
//!
//! Percentiles are those of histograms that were added up, never averages of percentiles. The
//! interval of a ratio comes from a block bootstrap: whole blocks of intervals are drawn again with
//! replacement on either side. It assumes that blocks are exchangeable, that is, that nothing
//! but the change in question sets the two apart; latencies within a block need not be
//! independent. It judges nothing.

use std::time::{Duration, SystemTime};

use crate::snapshot::{Scope, Stage};

mod blocks;
mod bootstrap;
mod circumstances;
mod statistic;
mod work;

pub use blocks::Blocks;
pub use circumstances::{Circumstances, Difference};
pub use statistic::{BLOCKS_LEAST, NoRange, Range, Ratio, Statistic};
pub use work::Work;

/// The base and the new of one stage of one part of what was measured.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Before.
    pub base: Side,
    /// Now.
    pub new: Side,
    /// One for each of [`Statistic::ALL`].
    pub ratios: Vec<Ratio>,
    /// What sets the two apart beside the change in question, as far as it is known.
    pub differences: Vec<Difference>,
}

/// One of the two that are compared.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// The time that the intervals cover, also those in which nothing happened here.
    pub length: Duration,
    /// How many intervals there are.
    pub intervals: u64,
    /// Instances and objects that there was no room for, at least.
    pub left_out: usize,
    /// All together.
    pub work: Work,
    /// One after the other.
    pub columns: Vec<Column>,
}

/// What happened in some intervals that follow one another.
#[derive(Clone, Debug)]
pub struct Column {
    /// When the first began.
    pub begin: SystemTime,
    /// The time they cover.
    pub length: Duration,
    /// What happened; nothing at all, perhaps.
    pub work: Work,
}

impl Comparison {
    /// Compares `stage` of `scope`. It takes about a millisecond.
    #[must_use]
    pub fn of(base: &Blocks, new: &Blocks, scope: &Scope, stage: Stage) -> Self {
        let sides = [base, new].map(|blocks| blocks.side(scope, stage));
        let ratios = bootstrap::ratios(sides.each_ref());
        let [base_side, new_side] = sides;
        let both = base.circumstances().zip(new.circumstances());
        Self {
            base: base_side,
            new: new_side,
            ratios,
            differences: both.map_or_else(Vec::new, |(base, new)| base.differences(new, stage)),
        }
    }
}

impl Side {
    /// Events a second; `None` where no time has passed.
    #[must_use]
    pub fn per_second(&self) -> Option<f64> {
        let seconds = self.length.as_secs_f64();
        (seconds > 0.0).then(|| self.work.seen as f64 / seconds)
    }
}

#[cfg(test)]
mod tests;
