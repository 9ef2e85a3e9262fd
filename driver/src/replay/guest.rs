use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hwptop_abi::InstanceArg;
use vm_memory::mmap::FromRangesError;
use vm_memory::{Bytes, GuestAddress, GuestMemoryError, GuestMemoryMmap};

use super::memory::Layout;
use super::stream::Stream;
use crate::{
    Backend, Counters, Descriptor, DomainId, Fault, FrontEnd, HwptId, IqError, Pasid, Width, decode,
};

/// The most entries that the descriptors of one step ask for, give or take one
/// descriptor.
const ENTRIES_PER_STEP: usize = 1 << 16;

/// Why a guest could not be set up, or could not go on. Its message is complete:
/// there is no source behind it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The guest's queue stands still.
    #[error("guest queue frozen: {fault}{}", at_command(*.command))]
    Frozen {
        /// What froze it.
        fault: Fault,
        /// The command of the stream at fault, from 0, where it is known: line
        /// `command` + 2 of its capture.
        command: Option<usize>,
    },
    /// A wait descriptor was consumed, but its status was not written.
    #[error(
        "status word {addr:#x} holds {found:#x} and not {expected:#x} after its wait descriptor was consumed"
    )]
    NotCompleted {
        /// Guest-physical address of the status word.
        addr: u64,
        /// The status data of the wait descriptor.
        expected: u32,
        /// What is there.
        found: u32,
    },
    /// There is nothing left to do.
    #[error("the stream is at its end; rewind it")]
    AtEnd,
    /// More descriptors than the ring takes.
    #[error("{got} descriptors in one doorbell, but the ring takes {max}; split them")]
    TooManyDescriptors {
        /// How many there are.
        got: usize,
        /// How many fit.
        max: usize,
    },
    /// Too many pages for status words.
    #[error("the stream's wait descriptors name more than {max} pages; split the capture")]
    TooManyStatusPages {
        /// The most there may be.
        max: usize,
    },
    /// Too many pairs.
    #[error("the stream addresses more than {max} (domain, PASID) pairs; split it")]
    TooManyTargets {
        /// The most there may be.
        max: usize,
    },
    /// Guest memory could not be mapped.
    #[error(
        "mapping guest memory failed: {0}; free memory or raise the limit of mappings (vm.max_map_count)"
    )]
    Map(FromRangesError),
    /// Guest memory could not be accessed.
    #[error("access by the guest failed: {0}")]
    Memory(GuestMemoryError),
    /// No thread for the modelled hardware.
    #[error("starting the modelled hardware's thread failed: {0}; raise the limit of threads")]
    Spawn(io::Error),
}

// By hand: with thiserror's `#[from]` a chain of sources would say the reason a
// second time.
impl From<GuestMemoryError> for ReplayError {
    fn from(error: GuestMemoryError) -> Self {
        Self::Memory(error)
    }
}

fn at_command(command: Option<usize>) -> String {
    command.map_or_else(String::new, |command| {
        format!(" (line {} of the capture)", command + 2)
    })
}

/// One doorbell of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When its last command was captured, since the first command.
    pub at: Duration,
    /// Descriptors in it.
    pub descriptors: u32,
    /// Whether the stream is at its end now.
    pub last: bool,
}

/// A guest that uses its invalidation queue as Linux' `qi_submit_sync` does:
/// writes descriptors up to a wait, writes the tail register, looks for the
/// wait's status.
#[derive(Debug)]
pub struct Guest<B> {
    front_end: FrontEnd<B>,
    memory: GuestMemoryMmap,
    layout: Layout,
    stream: Stream,
    /// Next command of the stream.
    position: usize,
    /// Next free descriptor of the ring.
    tail: u32,
}

/// A wait descriptor's status word.
#[derive(Clone, Copy, Debug)]
struct Status {
    addr: GuestAddress,
    data: u32,
}

impl Status {
    /// The status word that a descriptor writes, if it is a wait that does.
    fn of(descriptor: Descriptor) -> Option<Self> {
        match descriptor {
            Descriptor::Wait {
                status: Some((addr, data)),
                ..
            } => Some(Self {
                addr: GuestAddress(addr),
                data,
            }),
            _ => None,
        }
    }
}

impl<B: Backend> Guest<B> {
    /// A guest with a queue of its own in memory of its own, whose front end
    /// counts in `counters`. Its targets have no HWPTs yet: see [`Self::attach`].
    ///
    /// # Errors
    /// Where memory cannot be mapped.
    pub fn new(
        stream: Stream,
        width: Width,
        instance: InstanceArg,
        backend: B,
        counters: Arc<Counters>,
    ) -> Result<Self, ReplayError> {
        let layout = Layout::new(stream.status_pages(), width);
        let memory = layout
            .map(stream.status_pages())
            .map_err(ReplayError::Map)?;
        let mut front_end = FrontEnd::new(instance, memory.clone(), backend, counters);
        front_end.write_iqa(layout.iqa());
        Ok(Self {
            front_end,
            memory,
            layout,
            stream,
            position: 0,
            tail: 0,
        })
    }

