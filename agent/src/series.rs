//! Distributions over time, in bounded memory: what a heat map is drawn from.
//!
//! ```text
//! Snapshot (live, of an agent, of a recording) ─▶ Series ─▶ columns(scope, stage, at most n)
//! ```
//!
//! Columns are merged by adding up their counts, never by averaging percentiles.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hwptop_abi::{BUCKETS, Bucket, Stage};

use crate::snapshot::{Activity, Scope, Snapshot};

mod column;
mod counts;
mod heat;

use column::Column;
use counts::Counts;
pub use heat::{HeatColumn, HeatColumns};

/// The time that is kept, if nobody says.
const KEPT: Duration = Duration::from_hours(1);
/// The most memory that it takes, if nobody says: 64 instances of 5 stages are kept for an hour
/// in it, the last minutes to the second.
const BYTES_MAX: usize = 32 << 20;
/// The most columns, whatever is in them: an hour of one a second, and some.
const COLUMNS_MAX: usize = 4096;
/// Once it is full, so much of it is used: or each column would be a search for room.
const USED_AFTER: f64 = 0.75;
/// How long a column of an age may be, as a part of that, in the order in which it is tried. The
/// older, the coarser.
const PARTS_OF_AGE: [u32; 9] = [512, 256, 128, 64, 32, 16, 8, 4, 2];

/// Columns that are known after they went: few go with an interval.
const GONE: usize = 4;

/// Buckets that make a band.
const JOINED: usize = 4;

/// A row of a heat map: four neighbouring buckets, at most 12.5 % wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Band(u16);

impl Band {
    /// How many there are.
    pub const COUNT: usize = BUCKETS / JOINED;

    /// The band of a latency.
    #[must_use]
    pub fn of(ns: u64) -> Self {
        // There are far fewer.
        Self(u16::try_from(Bucket::of(ns).index() / JOINED).unwrap_or(u16::MAX))
    }

    /// Its place among all, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The smallest latency in it, in nanoseconds.
    #[must_use]
    pub fn low_ns(self) -> u64 {
        Bucket::at(self.index() * JOINED).map_or(0, Bucket::low_ns)
    }

    /// The largest latency in it, in nanoseconds; the last has everything above as well.
    #[must_use]
    pub fn high_ns(self) -> u64 {
        let last = self.index() * JOINED + JOINED - 1;
        Bucket::at(last).map_or(u64::MAX, Bucket::high_ns)
    }
}

/// The distributions of every instance, nested HWPT and vIOMMU by stage, interval by interval, as
/// long as there is room: then the oldest neighbours become one, and what is older than the time
/// that is kept goes. What is cloned shares its columns.
#[derive(Clone, Debug)]
pub struct Series {
    columns: VecDeque<Arc<Column>>,
    keep: Duration,
    bytes_max: usize,
    bytes: usize,
    /// What the columns covered that are gone: where the first one begins.
    forgotten: Duration,
    /// How long an interval is, about.
    unit: Duration,
    /// What the columns cover together.
    covered: Duration,
    /// The last columns that went, the latest last: who has them in a sum takes them back.
    gone: VecDeque<Arc<Column>>,
    /// Columns that were pushed and that went, and how often some became one.
    pushed: u64,
    forgot: u64,
    rearranged: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self::new(KEPT, BYTES_MAX)
    }
}

impl Series {
    /// Keeps the last `keep` in at most `bytes_max` bytes.
    #[must_use]
    pub fn new(keep: Duration, bytes_max: usize) -> Self {
        Self {
            columns: VecDeque::new(),
            keep,
            bytes_max,
            bytes: 0,
            forgotten: Duration::ZERO,
            unit: Duration::ZERO,
            covered: Duration::ZERO,
            gone: VecDeque::new(),
            pushed: 0,
            forgot: 0,
            rearranged: 0,
        }
    }

    /// Takes in the interval of `snapshot`.
    pub fn push(&mut self, snapshot: &Snapshot) {
        let end = snapshot.taken_at;
        let begin = end.checked_sub(snapshot.interval).unwrap_or(end);
        let mut column = Column::new(begin, end, snapshot.interval);
        for instance in &snapshot.instances {
            let scope = Scope::Instance(instance.name.clone());
            self.collect(scope, &instance.interval, &mut column);
        }
        for object in &snapshot.objects {
            if let Some(scope) = Scope::of_object(snapshot, object) {
                self.collect(scope, &object.interval, &mut column);
            }
        }
        column.sort();
        // As long as they are about equal, columns of the map stay where they are.
        if snapshot.interval.abs_diff(self.unit) > self.unit / 8 {
            self.unit = snapshot.interval;
        }
        self.add(column);
    }

    /// Puts what `scope` did into `column`.
    fn collect(&self, scope: Scope, did: &Activity, column: &mut Column) {
        let stages = Stage::ALL.map(|stage| (stage, Counts::of(&did.stage(stage).latency)));
        if stages.iter().all(|(_, counts)| counts.is_empty()) {
            return;
        }
        // As an earlier column has it: most are in every one.
        let known = self.columns.back().and_then(|last| last.known(&scope));
        let scope = known.unwrap_or_else(|| Arc::new(scope));
        for (stage, counts) in stages {
            if !counts.is_empty() {
                column.put(&scope, stage, counts);
            }
        }
    }

    fn add(&mut self, column: Column) {
        let now = column.end;
        self.bytes += column.bytes();
        self.covered = self.covered.saturating_add(column.length);
        self.columns.push_back(Arc::new(column));
        self.pushed = self.pushed.wrapping_add(1);
        self.forget_before(now);
        if self.is_over(1.0) {
            self.make_room(now);
        }
    }

