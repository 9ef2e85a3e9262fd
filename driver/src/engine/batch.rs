use std::collections::HashMap;

use super::entry::Entry;
use super::protocol::Rank;
use crate::ObjectId;

/// Entries that may wait for their request. A queue holds at most some 32,000
/// commands, but one of them can address every nested HWPT: without a bound a
/// guest could make the VMM hold the product.
const PENDING_MAX: usize = 4096;

/// Targets among which the next one is searched for one by one.
const SEARCHED: usize = 8;

/// Entries for one target, in the order of their commands.
#[derive(Debug)]
pub(crate) struct Group<E> {
    pub(crate) target: ObjectId,
    /// Of its last entry.
    pub(crate) rank: Rank,
    pub(crate) entries: Vec<E>,
    /// For each entry the position of its command in the queue.
    pub(crate) indices: Vec<u32>,
}

/// The invalidations between two syncs, broken up by target.
///
/// An entry that an earlier one of the same target covers is left out: the request
/// goes out after both commands were fetched, and then does what both ask for. A
/// guest with thousands of targets could else ask for millions of needless entries
/// with the commands of one doorbell.
///
/// Buffers are reused: in steady state nothing is allocated.
#[derive(Debug)]
pub(crate) struct Batch<E> {
    /// The first `used` are in use, in the order in which their targets were first
    /// addressed.
    list: Vec<Group<E>>,
    used: usize,
    /// The one that was addressed last, below `used` if there is one: most guests
    /// address one target many times in a row.
    last: usize,
    /// Where in `list` a target is, once there are more than [`SEARCHED`]: a guest
    /// with thousands of targets must not make every entry a search.
    by_target: HashMap<ObjectId, usize>,
    /// Entries in use, but for the first one of a target where that covers its like:
    /// a guest that invalidates everything of many targets must not be held up.
    len: usize,
    /// Of what was pushed last.
    rank: Rank,
    /// Position of the command that entries are pushed for.
    index: u32,
    /// Whether every target has an entry for everything of it as its last.
    is_everything: bool,
}

impl<E: Entry> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::new(),
            used: 0,
            last: 0,
            by_target: HashMap::new(),
            len: 0,
            rank: Rank::Configuration,
            index: 0,
            is_everything: false,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len >= PENDING_MAX
    }

    pub(crate) const fn rank(&self) -> Rank {
        self.rank
    }

    pub(crate) fn groups(&self) -> &[Group<E>] {
        &self.list[..self.used]
    }

    pub(crate) fn clear(&mut self) {
        for group in &mut self.list[..self.used] {
            group.entries.clear();
            group.indices.clear();
        }
        if self.used > SEARCHED {
            self.by_target.clear();
        }
        self.used = 0;
        self.last = 0;
        self.len = 0;
        self.rank = Rank::Configuration;
        self.is_everything = false;
    }

    /// Everything of every target that there is was pushed.
    pub(crate) const fn set_everything(&mut self) {
        self.is_everything = true;
    }

    /// Whether nothing more needs to be pushed: a guest that says so again and again
    /// must not make each time a look at every target.
    pub(crate) const fn is_everything(&self) -> bool {
        self.is_everything
    }

    /// What is pushed from here on belongs to the command at `index`.
    pub(crate) const fn begin(&mut self, index: u32, rank: Rank) {
        self.index = index;
        self.rank = rank;
    }

    #[inline]
    pub(crate) fn push(&mut self, target: ObjectId, entry: E) {
        if self.is_empty() || self.list[self.last].target != target {
            self.last = self.find(target);
        }
        let group = &mut self.list[self.last];
        let covered = group.entries.last().is_some_and(|last| last.covers(&entry));
        // One command may reach a target in several ways.
        if covered || group.indices.last() == Some(&self.index) {
            return;
        }
        if !group.entries.is_empty() || !entry.covers(&entry) {
            self.len += 1;
        }
        group.rank = self.rank;
        group.entries.push(entry);
        group.indices.push(self.index);
    }

    fn find(&mut self, target: ObjectId) -> usize {
        let searched = self.used.min(SEARCHED);
        let found = self.list[..searched]
            .iter()
            .position(|group| group.target == target);
        found
            .or_else(|| {
                let at = (self.used > SEARCHED).then(|| self.by_target.get(&target));
                at.flatten().copied()
            })
            .unwrap_or_else(|| self.add(target))
    }

    fn add(&mut self, target: ObjectId) -> usize {
        let at = self.used;
        if at == self.list.len() {
            self.list.push(Group {
                target,
                rank: self.rank,
                entries: Vec::new(),
                indices: Vec::new(),
            });
        }
        self.list[at].target = target;
        if at >= SEARCHED {
            self.by_target.insert(target, at);
        }
        self.used += 1;
        at
    }
}
