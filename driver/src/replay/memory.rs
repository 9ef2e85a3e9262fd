use std::collections::BTreeSet;

use vm_memory::mmap::FromRangesError;
use vm_memory::{GuestAddress, GuestMemoryMmap};

const PAGE: u64 = 4096;

/// Size of a queue: 1,024 invalidations and a sync fit in one doorbell, with every
/// vendor.
pub(super) const QUEUE_BYTES: u64 = 16 * PAGE;

/// The largest queue that VT-d (`IQA_REG.QS`) and AMD-Vi (`ComLen`) have.
pub(super) const LARGEST_QUEUE_BYTES: u64 = 128 * PAGE;

/// The lowest address at which the queue is put.
const QUEUE_LOWEST: u64 = 1 << 20;

/// A guest's memory as far as its queue needs it: the ring, a page for status
/// words behind it, and the pages that a stream's syncs write to.
#[derive(Debug)]
pub(super) struct Layout {
    queue: u64,
    /// Bytes of a command.
    width: u32,
    /// Bytes of the queue.
    bytes: u64,
}

impl Layout {
    /// Puts the queue where no page of `status_pages` is.
    pub(super) fn new(status_pages: &BTreeSet<u64>, width: u32, bytes: u64) -> Self {
        let mut queue = QUEUE_LOWEST;
        // In ascending order, each page can only be in the way of the present
        // place: the ones passed over lie below it.
        for &page in status_pages {
            if (queue..queue + bytes + PAGE).contains(&page) {
                queue += 2 * bytes;
            }
        }
        Self {
            queue,
            width,
            bytes,
        }
    }

    /// Where the queue begins.
    pub(super) const fn queue(&self) -> u64 {
        self.queue
    }

    /// Bytes of a command.
    pub(super) const fn width(&self) -> u32 {
        self.width
    }

    /// Bytes of the queue, a power of two.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Commands in the ring.
    #[expect(clippy::cast_possible_truncation, reason = "at most 32,768")]
    pub(super) const fn entries(&self) -> u32 {
        (self.bytes / self.width as u64) as u32
    }

    pub(super) const fn address_of(&self, index: u32) -> GuestAddress {
        GuestAddress(self.queue + index as u64 * self.width as u64)
    }

    /// A status word that no stream uses.
    pub(super) const fn spare_status(&self) -> u64 {
        self.queue + self.bytes
    }

    pub(super) fn map(
        &self,
        status_pages: &BTreeSet<u64>,
    ) -> Result<GuestMemoryMmap, FromRangesError> {
        let mut ranges = vec![(self.queue, self.bytes + PAGE)];
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
