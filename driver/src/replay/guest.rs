use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hwptop_abi::InstanceArg;
use vm_memory::{Bytes, GuestMemoryError, GuestMemoryMmap};

use super::dialect::{self, Meaning, Status};
use super::error::ReplayError;
use super::iommu::VirtualIommu;
use super::memory::{Layout, QUEUE_BYTES};
use super::stream::Stream;
use crate::{Backend, Counters};

/// The most entries that the commands of one step ask for, give or take one command.
const ENTRIES_PER_STEP: usize = 1 << 16;

/// One doorbell of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When its last command was captured, since the first command.
    pub at: Duration,
    /// Commands in it.
    pub descriptors: u32,
    /// Whether the stream is at its end now.
    pub last: bool,
}

/// A guest that uses its queue as Linux does (`qi_submit_sync`,
/// `arm_smmu_cmdq_issue_cmdlist`, `iommu_queue_command_sync`): writes commands up to a
/// sync, writes the tail register, looks for what the sync writes.
#[derive(Debug)]
pub struct Guest<B> {
    iommu: VirtualIommu<B>,
    memory: GuestMemoryMmap,
    layout: Layout,
    stream: Stream,
    /// Next command of the stream.
    position: usize,
    /// Where the next command goes: its place in the ring, modulo twice the ring's
    /// size.
    tail: u32,
}

impl<B: Backend> Guest<B> {
    /// A guest with a queue of its own in memory of its own, whose front end
    /// counts in `counters`. Its targets have no objects yet: see
    /// [`Self::iommu_mut`]. On VT-d it uses 256-bit descriptors, as Linux does in
    /// scalable mode.
    ///
    /// # Errors
    /// Where memory cannot be mapped.
    pub fn new(
        stream: Stream,
        instance: InstanceArg,
        backend: B,
        counters: Arc<Counters>,
    ) -> Result<Self, ReplayError> {
        let width = dialect::width(stream.vendor());
        Self::with_queue(stream, (width, QUEUE_BYTES), instance, backend, counters)
    }

    /// [`Self::new`] with a queue of `bytes` bytes of commands of `width` bytes.
    ///
    /// # Errors
    /// Where memory cannot be mapped.
    pub(super) fn with_queue(
        stream: Stream,
        (width, bytes): (u32, u64),
        instance: InstanceArg,
        backend: B,
        counters: Arc<Counters>,
    ) -> Result<Self, ReplayError> {
        let layout = Layout::new(stream.status_pages(), width, bytes);
        let memory = layout
            .map(stream.status_pages())
            .map_err(ReplayError::Map)?;
        let mut iommu =
            VirtualIommu::new(stream.vendor(), instance, memory.clone(), backend, counters);
        iommu.set_up(&layout);
        Ok(Self {
            iommu,
            memory,
            layout,
            stream,
            position: 0,
            tail: 0,
        })
    }

    /// The stream it follows.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The guest's virtual IOMMU.
    #[must_use]
    pub const fn iommu(&self) -> &VirtualIommu<B> {
        &self.iommu
    }

    /// The guest's virtual IOMMU, to attach objects to it or choose a policy.
    pub const fn iommu_mut(&mut self) -> &mut VirtualIommu<B> {
        &mut self.iommu
    }

