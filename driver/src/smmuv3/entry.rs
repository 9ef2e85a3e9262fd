use crate::engine::{Entry, Range};
use crate::spec::smmuv3::{
    ADDRESS, LEAF, OPCODE, SID, SID_SHIFT, SSID, SSID_SHIFT, SSV, atc_inv, tlbi,
};
use crate::{ArmSmmuV3Invalidate, Entries};

#[cfg(test)]
mod tests;

/// What a TLB invalidation without range fields stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Whatever leaf contains its address: of unknown size.
    Leaf,
    /// As a range, a page of 4 KiB: every table has that granule, and a range reaches
    /// every leaf that it touches.
    Page,
}

/// Bits of a virtual address that count pages of 4 KiB.
const LAST_PAGE: u64 = u64::MAX >> 12;
/// The largest SCALE without `IDR5.DS`.
const SCALE_MAX: u32 = 31;
/// NUM has 5 bits: up to 32 times 2^SCALE granules.
const CHUNKS_MAX: u64 = 32;

/// In a key: an ATC invalidation. The highest bit, so that sorting by key keeps them
/// behind the TLB invalidations that they rely on.
const KEY_ATC: u64 = 1 << 63;
const KEY_SSV: u64 = 1;
const KEY_GLOBAL: u64 = 2;
const KEY_SSID_SHIFT: u32 = 2;
const KEY_SID_SHIFT: u32 = 22;
/// In a key of a TLB invalidation: opcode in bits 7:0, and then these.
const KEY_LEAF: u64 = 1 << 8;
const KEY_TG_SHIFT: u32 = 9;
const KEY_ASID_SHIFT: u32 = 16;

impl ArmSmmuV3Invalidate {
    const NH_ALL: Self = Self {
        cmd: [tlbi::NH_ALL, 0],
    };

    const fn opcode(&self) -> u64 {
        self.cmd[0] & OPCODE
    }

    /// A TLB invalidation by address. `tg` 0 for one without range fields.
    fn tlbi_range(&self, plain: Plain) -> Option<Range> {
        let [lo, hi] = self.cmd;
        let first = hi >> 12;
        let scale = (lo & tlbi::SCALE_DS) >> tlbi::SCALE_SHIFT;
        let num = (lo & tlbi::NUM) >> tlbi::NUM_SHIFT;
        let (tg, pages) = match ((hi & tlbi::TG) >> tlbi::TG_SHIFT, plain) {
            (0, Plain::Leaf) => return None,
            (0, Plain::Page) => (1, 1),
            // Beyond, what is merged could need thousands of commands.
            (tg, _) if scale <= u64::from(SCALE_MAX) => (tg, ((num + 1) << scale) * granule(tg)),
            _ => return None,
        };
        // What a range that begins within a granule invalidates is UNPREDICTABLE
        // (4.4.1.1): left as the guest has it.
        if !first.is_multiple_of(granule(tg)) {
            return None;
        }
        let leaf = if hi & LEAF == 0 { 0 } else { KEY_LEAF };
        let asid = lo >> tlbi::ASID_SHIFT << KEY_ASID_SHIFT;
        Some(Range {
            key: self.opcode() | leaf | tg << KEY_TG_SHIFT | asid,
            first,
            // A range does not wrap at the end of the address space (4.4.1.1).
            last: (first + (pages - 1)).min(LAST_PAGE),
        })
    }

    fn atc_range(&self) -> Range {
        let [lo, hi] = self.cmd;
        let below = (1 << (hi & atc_inv::SIZE)) - 1;
        let first = hi >> 12 & !below;
        let flag = |bit, key| if lo & bit == 0 { 0 } else { key };
        Range {
            key: KEY_ATC
                | flag(SSV, KEY_SSV)
                | flag(atc_inv::GLOBAL, KEY_GLOBAL)
                | (lo & SSID) >> SSID_SHIFT << KEY_SSID_SHIFT
                | (lo & SID) >> SID_SHIFT << KEY_SID_SHIFT,
            first,
            last: first | below,
        }
    }
}

impl Entry for ArmSmmuV3Invalidate {
    type Rules = Plain;

