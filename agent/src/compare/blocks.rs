use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Circumstances, Column, Side, Work};
use crate::snapshot::{Activity, Scope, Snapshot, Stage};

/// The most blocks: as many as a screen has columns for.
const BLOCKS_MAX: usize = 128;
/// The most memory that the blocks take: 64 busy instances of two stages have some 64 in it.
const BYTES_MAX: usize = 32 << 20;
/// The most instances and objects in a block; those beyond are left out.
const PARTS_MAX: usize = 1024;

/// Intervals that follow one another.
#[derive(Clone, Debug)]
struct Block {
    begin: SystemTime,
    length: Duration,
    intervals: u64,
    /// Of all instances together, of each, and of objects. Only what did something.
    parts: BTreeMap<Scope, Vec<(Stage, Work)>>,
    /// Parts that there was no room for, at least: of blocks that became one, the most of either.
    left_out: usize,
    /// What it takes.
    bytes: usize,
}

/// What happened in a session or a recording so far, in bounded memory: in blocks of as many
/// intervals each, the last perhaps of fewer. Where there are too many, neighbours become one. What
/// is cloned shares its blocks.
#[derive(Clone, Debug)]
pub struct Blocks {
    kept: Vec<Arc<Block>>,
    /// Intervals that a block takes.
    stride: u64,
    bytes_max: usize,
    circumstances: Option<Circumstances>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self::within(BYTES_MAX)
    }
}

impl Blocks {
    /// In at most about `bytes_max` bytes.
    pub(super) fn within(bytes_max: usize) -> Self {
        Self {
            kept: Vec::new(),
            stride: 1,
            bytes_max,
            circumstances: None,
        }
    }

    /// Takes in the interval of `snapshot`.
    pub fn push(&mut self, snapshot: &Snapshot) {
        self.circumstances = Some(Circumstances::of(snapshot));
        let interval = Block::of(snapshot);
        match self.kept.last_mut() {
            Some(last) if last.intervals < self.stride => Arc::make_mut(last).add(&interval),
            _ => self.kept.push(Arc::new(interval)),
        }
        // Two are the least that can be made one.
        while self.kept.len() > 1 && (self.kept.len() > BLOCKS_MAX || self.is_too_large()) {
            self.halve();
        }
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.bytes() > self.bytes_max
    }

    /// The memory that they take, about, as if none were shared.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.kept.iter().map(|block| block.bytes).sum()
    }

    fn halve(&mut self) {
        self.stride = self.stride.saturating_mul(2);
        let pairs = self.kept.chunks(2).map(|pair| {
            let mut first = Arc::clone(&pair[0]);
            if let Some(second) = pair.get(1) {
                Arc::make_mut(&mut first).add(second);
            }
            first
        });
        self.kept = pairs.collect();
    }

    /// Whether there is no interval.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many intervals there are.
    #[must_use]
    pub fn intervals(&self) -> u64 {
        let counts = self.kept.iter().map(|block| block.intervals);
        counts.fold(0, u64::saturating_add)
    }

    /// The time that they cover.
    #[must_use]
    pub fn length(&self) -> Duration {
        let lengths = self.kept.iter().map(|block| block.length);
        lengths.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// What was measured and how, last; `None` where there is no interval.
    #[must_use]
    pub fn circumstances(&self) -> Option<&Circumstances> {
        self.circumstances.as_ref()
    }

    /// How many instances and objects there was no room for in an interval, at least; what they
    /// did is in that of all together only, where they are instances.
    #[must_use]
    pub fn left_out(&self) -> usize {
        let counts = self.kept.iter().map(|block| block.left_out);
        counts.max().unwrap_or(0)
    }

    /// The stages in which something happened.
    #[must_use]
    pub fn stages(&self) -> BTreeSet<Stage> {
        let parts = self.kept.iter().flat_map(|block| block.parts.values());
        parts.flatten().map(|(stage, _)| *stage).collect()
    }

    /// What `stage` of `scope` did.
    pub(super) fn side(&self, scope: &Scope, stage: Stage) -> Side {
        let mut side = Side {
            length: self.length(),
            intervals: self.intervals(),
            left_out: self.left_out(),
            ..Side::default()
        };
        for block in &self.kept {
            let work = block.work(scope, stage);
            side.work.add(&work);
            side.columns.push(Column {
                begin: block.begin,
                length: block.length,
                work,
            });
        }
        side
    }
}

impl Block {
    fn of(snapshot: &Snapshot) -> Self {
        let end = snapshot.taken_at;
        let mut block = Self {
            begin: end.checked_sub(snapshot.interval).unwrap_or(end),
            length: snapshot.interval,
            intervals: 1,
            parts: BTreeMap::new(),
            left_out: 0,
            bytes: 0,
        };
        for instance in &snapshot.instances {
            let work = worked(&instance.interval);
            block.add_part(Scope::Everything, work.clone());
            block.add_part(Scope::Instance(instance.name.clone()), work);
        }
        for object in &snapshot.objects {
            if let Some(scope) = Scope::of_object(snapshot, object) {
                block.add_part(scope, worked(&object.interval));
            }
        }
        block.bytes = block.weigh();
        block
    }

    fn add_part(&mut self, scope: Scope, work: Vec<(Stage, Work)>) {
        if let Some(mine) = self.parts.get_mut(&scope) {
            for (stage, theirs) in work {
                match mine.iter_mut().find(|(own, _)| *own == stage) {
                    Some((_, mine)) => mine.add(&theirs),
                    None => mine.push((stage, theirs)),
                }
            }
        } else if self.parts.len() < PARTS_MAX {
            if !work.is_empty() {
                self.parts.insert(scope, work);
            }
        } else {
            self.left_out += usize::from(!work.is_empty());
        }
    }

    fn add(&mut self, later: &Self) {
        self.length = self.length.saturating_add(later.length);
        self.intervals = self.intervals.saturating_add(later.intervals);
        let before = std::mem::take(&mut self.left_out);
        for (scope, work) in &later.parts {
            self.add_part(scope.clone(), work.clone());
        }
        self.left_out = self.left_out.max(before).max(later.left_out);
        self.bytes = self.weigh();
    }

    fn work(&self, scope: &Scope, stage: Stage) -> Work {
        let mut sum = Work::default();
        let parts = self.parts.iter().filter(|(part, _)| holds(scope, part));
        let stages = parts.flat_map(|(_, stages)| stages);
        for (_, work) in stages.filter(|(own, _)| *own == stage) {
            sum.add(work);
        }
        sum
    }

    /// What it takes, with what a node of a map takes beside what is in it.
    fn weigh(&self) -> usize {
        const PART: usize = size_of::<(Scope, Vec<(Stage, Work)>)>() + 64;
        let of_part = |work: &Vec<(Stage, Work)>| {
            let latencies: usize = work.iter().map(|(_, work)| work.bytes()).sum();
            PART + work.capacity() * size_of::<(Stage, Work)>() + latencies
        };
        size_of::<Self>() + self.parts.values().map(of_part).sum::<usize>()
    }
}

/// What each stage did that did anything.
fn worked(activity: &Activity) -> Vec<(Stage, Work)> {
    let stages = Stage::ALL.into_iter();
    let did = stages.filter(|stage| !activity.stage(*stage).is_empty());
    did.map(|stage| (stage, Work::of(activity.stage(stage))))
        .collect()
}

/// Whether `part`, which is kept, belongs to `scope`.
fn holds(scope: &Scope, part: &Scope) -> bool {
    match (scope, part) {
        (Scope::Process(id), Scope::Object(object)) => object.process == *id,
        _ => scope == part,
    }
}