    /// Makes `hwpt` the target of the stream's (`did`, `pasid`).
    pub fn attach(&mut self, did: DomainId, pasid: Pasid, hwpt: HwptId) {
        self.front_end.attach(did, pasid, hwpt);
    }

    /// The stream it follows.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The virtual unit's registers.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd<B> {
        &self.front_end
    }

    /// The virtual unit's registers, to write them.
    pub fn front_end_mut(&mut self) -> &mut FrontEnd<B> {
        &mut self.front_end
    }

    /// The instance's counters; readable from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        self.front_end.counters()
    }

    /// The most descriptors that one doorbell can have.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.layout.entries() - 1
    }

    /// A status word for wait descriptors that are not from a stream:
    /// guest-physical, 4-byte aligned; a page is mapped from here.
    #[must_use]
    pub const fn status_address(&self) -> u64 {
        self.layout.spare_status()
    }

    /// Starts the stream over. The ring goes on where it is.
    pub fn rewind(&mut self) {
        self.position = 0;
    }

    /// Does the next doorbell of the stream: every command up to and including
    /// the next wait, or fewer where there are more than the ring takes or
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
        while let Some(&command) = self.stream.commands().get(self.position)
            && self.position - start < self.capacity() as usize
            && entries < ENTRIES_PER_STEP
        {
            self.write(command.words)?;
            self.position += 1;
            at = command.at();
            let Ok(descriptor) = low_half(command.words) else {
                continue;
            };
            if matches!(descriptor, Descriptor::Wait { .. }) {
                status = Status::of(descriptor);
                self.reset(status)?;
                break;
            }
            entries += self.stream.reach(descriptor);
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

    /// Submits `descriptors` (low 128 bits each) with one doorbell. If the last
    /// of them is a wait with a status write, checks that it completed.
    ///
    /// # Errors
    /// [`ReplayError::TooManyDescriptors`] above [`Self::capacity`], nothing being
    /// submitted; [`ReplayError::Frozen`] when the queue froze, or already was.
    pub fn submit(&mut self, descriptors: &[[u64; 2]]) -> Result<(), ReplayError> {
        self.check_frozen(None)?;
        let max = self.capacity() as usize;
        if descriptors.len() > max {
            return Err(ReplayError::TooManyDescriptors {
                got: descriptors.len(),
                max,
            });
        }
        for &words in descriptors {
            self.write(words)?;
        }
        let last = descriptors.last().copied();
        let status = last
            .and_then(|words| low_half(words).ok())
            .and_then(Status::of);
        self.reset(status)?;
        self.ring(None)?;
        self.check(status)
    }

    fn write(&mut self, words: [u64; 2]) -> Result<(), ReplayError> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&words[0].to_le_bytes());
        bytes[8..16].copy_from_slice(&words[1].to_le_bytes());
        let len = self.front_end.width().bytes() as usize;
        self.memory
            .write_slice(&bytes[..len], self.layout.address_of(self.tail))?;
        self.tail = (self.tail + 1) % self.layout.entries();
        Ok(())
    }

    /// Writes the tail register. `first` is the command of the stream that the
    /// head stands at.
    fn ring(&mut self, first: Option<usize>) -> Result<(), ReplayError> {
        let head = self.front_end.iqh();
        self.front_end.write_iqt(self.layout.offset_of(self.tail));
        self.check_frozen(first.map(|first| (first, head)))
    }

    fn check_frozen(&self, begin: Option<(usize, u64)>) -> Result<(), ReplayError> {
        let Some(fault) = self.front_end.fault() else {
            return Ok(());
        };
        let command = begin.and_then(|(first, head)| {
            let entries = self.layout.entries();
            let head = u32::try_from(head).ok()? / self.front_end.width().bytes();
            Some(first + ((fault.index + entries - head) % entries) as usize)
        });
        Err(ReplayError::Frozen { fault, command })
    }

    /// Makes the status word differ from what the wait will write. A word that
    /// has no memory is left to the front end, whose business it is.
    fn reset(&self, status: Option<Status>) -> Result<(), ReplayError> {
        let Some(Status { addr, data }) = status else {
            return Ok(());
        };
        match self.memory.store((!data).to_le(), addr, Ordering::Relaxed) {
            Err(GuestMemoryError::InvalidGuestAddress(_)) => Ok(()),
            result => Ok(result?),
        }
    }

    fn check(&self, status: Option<Status>) -> Result<(), ReplayError> {
        let Some(Status { addr, data }) = status else {
            return Ok(());
        };
        let found = u32::from_le(self.memory.load(addr, Ordering::Acquire)?);
        if found == data {
            Ok(())
        } else {
            let addr = addr.0;
            Err(ReplayError::NotCompleted {
                addr,
                expected: data,
                found,
            })
        }
    }
}

/// A descriptor whose upper 128 bits are 0.
fn low_half([lo, hi]: [u64; 2]) -> Result<Descriptor, IqError> {
    decode([lo, hi, 0, 0])
}

#[cfg(test)]
mod tests;
