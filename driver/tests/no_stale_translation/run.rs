//! One run: a guest with several vCPUs, its VMM and its host, doing anything.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hwptop_driver::{CostModel, Fault, FaultReason, Nanos, Policy};

use super::dialect::{Dialect, Queued};
use super::flaky::{Flaky, Plan, lock};
use super::layout::{AGENTS, PAGES, PASIDS, QUEUE, SPACES, STATUS, VCPUS, has_atc, pfn, region_of};
use super::machine::{Machine, Queue, Watch, inline};
use super::reference::{Atc, Reference, Roots, Target};
use super::rng::Rng;
use super::world::{Sync, World};

/// What runs did, for a test that they did anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) operations: u64,
    pub(crate) looks: u64,
    pub(crate) commands: u64,
    pub(crate) syncs: u64,
    pub(crate) joined: u64,
    pub(crate) aborted: u64,
    pub(crate) faults: u64,
    /// Spaces that got another root.
    pub(crate) switches: u64,
    /// Commands that the guest replaced.
    pub(crate) replaced: u64,
}

pub(crate) struct Run<D> {
    world: Arc<Mutex<World>>,
    front: D,
    rng: Rng,
    entries: u64,
    width: u64,
    /// Commands that the guest queued, that it told the IOMMU of, and that the IOMMU has
    /// consumed, since the beginning.
    queued: u64,
    published: u64,
    head: u64,
    syncs: u64,
    /// Replace what is illegal rather than try it again.
    replaces: bool,
    /// Where commands were replaced by a sync that nobody waits for.
    replaced: Vec<u64>,
    totals: Totals,
}

/// Promotes two ranges already.
const EAGER: CostModel = CostModel {
    entry: Nanos(250),
    cached: 0,
    refill: Nanos(100),
};

const POLICIES: [Policy; 4] = [
    Policy::Single,
    Policy::Array,
    Policy::Coalesce(CostModel::ASSUMED),
    Policy::Coalesce(EAGER),
];

/// Unlinked table pages from which on the guest invalidates everything.
const UNLINKED_MAX: usize = 200;
/// Older values from which on it does so, too.
const STALE_MAX: usize = 1500;

