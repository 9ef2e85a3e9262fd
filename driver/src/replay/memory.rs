use std::collections::BTreeSet;

use vm_memory::mmap::FromRangesError;
use vm_memory::{GuestAddress, GuestMemoryMmap};

use crate::Width;
use crate::spec::vtd::iqa;

const PAGE: u64 = 4096;

/// Pages of the queue: 1,024 invalidations and a wait fit in one doorbell, with
/// either width.
const QUEUE_PAGES_LOG2: u64 = 4;

/// The lowest address at which the queue is put.
const QUEUE_LOWEST: u64 = 1 << 20;

/// A guest's memory as far as its queue needs it: the ring, a page for status
/// words behind it, and the pages that a stream's wait descriptors name.
#[derive(Debug)]
pub(super) struct Layout {
    queue: u64,
    width: Width,
}

impl Layout {
    /// Puts the queue where no page of `status_pages` is.
    pub(super) fn new(status_pages: &BTreeSet<u64>, width: Width) -> Self {
        let mut queue = QUEUE_LOWEST;
        // In ascending order, each page can only be in the way of the present
        // place: the ones passed over lie below it.
        for &page in status_pages {
            if (queue..queue + Self::BYTES + PAGE).contains(&page) {
                queue += 2 * Self::BYTES;
            }
        }
        Self { queue, width }
    }

    const BYTES: u64 = PAGE << QUEUE_PAGES_LOG2;

    /// The value for `IQA_REG`.
    pub(super) const fn iqa(&self) -> u64 {
        let dw = match self.width {
            Width::Bits128 => 0,
            Width::Bits256 => iqa::DW,
        };
        self.queue | dw | QUEUE_PAGES_LOG2
    }

    /// Descriptors in the ring.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4,096")]
    pub(super) const fn entries(&self) -> u32 {
        (Self::BYTES / self.width.bytes() as u64) as u32
    }

    pub(super) const fn address_of(&self, index: u32) -> GuestAddress {
        GuestAddress(self.queue + self.offset_of(index))
    }

    /// What the tail register takes for `index`.
    pub(super) const fn offset_of(&self, index: u32) -> u64 {
        index as u64 * self.width.bytes() as u64
    }

    /// A status word that no stream uses.
    pub(super) const fn spare_status(&self) -> u64 {
        self.queue + Self::BYTES
    }

    pub(super) fn map(
        &self,
        status_pages: &BTreeSet<u64>,
    ) -> Result<GuestMemoryMmap, FromRangesError> {
        let mut ranges = vec![(self.queue, Self::BYTES + PAGE)];
        for &page in status_pages {
            match ranges.last_mut() {
                Some((start, len)) if *start + *len == page => *len += PAGE,
                _ => ranges.push((page, PAGE)),
            }
        }
        ranges.sort_unstable();
        let ranges: Vec<_> = ranges
            .into_iter()
            .map(|(start, len)| {
                (
                    GuestAddress(start),
                    usize::try_from(len).unwrap_or(usize::MAX),
                )
            })
            .collect();
        GuestMemoryMmap::from_ranges(&ranges)
    }
}
