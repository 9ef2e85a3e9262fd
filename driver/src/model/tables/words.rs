use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Memory that holds tables, as words of 64 bits. Each access is one atomic one, so
/// that a walk may race with a writer and sees an entry as it was or as it is.
pub trait Words {
    /// The word at `addr`, a multiple of 8; none where there is no memory.
    fn load(&self, addr: u64) -> Option<u64>;

    /// Writes the word at `addr`, a multiple of 8; false where there is no memory.
    #[must_use]
    fn store(&self, addr: u64, value: u64) -> bool;
}

impl<W: Words + ?Sized> Words for &W {
    fn load(&self, addr: u64) -> Option<u64> {
        (**self).load(addr)
    }

    fn store(&self, addr: u64, value: u64) -> bool {
        (**self).store(addr, value)
    }
}

impl Words for GuestMemoryMmap {
    fn load(&self, addr: u64) -> Option<u64> {
        Bytes::load(self, GuestAddress(addr), Ordering::Acquire).ok()
    }

    fn store(&self, addr: u64, value: u64) -> bool {
        Bytes::store(self, value, GuestAddress(addr), Ordering::Release).is_ok()
    }
}

/// A guest's memory where it is one piece of the host's: what the guest calls
/// address 0 is the host's `base`.
#[derive(Clone, Copy, Debug)]
pub struct Shifted<W> {
    /// The host's memory.
    pub host: W,
    /// Host-physical address of the guest's address 0, in bytes.
    pub base: u64,
    /// Size of the guest's memory, in bytes.
    pub len: u64,
}

impl<W> Shifted<W> {
    fn host_address(&self, addr: u64) -> Option<u64> {
        (addr < self.len).then(|| self.base.checked_add(addr))?
    }
}

impl<W: Words> Words for Shifted<W> {
    fn load(&self, addr: u64) -> Option<u64> {
        self.host.load(self.host_address(addr)?)
    }

    fn store(&self, addr: u64, value: u64) -> bool {
        self.host_address(addr)
            .is_some_and(|addr| self.host.store(addr, value))
    }
}
