//! vCPUs that are threads, with one guest queue behind a lock, over a ring with a
//! hardware thread. Each owns a space, and looks at nothing else.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hwptop_driver::model::iommufd::ModelUnit;
use hwptop_driver::model::tables::{Mapping, PageAllocator, Table, Words};
use hwptop_driver::{
    AmdRing, CostModel, Counters, Policy, SmmuV3Ring, TimingProfile, Vendor, VtdRing,
};
use vm_memory::{Bytes, GuestAddress};

use super::dialect::{Dialect, Queued};
use super::flaky::{Flaky, Plan, lock};
use super::layout::{
    AGENTS, PAGE, PAGES, QUEUE, REGION_LOG2, SPACES, STATUS, TABLES, has_atc, iova, pfn,
};
use super::machine::{Machine, Queue, data_address, instance};
use super::reference::Atc;
use super::rng::Rng;

/// What the lock of the guest's queue protects.
struct Locked<D> {
    front: D,
    /// Commands since the beginning.
    queued: u64,
}

struct Shared<D> {
    machine: Machine,
    locked: Mutex<Locked<D>>,
    agents: Vec<(usize, usize)>,
}

struct Vcpu<'a, D> {
    shared: &'a Shared<D>,
    rng: Rng,
    space: usize,
    table: Table,
    pages: PageAllocator,
    syncs: u32,
}

fn ring(vendor: Vendor, unit: &ModelUnit) -> Queue {
    let (arg, profile) = (instance(0, vendor), TimingProfile::INSTANT);
    let counters = Arc::new(Counters::new(vendor));
    match unit.clone() {
        ModelUnit::Vtd(unit) => Arc::new(VtdRing::spawn(arg, profile, unit, counters).unwrap()),
        ModelUnit::SmmuV3(unit) => {
            Arc::new(SmmuV3Ring::spawn(arg, profile, unit, counters).unwrap())
        }
        ModelUnit::AmdVi(unit) => Arc::new(AmdRing::spawn(arg, profile, unit, counters).unwrap()),
    }
}

/// Runs a guest with a vCPU for each space. Returns how many syncs completed.
pub(crate) fn run_threads<D: Dialect + Send>(seed: u64, iterations: usize) -> u64 {
    let mut rng = Rng::new(seed);
    let machine = Machine::new(D::VENDOR, |unit| ring(D::VENDOR, unit));
    let share = (TABLES.end - TABLES.start) / SPACES as u64;
    let spaces = [0, 1, 2, 3].map(|space| {
        let start = TABLES.start + share * space;
        let mut pages = PageAllocator::new(start..start + share);
        let table = Table::new(D::FORMAT, &machine.tables(), &mut pages).unwrap();
        (table, pages)
    });
    let roots = std::array::from_fn(|space| spaces[space].0.root);
    let backend = Flaky {
        fd: Arc::clone(&machine.fd),
        plan: Arc::new(Mutex::new(Plan::new(0))),
        watch: Arc::new(|| ()),
        is_device_entry: D::is_device_entry,
    };
    let mut front = D::new(&machine, backend, roots, &mut rng);
    front.set_policy(Policy::Coalesce(CostModel::ASSUMED));
    // Until every space is used by somebody.
    let mut attached = [None; AGENTS];
    while !(0..SPACES).all(|space| attached.contains(&Some(space))) {
        for (agent, space) in front.reattach(&machine, &attached, &mut rng) {
            attached[agent] = space;
        }
    }
    let used = |(agent, space): (usize, Option<usize>)| Some((agent, space?));
    let shared = Shared {
        machine,
        locked: Mutex::new(Locked { front, queued: 0 }),
        agents: attached.into_iter().enumerate().filter_map(used).collect(),
    };
    std::thread::scope(|scope| {
        for (space, (table, pages)) in spaces.into_iter().enumerate() {
            let mut vcpu = Vcpu {
                shared: &shared,
                rng: Rng::new(rng.next()),
                space,
                table,
                pages,
                syncs: 0,
            };
            scope.spawn(move || vcpu.run(iterations));
        }
    });
    let counts = lock(&shared.locked).front.counters().snapshot();
    assert_eq!(counts.consumed(), lock(&shared.locked).queued);
    counts.waits
}

