use std::collections::BTreeMap;

use crate::{DomainId, ObjectId, Pasid};

/// Which nested HWPT stands for which of the guest's (vDomain-ID, PASID) pairs.
#[derive(Debug)]
pub struct Targets {
    pairs: BTreeMap<(DomainId, Pasid), ObjectId>,
    /// The pair that was looked up last: most guests name one many times in a row.
    last: Option<((DomainId, Pasid), ObjectId)>,
}

impl Targets {
    pub(super) const fn new() -> Self {
        Self {
            pairs: BTreeMap::new(),
            last: None,
        }
    }

    /// Makes `hwpt` the target of invalidations of the guest's (`did`, `pasid`).
    /// Returns the target it replaces. An HWPT may have several pairs.
    pub fn attach(&mut self, did: DomainId, pasid: Pasid, hwpt: ObjectId) -> Option<ObjectId> {
        self.last = None;
        self.pairs.insert((did, pasid), hwpt)
    }

    /// Undoes [`Self::attach`]; returns what was attached.
    pub fn detach(&mut self, did: DomainId, pasid: Pasid) -> Option<ObjectId> {
        self.last = None;
        self.pairs.remove(&(did, pasid))
    }

    pub(super) fn pair(&mut self, did: DomainId, pasid: Pasid) -> Option<ObjectId> {
        let pair = (did, pasid);
        if let Some((known, hwpt)) = self.last
            && known == pair
        {
            return Some(hwpt);
        }
        let hwpt = *self.pairs.get(&pair)?;
        self.last = Some((pair, hwpt));
        Some(hwpt)
    }

    pub(super) fn domain(&self, did: DomainId) -> impl Iterator<Item = ObjectId> {
        self.pairs
            .range((did, Pasid(0))..=(did, Pasid::MAX))
            .map(|(_, &hwpt)| hwpt)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = ObjectId> {
        self.pairs.values().copied()
    }
}
