//! What a captured command invalidates, read from its words: the driver's decoders are
//! what is under test.

use hwptop_driver::{Capture, Vendor};

/// Pages that one command invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalidation {
    /// Domain or ASID; none for all of them.
    pub(crate) space: Option<u16>,
    /// First page, by its number.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Sync,
    Invalidates(Invalidation),
    /// Configuration: the captured guests did not change any.
    Other,
}

pub(crate) fn syncs(capture: &Capture) -> u64 {
    let is_sync = |words| read(capture.vendor(), words) == Meaning::Sync;
    let words = capture.commands().iter().map(|command| command.words);
    words.filter(|&words| is_sync(words)).map(|_| 1).sum()
}

pub(crate) fn read(vendor: Vendor, words: [u64; 2]) -> Meaning {
    match vendor {
        Vendor::Vtd => vtd(words),
        Vendor::SmmuV3 => smmuv3(words),
        Vendor::AmdVi => amdvi(words),
    }
}

/// VT-d 6.5.2: type, G, DID (31:16), AM (second word 5:0).
fn vtd([lo, hi]: [u64; 2]) -> Meaning {
    match (lo & 0xf, lo >> 4 & 3) {
        (5, _) => Meaning::Sync,
        // IOTLB, global.
        (2, 1) => invalidates(None, 0, u64::MAX),
        // IOTLB by domain, PASID-based IOTLB by PASID.
        (2 | 6, 2) => invalidates(Some(middle(lo, 16)), 0, u64::MAX),
        (2 | 6, 3) => invalidates(Some(middle(lo, 16)), hi >> 12, 1 << (hi & 0x3f)),
        _ => Meaning::Other,
    }
}

/// SMMUv3 4.4 and 4.7: opcode (7:0), ASID (63:48), NUM (16:12), SCALE (24:20), TG
/// (second word 11:10).
fn smmuv3([lo, hi]: [u64; 2]) -> Meaning {
    match lo & 0xff {
        0x46 => Meaning::Sync,
        0x12 => {
            let pages = match hi >> 10 & 3 {
                0 => 1,
                _ => ((lo >> 12 & 0x1f) + 1) << (lo >> 20 & 0x1f),
            };
            invalidates(Some(middle(lo, 48)), hi >> 12, pages)
        }
        _ => Meaning::Other,
    }
}

/// AMD-Vi 2.4: opcode (63:60), DomainID (47:32), S (second word 0) and the lowest clear
/// bit of the address, which then says the size.
fn amdvi([lo, hi]: [u64; 2]) -> Meaning {
    match lo >> 60 {
        1 => Meaning::Sync,
        3 => {
            let size_log2 = match hi & 1 {
                0 => 0,
                _ => (hi >> 12).trailing_ones() + 1,
            };
            let first = hi >> 12 >> size_log2 << size_log2;
            invalidates(Some(middle(lo, 32)), first, 1 << size_log2)
        }
        _ => Meaning::Other,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a field of 16 bits")]
const fn middle(word: u64, shift: u32) -> u16 {
    (word >> shift) as u16
}

const fn invalidates(space: Option<u16>, first: u64, pages: u64) -> Meaning {
    Meaning::Invalidates(Invalidation {
        space,
        first,
        last: first.saturating_add(pages - 1),
    })
}