impl<D: Dialect> Vcpu<'_, D> {
    fn run(&mut self, iterations: usize) {
        let mut mapped = [None; PAGES];
        for _ in 0..iterations {
            let page = self.rng.below(PAGES);
            // Whatever it is now is cached.
            self.look(page, mapped[page]);
            if self.rng.one_in(6) {
                self.unmap_region(page, &mut mapped);
            } else {
                let data = self.rng.below(64);
                self.map(page, data);
                let leaf = self.rng.one_in(2);
                mapped[page] = Some(data);
                self.invalidate((pfn(page), pfn(page)), leaf);
            }
            self.look(page, mapped[page]);
        }
        for (page, data) in mapped.into_iter().enumerate() {
            self.look(page, data);
        }
    }

    fn map(&mut self, page: usize, data: usize) {
        let mapping = Mapping {
            from: iova(page),
            to: data_address(data),
            size_log2: 12,
            writable: true,
        };
        let words = self.shared.machine.tables();
        self.table.map(&words, &mut self.pages, mapping).unwrap();
    }

    /// The table of the region is used again as soon as the sync has completed.
    fn unmap_region(&mut self, page: usize, mapped: &mut [Option<usize>; PAGES]) {
        let mask = (1 << REGION_LOG2) - 1;
        let first = iova(page) & !mask;
        let words = self.shared.machine.tables();
        let tables = self.table.unmap(&words, first, REGION_LOG2).unwrap();
        self.invalidate((first / PAGE, (first | mask) / PAGE), false);
        for table in tables {
            for slot in (table..table + PAGE).step_by(8) {
                assert!(words.store(slot, D::POISONED));
            }
            self.pages.free(table);
        }
        for other in (0..PAGES).filter(|&other| iova(other) & !mask == first) {
            mapped[other] = None;
            self.look(other, None);
        }
    }

    fn look(&self, page: usize, data: Option<usize>) {
        let machine = &self.shared.machine;
        let expected = data.and_then(|data| machine.resolve(data));
        for &(agent, space) in &self.shared.agents {
            if space == self.space {
                let seen = machine.look(agent, iova(page));
                let expected = expected.map(|host| (host, true));
                assert_eq!(seen, expected, "agent {agent}, space {space}, page {page}");
            }
        }
    }

    /// Queues invalidations of the pages and a sync, and waits for it.
    fn invalidate(&mut self, (first, last): (u64, u64), leaf: bool) {
        let mut commands: Vec<[u64; 2]> = Vec::new();
        match self.rng.below(8) {
            0 => commands.push(D::whole(self.space).words),
            1 => commands.push(D::wide(self.space, &mut self.rng).words),
            _ => {
                let is_for_pages = |queued: &Queued| queued.cover.size_log2 != Some(REGION_LOG2);
                let mut queued = vec![D::whole(self.space)];
                for _ in 0..4 {
                    let other = D::pages(self.space, first, last, leaf, &mut self.rng);
                    if other.iter().all(is_for_pages) {
                        queued = other;
                    }
                }
                commands.extend(queued.iter().map(|queued| queued.words));
            }
        }
        if D::ATC == Atc::BehindSync {
            commands.push(self.sync(0));
        }
        for &(agent, space) in &self.shared.agents {
            if space == self.space && has_atc(agent) {
                let order = if first == last { 0 } else { 9 };
                commands.push(D::atc(agent, first, order).words);
            }
        }
        commands.push(self.sync(1));
        let tail = self.queue(&commands);
        while !self.is_done() {
            let mut locked = lock(&self.shared.locked);
            if self.is_done() {
                break;
            }
            assert!(locked.queued >= tail);
            let all = locked.queued;
            locked.front.ring(all);
            assert_eq!(locked.front.fault(), None);
            assert!(self.is_done(), "the queue was handled");
        }
    }

    fn status(&self, slot: usize) -> u64 {
        STATUS + u64::try_from(self.space * 2 + slot).unwrap() * 64
    }

    fn sync(&mut self, slot: usize) -> [u64; 2] {
        self.syncs += 1;
        D::sync(self.status(slot), self.syncs, &mut self.rng)
    }

    fn is_done(&self) -> bool {
        let at = GuestAddress(self.status(1));
        let memory = &self.shared.machine.memory;
        Bytes::load::<u32>(memory, at, Ordering::Acquire).unwrap() == self.syncs
    }

    /// Another vCPU may ring the doorbell for them.
    fn queue(&self, list: &[[u64; 2]]) -> u64 {
        let mut locked = lock(&self.shared.locked);
        let (entries, width) = locked.front.queue();
        for words in list {
            let position = locked.queued % u64::from(entries);
            let at = QUEUE + position * u64::from(width);
            for (at, word) in (at..).step_by(8).zip(words) {
                assert!(Words::store(&self.shared.machine.memory, at, *word));
            }
            locked.queued += 1;
        }
        locked.queued
    }
}
