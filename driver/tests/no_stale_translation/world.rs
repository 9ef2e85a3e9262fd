//! The guest's memory and what is known of it, as the test and whoever watches requests
//! look at it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hwptop_driver::model::tables::{Format, Mapping, PageAllocator, Table, Words};
use vm_memory::{Bytes, GuestAddress};

use super::flaky::{Plan, lock};
use super::layout::{
    AGENTS, PAGE, PAGES, REGION_LOG2, REGIONS, SLOTS, SPACES, TABLES, VCPUS, iova, region_of,
};
use super::machine::{Machine, data_address};
use super::reference::{Reference, Target, Value};
use super::rng::Rng;

/// A sync that has not completed yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sync {
    pub(crate) number: u64,
    /// Its place in the queue, in commands since the beginning.
    pub(crate) position: u64,
    pub(crate) vcpu: usize,
    pub(crate) address: u64,
    pub(crate) data: u32,
}

pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) reference: Reference,
    pub(crate) pending: VecDeque<Sync>,
    pub(crate) plan: Arc<Mutex<Plan>>,
    /// Syncs that each vCPU waits for.
    pub(crate) waiting: [usize; VCPUS],
    pub(crate) completed: u64,
    pub(crate) aborted: u64,
    /// Position of the last sync that completed.
    pub(crate) last_completed: Option<u64>,
    pub(crate) looks: u64,
    /// Table pages that were unlinked and not given back yet.
    pub(crate) unlinked: usize,
    rng: Rng,
    tables: [Table; SPACES],
    pages: PageAllocator,
    /// Regions with a page of 2 MiB.
    large: [[bool; REGIONS.len()]; SPACES],
    poisoned: u64,
    /// Tables that spaces had before those of now.
    retired: Vec<Table>,
    pub(crate) switches: u64,
    /// Print what happens.
    pub(crate) verbose: bool,
}

impl World {
    pub(crate) fn new(
        machine: Machine,
        reference: Reference,
        (plan, rng): (Arc<Mutex<Plan>>, Rng),
        (format, poisoned): (Format, u64),
    ) -> Self {
        let mut pages = PageAllocator::new(TABLES);
        let tables =
            [(); SPACES].map(|()| Table::new(format, &machine.tables(), &mut pages).unwrap());
        Self {
            machine,
            reference,
            pending: VecDeque::new(),
            plan,
            waiting: [0; VCPUS],
            completed: 0,
            aborted: 0,
            last_completed: None,
            looks: 0,
            unlinked: 0,
            rng,
            tables,
            pages,
            large: [[false; REGIONS.len()]; SPACES],
            poisoned,
            retired: Vec::new(),
            switches: 0,
            verbose: false,
        }
    }

    pub(crate) fn roots(&self) -> [u64; SPACES] {
        self.tables.map(|table| table.root)
    }