impl<D: Dialect> Run<D> {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut queue = None;
        let machine = Machine::new(D::VENDOR, |unit| {
            Arc::clone(queue.insert(inline(unit))) as Queue
        });
        let fd = Arc::clone(&machine.fd);
        let plan = Arc::new(Mutex::new(Plan::new(rng.next())));
        let reference = Reference::new(D::ATC, D::ROOTS);
        let tables = (D::FORMAT, D::POISONED);
        let other = Rng::new(rng.next());
        let world = World::new(machine, reference, (Arc::clone(&plan), other), tables);
        let roots = world.roots();
        let world = Arc::new(Mutex::new(world));
        let watched = Arc::downgrade(&world);
        let watch: Watch = Arc::new(move || {
            // Locked while the VMM calls the kernel, of which nobody knows how far it is.
            let world = watched.upgrade();
            if let Some(Ok(mut world)) = world.as_ref().map(|world| world.try_lock())
                && !world.machine.replacing.load(Ordering::Relaxed)
            {
                world.watch();
            }
        });
        if let Some(queue) = queue {
            queue.be_watched(Arc::clone(&watch));
        }
        let backend = Flaky {
            fd,
            plan,
            watch,
            is_device_entry: D::is_device_entry,
        };
        let front = D::new(&lock(&world).machine, backend, roots, &mut rng);
        let (entries, width) = front.queue();
        let replaces = rng.one_in(2);
        let mut run = Self {
            world,
            front,
            rng,
            entries: entries.into(),
            width: width.into(),
            queued: 0,
            published: 0,
            head: 0,
            syncs: 0,
            replaces,
            replaced: Vec::new(),
            totals: Totals::default(),
        };
        for _ in 0..AGENTS {
            run.reattach();
        }
        run
    }

    /// Prints what happens from now on.
    pub(crate) fn be_verbose(&self) {
        lock(&self.world).verbose = true;
    }

    pub(crate) fn operate(&mut self, operations: u64) -> Totals {
        for _ in 0..operations {
            self.totals.operations += 1;
            self.step();
        }
        self.flush();
        let world = lock(&self.world);
        self.totals.looks = world.looks;
        self.totals.commands = self.head;
        self.totals.syncs = world.completed;
        self.totals.aborted = world.aborted;
        self.totals.switches = world.switches;
        self.totals.replaced = u64::try_from(self.replaced.len()).unwrap();
        self.totals
    }

    fn step(&mut self) {
        let (unlinked, stale) = {
            let world = lock(&self.world);
            (world.unlinked, world.reference.stale_len)
        };
        if unlinked > UNLINKED_MAX || stale > STALE_MAX {
            return self.flush();
        }
        match self.rng.below(100) {
            0..34 => self.change(),
            34..38 => self.restructure(),
            38 => self.switch(),
            39..62 => self.translate(),
            62..74 => self.invalidate(),
            74..80 => self.needless(),
            80..90 => self.ring_somewhere(),
            90 => lock(&lock(&self.world).plan).fail_soon(),
            91..96 => self.acknowledge(),
            96 => {
                let policy = self.rng.pick(&POLICIES);
                self.front.set_policy(policy);
                lock(&self.world).note(format_args!("{policy:?}"));
            }
            97 => self.reattach(),
            98 => self.move_page(),
            _ => {
                let idle = D::idle(&mut self.rng);
                self.push(idle);
            }
        }
    }

    fn target(&mut self) -> Target {
        // The blocks' pages as well, so that a page can be what a large one was.
        let data = match self.rng.below(4) {
            0 => 3 * 512 + self.rng.below(16),
            1 => 512 + self.rng.below(1024),
            _ => self.rng.below(64),
        };
        Target {
            data,
            writable: self.rng.one_in(2),
        }
    }

    /// The guest changes a page.
    fn change(&mut self) {
        let (space, page) = (self.rng.below(SPACES), self.rng.below(PAGES));
        let target = self.target();
        let mut world = lock(&self.world);
        match self.rng.below(8) {
            0 | 1 => world.unmap(space, page, 12),
            2 => {
                // The same page with other rights.
                if let Some(present) = world.reference.present(space, page) {
                    let writable = !present.writable;
                    world.map_page(
                        space,
                        page,
                        Target {
                            writable,
                            ..present
                        },
                    );
                }
            }
            _ => world.map_page(space, page, target),
        }
    }

    /// The guest maps or unmaps 2 MiB and more.
    fn restructure(&mut self) {
        let (space, page) = (self.rng.below(SPACES), self.rng.below(PAGES));
        let first = Target {
            data: 512 * (1 + self.rng.below(3)),
            writable: self.rng.one_in(2),
        };
        let mut world = lock(&self.world);
        match self.rng.below(12) {
            0..5 => world.map_region(space, page, first),
            5..10 => world.unmap(space, page, 21),
            10 => world.unmap(space, page, 30),
            _ => world.unmap(space, page, 39),
        }
    }

    /// The guest gives a space other tables.
    fn switch(&mut self) {
        let space = self.rng.below(SPACES);
        if D::ROOTS == Roots::Kept || !lock(&self.world).reference.is_settled(space) {
            return;
        }
        let new = std::array::from_fn(|_| self.rng.one_in(3).then(|| self.target()));
        let other = space + SPACES;
        let mut world = lock(&self.world);
        let mut tag = world.reference.tag(space);
        if D::TAGS && self.rng.one_in(2) {
            let next = if tag == space { other } else { space };
            if !world.reference.is_used(next) {
                tag = next;
            }
        }
        let root = world.switch(space, &new, tag);
        D::switch(&world.machine, tag, root);
    }

    fn translate(&mut self) {
        let agent = self.rng.below(AGENTS);
        let mut world = lock(&self.world);
        for _ in 0..4 {
            world.check(agent, self.rng.below(PAGES));
        }
    }

    /// The host takes a page of data away and mostly brings another one.
    fn move_page(&mut self) {
        let mut world = lock(&self.world);
        let world = &mut *world;
        world.machine.move_page(&mut self.rng);
        world.check_all();
        world.machine.check_other();
    }

    fn reattach(&mut self) {
        let mut world = lock(&self.world);
        let world = &mut *world;
        let attached = std::array::from_fn(|agent| world.reference.attached(agent));
        let (front, rng) = (&mut self.front, &mut self.rng);
        for (agent, space) in front.reattach(&world.machine, &attached, rng) {
            world.note(format_args!("agent {agent} has {space:?}"));
            world.reference.attach(agent, space);
        }
        for page in 0..PAGES {
            world.check(self.rng.below(AGENTS), page);
        }
    }

    fn push(&mut self, words: [u64; 2]) -> u64 {
        while self.queued - self.head >= self.entries - 1 {
            self.ring(self.queued);
            self.acknowledge();
        }
        let position = self.queued;
        let at = QUEUE + position % self.entries * self.width;
        lock(&self.world).write(at, &words);
        self.queued += 1;
        position
    }

    fn queue(&mut self, queued: &Queued) {
        let position = self.push(queued.words);
        let mut world = lock(&self.world);
        world.note(format_args!("{position}: {queued:x?}"));
        world.reference.invalidate(position, &queued.cover);
    }

    /// A sync on behalf of a vCPU.
    fn sync(&mut self, vcpu: usize) {
        self.syncs += 1;
        let number = self.syncs;
        let slot = u64::try_from(vcpu * 8).unwrap() + number % 8;
        let address = STATUS + slot * 8;
        let data = u32::try_from(number).unwrap();
        let words = D::sync(address, data, &mut self.rng);
        let position = self.push(words);
        let mut world = lock(&self.world);
        world.note(format_args!("{position}: sync {number} of vCPU {vcpu}"));
        world.waiting[vcpu] += 1;
        world.reference.sync(number);
        world.pending.push_back(Sync {
            number,
            position,
            vcpu,
            address,
            data,
        });
    }

    /// A vCPU that does not wait, after as many doorbells as that takes.
    fn vcpu(&mut self) -> usize {
        loop {
            let waiting = lock(&self.world).waiting;
            let first = self.rng.below(VCPUS);
            let mut vcpus = (first..first + VCPUS).map(|vcpu| vcpu % VCPUS);
            if let Some(vcpu) = vcpus.find(|&vcpu| waiting[vcpu] == 0) {
                return vcpu;
            }
            self.ring(self.queued);
            self.acknowledge();
        }
    }

    /// A vCPU invalidates what changed in a space, or a part of it, and syncs.
    fn invalidate(&mut self) {
        let vcpu = self.vcpu();
        let space = self.rng.below(SPACES);
        self.invalidate_config(space, vcpu);
        for tag in self.tags(space) {
            for queued in self.changed(tag) {
                self.queue(&queued);
            }
        }
        if D::ATC != Atc::Implicit {
            if D::ATC == Atc::BehindSync {
                self.sync(vcpu);
            }
            self.invalidate_atcs(space);
        }
        if !self.rng.one_in(8) {
            self.sync(vcpu);
        }
        if self.rng.one_in(3) {
            self.ring(self.queued);
        }
    }

    fn invalidate_config(&mut self, space: usize, vcpu: usize) {
        if !lock(&self.world).reference.is_reconfigured(space) {
            return;
        }
        for queued in D::configs(space, &mut self.rng) {
            self.queue(&queued);
        }
        self.sync(vcpu);
    }

    /// The tags under which anything of a space may be cached.
    fn tags(&self, space: usize) -> Vec<usize> {
        let reference = &lock(&self.world).reference;
        let mut tags = vec![space, space + SPACES];
        tags.retain(|&tag| reference.is_used(tag));
        tags
    }

    fn changed(&mut self, space: usize) -> Vec<Queued> {
        let (pages, tables) = {
            let reference = &lock(&self.world).reference;
            (reference.changed(space), reference.changed_tables(space))
        };
        if lock(&self.world).reference.is_rerooted(space) {
            return vec![D::whole(space)];
        }
        let rng = &mut self.rng;
        let mut queued = Vec::new();
        let leaf = tables.is_empty() && !rng.one_in(4) || rng.one_in(16);
        match rng.below(16) {
            0 | 1 => return vec![D::whole(space)],
            2 => return vec![D::wide(space, rng)],
            // Page by page, or some of them only.
            style @ 3..9 => {
                let wanted = pages.iter().filter(|_| style > 3 || rng.one_in(2));
                for page in wanted.map(|&page| pfn(page)).collect::<Vec<_>>() {
                    queued.extend(D::pages(space, page, page, leaf, rng));
                }
            }
            // Ranges from the first to the last page of a region.
            _ => {
                for pages in pages.chunk_by(|&a, &b| region_of(a) == region_of(b)) {
                    let (first, last) = (pages[0], pages[pages.len() - 1]);
                    queued.extend(D::pages(space, pfn(first), pfn(last), leaf, rng));
                }
            }
        }
        for (first, last) in tables {
            queued.extend(D::pages(space, first, last, false, rng));
        }
        if rng.one_in(2) {
            queued.reverse();
        }
        queued
    }

    fn invalidate_atcs(&mut self, space: usize) {
        for agent in (0..AGENTS).filter(|&agent| has_atc(agent)) {
            let pages = {
                let reference = &lock(&self.world).reference;
                if reference.attached(agent) != Some(space) {
                    continue;
                }
                reference.changed_in_atc(agent)
            };
            if self.rng.one_in(4) {
                self.queue(&D::atc(agent, 0, 52));
                continue;
            }
            for page in pages {
                let order = if self.rng.one_in(4) { 9 } else { 0 };
                self.queue(&D::atc(agent, pfn(page), order));
            }
        }
    }

    /// Invalidations of whatever, without a sync.
    fn needless(&mut self) {
        let (space, page) = (self.rng.below(SPACES), pfn(self.rng.below(PAGES)));
        let (pages, leaf) = (self.rng.next() % 600, self.rng.one_in(2));
        let list = match self.rng.below(8) {
            0 => vec![D::whole(space)],
            1 => vec![D::wide(space, &mut self.rng)],
            2 => {
                let order = self.rng.below(11);
                let agent = self.rng.below(PASIDS);
                vec![D::atc(agent, page, u32::try_from(order).unwrap())]
            }
            _ => D::pages(space, page, page + pages, leaf, &mut self.rng),
        };
        for queued in list {
            self.queue(&queued);
        }
    }

    /// The guest invalidates everything and waits.
    fn flush(&mut self) {
        lock(&lock(&self.world).plan).calm();
        let vcpu = self.vcpu();
        for space in 0..SPACES {
            self.invalidate_config(space, vcpu);
        }
        for space in 0..SPACES {
            for tag in self.tags(space) {
                self.queue(&D::whole(tag));
            }
        }
        self.sync(vcpu);
        for agent in 0..AGENTS {
            self.queue(&D::atc(agent, 0, 52));
        }
        self.sync(vcpu);
        while self.head < self.queued {
            self.ring(self.queued);
            self.acknowledge();
        }
    }

    /// Tells the IOMMU of all or some of what is queued.
    fn ring_somewhere(&mut self) {
        let more = usize::try_from(self.queued - self.published).unwrap();
        let left = if self.rng.one_in(3) {
            self.rng.below(more + 1)
        } else {
            0
        };
        self.ring(self.queued - u64::try_from(left).unwrap());
    }

    fn ring(&mut self, tail: u64) {
        lock(&self.world).note(format_args!("doorbell: {tail}"));
        self.published = tail;
        self.runs(|front| front.ring(tail));
    }

    /// The guest acknowledges a fault, if there is one.
    fn acknowledge(&mut self) {
        if let Some(fault) = self.front.fault() {
            if self.replaces {
                self.replace(&fault);
            }
            self.runs(Dialect::acknowledge);
        }
    }

    /// What the command at the head was for is not done.
    fn replace(&mut self, fault: &Fault) {
        let mut world = lock(&self.world);
        let is_sync = |sync: &Sync| sync.position == self.head;
        if let Some(words) = D::replacement(fault)
            && !world.pending.iter().any(is_sync)
            && self.replaced.last() != Some(&self.head)
        {
            let at = QUEUE + self.head % self.entries * self.width;
            world.write(at, &words);
            world.note(format_args!("{}: replaced", self.head));
            world.reference.lose(self.head);
            self.replaced.push(self.head);
        }
    }

    /// Looks at what the front end did to the queue.
    fn runs(&mut self, run: impl FnOnce(&mut D)) {
        let (others, before) = {
            let world = lock(&self.world);
            (world.machine.other_queue.submissions(), world.completed)
        };
        run(&mut self.front);
        let mut world = lock(&self.world);
        world.poll();
        let others_now = world.machine.other_queue.submissions();
        assert_eq!(others_now, others, "the other instance got commands");
        let back = self.head % self.entries;
        self.head += (u64::from(self.front.head()) + self.entries - back) % self.entries;
        assert!(self.head <= self.published, "the head is behind the tail");
        assert!(
            world.last_completed.is_none_or(|sync| sync < self.head),
            "the sync at {:?} completed, but the head is at {}",
            world.last_completed,
            self.head
        );
        while (world.pending.front()).is_some_and(|sync| sync.position < self.head) {
            world.abort_first();
        }
        match self.front.fault() {
            None => assert_eq!(self.head, self.published, "the queue stands still"),
            Some(fault) => {
                world.note(format_args!("fault: {fault}"));
                assert!(
                    matches!(fault.reason, FaultReason::Request { .. }),
                    "{fault}"
                );
                D::learn(&mut world, &fault, self.head);
            }
        }
        let counts = self.front.counters().snapshot();
        assert_eq!(counts.consumed(), self.head, "commands consumed");
        let replaced = self.replaced.iter().filter(|&&at| at < self.head).count();
        let waits = world.completed + u64::try_from(replaced).unwrap();
        assert_eq!(counts.waits, waits, "syncs completed");
        let failures = lock(&world.plan).failures;
        assert!(counts.faults <= failures, "by itself: {:?}", counts.fault);
        self.totals.faults = counts.faults;
        self.totals.joined += u64::from(world.completed > before + 1);
    }
}

impl<D> Drop for Run<D> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in operation {} of the run", self.totals.operations);
        }
    }
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.looks += other.looks;
        self.commands += other.commands;
        self.syncs += other.syncs;
        self.joined += other.joined;
        self.aborted += other.aborted;
        self.faults += other.faults;
        self.switches += other.switches;
        self.replaced += other.replaced;
    }
}
