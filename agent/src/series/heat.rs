use std::{
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hwptop_abi::Stage;

use super::{Band, Column, Counts};
use crate::snapshot::Scope;

/// The latencies of one stage of one scope in a part of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatColumn {
    /// When it began.
    pub begin: SystemTime,
    /// How much of the time it covers.
    pub length: Duration,
    /// How many latencies there are: the sum of the counts.
    pub recorded: u64,
    /// By band, the fastest first; none that is 0.
    pub counts: Vec<(Band, u64)>,
}

impl HeatColumn {
    fn empty(begin: SystemTime) -> Self {
        Self {
            begin,
            length: Duration::ZERO,
            recorded: 0,
            counts: Vec::new(),
        }
    }

    fn add(&mut self, counts: &Counts) {
        let mut at = 0;
        for (band, count) in counts.iter() {
            self.recorded = self.recorded.saturating_add(count);
            while self.counts.get(at).is_some_and(|(one, _)| *one < band) {
                at += 1;
            }
            match self.counts.get_mut(at) {
                Some((one, sum)) if *one == band => *sum = sum.saturating_add(count),
                _ => self.counts.insert(at, (band, count)),
            }
        }
    }
}

/// Columns of a stage of a scope, oldest first, and what it takes to go on with them.
#[derive(Clone, Debug)]
pub struct HeatColumns {
    scope: Scope,
    stage: Stage,
    pub(super) at_most: usize,
    /// How many nanoseconds a column covers, but for the newest.
    pub(super) length: Option<u128>,
    pub(super) pushed: u64,
    pub(super) rearranged: u64,
    columns: Vec<HeatColumn>,
    /// What is in the last one, where that is one interval alone.
    newest: Option<Arc<Column>>,
    /// Which part of the time the one before the newest is, and what all before that covers.
    slot: Option<u128>,
    before: Duration,
}

impl Deref for HeatColumns {
    type Target = [HeatColumn];

    fn deref(&self) -> &[HeatColumn] {
        &self.columns
    }
}

impl HeatColumns {
    pub(super) fn new(scope: Scope, stage: Stage, at_most: usize) -> Self {
        Self {
            scope,
            stage,
            at_most,
            length: None,
            pushed: 0,
            rearranged: 0,
            columns: Vec::new(),
            newest: None,
            slot: None,
            before: Duration::ZERO,
        }
    }

    /// Whether it is of this.
    #[must_use]
    pub fn is_of(&self, scope: &Scope, stage: Stage, at_most: usize) -> bool {
        (self.stage, self.at_most) == (stage, at_most) && self.scope == *scope
    }

    /// Begins anew, where columns cover `length` and `before` is forgotten.
    pub(super) fn clear(&mut self, length: Option<u128>, before: Duration) {
        self.columns.clear();
        self.length = length;
        self.newest = None;
        self.slot = None;
        self.before = before;
    }

    /// Goes on with the interval after the last.
    pub(super) fn push(&mut self, column: &Arc<Column>) {
        if self.at_most == 0 {
            return;
        }
        // What was the newest goes to its neighbours.
        if let Some(last) = self.newest.take() {
            self.columns.pop();
            self.settle(&last);
        }
        if self.at_most > 1 && self.length.is_some() {
            self.columns.push(HeatColumn::empty(column.begin));
            self.add(column);
            self.newest = Some(Arc::clone(column));
        } else {
            self.settle(column);
        }
    }

    /// Puts an interval where it stays.
    fn settle(&mut self, column: &Column) {
        let middle = self.before.saturating_add(column.length / 2);
        self.before = self.before.saturating_add(column.length);
        let slot = self.length.map(|length| middle.as_nanos() / length.max(1));
        if slot.is_none() || slot != self.slot || self.columns.is_empty() {
            self.columns.push(HeatColumn::empty(column.begin));
            self.slot = slot;
        }
        self.add(column);
    }

    /// Adds an interval to the last column.
    fn add(&mut self, column: &Column) {
        let Some(last) = self.columns.last_mut() else {
            return;
        };
        last.length = last.length.saturating_add(column.length);
        for counts in column.counts(&self.scope, self.stage) {
            last.add(counts);
        }
    }
}
