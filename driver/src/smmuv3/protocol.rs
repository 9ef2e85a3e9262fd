use std::sync::Arc;
use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress};

use super::decode::{Command, Completion, Msi, decode};
use super::entry::Plain;
use super::fault::{CommandError, GlobalErrors};
use super::features::Features;
use super::queue::Queue;
use crate::counts::add_alone;
use crate::engine::{Batch, Class, GuestRing, NotInMemory, Protocol, Rank, Recovery, Stop};
use crate::spec::smmuv3::{gerror, tlbi};
use crate::{ArmSmmuV3Invalidate, Counters, HardwareError, InvalidateError, ObjectId, errno};

/// What a kernel answers where a command is none for it (`arm_vsmmu_cache_invalidate`,
/// `iommufd_hwpt_invalidate`).
const REFUSALS: [i32; 4] = [errno::EIO, errno::EINVAL, errno::ENOENT, errno::EOPNOTSUPP];

type Hook<T, R = ()> = Option<Box<dyn FnMut(T) -> R + Send>>;

/// The queue, and what its commands need to be executed.
pub(super) struct SmmuV3<M> {
    pub(super) memory: M,
    pub(super) features: Features,
    pub(super) queue: Queue,
    pub(super) errors: GlobalErrors,
    pub(super) viommu: Option<ObjectId>,
    pub(super) counters: Arc<Counters>,
    pub(super) interrupt: Hook<()>,
    pub(super) event: Hook<()>,
    pub(super) stream_table: Hook<Command, Result<(), CommandError>>,
    pub(super) answer: Hook<Command>,
}

/// A command, decoded and as the guest wrote it.
#[derive(Clone, Copy)]
pub(super) struct Fetched {
    command: Command,
    words: [u64; 2],
}

impl<M: Bytes<GuestAddress>> Protocol for SmmuV3<M> {
    type Entry = ArmSmmuV3Invalidate;
    type Command = Fetched;

    fn rules(&self) -> Plain {
        if self.features.plain_is_4k() {
            Plain::Page
        } else {
            Plain::Leaf
        }
    }

    fn begin(&mut self) -> Result<(), Stop> {
        if !self.queue.begin() {
            add_alone(&self.counters.register_errors, 1);
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<Option<Fetched>, Stop> {
        if self.queue.ring.is_at_end() {
            return Ok(None);
        }
        let all = match self.queue.ring.fetch(&self.memory) {
            Ok(words) => words,
            Err(NotInMemory) => return Err(Stop::guest(CommandError::Abt.into(), None)),
        };
        let words = [all[0], all[1]];
        match decode(words, &self.features) {
            Ok(command) => Ok(Some(Fetched { command, words })),
            Err(error) => Err(Stop::guest(error.into(), Some(all))),
        }
    }

    #[inline]
    fn ring(&self) -> &GuestRing {
        &self.queue.ring
    }

    #[inline]
    fn ring_mut(&mut self) -> &mut GuestRing {
        &mut self.queue.ring
    }

    fn words(&mut self) -> Option<[u64; 4]> {
        self.queue.ring.fetch(&self.memory).ok()
    }

    fn class(fetched: &Fetched) -> Class {
        match fetched.command {
            Command::CfgiCd { .. } | Command::CfgiCdAll(_) => {
                Class::Invalidate(Rank::Configuration)
            }
            Command::TlbiNhAll
            | Command::TlbiNhAsid(_)
            | Command::TlbiNhVa(..)
            | Command::TlbiNhVaa(_)
            | Command::TlbiNsnhAll => Class::Invalidate(Rank::Translation),
            Command::AtcInv { .. } => Class::Invalidate(Rank::Device),
            Command::Sync(_) => Class::Sync,
            Command::PrefetchConfig | Command::PrefetchAddr => Class::Absorb,
            Command::CfgiSte(_)
            | Command::CfgiSteRange { .. }
            | Command::PriResp { .. }
            | Command::Resume { .. }
            | Command::StallTerm(_) => Class::Configure,
        }
    }

    fn kind(fetched: &Fetched) -> u8 {
        fetched.command.kind() as u8
    }

    fn collect(&mut self, fetched: Fetched, batch: &mut Batch<ArmSmmuV3Invalidate>) -> bool {
        let Some(viommu) = self.viommu else {
            return false;
        };
        let [mut lo, hi] = fetched.words;
        // The kernel sets the VMID of the nest parent; what a guest of a stage-1-only
        // SMMU writes there means nothing (4.4.2).
        if Self::class(&fetched) == Class::Invalidate(Rank::Translation) {
            lo &= !tlbi::VMID;
        }
        batch.push(viommu, ArmSmmuV3Invalidate { cmd: [lo, hi] });
        true
    }

    fn absorb(&mut self, fetched: Fetched) -> Result<(), Stop> {
        match fetched.command {
            Command::PrefetchConfig | Command::PrefetchAddr => Ok(()),
            command @ (Command::CfgiSte(_) | Command::CfgiSteRange { .. }) => {
                let Some(changed) = &mut self.stream_table else {
                    return Ok(());
                };
                let [lo, hi] = fetched.words;
                changed(command).map_err(|error| Stop::guest(error.into(), Some([lo, hi, 0, 0])))
            }
            command => {
                if let Some(answer) = &mut self.answer {
                    answer(command);
                }
                Ok(())
            }
        }
    }

    fn complete(&mut self, fetched: Fetched) -> Result<bool, Stop> {
        match fetched.command {
            Command::Sync(Completion::SigIrq(msi)) => {
                if let Some(msi) = msi
                    && self.features.msi
                {
                    self.send(msi);
                }
                if let Some(raise) = &mut self.interrupt {
                    raise(());
                }
                Ok(true)
            }
            Command::Sync(Completion::SigSev) => {
                if self.features.sev
                    && let Some(send) = &mut self.event
                {
                    send(());
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn recovery(&mut self, error: InvalidateError, _: Rank) -> Recovery {
        match error.hardware {
            // Found when the sync waits for it (3.9.1.4).
            Some(HardwareError::AtcTimeout(_)) => Recovery::AtSync(CommandError::AtcInvSync.into()),
            // Worth trying again as it is: what a guest does with CERROR_ABT.
            Some(HardwareError::Abort) => Recovery::AtCommand(CommandError::Abt.into()),
            Some(HardwareError::Illegal) => Recovery::AtCommand(CommandError::Ill.into()),
            // What a kernel says of a command that it does not take. A guest skips what
            // is illegal, so that nothing else may be called so.
            None if REFUSALS.contains(&error.errno) => {
                Recovery::AtCommand(CommandError::Ill.into())
            }
            Some(HardwareError::UnexpectedCompletion(_)) | None => {
                Recovery::AtCommand(CommandError::Abt.into())
            }
        }
    }
}

impl<M: Bytes<GuestAddress>> SmmuV3<M> {
    fn send(&mut self, msi: Msi) {
        // Release: a guest that sees the data must see the effects of what was before
        // it. One 32-bit access, as hardware writes it.
        let written = self.memory.store(
            msi.data.to_le(),
            GuestAddress(msi.address),
            Ordering::Release,
        );
        if written.is_err() {
            self.errors.activate(gerror::MSI_CMDQ_ABT_ERR);
            add_alone(&self.counters.msi_aborts, 1);
        }
    }
}
