use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress};

use super::decode::Checked;
use super::descriptor::{Descriptor, DescriptorType};
use super::fault::{InvalidationError, IqError};
use super::queue::Queue;
use super::target::Targets;
use crate::engine::{
    Batch, Class, Entry, GuestRing, NotInMemory, Protocol, Range, Rank, Recovery, Stop,
};
use crate::{Entries, FaultReason, HardwareError, InvalidateError, QueueError, VtdS1Invalidate};

type Absorbed = Box<dyn FnMut(Descriptor, &mut Targets) + Send>;

/// The queue, and what its commands need to be executed.
pub(super) struct Vtd<M> {
    pub(super) memory: M,
    pub(super) queue: Queue,
    pub(super) targets: Targets,
    pub(super) interrupt: Option<Box<dyn FnMut() + Send>>,
    pub(super) absorbed: Option<Absorbed>,
}

impl<M: Bytes<GuestAddress>> Protocol for Vtd<M> {
    type Entry = VtdS1Invalidate;
    type Command = Checked;

    fn rules(&self) {}

    fn begin(&mut self) -> Result<(), Stop> {
        self.queue
            .begin()
            .map_err(|error| Stop::guest(iqe(error), None))
    }

    #[inline]
    fn fetch(&mut self) -> Result<Option<Checked>, Stop> {
        if self.queue.ring.is_at_end() {
            return Ok(None);
        }
        let words = match self.queue.ring.fetch(&self.memory) {
            Ok(words) => words,
            Err(NotInMemory) => return Err(Stop::guest(iqe(IqError::FetchFailed), None)),
        };
        match Checked::new(words) {
            Ok(checked) => Ok(Some(checked)),
            Err(error) => Err(Stop::guest(iqe(error), Some(words))),
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

    #[inline]
    fn class(command: &Checked) -> Class {
        match command.kind {
            DescriptorType::Iotlb | DescriptorType::PasidIotlb => {
                Class::Invalidate(Rank::Translation)
            }
            DescriptorType::Wait => Class::Sync,
            DescriptorType::ContextCache | DescriptorType::PasidCache => Class::Configure,
            DescriptorType::Iec | DescriptorType::DeviceTlb | DescriptorType::PasidDeviceTlb => {
                Class::Absorb
            }
        }
    }

    /// FN: descriptors behind the wait are not even begun before it completes.
    fn joins(command: &Checked) -> bool {
        !command.is_fence()
    }

    #[inline]
    fn kind(command: &Checked) -> u8 {
        command.kind as u8
    }

    #[inline]
    fn collect(&mut self, command: Checked, batch: &mut Batch<VtdS1Invalidate>) -> bool {
        let descriptor = command.decode();
        // Targets do not change within a run.
        if matches!(descriptor, Descriptor::IotlbGlobal) && batch.is_everything() {
            return true;
        }
        let mut any = false;
        let mut push = |target, entry| {
            any = true;
            batch.push(target, entry);
        };
        match descriptor {
            Descriptor::IotlbGlobal => {
                for target in self.targets.all() {
                    push(target, VtdS1Invalidate::WHOLE);
                }
                if any {
                    batch.set_everything();
                }
            }
            Descriptor::Iotlb(did, granularity) => {
                for target in self.targets.domain(did) {
                    push(target, granularity.entry());
                }
            }
            Descriptor::PasidIotlb(did, pasid, granularity) => {
                if let Some(target) = self.targets.pair(did, pasid) {
                    push(target, granularity.entry());
                }
            }
            _ => {}
        }
        any
    }

    #[inline]
    fn absorb(&mut self, command: Checked) -> Result<(), Stop> {
        if let Some(absorbed) = &mut self.absorbed {
            absorbed(command.decode(), &mut self.targets);
        }
        Ok(())
    }

    #[inline]
    fn complete(&mut self, wait: Checked) -> Result<bool, Stop> {
        let Descriptor::Wait {
            status, interrupt, ..
        } = wait.decode()
        else {
            return Ok(false);
        };
        if let Some((addr, data)) = status {
            // Release: a guest that sees the status must see the effects of what
            // was before it. One 32-bit access, as hardware writes it.
            let written = self
                .memory
                .store(data.to_le(), GuestAddress(addr), Ordering::Release);
            if written.is_err() {
                return Err(Stop {
                    error: iqe(IqError::NotAvailable),
                    words: None,
                    reason: FaultReason::StatusAddress(addr),
                });
            }
        }
        if interrupt && let Some(raise) = &mut self.interrupt {
            raise();
        }
        Ok(interrupt)
    }

    fn recovery(&mut self, error: InvalidateError, _: Rank) -> Recovery {
        // A device that does not answer aborts the waits behind it (6.5.2.10); for
        // everything else that a kernel can say the specification has no code.
        match error.hardware {
            Some(HardwareError::AtcTimeout(device)) => {
                Recovery::BehindSync(InvalidationError::Ite(device).into())
            }
            Some(HardwareError::UnexpectedCompletion(device)) => {
                Recovery::BehindSync(InvalidationError::Ice(device).into())
            }
            _ => Recovery::AtCommand(iqe(IqError::NotAvailable)),
        }
    }
}

const fn iqe(error: IqError) -> QueueError {
    QueueError::Vtd(InvalidationError::Iqe(error))
}

impl Entry for VtdS1Invalidate {
    type Rules = ();

    fn entries(list: &[Self]) -> Entries<'_> {
        Entries::VtdS1(list)
    }

    fn covers(&self, _: &Self) -> bool {
        self.is_whole()
    }

    fn range(&self, (): ()) -> Option<Range> {
        let first = self.addr >> 12;
        (!self.is_whole() && self.npages > 0).then(|| Range {
            key: u64::from(self.flags),
            first,
            last: first.saturating_add(self.npages - 1),
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "keys are flags")]
    fn push_range(range: Range, list: &mut Vec<Self>) {
        // See `Granularity::entry`.
        list.push(if range.pages() >= 1 << 52 {
            Self::WHOLE
        } else {
            Self::new(range.first << 12, range.pages(), range.key as u32)
        });
    }

    fn everything(_: u64) -> Self {
        Self::WHOLE
    }
}
