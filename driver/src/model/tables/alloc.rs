use std::ops::Range;

/// Bytes of a table page, in every format.
const PAGE: u64 = 4096;

/// Hands out table pages from a range of addresses.
#[derive(Clone, Debug)]
pub struct PageAllocator {
    never_used: Range<u64>,
    free: Vec<u64>,
}

impl PageAllocator {
    /// Pages of 4 KiB from `range`, whose ends are rounded inwards to pages.
    #[must_use]
    pub const fn new(range: Range<u64>) -> Self {
        let start = range.start.saturating_add(PAGE - 1) & !(PAGE - 1);
        Self {
            never_used: start..range.end & !(PAGE - 1),
            free: Vec::new(),
        }
    }

    /// The address of a page; none when all are in use. What is in it is not
    /// defined.
    pub fn alloc(&mut self) -> Option<u64> {
        self.free.pop().or_else(|| {
            let page = self.never_used.start;
            (page < self.never_used.end).then(|| {
                self.never_used.start += PAGE;
                page
            })
        })
    }

    /// Takes back a page that [`Self::alloc`] returned. It is the next that is
    /// handed out, so that a unit that still walks it is found out soonest.
    pub fn free(&mut self, page: u64) {
        self.free.push(page);
    }
}
