use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::dialect;
use super::error::ReplayError;
use super::memory::{Layout, QUEUE_BYTES};
use super::stream::Stream;

/// Bytes between the status words of two vCPUs: a cache line.
const STATUS_STRIDE: u64 = 64;

/// The most vCPUs that can use one queue: one status word each in a page.
pub(super) const VCPUS_MAX: usize = 64;

/// The guest's side of a queue that several vCPUs fill, each on a thread of its own:
/// its memory, its lock, and a status word for each vCPU.
#[derive(Debug)]
pub(super) struct VcpuRing {
    pub(super) memory: GuestMemoryMmap,
    pub(super) layout: Layout,
    pub(super) stream: Stream,
    /// Where the next command goes, modulo twice the queue's size; the guest's lock.
    tail: Mutex<u32>,
}

impl VcpuRing {
    pub(super) fn new(stream: Stream) -> Result<Self, ReplayError> {
        let layout = Layout::new(
            stream.status_pages(),
            dialect::width(stream.vendor()),
            QUEUE_BYTES,
        );
        let memory = layout
            .map(stream.status_pages())
            .map_err(ReplayError::Map)?;
        Ok(Self {
            memory,
            layout,
            stream,
            tail: Mutex::new(0),
        })
    }

    /// Writes `commands` and a sync of `vcpu` that writes `round`, and hands the tail
    /// behind them to `publish`, under the guest's lock. `consumed` tells where the
    /// consumer is, and `drain` gives it time where there is no room.
    pub(super) fn queue(
        &self,
        (vcpu, round): (usize, u32),
        commands: &[[u64; 2]],
        consumed: impl Fn() -> u32,
        drain: impl Fn() -> Result<(), ReplayError>,
        publish: impl FnOnce(u32),
    ) -> Result<(), ReplayError> {
        let status = self.status_address(vcpu);
        let sync = self.stream.sync(status, round);
        let entries = self.layout.entries();
        let max = entries as usize - 2;
        if commands.len() > max {
            return Err(ReplayError::TooManyCommands {
                got: commands.len(),
                max,
            });
        }
        // Nobody but this vCPU's own sync writes there.
        self.memory
            .store((!round).to_le(), GuestAddress(status), Ordering::Relaxed)
            .map_err(ReplayError::Memory)?;
        let needed = u32::try_from(commands.len() + 1).unwrap_or(u32::MAX);
        let mut tail = loop {
            let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let used = (*tail + 2 * entries - consumed()) % (2 * entries);
            if used + needed < entries {
                break tail;
            }
            drop(tail);
            drain()?;
        };
        for &words in commands.iter().chain([&sync]) {
            *tail = self.write(*tail, words)?;
        }
        publish(*tail);
        Ok(())
    }

    /// Whether the sync of `vcpu` that writes `round` completed.
    ///
    /// # Errors
    /// [`ReplayError::NotCompleted`] where it did not.
    pub(super) fn check(&self, vcpu: usize, round: u32) -> Result<(), ReplayError> {
        let addr = self.status_address(vcpu);
        let found: u32 = self
            .memory
            .load(GuestAddress(addr), Ordering::Acquire)
            .map_err(ReplayError::Memory)?;
        let found = u32::from_le(found);
        if found == round {
            return Ok(());
        }
        Err(ReplayError::NotCompleted {
            addr,
            expected: u64::from(round),
            found: u64::from(found),
        })
    }

    pub(super) fn status_address(&self, vcpu: usize) -> u64 {
        self.layout.spare_status() + (vcpu % VCPUS_MAX) as u64 * STATUS_STRIDE
    }

    /// Writes a command and returns the position behind it.
    fn write(&self, position: u32, words: [u64; 2]) -> Result<u32, ReplayError> {
        let entries = self.layout.entries();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&words[0].to_le_bytes());
        bytes[8..16].copy_from_slice(&words[1].to_le_bytes());
        let len = self.layout.width() as usize;
        let addr = self.layout.address_of(position % entries);
        self.memory
            .write_slice(&bytes[..len], addr)
            .map_err(ReplayError::Memory)?;
        Ok((position + 1) % (2 * entries))
    }
}
