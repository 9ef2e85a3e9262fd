use super::fault::IqError;
use crate::engine::GuestRing;
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

    const fn of(iqa: u64) -> Self {
        if iqa & iqa::DW == 0 {
            Self::Bits128
        } else {
            Self::Bits256
        }
    }
}

/// Where the guest's queue is and how far it was read: `IQA_REG`, `IQH_REG` and
/// `IQT_REG` (VT-d 11.4.9.1 to 11.4.9.3).
#[derive(Debug)]
pub(super) struct Queue {
    iqa: u64,
    /// As the guest wrote it, masked to the register's writable bits.
    iqt: u32,
    pub(super) ring: GuestRing,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self::at(0)
    }

    /// A new queue is read from its beginning: setting one up is followed by
    /// `GCMD_REG.QIE`, which resets the head.
    const fn at(iqa: u64) -> Self {
        let width = Width::of(iqa).bytes();
        Self {
            iqa,
            iqt: 0,
            ring: GuestRing::new(iqa & iqa::BASE_MASK, Self::size(iqa) / width, width),
        }
    }

    /// Bytes: 4 KiB to 512 KiB.
    const fn size(iqa: u64) -> u32 {
        0x1000 << (iqa & iqa::QS_MASK)
    }

    pub(super) const fn iqa(&self) -> u64 {
        self.iqa
    }

    pub(super) const fn set_iqa(&mut self, value: u64) {
        *self = Self::at(value & (iqa::BASE_MASK | iqa::DW | iqa::QS_MASK));
    }

    pub(super) const fn iqh(&self) -> u64 {
        self.ring.head as u64 * self.ring.width() as u64
    }

    pub(super) const fn iqt(&self) -> u64 {
        self.iqt as u64
    }

    pub(super) const fn set_iqt(&mut self, value: u64) {
        self.iqt = (value & iqt::OFFSET_MASK) as u32;
    }

    pub(super) const fn width(&self) -> Width {
        Width::of(self.iqa)
    }

    /// Begins a run up to the tail.
    ///
    /// # Errors
    /// Where the tail is none that the head can ever reach.
    pub(super) const fn begin(&mut self) -> Result<(), IqError> {
        let width = self.ring.width();
        if self.iqt >= Self::size(self.iqa) {
            Err(IqError::InvalidTail)
        } else if !self.iqt.is_multiple_of(width) {
            Err(IqError::TailUnaligned)
        } else {
            self.ring.begin(self.iqt / width);
            Ok(())
        }
    }
}
