use crate::{DomainId, ObjectId};

/// Which objects stand for what a guest's commands name.
#[derive(Debug)]
pub struct Targets {
    /// Sorted.
    hwpts: Vec<(DomainId, ObjectId)>,
    viommu: Option<ObjectId>,
}

impl Targets {
    pub(super) const fn new() -> Self {
        Self {
            hwpts: Vec::new(),
            viommu: None,
        }
    }

    /// Makes the nested HWPT `hwpt` a target of invalidations of the guest's
    /// `domain`. A domain may have several: one for every guest DTE with it that has
    /// tables of its own. Says whether it was none before.
    pub fn attach(&mut self, domain: DomainId, hwpt: ObjectId) -> bool {
        match self.hwpts.binary_search(&(domain, hwpt)) {
            Ok(_) => false,
            Err(at) => {
                self.hwpts.insert(at, (domain, hwpt));
                true
            }
        }
    }

    /// Undoes [`Self::attach`]; says whether it was attached.
    pub fn detach(&mut self, domain: DomainId, hwpt: ObjectId) -> bool {
        let found = self.hwpts.binary_search(&(domain, hwpt));
        found.map(|at| self.hwpts.remove(at)).is_ok()
    }

    /// Makes `viommu` the target of invalidations of devices' TLBs; returns the one
    /// it replaces.
    pub const fn set_viommu(&mut self, viommu: ObjectId) -> Option<ObjectId> {
        self.viommu.replace(viommu)
    }

    pub(super) const fn viommu(&self) -> Option<ObjectId> {
        self.viommu
    }

    pub(super) fn domain(&self, domain: DomainId) -> impl Iterator<Item = ObjectId> {
        let first = self.hwpts.partition_point(|&(known, _)| known < domain);
        self.hwpts[first..]
            .iter()
            .take_while(move |&&(known, _)| known == domain)
            .map(|&(_, hwpt)| hwpt)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (DomainId, ObjectId)> {
        self.hwpts.iter().copied()
    }
}
