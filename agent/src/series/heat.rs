use std::{
    collections::VecDeque,
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
        if self.counts.is_empty() {
            self.counts.extend(counts.iter());
            let recorded = counts.iter().map(|(_, count)| count);
            self.recorded = recorded.fold(self.recorded, u64::saturating_add);
            return;
        }
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

    /// Takes back what was added; whether it is as if it had never been.
    fn take(&mut self, counts: &Counts) -> bool {
        let mut at = 0;
        for (band, count) in counts.iter() {
            while self.counts.get(at).is_some_and(|(one, _)| *one < band) {
                at += 1;
            }
            // A sum that has reached its end tells no more what is in it.
            let known = self
                .counts
                .get_mut(at)
                .filter(|(one, sum)| *one == band && *sum < u64::MAX);
            let left = known.and_then(|(_, sum)| {
                *sum = sum.checked_sub(count)?;
                Some(*sum)
            });
            let Some(left) = left.filter(|_| self.recorded < u64::MAX) else {
                return false;
            };
            if left == 0 {
                self.counts.remove(at);
            }
            self.recorded = self.recorded.saturating_sub(count);
        }
        true
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
    pub(super) forgot: u64,
    columns: Vec<HeatColumn>,
    /// How many intervals are in each.
    intervals: VecDeque<usize>,
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
            forgot: 0,
            columns: Vec::new(),
            intervals: VecDeque::new(),
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
        self.intervals.clear();
        self.length = length;
        self.newest = None;
        self.slot = None;
        self.before = before;
    }

    /// Takes back the oldest interval, after which `next` is the oldest; whether that can be done.
    pub(super) fn forget(&mut self, column: &Column, next: &Column) -> bool {
        let Some((first, intervals)) = self.columns.first_mut().zip(self.intervals.front_mut())
        else {
            return self.at_most == 0;
        };
        *intervals -= 1;
        if *intervals == 0 {
            self.columns.remove(0);
            self.intervals.pop_front();
            if self.columns.is_empty() {
                self.newest = None;
            }
            return true;
        }
        let Some(length) = first.length.checked_sub(column.length) else {
            return false;
        };
        first.length = length;
        first.begin = next.begin;
        let mut counts = column.counts(&self.scope, self.stage);
        counts.all(|counts| first.take(counts))
    }

    /// Goes on with the interval after the last.
    pub(super) fn push(&mut self, column: &Arc<Column>) {
        if self.at_most == 0 {
            return;
        }
        // What was the newest goes to its neighbours.
        if let Some(last) = self.newest.take() {
            self.columns.pop();
            self.intervals.pop_back();
            self.settle(&last);
        }
        if self.at_most > 1 && self.length.is_some() {
            self.begin(column);
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
            self.begin(column);
            self.slot = slot;
        }
        self.add(column);
    }

    /// Begins a column with this interval.
    fn begin(&mut self, column: &Column) {
        self.columns.push(HeatColumn::empty(column.begin));
        self.intervals.push_back(0);
    }

    /// Adds an interval to the last column.
    fn add(&mut self, column: &Column) {
        let last = self.columns.last_mut().zip(self.intervals.back_mut());
        let Some((last, intervals)) = last else {
            return;
        };
        *intervals += 1;
        last.length = last.length.saturating_add(column.length);
        for counts in column.counts(&self.scope, self.stage) {
            last.add(counts);
        }
    }
}
