use super::format::{Entry, LEVELS, entry_log2, entry_offset};
use super::{Format, PageAllocator, Words};

/// Bytes of a table page.
const PAGE: u64 = 4096;

/// A page of a table, as software wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Input address, aligned to the page's size.
    pub from: u64,
    /// Output address, aligned to the page's size.
    pub to: u64,
    /// 12, 21 or 30: pages of 4 KiB, 2 MiB or 1 GiB.
    pub size_log2: u8,
    /// Writes are allowed; reads always are.
    pub writable: bool,
}

/// Why a table stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Size, alignment or width of an address that the format does not have.
    #[error("no such page in this format")]
    Unaligned,
    /// A page of another size, or a table, is where the page should be.
    #[error("another mapping is in the way, unmap it first")]
    Occupied,
    /// The allocator has no page for a table.
    #[error("out of table pages")]
    OutOfPages,
    /// A table is where there is no memory.
    #[error("a table lies outside the memory")]
    NoMemory,
}

/// A page table. It never reads or writes but through the [`Words`] it is given,
/// with addresses as these count them: a guest's table with guest-physical ones.
///
/// One writer at a time; walks may go on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    /// The format.
    pub format: Format,
    /// Address of the root page.
    pub root: u64,
}

impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// No page for the root, or no memory there.
    pub fn new<W: Words>(
        format: Format,
        words: &W,
        pages: &mut PageAllocator,
    ) -> Result<Self, TableError> {
        let root = empty_page(words, pages)?;
        Ok(Self { format, root })
    }

    /// Maps a page; one of the same size that is there is replaced.
    ///
    /// # Errors
    /// The table maps what it mapped before.
    pub fn map<W: Words>(
        &self,
        words: &W,
        pages: &mut PageAllocator,
        mapping: Mapping,
    ) -> Result<(), TableError> {
        let Mapping {
            from,
            to,
            size_log2,
            writable,
        } = mapping;
        let level = self.level_of(from, size_log2)?;
        if level == LEVELS || !is_aligned(to, size_log2) || to >> 48 != 0 {
            return Err(TableError::Unaligned);
        }
        let mut table = self.root;
        for level in (level + 1..=LEVELS).rev() {
            let slot = table + entry_offset(level, from);
            table = match self.entry(words, level, slot)? {
                Entry::Table { address, .. } => address,
                Entry::Absent => {
                    let page = empty_page(words, pages)?;
                    write(words, slot, self.format.table(level - 1, page))?;
                    page
                }
                Entry::Page { .. } | Entry::Malformed => return Err(TableError::Occupied),
            };
        }
        let slot = table + entry_offset(level, from);
        if let Entry::Table { .. } = self.entry(words, level, slot)? {
            return Err(TableError::Occupied);
        }
        write(words, slot, self.format.page(level, to, writable))
    }

    /// Clears the entry that stands for the 2^`size_log2` bytes (12, 21, 30 or 39) at
    /// `from`: a page of this size, a table with everything below it, or nothing.
    ///
    /// Returns the table pages that were unlinked. A unit may have them in its
    /// paging-structure caches: they go back to the allocator after the
    /// invalidation, which must not be one of leaf entries only.
    ///
    /// # Errors
    /// `Occupied`: a larger page covers the address. The table is as it was.
    pub fn unmap<W: Words>(
        &self,
        words: &W,
        from: u64,
        size_log2: u8,
    ) -> Result<Vec<u64>, TableError> {
        let target = self.level_of(from, size_log2)?;
        let mut table = self.root;
        for level in (target + 1..=LEVELS).rev() {
            table = match self.entry(words, level, table + entry_offset(level, from))? {
                Entry::Table { address, .. } => address,
                Entry::Absent => return Ok(Vec::new()),
                Entry::Page { .. } | Entry::Malformed => return Err(TableError::Occupied),
            };
        }
        let slot = table + entry_offset(target, from);
        let mut unlinked = Vec::new();
        if let Entry::Table { address, .. } = self.entry(words, target, slot)? {
            self.collect(words, target - 1, address, &mut unlinked)?;
        }
        write(words, slot, 0)?;
        Ok(unlinked)
    }

    /// The table page at `address` and those below it.
    fn collect<W: Words>(
        &self,
        words: &W,
        level: u8,
        address: u64,
        pages: &mut Vec<u64>,
    ) -> Result<(), TableError> {
        pages.push(address);
        if level == 1 {
            return Ok(());
        }
        for slot in (address..address + PAGE).step_by(8) {
            if let Entry::Table { address, .. } = self.entry(words, level, slot)? {
                self.collect(words, level - 1, address, pages)?;
            }
        }
        Ok(())
    }

    /// The level whose entries stand for 2^`size_log2` bytes.
    fn level_of(&self, from: u64, size_log2: u8) -> Result<u8, TableError> {
        (1..=LEVELS)
            .find(|&level| entry_log2(level) == size_log2)
            .filter(|_| is_aligned(from, size_log2) && self.format.covers(from))
            .ok_or(TableError::Unaligned)
    }

    fn entry<W: Words>(&self, words: &W, level: u8, slot: u64) -> Result<Entry, TableError> {
        match words.load(slot).map(|word| self.format.decode(level, word)) {
            None => Err(TableError::NoMemory),
            // The writer leaves no level out.
            Some(Entry::Table { level: next, .. }) if next != level - 1 => Ok(Entry::Malformed),
            Some(entry) => Ok(entry),
        }
    }
}

const fn is_aligned(addr: u64, size_log2: u8) -> bool {
    addr & ((1 << size_log2) - 1) == 0
}

fn write<W: Words>(words: &W, addr: u64, value: u64) -> Result<(), TableError> {
    words
        .store(addr, value)
        .then_some(())
        .ok_or(TableError::NoMemory)
}

fn empty_page<W: Words>(words: &W, pages: &mut PageAllocator) -> Result<u64, TableError> {
    let page = pages.alloc().ok_or(TableError::OutOfPages)?;
    for slot in (page..page + PAGE).step_by(8) {
        if let Err(error) = write(words, slot, 0) {
            pages.free(page);
            return Err(error);
        }
    }
    Ok(page)
}
