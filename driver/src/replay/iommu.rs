use std::sync::Arc;

use hwptop_abi::InstanceArg;
use vm_memory::GuestMemoryMmap;

use super::memory::Layout;
use super::stream::Stream;
use crate::spec::amdvi::control;
use crate::spec::smmuv3::cr0;
use crate::spec::vtd::iqa;
use crate::vtd::Width;
use crate::{Backend, Counters, DomainId, Fault, ObjectId, Pasid, Policy, Vendor};
use crate::{amdvi, smmuv3, vtd};

/// The virtual IOMMU of a guest, as far as the guest's queue is concerned.
#[derive(Debug)]
pub enum VirtualIommu<B> {
    /// Intel VT-d.
    Vtd(Box<vtd::FrontEnd<B>>),
    /// Arm SMMUv3, with every feature and tables of 4 KiB.
    SmmuV3(Box<smmuv3::FrontEnd<B>>),
    /// AMD-Vi.
    AmdVi(Box<amdvi::FrontEnd<B>>),
}

/// The objects that a guest's commands are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// The vIOMMU, where the vendor has one.
    pub(super) viommu: Option<ObjectId>,
    /// Nested HWPTs, with what the guest calls them.
    pub(super) hwpts: Vec<(DomainId, Pasid, ObjectId)>,
}

macro_rules! each {
    ($iommu:expr, $front_end:ident => $result:expr) => {
        match $iommu {
            Self::Vtd($front_end) => $result,
            Self::SmmuV3($front_end) => $result,
            Self::AmdVi($front_end) => $result,
        }
    };
}

impl<B: Backend> VirtualIommu<B> {
    pub(super) fn new(
        vendor: Vendor,
        instance: InstanceArg,
        memory: GuestMemoryMmap,
        backend: B,
        counters: Arc<Counters>,
    ) -> Self {
        match vendor {
            Vendor::Vtd => Self::Vtd(Box::new(vtd::FrontEnd::new(
                instance, memory, backend, counters,
            ))),
            Vendor::SmmuV3 => {
                let features = smmuv3::Features::ALL_4K;
                Self::SmmuV3(Box::new(smmuv3::FrontEnd::new(
                    instance, memory, backend, counters, features,
                )))
            }
            Vendor::AmdVi => Self::AmdVi(Box::new(amdvi::FrontEnd::new(
                instance, memory, backend, counters,
            ))),
        }
    }

    pub(super) fn attach(&mut self, targets: &Targets) {
        match self {
            Self::Vtd(front_end) => {
                for &(did, pasid, hwpt) in &targets.hwpts {
                    front_end.attach(did, pasid, hwpt);
                }
            }
            Self::SmmuV3(front_end) => {
                if let Some(viommu) = targets.viommu {
                    front_end.attach(viommu);
                }
            }
            Self::AmdVi(front_end) => {
                if let Some(viommu) = targets.viommu {
                    front_end.set_viommu(viommu);
                }
                for &(domain, _, hwpt) in &targets.hwpts {
                    front_end.attach(domain, hwpt);
                }
            }
        }
    }

    /// Attaches the objects from 1 on to what the stream addresses; a vIOMMU comes
    /// first.
    pub(super) fn attach_numbered(&mut self, stream: &Stream) {
        let mut objects = (1..).map(ObjectId);
        let viommu = match stream.vendor() {
            Vendor::Vtd => None,
            Vendor::SmmuV3 | Vendor::AmdVi => objects.next(),
        };
        let pairs = stream.targets().iter().zip(objects);
        let hwpts = pairs.map(|(&(domain, pasid), object)| (domain, pasid, object));
        self.attach(&Targets {
            viommu,
            hwpts: hwpts.collect(),
        });
    }

    /// Puts the queue where it lies and enables it.
    pub(super) fn set_up(&mut self, layout: &Layout) {
        let (base, width) = (layout.queue(), layout.width());
        let entries_log2 = layout.entries().trailing_zeros();
        match self {
            Self::Vtd(front_end) => {
                let is_wide = width == Width::Bits256.bytes();
                let pages_log2 = u64::from((layout.bytes() / 4096).trailing_zeros());
                front_end.write_iqa(base | if is_wide { iqa::DW } else { 0 } | pages_log2);
            }
            Self::SmmuV3(front_end) => {
                front_end.write_cmdq_base(base | u64::from(entries_log2));
                front_end.write_cr0(cr0::CMDQEN);
            }
            Self::AmdVi(front_end) => {
                front_end.write_command_base(base | u64::from(entries_log2) << 56);
                front_end.write_control(control::IOMMU_EN | control::CMD_BUF_EN);
            }
        }
    }

    /// Writes the tail register; `position` counts commands and wraps at twice the
    /// queue's size, since some tails have a bit for that.
    pub(super) fn ring_doorbell(&mut self, position: u32, entries: u32) {
        let index = u64::from(position % entries);
        match self {
            Self::Vtd(front_end) => {
                let bytes = u64::from(front_end.width().bytes());
                front_end.write_iqt(index * bytes);
            }
            Self::SmmuV3(front_end) => front_end.write_cmdq_prod(position),
            Self::AmdVi(front_end) => front_end.write_command_tail(index * 16),
        }
    }

    /// Position of the head, in commands.
    #[expect(clippy::cast_possible_truncation, reason = "offsets into a queue")]
    pub(super) fn head(&self, entries: u32) -> u32 {
        match self {
            Self::Vtd(front_end) => front_end.iqh() as u32 / front_end.width().bytes(),
            Self::SmmuV3(front_end) => front_end.cmdq_cons() % entries,
            Self::AmdVi(front_end) => front_end.command_head() as u32 / 16,
        }
    }

    /// Chooses how invalidations become requests.
    pub fn set_policy(&mut self, policy: Policy) {
        each!(self, front_end => front_end.set_policy(policy));
    }

    /// How invalidations become requests.
    #[must_use]
    pub fn policy(&self) -> Policy {
        each!(self, front_end => front_end.policy())
    }

    /// The unit this is, as its probes say it.
    #[must_use]
    pub fn instance(&self) -> InstanceArg {
        each!(self, front_end => front_end.instance())
    }

    /// Why the queue is frozen, if it is.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        each!(self, front_end => front_end.fault())
    }

    /// The instance's counters; readable from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        each!(self, front_end => front_end.counters())
    }
}

#[cfg(test)]
mod tests;
