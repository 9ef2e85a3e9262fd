use std::collections::{BTreeMap, HashMap};

use super::decode::Granularity;
use crate::{DomainId, HwptId, Pasid, VtdS1Invalidate};

/// Entries for pages that may wait for their request. A queue holds at most
/// 32,767 descriptors, but one of them can address every nested HWPT: without a
/// bound a guest could make the VMM hold the product. Entries for everything of
/// an HWPT need no bound, since no HWPT ever has two.
const PENDING_MAX: usize = 4096;

/// Entries for one nested HWPT, in the order of their descriptors; one for
/// everything of the HWPT is the last.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) hwpt: HwptId,
    pub(super) entries: Vec<VtdS1Invalidate>,
    /// For each entry the position of its descriptor in the queue.
    pub(super) indices: Vec<u32>,
}

/// The invalidations between two syncs, broken up by target.
///
/// An entry for everything of an HWPT absorbs later entries for the same HWPT:
/// the request goes out after all their descriptors were fetched, and then
/// invalidates what they ask for. A guest with thousands of targets could else
/// ask for millions of needless entries with the descriptors of one doorbell.
///
/// Buffers are reused: in steady state nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The first `used` are in use, in the order in which their targets were
    /// first addressed.
    list: Vec<Group>,
    used: usize,
    /// Where in `list` a target is: a guest with thousands of targets must not
    /// make every entry a search.
    by_target: HashMap<HwptId, usize>,
    /// Entries in use that are not for everything of their HWPT.
    pages: usize,
}

impl Groups {
    pub(super) const fn is_full(&self) -> bool {
        self.pages >= PENDING_MAX
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.list[..self.used].iter()
    }

    pub(super) fn clear(&mut self) {
        for group in &mut self.list[..self.used] {
            group.entries.clear();
            group.indices.clear();
        }
        self.by_target.clear();
        self.used = 0;
        self.pages = 0;
    }

    /// Adds `entry`, from the descriptor at `index`, for each of `targets`, and
    /// says whether there was any.
    pub(super) fn push_all(
        &mut self,
        targets: impl IntoIterator<Item = HwptId>,
        entry: VtdS1Invalidate,
        index: u32,
    ) -> bool {
        let mut any = false;
        for hwpt in targets {
            any = true;
            let at = self.find(hwpt);
            let group = &mut self.list[at];
            let absorbed = group.entries.last().is_some_and(VtdS1Invalidate::is_whole);
            // One descriptor may reach an HWPT by several (domain, PASID) pairs.
            if absorbed || group.indices.last() == Some(&index) {
                continue;
            }
            group.entries.push(entry);
            group.indices.push(index);
            if !entry.is_whole() {
                self.pages += 1;
            }
        }
        any
    }

    fn find(&mut self, hwpt: HwptId) -> usize {
        // Most guests address one target many times in a row.
        if let Some(last) = self.used.checked_sub(1)
            && self.list[last].hwpt == hwpt
        {
            return last;
        }
        if let Some(&at) = self.by_target.get(&hwpt) {
            return at;
        }
        let at = self.used;
        if at == self.list.len() {
            self.list.push(Group {
                hwpt,
                entries: Vec::new(),
                indices: Vec::new(),
            });
        }
        self.list[at].hwpt = hwpt;
        self.by_target.insert(hwpt, at);
        self.used += 1;
        at
    }
}

/// Which nested HWPT stands for which of the guest's (vDomain-ID, PASID) pairs.
#[derive(Debug, Default)]
pub(super) struct Targets(BTreeMap<(DomainId, Pasid), HwptId>);

impl Targets {
    pub(super) fn insert(&mut self, did: DomainId, pasid: Pasid, hwpt: HwptId) -> Option<HwptId> {
        self.0.insert((did, pasid), hwpt)
    }

    pub(super) fn remove(&mut self, did: DomainId, pasid: Pasid) -> Option<HwptId> {
        self.0.remove(&(did, pasid))
    }

    pub(super) fn pair(&self, did: DomainId, pasid: Pasid) -> Option<HwptId> {
        self.0.get(&(did, pasid)).copied()
    }

    pub(super) fn domain(&self, did: DomainId) -> impl Iterator<Item = HwptId> {
        self.0
            .range((did, Pasid(0))..=(did, Pasid::MAX))
            .map(|(_, &hwpt)| hwpt)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = HwptId> {
        self.0.values().copied()
    }
}

/// What an IOTLB descriptor addresses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    All,
    Domain(DomainId, Granularity),
    Pair(DomainId, Pasid, Granularity),
}
