use std::sync::Arc;

use vm_memory::GuestMemoryMmap;

use super::cache::{Cache, Shape};
use super::{FaultReason, Stage, Tag};
use crate::model::config::Pa;
use crate::model::tables::{Format, Leaf, Node, WalkFault, WalkFaultReason, Words, walk};

/// Where a translation ends and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) stage: Stage,
    pub(super) reason: FaultReason,
}

impl Fault {
    pub(super) const fn configuration(reason: FaultReason) -> Self {
        Self {
            stage: Stage::Configuration,
            reason,
        }
    }
}

/// A cached translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Translation {
    /// From the input address to host-physical memory.
    pub(super) leaf: Leaf,
    /// What stage 1 says, where there is one.
    pub(super) one: Option<Leaf>,
}

impl Translation {
    pub(super) fn access(self, addr: u64, write: bool) -> Result<Pa, Fault> {
        let allows = |leaf: Leaf| if write { leaf.write } else { leaf.read };
        if allows(self.leaf) {
            return Ok(Pa(output(self.leaf, addr)));
        }
        let stage = match self.one {
            Some(one) if !allows(one) => Stage::One,
            _ => Stage::Two,
        };
        Err(Fault {
            stage,
            reason: FaultReason::Permission,
        })
    }
}

/// The tables that an access goes through, and under which tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) two: StageTwo,
    pub(super) one: Option<StageOne>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StageTwo {
    pub(super) tag: Tag,
    pub(super) format: Format,
    pub(super) root: Pa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StageOne {
    pub(super) tag: Tag,
    /// Where global pages are, in formats that have them.
    pub(super) global: Option<Tag>,
    pub(super) format: Format,
    /// Guest-physical.
    pub(super) root: u64,
    /// An invalidation of an address removes all that came from the page of stage
    /// 1, also where stage 2 has it in pieces (Arm ARM D8.16). Elsewhere software
    /// must name every address (VT-d 6.5.2.3, AM).
    pub(super) whole_pages: bool,
}

/// IOTLB and paging-structure caches over the host's memory.
#[derive(Debug)]
pub(super) struct Tlb {
    memory: Arc<GuestMemoryMmap>,
    pub(super) leaves: Cache<Tag, Translation>,
    /// Their addresses are host-physical, those of stage 1 too: a stale one
    /// outlives a change of stage 2.
    pub(super) tables: Cache<Tag, Node>,
}

/// Tables that a walk came through.
#[derive(Default)]
struct Trail {
    nodes: [Option<Node>; 3],
}

impl Trail {
    fn push(&mut self, node: Node) {
        if let Some(place) = self.nodes.iter_mut().find(|place| place.is_none()) {
            *place = Some(node);
        }
    }
}

impl Tlb {
    pub(super) fn new(memory: GuestMemoryMmap) -> Self {
        Self {
            memory: Arc::new(memory),
            leaves: Cache::default(),
            tables: Cache::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.leaves.clear();
        self.tables.clear();
    }

    pub(super) fn translate(&mut self, space: &Space, addr: u64) -> Result<Translation, Fault> {
        let Some(one) = &space.one else {
            return self.stage_two(&space.two, addr);
        };
        let global = || self.leaves.get(one.global?, addr);
        if let Some(hit) = self.leaves.get(one.tag, addr).or_else(global) {
            return Ok(hit);
        }
        let first = self.stage_one(one, &space.two, addr)?;
        let second = self.stage_two(&space.two, output(first, addr))?.leaf;
        let size_log2 = first.size_log2.min(second.size_log2);
        let mask = (1 << size_log2) - 1;
        let found = Translation {
            leaf: Leaf {
                address: output(second, output(first, addr)) & !mask,
                size_log2,
                read: first.read && second.read,
                write: first.write && second.write,
                global: first.global,
            },
            one: Some(first),
        };
        let shape = Shape {
            extent_log2: if one.whole_pages {
                first.size_log2
            } else {
                size_log2
            },
            size_log2,
        };
        let tag = one.global.filter(|_| first.global).unwrap_or(one.tag);
        self.leaves.insert(tag, shape, addr, found);
        Ok(found)
    }

    /// The word at a guest-physical address, a multiple of 8, through stage 2.
    pub(super) fn load(&mut self, two: &StageTwo, gpa: u64) -> Result<u64, Fault> {
        let address = self.resolve(two, gpa)?;
        self.memory
            .load(address)
            .ok_or(Fault::configuration(FaultReason::NoMemory))
    }

    /// Host-physical address of what a walk or a look-up of stage 1 reads.
    fn resolve(&mut self, two: &StageTwo, gpa: u64) -> Result<u64, Fault> {
        Ok(self.stage_two(two, gpa)?.access(gpa, false)?.0)
    }

    fn stage_one(&mut self, one: &StageOne, two: &StageTwo, addr: u64) -> Result<Leaf, Fault> {
        let start = match self.tables.get(one.tag, addr) {
            Some(node) => node,
            None => Node::root(self.resolve(two, one.root)?),
        };
        // The walk reads the memory while its tables are looked up in the caches.
        let memory = Arc::clone(&self.memory);
        let mut trail = Trail::default();
        let found = walk(
            one.format,
            start,
            addr,
            &*memory,
            |gpa| self.resolve(two, gpa),
            |node| trail.push(node),
        );
        self.keep(one.tag, addr, &trail);
        found.map_err(|fault| match fault.reason {
            WalkFaultReason::Table(fault) => fault,
            _ => walk_fault(Stage::One, &fault),
        })
    }

    fn stage_two(&mut self, two: &StageTwo, gpa: u64) -> Result<Translation, Fault> {
        if let Some(hit) = self.leaves.get(two.tag, gpa) {
            return Ok(hit);
        }
        let start = self.tables.get(two.tag, gpa);
        let start = start.unwrap_or(Node::root(two.root.0));
        let mut trail = Trail::default();
        let found = walk(
            two.format,
            start,
            gpa,
            &*self.memory,
            Ok::<_, Fault>,
            |node| trail.push(node),
        );
        self.keep(two.tag, gpa, &trail);
        let leaf = found.map_err(|fault| walk_fault(Stage::Two, &fault))?;
        let found = Translation { leaf, one: None };
        let shape = Shape::square(leaf.size_log2);
        self.leaves.insert(two.tag, shape, gpa, found);
        Ok(found)
    }

    fn keep(&mut self, tag: Tag, addr: u64, trail: &Trail) {
        for &node in trail.nodes.iter().flatten() {
            let shape = Shape::square(node.span_log2());
            self.tables.insert(tag, shape, addr, node);
        }
    }
}

const fn output(leaf: Leaf, addr: u64) -> u64 {
    leaf.address | addr & ((1 << leaf.size_log2) - 1)
}

fn walk_fault<E>(stage: Stage, fault: &WalkFault<E>) -> Fault {
    let reason = match fault.reason {
        WalkFaultReason::AddressSize => FaultReason::AddressSize,
        WalkFaultReason::NotPresent => FaultReason::NotPresent,
        WalkFaultReason::Malformed => FaultReason::Malformed,
        WalkFaultReason::NoMemory | WalkFaultReason::Table(_) => FaultReason::NoMemory,
    };
    Fault { stage, reason }
}
