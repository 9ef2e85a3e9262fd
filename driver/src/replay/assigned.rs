use std::sync::Arc;
use std::time::{Duration, Instant};

use hwptop_abi::InstanceArg;
use vm_memory::GuestAddress;

use super::error::ReplayError;
use super::host::{self, Host};
use super::stream::Stream;
use super::vcpu_ring::VcpuRing;
use crate::model::config::Gpa;
use crate::model::iommufd::is_assignable;
use crate::smmuv3::{self, Features};
use crate::spec::smmuv3::gerror;
use crate::{
    AssignedCounts, AssignedQueue, AssignedQueueError, Counters, InlineQueue, TimingProfile, Vendor,
};

/// How long a vCPU looks for its sync.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Looks in vain before a vCPU offers its CPU to others.
const SPINS_BEFORE_YIELD: u32 = 200;

/// A guest whose vCPUs fill a queue that hardware reads itself: no doorbell to a VMM, no
/// request, no submission. What batching is compared with.
///
/// The queue is a HW_QUEUE of the modelled kernel's, on a vIOMMU of Tegra241's CMDQV with
/// a vDEVICE for each device that the stream names.
#[derive(Debug)]
pub struct AssignedGuest {
    queue: AssignedQueue,
    ring: VcpuRing,
}

impl AssignedGuest {
    /// Whether a guest may send the stream past its VMM: it is SMMUv3's, and nothing
    /// but invalidations of translations and ATCs, and syncs.
    #[must_use]
    pub fn takes(stream: &Stream) -> bool {
        let is_allowed = |words: [u64; 2]| {
            let decoded = smmuv3::decode(words, &Features::ALL_4K);
            decoded.is_ok_and(|command| matches!(command, smmuv3::Command::Sync(_)))
                || is_assignable(words)
        };
        let mut commands = stream.commands().iter().map(|command| command.words);
        stream.vendor() == Vendor::SmmuV3 && commands.all(is_allowed)
    }

    /// A guest on a queue of a modelled SMMUv3; none for a stream that it does not
    /// [take](Self::takes).
    ///
    /// # Errors
    /// Where memory or the hardware's thread cannot be had;
    /// [`ReplayError::Setup`] where the modelled kernel refuses.
    pub fn new(
        stream: &Stream,
        number: u16,
        profile: &TimingProfile,
    ) -> Result<Option<Self>, ReplayError> {
        if !Self::takes(stream) {
            return Ok(None);
        }
        let ring = VcpuRing::new(stream.clone())?;
        let instance = InstanceArg::new(number, Vendor::SmmuV3, true);
        let (unit, memory) = host::unit(Vendor::SmmuV3)?;
        // The host's own commands, which attach the guest's devices.
        let counters = Arc::new(Counters::new(Vendor::SmmuV3));
        let hosts = InlineQueue::new(instance, Arc::new(unit.clone()), counters);
        let base = Gpa(ring.layout.queue());
        let assigned = Host::hw_queue(stream, instance, (unit, memory), hosts, base);
        let Some(assigned) = assigned.map_err(ReplayError::Setup)? else {
            return Ok(None);
        };
        let (base, log2size) = (GuestAddress(assigned.base().0), assigned.log2size());
        let (unit, profile) = (Arc::new(assigned), profile.clone());
        let memory = ring.memory.clone();
        let queue = AssignedQueue::spawn(instance, profile, unit, memory, base, log2size);
        let queue = queue.map_err(|error| match error {
            AssignedQueueError::Spawn(error) => ReplayError::Spawn(error),
            other => ReplayError::Spawn(std::io::Error::other(other)),
        })?;
        Ok(Some(Self { queue, ring }))
    }

    /// Queues `commands`, which hold no sync, and a sync of `vcpu` (below 64) that
    /// writes `round`, and returns when that completed.
    ///
    /// # Errors
    /// [`ReplayError::TooManyCommands`] where they never fit the queue;
    /// [`ReplayError::NotCompleted`] where hardware did not complete the sync for a
    /// second, or stopped at a command.
    pub fn submit(
        &self,
        vcpu: usize,
        round: u32,
        commands: &[[u64; 2]],
    ) -> Result<(), ReplayError> {
        let index_mask = 2 * self.ring.layout.entries() - 1;
        self.ring.queue(
            (vcpu, round),
            commands,
            || self.queue.cons() & index_mask,
            || {
                // A queue that stopped never has room again.
                if self.has_stopped() {
                    return self.ring.check(vcpu, round);
                }
                std::thread::yield_now();
                Ok(())
            },
            |tail| self.queue.write_prod(tail),
        )?;
        let mut looks = 0_u32;
        let mut since = None;
        loop {
            // In this order: what completed before the queue stopped is there then.
            let stopped = self.has_stopped();
            let result = self.ring.check(vcpu, round);
            if result.is_ok() || stopped {
                return result;
            }
            looks += 1;
            if looks < SPINS_BEFORE_YIELD {
                std::hint::spin_loop();
                continue;
            }
            if since.get_or_insert_with(Instant::now).elapsed() > TIMEOUT {
                return result;
            }
            std::thread::yield_now();
        }
    }

