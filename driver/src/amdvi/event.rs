use vm_memory::{Bytes, GuestAddress};

use super::queue::entries_of;
use crate::spec::amdvi::{ENTRY_BYTES, base, pointer};

/// The guest's event log (48882, 2.5): `Event Log Base Address`, head and tail
/// pointer registers.
#[derive(Debug)]
pub(super) struct EventLog {
    base: u64,
    /// Bytes from the base, as the guest wrote it.
    head: u32,
    /// Bytes from the base: where the next event goes.
    tail: u32,
    /// An event was lost; nothing is written until the guest restarts the log.
    pub(super) overflowed: bool,
}

/// An event could not be written and is lost.
#[derive(Debug)]
pub(super) struct Lost;

impl EventLog {
    pub(super) const fn new() -> Self {
        Self {
            base: 0,
            head: 0,
            tail: 0,
            overflowed: false,
        }
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// A new log is empty: writing the register resets head and tail (register 0010h).
    pub(super) const fn set_base(&mut self, value: u64) {
        self.base = value & base::WRITABLE;
        self.head = 0;
        self.tail = 0;
    }

    pub(super) const fn head(&self) -> u64 {
        self.head as u64
    }

    pub(super) const fn set_head(&mut self, value: u64) {
        self.head = (value & pointer::OFFSET_MASK) as u32;
    }

    pub(super) const fn tail(&self) -> u64 {
        self.tail as u64
    }

    pub(super) const fn set_tail(&mut self, value: u64) {
        self.tail = (value & pointer::OFFSET_MASK) as u32;
    }

    /// Whether the length is not a reserved one.
    pub(super) const fn is_valid(&self) -> bool {
        entries_of(self.base).is_some()
    }

    /// Appends an event. One entry always stays free: head = tail is an empty log.
    ///
    /// # Errors
    /// No entry is free, the log lies outside of guest memory, or the tail is not in
    /// the log.
    pub(super) fn push<M: Bytes<GuestAddress>>(
        &mut self,
        memory: &M,
        event: [u64; 2],
    ) -> Result<(), Lost> {
        let bytes = entries_of(self.base).ok_or(Lost)? * ENTRY_BYTES;
        let next = (self.tail + ENTRY_BYTES) % bytes;
        if self.tail >= bytes || next == self.head {
            return Err(Lost);
        }
        let mut entry = [0; ENTRY_BYTES as usize];
        for (bytes, word) in entry.as_chunks_mut().0.iter_mut().zip(event) {
            *bytes = word.to_le_bytes();
        }
        // At most 2^52 + 2^19.
        let at = GuestAddress((self.base & base::ADDRESS_MASK) + u64::from(self.tail));
        memory.write_slice(&entry, at).map_err(|_| Lost)?;
        self.tail = next;
        Ok(())
    }
}
