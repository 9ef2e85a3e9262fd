//! An IOMMU instance as its specification allows the worst one to be: it caches
//! everything that may be cached and forgets nothing unless a command says so.

mod amdvi;
mod atc;
mod cache;
#[cfg(test)]
mod rig;
mod shared;
mod smmuv3;
mod state;
mod tlb;
mod vtd;

pub use self::amdvi::AmdViUnit;
pub use self::smmuv3::SmmuV3Unit;
pub use self::state::{CacheLine, CacheState, Cached, Tag};
pub use self::vtd::VtdUnit;

use super::config::Iova;
use crate::{DeviceId, Pasid};

/// What a unit of every vendor offers, around what is the vendor's own.
macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $config:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            shared: crate::model::unit::shared::Shared<$config>,
        }

        impl $name {
            /// A unit over the host's `memory`, with nothing configured.
            #[must_use]
            pub fn new(memory: vm_memory::GuestMemoryMmap) -> Self {
                Self { shared: crate::model::unit::shared::Shared::new(memory) }
            }

            /// Gives the device an ATC, or takes it away. Either way the ATC is empty
            /// and answers invalidations from now on.
            pub fn set_ats(&self, device: crate::DeviceId, enabled: bool) {
                self.shared.lock().atcs.set(device, enabled);
            }

            /// From now on, until [`Self::set_ats`], the device does not answer
            /// invalidations of the ATC that it has, and keeps what is in it.
            pub fn fail_atc(&self, device: crate::DeviceId) {
                self.shared.lock().atcs.fail(device);
            }

            /// Translates an access of a device, from its ATC where it has one. What is
            /// read on the way is cached.
            ///
            /// # Errors
            /// The access is not let through.
            pub fn translate(
                &self,
                device: crate::DeviceId,
                pasid: crate::Pasid,
                iova: crate::model::config::Iova,
                write: bool,
            ) -> Result<crate::model::config::Pa, crate::model::unit::TranslationFault> {
                self.shared.translate(device, pasid, iova, write)
            }

            /// Everything that is cached, ATCs included.
            #[must_use]
            pub fn cache_state(&self) -> crate::model::unit::CacheState {
                self.shared.cache_state()
            }

            /// Forgets everything that is cached, ATCs included.
            pub fn clear(&self) {
                self.shared.clear();
            }
        }

        impl crate::Unit for $name {
            fn execute(&self, command: crate::Command) -> Result<(), crate::HardwareError> {
                self.shared.execute(command)
            }
        }
    };
}
use unit;

/// A transaction that a unit did not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{device}, {pasid}: no translation of {:#x}: {stage}: {reason}", iova.0)]
pub struct TranslationFault {
    /// Who asked.
    pub device: DeviceId,
    /// For which address space.
    pub pasid: Pasid,
    /// For which address.
    pub iova: Iova,
    /// Where it ended.
    pub stage: Stage,
    /// Why.
    pub reason: FaultReason,
}

/// The part of a translation that faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stage {
    /// Finding the tables: PASID entry; STE and CD; DTE and GCR3 entry.
    #[error("configuration")]
    Configuration,
    /// Stage 1, the guest's.
    #[error("stage 1")]
    One,
    /// Stage 2, the host's, of an address or of a stage 1 table.
    #[error("stage 2")]
    Two,
}

/// Why a translation faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultReason {
    /// The entry of a page table or of the configuration is not present.
    #[error("not present")]
    NotPresent,
    /// The entry has a value that it must not have.
    #[error("malformed")]
    Malformed,
    /// The address has too many bits.
    #[error("address out of range")]
    AddressSize,
    /// The page is there but not for this kind of access.
    #[error("access denied")]
    Permission,
    /// A table or descriptor is where no memory is.
    #[error("no memory")]
    NoMemory,
    /// The configuration says that everything is aborted.
    #[error("aborted")]
    Abort,
}
