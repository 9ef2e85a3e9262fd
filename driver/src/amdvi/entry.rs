//! What batching has to know of the commands that become entries.

use crate::engine::{Entry, Range};
use crate::spec::amdvi::{
    OPCODE_SHIFT, PASID_MASK, invalidate_iommu_pages, invalidate_iotlb_pages, pages,
};
use crate::{AmdGuestInvalidate, Entries};

/// A key has the first word's bits 59:0, and above them what else two commands must
/// have in common.
const KEY_LO: u64 = (1 << OPCODE_SHIFT) - 1;
const KEY_IOTLB: u64 = 1 << 60;
const KEY_FLAGS_SHIFT: u32 = 60;
const KEY_FLAGS: u64 = pages::PDE | pages::GN;

impl AmdGuestInvalidate {
    const fn opcode(&self) -> u64 {
        self.cmd[0] >> OPCODE_SHIFT
    }

    /// Whether it is about every address.
    const fn is_every_address(&self) -> bool {
        pages::span(self.cmd[1]).is_none()
    }

    /// The entry for `pages` (S and address) of whatever has `key`.
    const fn of_key(key: u64, pages: u64) -> Self {
        let opcode = if key & KEY_IOTLB == 0 {
            invalidate_iommu_pages::OPCODE
        } else {
            invalidate_iotlb_pages::OPCODE
        };
        Self {
            cmd: [
                opcode << OPCODE_SHIFT | key & KEY_LO,
                key >> KEY_FLAGS_SHIFT & KEY_FLAGS | pages,
            ],
        }
    }
}

impl Entry for AmdGuestInvalidate {
    type Rules = ();

    fn entries(list: &[Self]) -> Entries<'_> {
        Entries::AmdGuest(list)
    }

    /// A nested HWPT's everything covers what comes behind it where that is no wider:
    /// in PDE, and in GN and PASID, of which GN = 0 is the widest (2.4.3: a
    /// translation of a guest's goes with the host translation it was made with).
    /// The domain does not matter: a nested HWPT has one, which replaces the guest's.
    fn covers(&self, later: &Self) -> bool {
        let [lo, hi] = self.cmd;
        let pasid = |entry: &Self| entry.cmd[0] & PASID_MASK;
        self.opcode() == invalidate_iommu_pages::OPCODE
            && later.opcode() == invalidate_iommu_pages::OPCODE
            && self.is_every_address()
            && (hi & pages::PDE != 0 || later.cmd[1] & pages::PDE == 0)
            && (hi & pages::GN == 0
                || later.cmd[1] & pages::GN != 0 && lo & PASID_MASK == pasid(later))
    }

    /// Every field but the range is the key. The IOTLB types other than 0 differ in
    /// what else they flush; they stay as they are.
    fn range(&self, (): ()) -> Option<Range> {
        let [lo, hi] = self.cmd;
        let iotlb = match self.opcode() {
            invalidate_iommu_pages::OPCODE => 0,
            invalidate_iotlb_pages::OPCODE if hi & invalidate_iotlb_pages::TYPE == 0 => KEY_IOTLB,
            _ => return None,
        };
        pages::span(hi).map(|(first, last)| Range {
            key: lo & KEY_LO | iotlb | (hi & KEY_FLAGS) << KEY_FLAGS_SHIFT,
            first,
            last,
        })
    }

    /// A command's range is a naturally aligned power of two. One such block around
    /// the range, where that is at most twice as large: one command costs the
    /// hardware less than the translations that go needlessly. Else exactly the
    /// range, in few blocks.
    fn push_range(range: Range, list: &mut Vec<Self>) {
        let mut push = |first: u64, order| {
            list.push(Self::of_key(range.key, pages::block(first << 12, order)));
        };
        let around = u64::BITS - (range.first ^ range.last).leading_zeros();
        if 1_u64 << around <= range.pages().saturating_mul(2) {
            return push(range.first, around);
        }
        let (mut first, mut left) = (range.first, range.pages());
        while left > 0 {
            // The largest block that begins here and does not go beyond the end.
            let order = first.trailing_zeros().min(left.ilog2());
            push(first, order);
            first += 1 << order;
            left -= 1 << order;
        }
    }

    fn everything(key: u64) -> Self {
        Self::of_key(key, pages::ALL)
    }
}

#[cfg(test)]
mod tests;
