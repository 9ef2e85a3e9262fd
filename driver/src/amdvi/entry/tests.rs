use proptest::prelude::*;

use super::*;

const fn entry(lo: u64, hi: u64) -> AmdGuestInvalidate {
    AmdGuestInvalidate { cmd: [lo, hi] }
}

const D7: u64 = 0x3000_0007_0000_0000;
const ALL: u64 = 0x7fff_ffff_ffff_f000;

fn range_of(entry: AmdGuestInvalidate) -> (u64, u64) {
    let range = entry.range(()).unwrap();
    (range.first, range.last)
}

fn pushed(first: u64, last: u64) -> Vec<AmdGuestInvalidate> {
    let key = entry(D7, 0).range(()).unwrap().key;
    let mut entries = Vec::new();
    AmdGuestInvalidate::push_range(Range { key, first, last }, &mut entries);
    entries
}

#[test]
fn the_lowest_0_bit_of_the_address_says_how_large_a_range_is() {
    for (hi, range) in [
        (0x100_0000, (0x1000, 0x1000)),
        (0x100_7000, (0x1007, 0x1007)),
        (0x100_0001, (0x1000, 0x1001)),
        (0x100_1001, (0x1000, 0x1003)),
        // Captured: 64 KiB and 1 MiB from 16 MiB on.
        (0x100_7003, (0x1000, 0x100f)),
        (0x107_f001, (0x1000, 0x10ff)),
        (0x3fff_ffff_ffff_f001, (0, (1 << 51) - 1)),
    ] {
        assert_eq!(range_of(entry(D7, hi)), range, "{hi:#x}");
    }
}

#[test]
fn every_address_is_no_range() {
    for hi in [ALL | 1, ALL | 7, !0xfff | 1] {
        assert_eq!(entry(D7, hi).range(()), None, "{hi:#x}");
    }
    assert_eq!(range_of(entry(D7, ALL)), (ALL >> 12, ALL >> 12));
}

#[test]
fn only_commands_that_differ_in_nothing_else_become_one() {
    let key = |lo, hi| entry(lo, hi).range(()).unwrap().key;
    assert_eq!(key(D7, 0x1000), key(D7, 0x9_f001));
    let iotlb = 0x4534_4321_2012_abcd;
    let mut keys = vec![key(D7, 0), key(D7, 2), key(D7, 4), key(D7, 6)];
    keys.extend([key(D7 | 5, 4), key(D7 ^ 1 << 32, 0)]);
    keys.extend([key(iotlb, 0), key(iotlb, 4), key(iotlb ^ 1, 0)]);
    keys.extend([16, 24, 32, 48, 59].map(|bit| key(iotlb ^ 1 << bit, 0)));
    keys.push(key(iotlb ^ 7 << 60, 0));
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert_eq!(entry(iotlb, 0x1010).range(()), None, "a type of its own");
}

#[test]
fn a_block_around_a_range_is_used_up_to_twice_its_size() {
    assert_eq!(pushed(5, 5), [entry(D7, 0x5000)]);
    assert_eq!(pushed(4, 5), [entry(D7, 0x4001)]);
    // Pages 1 and 2: the block of four around them.
    assert_eq!(pushed(1, 2), [entry(D7, 0x1001)]);
    // Pages 7 and 8: the block around them has 16.
    assert_eq!(pushed(7, 8), [entry(D7, 0x7000), entry(D7, 0x8000)]);
    // Pages 7 to 18: 1, 8, 2 and 1 of them, since the block around them has 32.
    let split = [0x7000, 0xb001, 0x1_0001, 0x1_2000].map(|hi| entry(D7, hi));
    assert_eq!(pushed(7, 18), split);
    assert_eq!(pushed(512, 1023), [entry(D7, 0x2f_f001)]);
    assert_eq!(pushed(0, (1 << 52) - 1), [entry(D7, ALL | 1)]);
}