    fn has_stopped(&self) -> bool {
        self.queue.gerror() & gerror::CMDQ_ERR != 0
    }

    /// What the queue did so far.
    #[must_use]
    pub fn counts(&self) -> AssignedCounts {
        self.queue.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capture, DomainId, Pasid};

    fn guest(stream: &Stream) -> Option<AssignedGuest> {
        AssignedGuest::new(stream, 0, &TimingProfile::INSTANT).unwrap()
    }

    #[test]
    fn several_vcpus_fill_the_queue_and_every_sync_completes() {
        const ROUNDS: u32 = 300;
        let stream = Stream::synthetic(Vendor::SmmuV3, [(DomainId(1), Pasid::RID)]);
        let pages: Vec<_> = (0..5).map(|page| stream.unmap_page(page << 12)).collect();
        let guest = guest(&stream).unwrap();
        std::thread::scope(|scope| {
            for vcpu in 0..4 {
                let (guest, pages) = (&guest, &pages);
                scope.spawn(move || {
                    (0..ROUNDS).for_each(|round| guest.submit(vcpu, round, pages).unwrap());
                });
            }
        });
        let counts = guest.counts();
        let syncs = 4 * u64::from(ROUNDS);
        assert_eq!(
            (counts.commands, counts.syncs, counts.errors),
            (5 * syncs, syncs, 0)
        );
    }

    #[test]
    fn the_captured_stream_replays_without_its_vmm() {
        let stream = Stream::from_capture(&Capture::builtin("smmuv3-nvme-strict").unwrap());
        let stream = stream.unwrap();
        let guest = guest(&stream).unwrap();
        for (round, unit) in (0..).zip(stream.units()) {
            guest.submit(0, round, &unit).unwrap();
        }
        assert_eq!(guest.counts().commands, 2720);
    }

    #[test]
    fn an_atc_invalidation_reaches_the_guests_own_devices_and_no_others() {
        let atc_inv = |sid: u64| [0x40 | sid << 32, 52];
        let capture = Capture::of(Vendor::SmmuV3, [atc_inv(0x20001), atc_inv(0x99)]);
        let guest = guest(&Stream::from_capture(&capture).unwrap()).unwrap();
        let own = [atc_inv(0x20001), atc_inv(0x99)];
        guest.submit(0, 1, &own).unwrap();
        assert_eq!((guest.counts().commands, guest.counts().errors), (2, 0));
        // The host's name for the first of them.
        let error = guest.submit(0, 2, &[atc_inv(1)]).unwrap_err();
        assert!(
            matches!(error, ReplayError::NotCompleted { expected: 2, .. }),
            "{error}"
        );
        assert_eq!((guest.counts().commands, guest.counts().errors), (2, 1));
    }

    #[test]
    fn what_a_guest_must_not_send_itself_gets_no_queue_of_its_own() {
        let words = smmuv3::command::cfgi_cd_all(crate::DeviceId(1)).words();
        let capture = Capture::of(Vendor::SmmuV3, [words]);
        assert!(guest(&Stream::from_capture(&capture).unwrap()).is_none());
        let amd = Stream::synthetic(Vendor::AmdVi, [(DomainId(1), Pasid::RID)]);
        assert!(guest(&amd).is_none());
    }

    #[test]
    fn a_command_that_hardware_refuses_is_told_as_a_sync_that_did_not_complete() {
        let stream = Stream::synthetic(Vendor::SmmuV3, [(DomainId(1), Pasid::RID)]);
        let guest = guest(&stream).unwrap();
        let error = guest.submit(0, 7, &[[0xff, 0]]).unwrap_err();
        assert!(
            matches!(error, ReplayError::NotCompleted { expected: 7, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_queue_that_stopped_does_not_hang_the_next_vcpu() {
        let stream = Stream::synthetic(Vendor::SmmuV3, [(DomainId(1), Pasid::RID)]);
        let guest = guest(&stream).unwrap();
        assert!(guest.submit(0, 1, &[[0xff, 0]]).is_err());
        let many = vec![stream.unmap_page(0); 3000];
        // The second finds no room, and none will come.
        assert!(guest.submit(0, 2, &many).is_err());
        assert!(guest.submit(0, 3, &many).is_err());
    }
}
