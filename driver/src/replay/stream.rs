use std::collections::BTreeSet;
use std::sync::Arc;

use super::guest::ReplayError;
use crate::{Capture, CapturedCommand, Descriptor, DomainId, Granularity, Pasid, decode};

/// The most pages of guest memory that a stream's status words may lie in.
const STATUS_PAGES_MAX: usize = 4096;

/// The most (vDomain-ID, PASID) pairs that a stream may address.
const TARGETS_MAX: usize = 4096;

/// Addresses have at most 52 bits (VT-d 3.6). A status word above gets no memory
/// and its wait descriptor faults.
const ADDRESS_END: u64 = 1 << 52;

/// What a guest will do, and what has to be there for it. Clones share the
/// commands.
#[derive(Clone, Debug)]
pub struct Stream {
    commands: Arc<Vec<CapturedCommand>>,
    targets: Vec<(DomainId, Pasid)>,
    status_pages: BTreeSet<u64>,
}

impl Stream {
    /// The stream of a captured VT-d guest.
    ///
    /// Its targets are the pairs that PASID-based IOTLB invalidations name, and
    /// [`Pasid::RID`] of each domain that only plain IOTLB invalidations name
    /// (second-stage translation). Descriptors that are not valid are kept: the
    /// replay stops at them, as the specification says.
    ///
    /// # Errors
    /// Where it addresses more than 4,096 targets, or its status words lie in
    /// more than 4,096 pages.
    pub fn from_capture(capture: &Capture) -> Result<Self, ReplayError> {
        let mut pairs = BTreeSet::new();
        let mut domains = BTreeSet::new();
        let mut status_pages = BTreeSet::new();
        for command in capture.commands() {
            match decode([command.words[0], command.words[1], 0, 0]) {
                Ok(Descriptor::PasidIotlb(did, pasid, _)) => _ = pairs.insert((did, pasid)),
                Ok(Descriptor::Iotlb(did, _)) => _ = domains.insert(did),
                Ok(Descriptor::Wait {
                    status: Some((addr, _)),
                    ..
                }) if addr < ADDRESS_END => {
                    status_pages.insert(addr & !0xfff);
                }
                _ => {}
            }
            if pairs.len() + domains.len() > TARGETS_MAX {
                return Err(ReplayError::TooManyTargets { max: TARGETS_MAX });
            }
            if status_pages.len() > STATUS_PAGES_MAX {
                return Err(ReplayError::TooManyStatusPages {
                    max: STATUS_PAGES_MAX,
                });
            }
        }
        for did in domains {
            if pairs
                .range((did, Pasid(0))..=(did, Pasid::MAX))
                .next()
                .is_none()
            {
                pairs.insert((did, Pasid::RID));
            }
        }
        Ok(Self {
            commands: capture.shared_commands(),
            targets: pairs.into_iter().collect(),
            status_pages,
        })
    }

    /// A stream without commands, for a guest that is told what to submit.
    #[must_use]
    pub fn synthetic(targets: impl IntoIterator<Item = (DomainId, Pasid)>) -> Self {
        let targets: BTreeSet<_> = targets.into_iter().collect();
        Self {
            commands: Arc::default(),
            targets: targets.into_iter().collect(),
            status_pages: BTreeSet::new(),
        }
    }

    /// The commands, oldest first.
    #[must_use]
    pub fn commands(&self) -> &[CapturedCommand] {
        &self.commands
    }

    /// The (vDomain-ID, PASID) pairs for which nested HWPTs are needed, in
    /// ascending order.
    #[must_use]
    pub fn targets(&self) -> &[(DomainId, Pasid)] {
        &self.targets
    }

    /// How many entries a descriptor asks for. Everything of a target counts as
    /// none for it: of that there is at most one entry per target and request.
    pub(super) fn reach(&self, descriptor: Descriptor) -> usize {
        match descriptor {
            Descriptor::PasidIotlb(_, _, Granularity::Pages { .. }) => 1,
            Descriptor::Iotlb(domain, Granularity::Pages { .. }) => {
                let first = self.targets.partition_point(|&(did, _)| did < domain);
                let behind = self.targets.partition_point(|&(did, _)| did <= domain);
                behind - first
            }
            _ => 0,
        }
    }

    pub(super) fn status_pages(&self) -> &BTreeSet<u64> {
        &self.status_pages
    }
}
