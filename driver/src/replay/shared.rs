use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hwptop_abi::InstanceArg;

use super::error::ReplayError;
use super::iommu::VirtualIommu;
use super::stream::Stream;
use super::vcpu_ring::VcpuRing;
use crate::{Backend, Counters};

/// A guest queue that several vCPUs use, each on a thread of its own.
///
/// A vCPU writes its commands and a sync under the guest's queue lock, publishes the
/// tail, and rings the doorbell *without* that lock. The VMM handles one doorbell at
/// a time; whoever waits for it meanwhile finds that its commands were handled
/// together with others': that is where batches of several vCPUs come from. (Linux'
/// VT-d driver holds its lock over the doorbell; with a VMM that handles doorbells
/// on a thread of its own the queue fills in the same way.)
#[derive(Debug)]
pub struct SharedGuest<B> {
    iommu: Mutex<VirtualIommu<B>>,
    ring: VcpuRing,
    /// The tail as it was last published.
    published: AtomicU32,
    /// Behind the last command that the front end is through with.
    consumed: AtomicU32,
}

impl<B: Backend> SharedGuest<B> {
    pub(super) fn new(
        stream: Stream,
        instance: InstanceArg,
        backend: B,
        counters: Arc<Counters>,
    ) -> Result<Self, ReplayError> {
        let vendor = stream.vendor();
        let ring = VcpuRing::new(stream)?;
        let memory = ring.memory.clone();
        let mut iommu = VirtualIommu::new(vendor, instance, memory, backend, counters);
        iommu.set_up(&ring.layout);
        Ok(Self {
            iommu: Mutex::new(iommu),
            ring,
            published: AtomicU32::new(0),
            consumed: AtomicU32::new(0),
        })
    }

    /// The stream that its vCPUs are to follow.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.ring.stream
    }

    /// The guest's virtual IOMMU, to attach objects to it or choose a policy.
    pub fn iommu_mut(&mut self) -> &mut VirtualIommu<B> {
        self.iommu.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `commands`, which hold no sync, and a sync of `vcpu` (below 64) that
    /// writes `round`, and returns when that completed.
    ///
    /// # Errors
    /// [`ReplayError::TooManyCommands`] where they never fit the queue;
    /// [`ReplayError::Frozen`] when the queue froze, or already was.
    pub fn submit(
        &self,
        vcpu: usize,
        round: u32,
        commands: &[[u64; 2]],
    ) -> Result<(), ReplayError> {
        self.ring.queue(
            (vcpu, round),
            commands,
            || self.consumed.load(Ordering::Acquire),
            || self.ring_doorbell(),
            // Under the lock, so that it never goes back.
            |tail| self.published.store(tail, Ordering::Release),
        )?;
        self.ring_doorbell()?;
        self.ring.check(vcpu, round)
    }

    fn ring_doorbell(&self) -> Result<(), ReplayError> {
        let mut iommu = self.iommu.lock().unwrap_or_else(PoisonError::into_inner);
        let published = self.published.load(Ordering::Acquire);
        if published == self.consumed.load(Ordering::Relaxed) {
            return Ok(());
        }
        iommu.ring_doorbell(published, self.ring.layout.entries());
        if let Some(fault) = iommu.fault() {
            let command = None;
            return Err(ReplayError::Frozen { fault, command });
        }
        self.consumed.store(published, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
