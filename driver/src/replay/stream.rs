use std::collections::BTreeSet;
use std::sync::Arc;

use super::dialect::{self, Extent, Meaning};
use super::error::ReplayError;
use crate::{Capture, CapturedCommand, DeviceId, DomainId, Pasid, Policy, Vendor};

/// The most pages of guest memory that a stream's status words may lie in.
const STATUS_PAGES_MAX: usize = 4096;

/// The most (domain, PASID) pairs that a stream may address, and the most devices.
const TARGETS_MAX: usize = 4096;

/// Addresses have at most 52 bits (VT-d 3.6; the fields of SMMUv3 and AMD-Vi have no
/// more). A status word above gets no memory
/// and its sync faults.
const ADDRESS_END: u64 = 1 << 52;

/// What a guest will do, and what has to be there for it. Clones share the
/// commands.
#[derive(Clone, Debug)]
pub struct Stream {
    vendor: Vendor,
    commands: Arc<Vec<CapturedCommand>>,
    targets: Vec<(DomainId, Pasid)>,
    devices: Vec<DeviceId>,
    status_pages: BTreeSet<u64>,
}

impl Stream {
    /// The stream of a captured guest.
    ///
    /// Its targets are the address spaces that invalidations name, and
    /// [`Pasid::RID`] of each domain that is only named without one. Commands that
    /// are not valid are kept: the replay stops at them, as the specification says.
    ///
    /// # Errors
    /// Where it addresses more than 4,096 targets or devices, or its status words
    /// lie in more than 4,096 pages.
    pub fn from_capture(capture: &Capture) -> Result<Self, ReplayError> {
        let vendor = capture.vendor();
        let mut pairs = BTreeSet::new();
        let mut domains = BTreeSet::new();
        let mut devices = BTreeSet::new();
        let mut status_pages = BTreeSet::new();
        for command in capture.commands() {
            match dialect::read(vendor, command.words) {
                Meaning::Pair(did, pasid, _) => _ = pairs.insert((did, pasid)),
                Meaning::Domain(did, _) => _ = domains.insert(did),
                Meaning::Device(device) => _ = devices.insert(device),
                Meaning::Sync(Some(status)) if status.addr.0 < ADDRESS_END => {
                    status_pages.insert(status.addr.0 & !0xfff);
                }
                _ => {}
            }
            if pairs.len() + domains.len() > TARGETS_MAX || devices.len() > TARGETS_MAX {
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
            vendor,
            commands: capture.shared_commands(),
            targets: pairs.into_iter().collect(),
            devices: devices.into_iter().collect(),
            status_pages,
        })
    }

    /// A stream without commands, for a guest that is told what to submit.
    #[must_use]
    pub fn synthetic(vendor: Vendor, targets: impl IntoIterator<Item = (DomainId, Pasid)>) -> Self {
        let targets: BTreeSet<_> = targets.into_iter().collect();
        Self {
            vendor,
            commands: Arc::default(),
            targets: targets.into_iter().collect(),
            devices: Vec::new(),
            status_pages: BTreeSet::new(),
        }
    }

    /// Whose commands they are.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The devices that commands name, in ascending order.
    #[must_use]
    pub fn devices(&self) -> &[DeviceId] {
        &self.devices
    }

    /// The commands, oldest first.
    #[must_use]
    pub fn commands(&self) -> &[CapturedCommand] {
        &self.commands
    }

    /// The (domain, PASID) pairs for which nested HWPTs are needed, in
    /// ascending order.
    #[must_use]
    pub fn targets(&self) -> &[(DomainId, Pasid)] {
        &self.targets
    }

    /// The stream cut at its syncs: the commands before each, without it. What is
    /// behind the last sync is a part, too.
    #[must_use]
    pub fn units(&self) -> Vec<Vec<[u64; 2]>> {
        let is_sync = |command: &CapturedCommand| {
            matches!(dialect::read(self.vendor, command.words), Meaning::Sync(_))
        };
        let mut units: Vec<Vec<[u64; 2]>> = self
            .commands
            .split(is_sync)
            .map(|unit| unit.iter().map(|command| command.words).collect())
            .collect();
        // Behind a sync that ends the stream there is nothing.
        if units.last().is_some_and(Vec::is_empty) {
            units.pop();
        }
        units
    }

    /// A command of this vendor that invalidates the page of 4 KiB at `addr` in the
    /// stream's first target, page tables unchanged.
    #[must_use]
    pub fn unmap_page(&self, addr: u64) -> [u64; 2] {
        let target = self.targets.first().copied();
        dialect::unmap_page(
            self.vendor,
            target.unwrap_or((DomainId(0), Pasid::RID)),
            addr,
        )
    }

    /// A sync of this vendor that writes `data` to the 32-bit word at the
    /// guest-physical `status`, aligned to 8 bytes, when it completes (on AMD-Vi as
    /// the low half of 64 bits).
    #[must_use]
    pub const fn sync(&self, status: u64, data: u32) -> [u64; 2] {
        dialect::sync(self.vendor, status, data)
    }

    /// How many entries a command asks for. Everything of a target counts as none
    /// for it where entries are gathered to requests: of that there is at most one
    /// entry per target and request.
    pub(super) fn reach(&self, meaning: Meaning, policy: Policy) -> usize {
        let is_gathered = policy != Policy::Single;
        match meaning {
            Meaning::Pair(_, _, Extent::Everything)
            | Meaning::Domain(_, Extent::Everything)
            | Meaning::Everywhere
                if is_gathered =>
            {
                0
            }
            Meaning::Everywhere => self.targets.len(),
            Meaning::Pair(..) | Meaning::Device(_) => 1,
            Meaning::Domain(domain, _) => {
                let first = self.targets.partition_point(|&(did, _)| did < domain);
                let behind = self.targets.partition_point(|&(did, _)| did <= domain);
                behind - first
            }
            Meaning::Sync(_) | Meaning::Invalid | Meaning::Other => 0,
        }
    }

    pub(super) fn status_pages(&self) -> &BTreeSet<u64> {
        &self.status_pages
    }
}

#[cfg(test)]
mod tests;