    /// As it was when `end` was: without the columns that end later.
    #[must_use]
    pub fn until(&self, end: SystemTime) -> Self {
        let mut earlier = self.clone();
        earlier.columns.retain(|column| column.end <= end);
        earlier.rearranged = earlier.rearranged.wrapping_add(1);
        earlier.bytes = earlier.columns.iter().map(|column| column.bytes()).sum();
        let lengths = earlier.columns.iter().map(|column| column.length);
        earlier.covered = lengths.fold(Duration::ZERO, Duration::saturating_add);
        earlier
    }

    /// The memory that the columns take, as if none were shared.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The columns of a stage of a scope, oldest first: a process is the sum of its objects,
    /// everything that of the instances. Where there are more than `at_most`, neighbours are
    /// one, so that all but the last cover about the same time; each interval is in exactly one,
    /// the newest in the last alone. An interval more changes the last columns only, until there
    /// is no room for another.
    #[must_use]
    pub fn columns(&self, scope: &Scope, stage: Stage, at_most: usize) -> HeatColumns {
        let mut heat = HeatColumns::new(scope.clone(), stage, at_most);
        self.refresh(&mut heat);
        heat
    }

    /// Whether nothing has changed since `heat` was told.
    #[must_use]
    pub fn is_now(&self, heat: &HeatColumns) -> bool {
        let now = (self.pushed, self.forgot, self.rearranged);
        (heat.pushed, heat.forgot, heat.rearranged) == now
    }

    /// Brings `heat` to what [`Self::columns`] is now; what has not changed since is not
    /// looked at again.
    pub fn refresh(&self, heat: &mut HeatColumns) {
        let length = self.column_length(heat.at_most);
        let is_near = (heat.length, heat.rearranged) == (length, self.rearranged);
        let pushed = self.pushed.wrapping_sub(heat.pushed);
        let all = self.columns.len();
        let new = match usize::try_from(pushed) {
            Ok(new) if is_near && new <= all && self.forget_in(heat) => new,
            _ => {
                heat.clear(length, self.forgotten);
                all
            }
        };
        for column in self.columns.range(all - new..) {
            heat.push(column);
        }
        (heat.pushed, heat.forgot) = (self.pushed, self.forgot);
        heat.rearranged = self.rearranged;
    }

    /// Takes the columns that went since out of `heat`; whether they are known.
    fn forget_in(&self, heat: &mut HeatColumns) -> bool {
        let went = usize::try_from(self.forgot.wrapping_sub(heat.forgot));
        let known = went.ok().and_then(|went| self.gone.len().checked_sub(went));
        let Some((from, oldest)) = known.zip(self.columns.front()) else {
            return false;
        };
        let next = self.gone.iter().skip(from + 1).chain([oldest]);
        let mut both = self.gone.range(from..).zip(next);
        both.all(|(column, next)| heat.forget(column, next))
    }

    /// How many nanoseconds a column covers where there is room for `at_most`; `None` where each
    /// interval has a column of its own. A multiple of the interval: else some columns would have
    /// one more than their neighbours.
    fn column_length(&self, at_most: usize) -> Option<u128> {
        if self.columns.len() <= at_most {
            return None;
        }
        // One is the newest interval's, and neither the first nor the last of the others need
        // begin where its slot does.
        let Some(slots) = at_most.checked_sub(2).filter(|slots| *slots > 0) else {
            return Some(u128::MAX);
        };
        let covered = self.covered;
        // All of the time that is kept is now a bit less and now a bit more than that.
        let almost_all = covered >= self.keep / 20 * 19;
        let covered = if almost_all {
            covered.max(self.keep.saturating_add(self.keep / 15))
        } else {
            covered
        };
        let unit = self.unit.as_nanos().max(1);
        Some(unit * covered.as_nanos().div_ceil(unit * slots as u128).max(1))
    }

    fn forget_before(&mut self, now: SystemTime) {
        let oldest = now.checked_sub(self.keep);
        while let (Some(first), Some(oldest)) = (self.columns.front(), oldest)
            && first.end <= oldest
            && self.columns.len() > 1
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(column) = self.columns.pop_front() {
            self.bytes -= column.bytes();
            self.covered = self.covered.saturating_sub(column.length);
            self.forgotten = self.forgotten.saturating_add(column.length);
            self.forgot = self.forgot.wrapping_add(1);
            if self.gone.len() == GONE {
                self.gone.pop_front();
            }
            self.gone.push_back(column);
        }
    }

    fn is_over(&self, part: f64) -> bool {
        self.bytes as f64 > self.bytes_max as f64 * part
            || self.columns.len() as f64 > COLUMNS_MAX as f64 * part
    }

    /// Makes neighbours one, by and by longer ones, and at last forgets the oldest.
    fn make_room(&mut self, now: SystemTime) {
        for part in PARTS_OF_AGE {
            self.merge(now, part);
            if !self.is_over(USED_AFTER) {
                return;
            }
        }
        while self.is_over(1.0) && !self.columns.is_empty() {
            self.forget_oldest();
        }
    }

    /// Makes neighbours one that together are not longer than their age divided by `part`.
    fn merge(&mut self, now: SystemTime, part: u32) {
        self.rearranged = self.rearranged.wrapping_add(1);
        let mut merged: VecDeque<Arc<Column>> = VecDeque::with_capacity(self.columns.len());
        for column in std::mem::take(&mut self.columns) {
            let age = now.duration_since(column.end).unwrap_or_default();
            match merged.back_mut() {
                Some(last) if last.length + column.length <= age / part => {
                    Arc::make_mut(last).add(&column);
                }
                _ => merged.push_back(column),
            }
        }
        self.columns = merged;
        self.bytes = self.columns.iter().map(|column| column.bytes()).sum();
    }
}

#[cfg(test)]
mod tests;
