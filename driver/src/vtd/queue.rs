use vm_memory::{Bytes, GuestAddress};

use super::fault::IqError;
use crate::spec::vtd::{iqa, iqt};

/// Size of a descriptor (`IQA_REG.DW`). Linux uses 256 bits in scalable mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 16 bytes.
    Bits128,
    /// 32 bytes; the upper half of every invalidation descriptor is 0.
    Bits256,
}

impl Width {
    /// Bytes of one descriptor.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Bits128 => 16,
            Self::Bits256 => 32,
        }
    }
}

/// Where the guest's queue is and how far it was read: `IQA_REG`, `IQH_REG` and
/// `IQT_REG` (VT-d 11.4.9.1 to 11.4.9.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    iqa: u64,
    /// Bytes, below the queue's size.
    head: u32,
    /// As the guest wrote it, masked to the register's writable bits.
    tail: u32,
}

impl Queue {
    pub(super) const fn iqa(&self) -> u64 {
        self.iqa
    }

    /// A new queue is read from its beginning: setting one up is followed by
    /// `GCMD_REG.QIE`, which resets the head.
    pub(super) const fn set_iqa(&mut self, value: u64) {
        self.iqa = value & (iqa::BASE_MASK | iqa::DW | iqa::QS_MASK);
        self.head = 0;
        self.tail = 0;
    }

    pub(super) const fn iqh(&self) -> u64 {
        self.head as u64
    }

    pub(super) const fn iqt(&self) -> u64 {
        self.tail as u64
    }

    pub(super) const fn set_iqt(&mut self, value: u64) {
        self.tail = (value & iqt::OFFSET_MASK) as u32;
    }

    pub(super) const fn width(&self) -> Width {
        if self.iqa & iqa::DW == 0 {
            Width::Bits128
        } else {
            Width::Bits256
        }
    }

    /// Bytes: 4 KiB to 512 KiB.
    const fn size(&self) -> u32 {
        0x1000 << (self.iqa & iqa::QS_MASK)
    }

    /// Position of the head, in descriptors.
    pub(super) const fn index(&self) -> u32 {
        self.head / self.width().bytes()
    }

    pub(super) const fn set_index(&mut self, index: u32) {
        self.head = index * self.width().bytes() % self.size();
    }

    /// How many descriptors before the head the one at `index` was read.
    pub(super) const fn distance_back(&self, index: u32) -> u32 {
        let entries = self.size() / self.width().bytes();
        (self.index() + entries - index) % entries
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    pub(super) const fn advance(&mut self) {
        self.head = (self.head + self.width().bytes()) % self.size();
    }

    /// # Errors
    /// Where the tail is none that the head can ever reach.
    pub(super) const fn check_tail(&self) -> Result<(), IqError> {
        if self.tail >= self.size() {
            Err(IqError::InvalidTail)
        } else if !self.tail.is_multiple_of(self.width().bytes()) {
            Err(IqError::TailUnaligned)
        } else {
            Ok(())
        }
    }

    /// Fetches the descriptor at the head.
    ///
    /// # Errors
    /// Where it does not lie in guest memory.
    pub(super) fn fetch<M: Bytes<GuestAddress>>(&self, memory: &M) -> Result<[u64; 4], IqError> {
        // The base has its low 12 bits clear, but may end where the space ends.
        let addr = (self.iqa & iqa::BASE_MASK)
            .checked_add(u64::from(self.head))
            .ok_or(IqError::FetchFailed)?;
        let mut bytes = [0; 32];
        let len = self.width().bytes() as usize;
        memory
            .read_slice(&mut bytes[..len], GuestAddress(addr))
            .map_err(|_| IqError::FetchFailed)?;
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(words)
    }
}
