use crate::engine::GuestRing;
use crate::spec::amdvi::{ENTRY_BYTES, base, pointer};

/// How many entries a base address register's length stands for; none where it is
/// a reserved one.
pub(super) const fn entries_of(register: u64) -> Option<u32> {
    match register >> base::LEN_SHIFT & base::LEN_MASK {
        ..base::LEN_MIN => None,
        len => Some(1 << len),
    }
}

/// Where the guest's command buffer is and how far it was read: `Command Buffer Base
/// Address`, head and tail pointer registers (48882, 2.4).
#[derive(Debug)]
pub(super) struct Queue {
    base: u64,
    /// Bytes from the base, as the guest wrote it.
    tail: u32,
    pub(super) ring: GuestRing,
}

/// The tail is not in the buffer.
#[derive(Debug)]
pub(super) struct TailOutside;

impl Queue {
    pub(super) const fn new() -> Self {
        Self::at(0)
    }

    /// A new buffer is read from its beginning: writing the register resets head and
    /// tail (register 0008h).
    const fn at(register: u64) -> Self {
        // A buffer of a reserved length is never read.
        let entries = match entries_of(register) {
            Some(entries) => entries,
            None => 1 << base::LEN_MIN,
        };
        Self {
            base: register,
            tail: 0,
            ring: GuestRing::new(register & base::ADDRESS_MASK, entries, ENTRY_BYTES),
        }
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    pub(super) const fn set_base(&mut self, value: u64) {
        *self = Self::at(value & base::WRITABLE);
    }

    /// Whether the length is not a reserved one.
    pub(super) const fn is_valid(&self) -> bool {
        entries_of(self.base).is_some()
    }

    pub(super) const fn head(&self) -> u64 {
        self.ring.head as u64 * ENTRY_BYTES as u64
    }

    /// Beyond the buffer the specification leaves it open; it wraps.
    pub(super) const fn set_head(&mut self, value: u64) {
        let index = (value & pointer::OFFSET_MASK) as u32 / ENTRY_BYTES;
        self.ring.head = index % self.ring.entries();
    }

    pub(super) const fn tail(&self) -> u64 {
        self.tail as u64
    }

    pub(super) const fn set_tail(&mut self, value: u64) {
        self.tail = (value & pointer::OFFSET_MASK) as u32;
    }

    /// Guest-physical address of the command at `index`.
    pub(super) const fn address_of(&self, index: u32) -> u64 {
        (self.base & base::ADDRESS_MASK) + index as u64 * ENTRY_BYTES as u64
    }

    /// Begins a run up to the tail.
    ///
    /// # Errors
    /// Where the tail is none that the head can ever reach.
    pub(super) const fn begin(&mut self) -> Result<(), TailOutside> {
        let end = self.tail / ENTRY_BYTES;
        if end >= self.ring.entries() {
            return Err(TailOutside);
        }
        self.ring.begin(end);
        Ok(())
    }
}