#[test]
fn everything_keeps_the_key() {
    let iotlb = entry(0x4534_4321_2012_abcd, 0x1004);
    let everything = AmdGuestInvalidate::everything(iotlb.range(()).unwrap().key);
    assert_eq!(everything, entry(0x4534_4321_2012_abcd, ALL | 5));
    let pages = entry(0x3000_1234_000f_edcb, 0x1006);
    let everything = AmdGuestInvalidate::everything(pages.range(()).unwrap().key);
    assert_eq!(everything, entry(0x3000_1234_000f_edcb, ALL | 7));
}

#[test]
fn everything_covers_what_is_no_wider() {
    let (host, host_pde) = (entry(D7, ALL | 1), entry(D7, ALL | 3));
    let (guest, guest_pde) = (entry(D7 | 9, ALL | 5), entry(D7 | 9, ALL | 7));
    let page = |flags: u64| entry(D7 | 9, 0x1000 | flags);
    let page_of_8 = entry(D7 | 8, 0x1004);
    let iotlb = entry(0x4000_0018_0000_0018, ALL | 1);
    assert!(host_pde.covers(&host_pde));
    for later in [host, guest, guest_pde, page(0), page(2), page(6), page_of_8] {
        assert!(host_pde.covers(&later), "{later:x?}");
    }
    assert!(host.covers(&host) && host.covers(&guest) && host.covers(&page(4)));
    assert!(!host.covers(&host_pde) && !host.covers(&page(6)));
    assert!(guest_pde.covers(&guest) && guest_pde.covers(&page(6)));
    assert!(!guest_pde.covers(&page_of_8) && !guest_pde.covers(&page(0)));
    assert!(!guest_pde.covers(&host));
    assert!(!page(0).covers(&page(0)));
    assert!(!iotlb.covers(&iotlb) && !iotlb.covers(&page(0)) && !host_pde.covers(&iotlb));
}

fn any_entry() -> impl Strategy<Value = AmdGuestInvalidate> {
    let lo = prop_oneof![
        Just(D7),
        Just(0x3000_0007_0000_0009),
        Just(0x4534_4321_2012_abcd),
        (0_u64..1 << 60).prop_map(|bits| bits | 4 << 60),
    ];
    let address = prop_oneof![any::<u64>(), 0_u64..0x40_0000].prop_map(|bits| bits & !0xfff);
    (lo, address, 0_u64..8, 0_u32..52).prop_map(|(lo, address, flags, ones)| {
        let ones = if flags & 1 == 0 { 0 } else { (1 << ones) - 1 };
        // PDE is reserved in INVALIDATE_IOTLB_PAGES.
        let flags = if lo >> 60 == 4 { flags & 5 } else { flags };
        entry(lo, address | ones << 12 | flags)
    })
}

proptest! {
    #[test]
    fn what_is_pushed_contains_the_range_and_is_aligned(
        like in any_entry(),
        first in prop_oneof![0_u64..1 << 52, 0_u64..2000],
        pages in prop_oneof![1_u64..1 << 52, 1_u64..2000],
    ) {
        let Some(range) = like.range(()) else { return Ok(()) };
        let range = Range { first, last: (first + pages - 1).min((1 << 52) - 1), ..range };
        let mut list = Vec::new();
        AmdGuestInvalidate::push_range(range, &mut list);
        let mut next = range.first;
        for pushed in &list {
            prop_assert!(crate::amdvi::decode(pushed.cmd).is_ok());
            prop_assert_eq!(pushed.cmd[0], like.cmd[0]);
            prop_assert_eq!(pushed.cmd[1] & 6, like.cmd[1] & 6);
            match pushed.range(()) {
                None => next = 1 << 52,
                Some(part) => {
                    prop_assert_eq!(part.key, range.key);
                    prop_assert!(part.first <= next, "a gap before {:#x?}", part);
                    next = next.max(part.last + 1);
                }
            }
        }
        prop_assert!(next > range.last);
        prop_assert!(list.len() <= 104);
    }

    #[test]
    fn an_entry_comes_back_from_its_range(like in any_entry()) {
        if let Some(range) = like.range(()).filter(|range| range.pages() <= 1 << 40) {
            let mut list = Vec::new();
            AmdGuestInvalidate::push_range(range, &mut list);
            // S with a size of one page does not exist, so that nothing is ambiguous.
            prop_assert_eq!(list, [like]);
        }
    }
}
