//! What of the guest and its VMM is the vendor's own.

use hwptop_driver::model::tables::Format;
use hwptop_driver::{Counters, Fault, Policy, Vendor};
use std::sync::Arc;

use super::flaky::Flaky;
use super::layout::{AGENTS, SPACES};
use super::machine::Machine;
use super::reference::{Atc, Cover, Roots};
use super::rng::Rng;
use super::world::World;

/// An invalidation as the guest queues it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) words: [u64; 2],
    pub(crate) cover: Cover,
}

/// Which agents get which space.
pub(crate) type Attached = Vec<(usize, Option<usize>)>;

pub(crate) trait Dialect: Sized {
    const VENDOR: Vendor;
    /// Of the guest's tables.
    const FORMAT: Format;
    /// How a device that has an ATC is told.
    const ATC: Atc;
    /// How the IOMMU is told of another root.
    const ROOTS: Roots = Roots::Kept;
    /// Whether a space has a second tag: its number and [`SPACES`].
    const TAGS: bool = false;
    /// An entry of a last-level table that leads to [`super::layout::POISON`].
    const POISONED: u64;

    /// The virtual IOMMU with its queue, for tables with these roots. Nothing is
    /// attached.
    fn new(machine: &Machine, backend: Flaky, roots: [u64; SPACES], rng: &mut Rng) -> Self;

    /// Commands of the queue, and bytes of each.
    fn queue(&self) -> (u32, u32);

    fn set_policy(&mut self, policy: Policy);

    /// Rings the doorbell: everything before `tail`, counted from the beginning of time,
    /// is queued.
    fn ring(&mut self, tail: u64);

    /// Where the head is, in commands from the beginning of the queue.
    fn head(&self) -> u32;

    fn fault(&self) -> Option<Fault>;

    /// What the guest learns from a fault, beside that the queue stands still.
    fn learn(world: &mut World, fault: &Fault, head: u64);

    /// Acknowledges the fault; the queue goes on.
    fn acknowledge(&mut self);

    fn counters(&self) -> Arc<Counters>;

    /// Gives a space this root and tag.
    fn switch(_: &Machine, _tag: usize, _root: u64) {}

    /// Invalidations of the configuration of a space.
    fn configs(_space: usize, _: &mut Rng) -> Vec<Queued> {
        Vec::new()
    }

    /// What the guest replaces the command at the head by, where it does not try that
    /// again.
    fn replacement(_: &Fault) -> Option<[u64; 2]> {
        None
    }

    /// Invalidations of the pages `first` to `last` of a space, at least.
    fn pages(space: usize, first: u64, last: u64, leaf: bool, rng: &mut Rng) -> Vec<Queued>;

    /// An invalidation of everything of a space.
    fn whole(space: usize) -> Queued;

    /// An invalidation of several spaces, the given one among them.
    fn wide(space: usize, rng: &mut Rng) -> Queued;

    /// An invalidation of 2^`order` pages around `page` in an ATC.
    fn atc(agent: usize, page: u64, order: u32) -> Queued;

    fn sync(address: u64, data: u32, rng: &mut Rng) -> [u64; 2];

    /// A command that changes nothing here.
    fn idle(rng: &mut Rng) -> [u64; 2];

    /// Whether an entry of a request is about a device's TLB only.
    fn is_device_entry(words: [u64; 2]) -> bool;

    /// The VMM attaches, replaces or detaches.
    fn reattach(
        &mut self,
        machine: &Machine,
        attached: &[Option<usize>; AGENTS],
        rng: &mut Rng,
    ) -> Attached;
}

/// Naturally aligned blocks that cover pages: first page and order. One that may be
/// larger, or as many as it takes to be exact.
pub(crate) fn blocks(first: u64, last: u64, exact: bool) -> Vec<(u64, u32)> {
    let around = u64::BITS - (first ^ last).leading_zeros();
    if !exact {
        return vec![(first >> around << around, around)];
    }
    let (mut at, mut found) = (first, Vec::new());
    while at <= last {
        let order = at.trailing_zeros().min((last - at + 1).ilog2());
        found.push((at, order));
        at += 1 << order;
    }
    found
}

/// Page numbers of a block.
pub(crate) fn block(first: u64, order: u32) -> Cover {
    Cover {
        first: first >> order << order,
        last: (first >> order << order) + ((1 << order) - 1),
        ..Cover::EVERY_PAGE
    }
}
