//! Distributions over time, in bounded memory: what a heat map is drawn from.
//!
//! ```text
//! Snapshot (live, of an agent, of a recording) ─▶ Series ─▶ columns(instance, stage, at most n)
//! ```
//!
//! Columns are merged by adding up their counts, never by averaging percentiles.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hwptop_abi::{BUCKETS, Bucket, Stage};

use crate::snapshot::{Snapshot, StageActivity};

mod counts;

use counts::Counts;

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

/// The latencies of one stage of one instance in a part of the time.
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

/// One interval, or several that follow one another.
#[derive(Clone, Debug)]
struct Column {
    begin: SystemTime,
    end: SystemTime,
    length: Duration,
    /// By key, in their order.
    cells: Vec<(Key, Counts)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    instance: Arc<str>,
    stage: Stage,
}

/// The distributions of every instance and stage, interval by interval, as long as there is
/// room: then the oldest neighbours become one, and what is older than the time that is kept
/// goes. What is cloned shares its columns.
#[derive(Clone, Debug)]
pub struct Series {
    columns: VecDeque<Arc<Column>>,
    keep: Duration,
    bytes_max: usize,
    bytes: usize,
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
        }
    }

    /// Takes in the interval of `snapshot`.
    pub fn push(&mut self, snapshot: &Snapshot) {
        let end = snapshot.taken_at;
        let begin = end.checked_sub(snapshot.interval).unwrap_or(end);
        let mut cells = Vec::new();
        for instance in &snapshot.instances {
            let name = self.name(&instance.name);
            for stage in Stage::ALL {
                let activity: &StageActivity = instance.interval.stage(stage);
                let counts = Counts::of(&activity.latency);
                if !counts.is_empty() {
                    let instance = Arc::clone(&name);
                    cells.push((Key { instance, stage }, counts));
                }
            }
        }
        cells.sort_by(|one, other| one.0.cmp(&other.0));
        self.add(Column {
            begin,
            end,
            length: snapshot.interval,
            cells,
        });
    }

    fn add(&mut self, column: Column) {
        let now = column.end;
        self.bytes += column.bytes();
        self.columns.push_back(Arc::new(column));
        self.forget_before(now);
        if self.is_over(1.0) {
            self.make_room(now);
        }
    }

    /// The memory that the columns take, as if none were shared.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The columns of a stage of an instance, oldest first. Where there are more than `at_most`,
    /// neighbours are one, so that all cover about the same time; each interval is in exactly
    /// one.
    #[must_use]
    pub fn columns(&self, instance: &str, stage: Stage, at_most: usize) -> Vec<HeatColumn> {
        let Some(first) = self.columns.front() else {
            return Vec::new();
        };
        let covered: Duration = self.columns.iter().map(|column| column.length).sum();
        let mut heat: Vec<(usize, HeatColumn)> = Vec::new();
        let mut before = Duration::ZERO;
        for column in &self.columns {
            let middle = before + column.length / 2;
            before += column.length;
            let slot = if self.columns.len() <= at_most {
                heat.len()
            } else {
                let of_all = middle.as_nanos() * at_most as u128 / covered.as_nanos().max(1);
                let slot = usize::try_from(of_all).unwrap_or(usize::MAX);
                slot.min(at_most.saturating_sub(1))
            };
            if heat.last().is_none_or(|(last, _)| *last != slot) {
                heat.push((slot, HeatColumn::empty(column.begin)));
            }
            if let Some((_, heat)) = heat.last_mut() {
                heat.length += column.length;
                if let Some(counts) = column.counts(instance, stage) {
                    heat.add(counts);
                }
            }
        }
        debug_assert!(heat.first().is_none_or(|(_, one)| one.begin == first.begin));
        heat.into_iter().map(|(_, column)| column).collect()
    }

    /// The name as an earlier column has it: most are in every one.
    fn name(&self, name: &str) -> Arc<str> {
        let last = self.columns.back().and_then(|last| {
            let mut names = last.cells.iter().map(|(key, _)| &key.instance);
            names.find(|one| &***one == name)
        });
        last.map_or_else(|| Arc::from(name), Arc::clone)
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
        for (band, count) in counts.iter() {
            self.recorded = self.recorded.saturating_add(count);
            match self.counts.binary_search_by_key(&band, |(band, _)| *band) {
                Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(count),
                Err(at) => self.counts.insert(at, (band, count)),
            }
        }
    }
}

impl Column {
    fn counts(&self, instance: &str, stage: Stage) -> Option<&Counts> {
        let wanted = (instance, stage);
        let by_key = |(key, _): &(Key, Counts)| (&*key.instance, key.stage).cmp(&wanted);
        let at = self.cells.binary_search_by(by_key).ok()?;
        self.cells.get(at).map(|(_, counts)| counts)
    }

    fn add(&mut self, later: &Self) {
        self.end = later.end;
        self.length += later.length;
        for (key, counts) in &later.cells {
            match self.cells.binary_search_by(|(own, _)| own.cmp(key)) {
                Ok(at) => self.cells[at].1 = self.cells[at].1.plus(counts),
                Err(at) => self.cells.insert(at, (key.clone(), counts.clone())),
            }
        }
    }

    /// What it takes, with what an allocation takes beside what is asked for.
    fn bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let cells = self.cells.iter().map(|(key, counts)| {
            size_of::<(Key, Counts)>() + key.instance.len() + counts.bytes() + 2 * ALLOCATION
        });
        size_of::<Self>() + 3 * ALLOCATION + cells.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