    /// The instance's counters; readable from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        self.iommu.counters()
    }

    /// The most commands that one doorbell can have.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.layout.entries() - 1
    }

    /// A status word for syncs that are not from a stream: guest-physical, aligned to
    /// a page, which is mapped.
    #[must_use]
    pub const fn status_address(&self) -> u64 {
        self.layout.spare_status()
    }

    /// Starts the stream over. The ring goes on where it is.
    pub fn rewind(&mut self) {
        self.position = 0;
    }

    /// Does the next doorbell of the stream: every command up to and including
    /// the next sync, or fewer where there are more than the ring takes or
    /// where they ask for more than 65,536 entries. A step's work is therefore
    /// bounded, whatever the stream: who wants to stop looks between steps.
    ///
    /// # Errors
    /// [`ReplayError::AtEnd`] at the end of the stream;
    /// [`ReplayError::Frozen`] when the queue froze, or already was.
    pub fn step(&mut self) -> Result<Step, ReplayError> {
        self.check_frozen(None)?;
        let start = self.position;
        let mut at = Duration::ZERO;
        let mut status = None;
        let mut entries = 0;
        let policy = self.iommu.policy();
        while let Some(&command) = self.stream.commands().get(self.position)
            && self.position - start < self.capacity() as usize
            && entries < ENTRIES_PER_STEP
        {
            self.write(command.words)?;
            self.position += 1;
            at = command.at();
            let meaning = dialect::read(self.stream.vendor(), command.words);
            if let Meaning::Sync(written) = meaning {
                status = written;
                self.reset(status)?;
                break;
            }
            entries += self.stream.reach(meaning, policy);
        }
        if self.position == start {
            return Err(ReplayError::AtEnd);
        }
        self.ring(Some(start))?;
        self.check(status)?;
        Ok(Step {
            at,
            descriptors: u32::try_from(self.position - start).unwrap_or(u32::MAX),
            last: self.position == self.stream.commands().len(),
        })
    }

    /// Writes as much of the rest of the stream as the ring takes, without a
    /// doorbell. Returns the tails behind each sync, and behind the last command,
    /// for [`Self::ring_up_to`]; none at the end of the stream.
    ///
    /// # Errors
    /// [`ReplayError::Frozen`] when the queue is frozen.
    pub fn queue_ahead(&mut self) -> Result<Vec<u32>, ReplayError> {
        self.check_frozen(None)?;
        let start = self.position;
        let mut tails = Vec::new();
        while let Some(&command) = self.stream.commands().get(self.position)
            && self.position - start < self.capacity() as usize
        {
            self.write(command.words)?;
            self.position += 1;
            let meaning = dialect::read(self.stream.vendor(), command.words);
            if matches!(meaning, Meaning::Sync(_)) {
                tails.push(self.tail);
            }
        }
        if self.position > start && tails.last() != Some(&self.tail) {
            tails.push(self.tail);
        }
        Ok(tails)
    }

    /// Writes the tail register, as [`Self::queue_ahead`] says. Whether syncs
    /// completed is not looked at.
    ///
    /// # Errors
    /// [`ReplayError::Frozen`] when the queue froze, or already was.
    pub fn ring_up_to(&mut self, tail: u32) -> Result<(), ReplayError> {
        self.iommu.ring_doorbell(tail, self.layout.entries());
        self.check_frozen(None)
    }

    /// Submits `commands` (low 128 bits each) with one doorbell. If the last of them is
    /// a sync that writes to memory, checks that it completed.
    ///
    /// # Errors
    /// [`ReplayError::TooManyCommands`] above [`Self::capacity`], nothing being
    /// submitted; [`ReplayError::Frozen`] when the queue froze, or already was.
    pub fn submit(&mut self, commands: &[[u64; 2]]) -> Result<(), ReplayError> {
        self.check_frozen(None)?;
        let max = self.capacity() as usize;
        if commands.len() > max {
            return Err(ReplayError::TooManyCommands {
                got: commands.len(),
                max,
            });
        }
        for &words in commands {
            self.write(words)?;
        }
        let last = commands.last().copied();
        let status = last.and_then(|words| match dialect::read(self.stream.vendor(), words) {
            Meaning::Sync(status) => status,
            _ => None,
        });
        self.reset(status)?;
        self.ring(None)?;
        self.check(status)
    }

    fn write(&mut self, words: [u64; 2]) -> Result<(), ReplayError> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&words[0].to_le_bytes());
        bytes[8..16].copy_from_slice(&words[1].to_le_bytes());
        let (len, entries) = (self.layout.width() as usize, self.layout.entries());
        self.memory
            .write_slice(&bytes[..len], self.layout.address_of(self.tail % entries))?;
        self.tail = (self.tail + 1) % (2 * entries);
        Ok(())
    }

    /// Writes the tail register. `first` is the command of the stream that the
    /// head stands at.
    fn ring(&mut self, first: Option<usize>) -> Result<(), ReplayError> {
        let head = self.iommu.head(self.layout.entries());
        self.iommu.ring_doorbell(self.tail, self.layout.entries());
        self.check_frozen(first.map(|first| (first, head)))
    }

    fn check_frozen(&self, begin: Option<(usize, u32)>) -> Result<(), ReplayError> {
        let Some(fault) = self.iommu.fault() else {
            return Ok(());
        };
        let command = begin.map(|(first, head)| {
            let entries = self.layout.entries();
            first + ((fault.index + entries - head) % entries) as usize
        });
        Err(ReplayError::Frozen { fault, command })
    }

    /// Makes the status word differ from what the sync will write. A word that has
    /// no memory is left to the front end, whose business it is.
    fn reset(&self, status: Option<Status>) -> Result<(), ReplayError> {
        let Some(status) = status else {
            return Ok(());
        };
        let result = if status.is_wide {
            let other = (!status.data).to_le();
            self.memory.store(other, status.addr, Ordering::Relaxed)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "the word has 32 bits")]
            let other = (!status.data as u32).to_le();
            self.memory.store(other, status.addr, Ordering::Relaxed)
        };
        match result {
            Err(GuestMemoryError::InvalidGuestAddress(_)) => Ok(()),
            result => Ok(result?),
        }
    }

    fn check(&self, status: Option<Status>) -> Result<(), ReplayError> {
        let Some(Status {
            addr,
            data: expected,
            is_wide,
        }) = status
        else {
            return Ok(());
        };
        let found = if is_wide {
            u64::from_le(self.memory.load(addr, Ordering::Acquire)?)
        } else {
            u64::from(u32::from_le(self.memory.load(addr, Ordering::Acquire)?))
        };
        if found == expected {
            Ok(())
        } else {
            let addr = addr.0;
            Err(ReplayError::NotCompleted {
                addr,
                expected,
                found,
            })
        }
    }
}

#[cfg(test)]
mod tests;