    fn entries(list: &[Self]) -> Entries<'_> {
        Entries::ArmSmmuV3(list)
    }

    /// `NH_ASID` covers no `NH_VA`: that one also invalidates what is global (4.4.2.4).
    fn covers(&self, later: &Self) -> bool {
        match (self.opcode(), later.opcode()) {
            (
                tlbi::NH_ALL | tlbi::NSNH_ALL,
                tlbi::NH_ALL | tlbi::NH_ASID | tlbi::NH_VA | tlbi::NH_VAA | tlbi::NSNH_ALL,
            ) => true,
            (tlbi::NH_ASID, tlbi::NH_ASID) => self.cmd[0] == later.cmd[0],
            (atc_inv::OP, atc_inv::OP) => {
                self.cmd[0] == later.cmd[0] && self.cmd[1] & atc_inv::SIZE == atc_inv::SIZE_ALL
            }
            _ => false,
        }
    }

    fn range(&self, plain: Plain) -> Option<Range> {
        match self.opcode() {
            tlbi::NH_VA | tlbi::NH_VAA => self.tlbi_range(plain),
            atc_inv::OP => Some(self.atc_range()),
            _ => None,
        }
    }

    fn push_range(range: Range, list: &mut Vec<Self>) {
        if range.key & KEY_ATC == 0 {
            push_tlbi(range, list);
        } else {
            push_atc(range, list);
        }
    }

    /// For TLB invalidations `NH_ALL`, since `NH_ASID` leaves what is global.
    fn everything(key: u64) -> Self {
        if key & KEY_ATC == 0 {
            Self::NH_ALL
        } else {
            Self {
                cmd: [atc_lo(key), atc_inv::SIZE_ALL],
            }
        }
    }
}

/// Pages of 4 KiB in a granule of this TG, 1 to 3.
const fn granule(tg: u64) -> u64 {
    1 << (2 * (tg - 1))
}

/// The first word of the ATC invalidations with this key.
const fn atc_lo(key: u64) -> u64 {
    let ssv = if key & KEY_SSV == 0 { 0 } else { SSV };
    let global = if key & KEY_GLOBAL == 0 {
        0
    } else {
        atc_inv::GLOBAL
    };
    atc_inv::OP
        | ssv
        | global
        | key >> KEY_SSID_SHIFT << SSID_SHIFT & SSID
        | key >> KEY_SID_SHIFT << SID_SHIFT & SID
}

/// Chunks of up to 32 × 2^SCALE granules, largest first; a single granule, which with
/// TG and without TTL is a reserved combination (4.4.1.1), as a plain address.
fn push_tlbi(range: Range, list: &mut Vec<ArmSmmuV3Invalidate>) {
    let tg = range.key >> KEY_TG_SHIFT & 3;
    let op = range.key & OPCODE | range.key >> KEY_ASID_SHIFT << tlbi::ASID_SHIFT;
    let leaf = if range.key & KEY_LEAF == 0 { 0 } else { LEAF };
    let per_granule = granule(tg);
    let mut at = range.first / per_granule;
    let mut left = range.last / per_granule - at + 1;
    while left > 0 {
        let addr = (at * per_granule) << 12 | leaf;
        if left == 1 {
            list.push(ArmSmmuV3Invalidate { cmd: [op, addr] });
            return;
        }
        let bits = u64::BITS - left.leading_zeros();
        let mut scale = bits.saturating_sub(6);
        if left >> scale > CHUNKS_MAX {
            scale += 1;
        }
        let scale = scale.min(SCALE_MAX);
        let chunks = (left >> scale).min(CHUNKS_MAX);
        let lo = op | (chunks - 1) << tlbi::NUM_SHIFT | u64::from(scale) << tlbi::SCALE_SHIFT;
        list.push(ArmSmmuV3Invalidate {
            cmd: [lo, addr | tg << tlbi::TG_SHIFT],
        });
        at += chunks << scale;
        left -= chunks << scale;
    }
}

/// Naturally aligned powers of two, from the first page on.
fn push_atc(range: Range, list: &mut Vec<ArmSmmuV3Invalidate>) {
    let lo = atc_lo(range.key);
    let mut first = range.first;
    loop {
        let left = range.last - first;
        // 2^size - 1 pages beyond the first must fit.
        let fits = u64::BITS - 1 - (left + 1).leading_zeros();
        let size = first.trailing_zeros().min(fits);
        list.push(ArmSmmuV3Invalidate {
            cmd: [lo, first << 12 & ADDRESS | u64::from(size)],
        });
        let pages = 1 << size;
        if left < pages {
            return;
        }
        first += pages;
    }
}
