use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hwptop_abi::Stage;

use super::Counts;
use crate::snapshot::Scope;

/// One interval, or several that follow one another.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) begin: SystemTime,
    pub(super) end: SystemTime,
    pub(super) length: Duration,
    /// By key, in their order; each once.
    cells: Vec<(Key, Counts)>,
}

/// What is kept apart: instances and objects, of which every other scope is a sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    scope: Arc<Scope>,
    stage: Stage,
}

impl Column {
    pub(super) fn new(begin: SystemTime, end: SystemTime, length: Duration) -> Self {
        Self {
            begin,
            end,
            length,
            cells: Vec::new(),
        }
    }

    /// Appends a cell; [`Self::sort`] is due after the last.
    pub(super) fn put(&mut self, scope: &Arc<Scope>, stage: Stage, counts: Counts) {
        let scope = Arc::clone(scope);
        self.cells.push((Key { scope, stage }, counts));
    }

    /// Brings the cells into their order and makes those of one key one.
    pub(super) fn sort(&mut self) {
        self.cells.sort_by(|one, other| one.0.cmp(&other.0));
        self.cells.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = first.1.plus(&later.1);
            }
            same
        });
    }

    /// The scope as a key here has it.
    pub(super) fn known(&self, scope: &Scope) -> Option<Arc<Scope>> {
        let from = self.cells.partition_point(|(key, _)| *key.scope < *scope);
        let (key, _) = self.cells.get(from)?;
        (*key.scope == *scope).then(|| Arc::clone(&key.scope))
    }

    /// What `scope` is the sum of.
    pub(super) fn counts<'a>(
        &'a self,
        scope: &'a Scope,
        stage: Stage,
    ) -> impl Iterator<Item = &'a Counts> {
        let cells = match scope {
            Scope::Everything | Scope::Process(_) => &self.cells[..],
            Scope::Instance(_) | Scope::Object(_) => {
                let from = self.cells.partition_point(|(key, _)| *key.scope < *scope);
                let rest = &self.cells[from..];
                &rest[..rest.partition_point(|(key, _)| *key.scope == *scope)]
            }
        };
        let wanted =
            move |(key, _): &&(Key, Counts)| key.stage == stage && is_part_of(&key.scope, scope);
        cells.iter().filter(wanted).map(|(_, counts)| counts)
    }

    /// Takes in what came after.
    pub(super) fn add(&mut self, later: &Self) {
        self.end = later.end;
        self.length = self.length.saturating_add(later.length);
        for (key, counts) in &later.cells {
            match self.cells.binary_search_by(|(own, _)| own.cmp(key)) {
                Ok(at) => self.cells[at].1 = self.cells[at].1.plus(counts),
                Err(at) => self.cells.insert(at, (key.clone(), counts.clone())),
            }
        }
    }

    /// What it takes, with what an allocation takes beside what is asked for.
    pub(super) fn bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let cells = self
            .cells
            .iter()
            .map(|(_, counts)| size_of::<(Key, Counts)>() + counts.bytes() + ALLOCATION);
        let scopes = self.cells.chunk_by(|one, next| one.0.scope == next.0.scope);
        let scopes = scopes.map(|of_one| {
            let name = match &*of_one[0].0.scope {
                Scope::Instance(name) => name.len(),
                Scope::Object(object) => object.instance.as_ref().map_or(0, String::len),
                Scope::Everything | Scope::Process(_) => 0,
            };
            size_of::<Scope>() + name + 2 * ALLOCATION
        });
        size_of::<Self>() + 3 * ALLOCATION + cells.sum::<usize>() + scopes.sum::<usize>()
    }
}

/// Whether what is kept of `one` counts for `whole`.
fn is_part_of(one: &Scope, whole: &Scope) -> bool {
    match (whole, one) {
        (Scope::Everything, one) => matches!(one, Scope::Instance(_)),
        (Scope::Process(id), Scope::Object(object)) => object.process == *id,
        _ => one == whole,
    }
}
