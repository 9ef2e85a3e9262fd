use std::sync::{Mutex, MutexGuard, PoisonError};

use vm_memory::{GuestAddress, GuestMemory, GuestMemoryMmap, Permissions};

use super::super::tables::PageAllocator;

/// The host's memory, and the part of it that is for tables.
pub(super) struct Host {
    pub(super) memory: GuestMemoryMmap,
    /// Held while a table is written: tables have one writer at a time. Never held
    /// while hardware is waited for.
    pages: Mutex<PageAllocator>,
}

impl Host {
    pub(super) const fn new(memory: GuestMemoryMmap, pages: PageAllocator) -> Self {
        Self {
            memory,
            pages: Mutex::new(pages),
        }
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, PageAllocator> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of it is memory.
    pub(super) fn has(&self, address: u64, length: u64) -> bool {
        let address = GuestAddress(address);
        usize::try_from(length).is_ok_and(|length| {
            self.memory
                .check_range(address, length, Permissions::ReadWrite)
        })
    }

    /// Gives table pages back that no unit has cached any more.
    pub(super) fn free(&self, pages: Vec<u64>) {
        let mut allocator = self.pages();
        for page in pages {
            allocator.free(page);
        }
    }
}