    /// Prints what happens, where one run is repeated.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        if self.verbose {
            println!("{what}");
        }
    }

    pub(crate) fn write(&self, address: u64, words: &[u64]) {
        for (address, word) in (address..).step_by(8).zip(words) {
            assert!(Words::store(&self.machine.memory, address, *word));
        }
    }

    /// Maps a page of 4 KiB, after unmapping what is there if that is larger.
    pub(crate) fn map_page(&mut self, space: usize, page: usize, target: Target) {
        if self.large[space][region_of(page)] {
            self.unmap(space, page, REGION_LOG2);
        }
        self.map(space, iova(page), 12, target);
        let new = (Some(target), 12);
        self.reference.change(space, page, new, false);
    }

    /// Maps the region of a page to the block of data that begins with `first`.
    pub(crate) fn map_region(&mut self, space: usize, page: usize, first: Target) {
        let region = region_of(page);
        if !self.large[space][region] {
            self.unmap(space, page, REGION_LOG2);
        }
        self.map(space, REGIONS[region], REGION_LOG2, first);
        self.large[space][region] = true;
        for (at, slot) in SLOTS.into_iter().enumerate() {
            let target = Target {
                data: first.data + usize::try_from(slot).unwrap(),
                ..first
            };
            let new = (Some(target), REGION_LOG2);
            let page = region * SLOTS.len() + at;
            self.reference.change(space, page, new, false);
        }
    }

    fn map(&mut self, space: usize, from: u64, size_log2: u8, target: Target) {
        self.note(format_args!(
            "space {space}: map {from:#x} (2^{size_log2}): {target:?}"
        ));
        let mapping = Mapping {
            from,
            to: data_address(target.data),
            size_log2,
            writable: target.writable,
        };
        let words = self.machine.tables();
        self.tables[space]
            .map(&words, &mut self.pages, mapping)
            .unwrap();
    }

    /// Unmaps the page, or the 2 MiB, 1 GiB or 512 GiB around it with the tables there.
    pub(crate) fn unmap(&mut self, space: usize, page: usize, size_log2: u8) {
        if size_log2 == 12 && self.large[space][region_of(page)] {
            return self.unmap(space, page, REGION_LOG2);
        }
        let mask = (1 << size_log2) - 1;
        let first = iova(page) & !mask;
        let words = self.machine.tables();
        let tables = self.tables[space].unmap(&words, first, size_log2).unwrap();
        let structural = !tables.is_empty();
        self.note(format_args!(
            "space {space}: unmap {first:#x} (2^{size_log2}), tables {tables:x?}"
        ));
        for page in (0..PAGES).filter(|&page| iova(page) & !mask == first) {
            self.reference.change(space, page, (None, 12), structural);
            self.large[space][region_of(page)] &= size_log2 == 12;
        }
        if structural {
            self.unlinked += tables.len();
            let span = (first / PAGE, (first | mask) / PAGE);
            self.reference.unlinked(space, span, tables);
        }
    }

    /// Gives a space other tables, with these pages, and perhaps its other tag. Returns
    /// the root. What was in the old ones stays there until nobody can look.
    pub(crate) fn switch(&mut self, space: usize, new: &[Value; PAGES], tag: usize) -> u64 {
        let words = self.machine.tables();
        let table = Table::new(self.tables[space].format, &words, &mut self.pages).unwrap();
        let old = std::mem::replace(&mut self.tables[space], table);
        self.large[space] = [false; REGIONS.len()];
        for (page, &target) in new.iter().enumerate() {
            if let Some(target) = target {
                self.map(space, iova(page), 12, target);
            }
        }
        self.note(format_args!(
            "space {space}: tag {tag}, {table:x?}, not {old:x?}"
        ));
        self.reference.switch(space, new, tag, old.root);
        self.retired.push(old);
        self.unlinked += 1;
        self.switches += 1;
        table.root
    }

    /// Nobody looks at a table any more.
    fn give_back(&mut self, table: u64) {
        let mut tables = vec![table];
        let words = self.machine.tables();
        for old in self.retired.extract_if(.., |old| old.root == table) {
            for first in [REGIONS[0], REGIONS[REGIONS.len() - 1]] {
                let first = first >> 39 << 39;
                tables.extend(old.unmap(&words, first, 39).unwrap());
            }
        }
        for table in tables {
            for slot in (table..table + PAGE).step_by(8) {
                assert!(words.store(slot, self.poisoned));
            }
            self.pages.free(table);
        }
        self.unlinked -= 1;
    }

    fn is_written(&self, sync: &Sync) -> bool {
        let at = GuestAddress(sync.address);
        let memory = &self.machine.memory;
        Bytes::load::<u32>(memory, at, Ordering::Acquire).unwrap() == sync.data
    }

    /// Looks which syncs have completed, and then whether devices see anything that they
    /// must not see any more.
    pub(crate) fn poll(&mut self) {
        let mut any = false;
        while let Some(at) = self.pending.iter().position(|sync| self.is_written(sync)) {
            for _ in 0..at {
                self.abort_first();
            }
            let Some(sync) = self.pending.pop_front() else {
                break;
            };
            self.complete(&sync);
            any = true;
        }
        if any {
            self.check_all();
        }
    }

    /// What happens while the front end and the kernel are at work: a device goes on.
    pub(crate) fn watch(&mut self) {
        self.poll();
        let agent = self.rng.below(AGENTS);
        let first = self.rng.below(REGIONS.len()) * SLOTS.len();
        for page in first..first + SLOTS.len() {
            self.check(agent, page);
        }
    }

    fn complete(&mut self, sync: &Sync) {
        self.note(format_args!("completed: sync {}", sync.number));
        for table in self.reference.complete(sync.number) {
            self.give_back(table);
        }
        self.waiting[sync.vcpu] -= 1;
        self.completed += 1;
        self.last_completed = Some(sync.position);
    }

    /// The first sync that is pending was passed without completion.
    pub(crate) fn abort_first(&mut self) {
        let Some(sync) = self.pending.pop_front() else {
            return;
        };
        self.note(format_args!("aborted: sync {}", sync.number));
        self.aborted += 1;
        let unanswered = lock(&self.plan).unanswered;
        assert!(
            self.aborted <= unanswered,
            "{sync:?} was passed without completion, though no device failed to answer"
        );
        self.reference.abort(sync.number);
        self.waiting[sync.vcpu] -= 1;
    }

    pub(crate) fn check_all(&mut self) {
        for agent in 0..AGENTS {
            for page in 0..PAGES {
                self.check(agent, page);
            }
        }
    }

    /// A device uses a page.
    pub(crate) fn check(&mut self, agent: usize, page: usize) {
        self.looks += 1;
        let machine = &self.machine;
        let seen = machine.look(agent, iova(page));
        let resolve = |target: Target| {
            let host = machine.resolve(target.data)?;
            Some((host, target.writable))
        };
        assert!(
            self.reference.allows(agent, page, seen, resolve),
            "agent {agent} sees {seen:x?} at {:#x}; {}",
            iova(page),
            self.reference.describe(agent, page)
        );
    }
}
