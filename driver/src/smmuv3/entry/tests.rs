use proptest::prelude::*;

use super::*;

const fn entry(lo: u64, hi: u64) -> ArmSmmuV3Invalidate {
    ArmSmmuV3Invalidate { cmd: [lo, hi] }
}

/// First and last page of 4 KiB that a TLBI of a range, a plain one in tables of this
/// granule, or an ATC invalidation covers: from the specification's formulas.
fn pages(entry: ArmSmmuV3Invalidate, plain: u64) -> (u64, u64) {
    let [lo, hi] = entry.cmd;
    let first = hi >> 12;
    if lo & 0xff == 0x40 {
        let pages = 1_u64 << (hi & 0x3f);
        assert_eq!(first % pages, 0, "not aligned to its size: {hi:#x}");
        return (first, first + (pages - 1));
    }
    let (num, scale) = (lo >> 12 & 0x1f, lo >> 20 & 0x3f);
    let granule = match hi >> 10 & 3 {
        0 => {
            assert_eq!((num, scale, hi >> 8 & 3), (0, 0, 0), "reserved");
            return (first, first + plain - 1);
        }
        1 => 1,
        2 => 4,
        _ => 16,
    };
    assert!(num != 0 || scale != 0 || hi >> 8 & 3 != 0, "reserved");
    assert!(scale < 32, "reserved without DS");
    assert_eq!(first % granule, 0, "UNPREDICTABLE");
    (first, first + ((num + 1) << scale) * granule - 1)
}

/// What `push_range` makes of a range.
fn pushed(range: Range) -> Vec<ArmSmmuV3Invalidate> {
    let mut list = Vec::new();
    ArmSmmuV3Invalidate::push_range(range, &mut list);
    list
}

fn range_of(lo: u64, hi: u64) -> Range {
    entry(lo, hi).range(Plain::Page).unwrap()
}

#[test]
fn pages_of_2_mib_are_one_command() {
    let mut range = range_of(0x0003_0000_0000_0012, 0x4000_0701);
    range.last = range.first + 511;
    assert_eq!(
        pushed(range),
        [entry(0x0003_0000_0041_f012, 0x4000_0401)],
        "NUM 31, SCALE 4"
    );
}

#[test]
fn a_single_page_is_a_plain_command() {
    for hi in [0x4000_0001, 0x4000_0701] {
        let range = range_of(0x0003_0000_0000_0012, hi);
        assert_eq!(pushed(range), [entry(0x0003_0000_0000_0012, 0x4000_0001)]);
    }
}

#[test]
fn a_range_is_in_pages_of_4_kib_whatever_its_granule() {
    for (tg, granule) in [(0x400, 1), (0x800, 4), (0xc00, 16)] {
        let range = range_of(0x0020_2012, 0x4000_0000 | tg);
        assert_eq!(
            (range.first, range.last),
            (0x4_0000, 0x4_0000 + 12 * granule - 1)
        );
    }
}

#[test]
fn what_cannot_be_merged_is_no_range() {
    // Of unknown size; of more than SCALE 31; not aligned to its granule.
    assert_eq!(entry(0x12, 0x7000).range(Plain::Leaf), None);
    assert_eq!(entry(0x0200_0012, 0x7400).range(Plain::Page), None);
    assert_eq!(entry(0x1012, 0x7800).range(Plain::Page), None);
    for opcode in [0x05, 0x06, 0x10, 0x11, 0x30] {
        assert_eq!(entry(opcode, 0).range(Plain::Page), None);
    }
}

#[test]
fn a_range_ends_with_the_address_space() {
    let range = range_of(0x01f1_f012, 0xffff_ffff_ffff_f400);
    assert_eq!(range.first, range.last);
    let atc = range_of(0x40, 52);
    assert_eq!((atc.first, atc.last), (0, LAST_PAGE));
    assert_eq!(pushed(atc), [entry(0x40, 52)]);
}

#[test]
fn ranges_of_different_commands_have_different_keys() {
    let keys = [
        range_of(0x0001_0000_0000_0012, 0x7001),
        range_of(0x0002_0000_0000_0012, 0x7001),
        range_of(0x0001_0000_0000_0012, 0x7000),
        range_of(0x0001_0000_0000_0012, 0x1_0b01),
        range_of(0x13, 0x7001),
        range_of(0x0000_0001_0000_0040, 0x7000),
        range_of(0x0000_0002_0000_0040, 0x7000),
        range_of(0x0000_0001_0000_0840, 0x7000),
        range_of(0x0000_0001_0000_1840, 0x7000),
        range_of(0x0000_0001_0000_1a40, 0x7000),
        range_of(0xffff_ffff_ffff_fa40, 0x7000),
    ]
    .map(|range| range.key);
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key), "{at}");
    }
    let (tlbi, atc) = keys.split_at(5);
    assert!(
        tlbi.iter().max() < atc.iter().min(),
        "sorting leaves ATC invalidations behind"
    );
}

#[test]
fn everything_includes_what_is_global() {
    let nh_all = entry(0x10, 0);
    for lo in [0x0003_0000_0000_0012, 0x13] {
        let key = range_of(lo, 0x7001).key;
        assert_eq!(ArmSmmuV3Invalidate::everything(key), nh_all);
    }
    let key = range_of(0x0000_0100_0000_5a40, 0x7000).key;
    assert_eq!(
        ArmSmmuV3Invalidate::everything(key),
        entry(0x0000_0100_0000_5a40, 52)
    );
}

#[test]
fn only_what_invalidates_more_covers() {
    let asid_1 = entry(0x0001_0000_0000_0011, 0);
    let asid_2 = entry(0x0002_0000_0000_0011, 0);
    let va_of_1 = entry(0x0001_0000_0000_0012, 0x7000);
    let vaa = entry(0x13, 0x7000);
    let tlbi = [entry(0x10, 0), entry(0x30, 0), asid_1, asid_2, va_of_1, vaa];
    let others = [entry(0x05, 0), entry(0x06, 0), entry(0x40, 52)];
    for all in [entry(0x10, 0), entry(0x30, 0)] {
        assert!(tlbi.iter().all(|later| all.covers(later)));
        assert!(others.iter().all(|later| !all.covers(later)));
    }
    assert!(asid_1.covers(&asid_1) && !asid_1.covers(&asid_2));
    assert!(
        !asid_1.covers(&va_of_1),
        "NH_VA invalidates what is global, NH_ASID does not"
    );
    assert!(!va_of_1.covers(&va_of_1) && !entry(0x06, 0).covers(&entry(0x05, 0)));
    let atc_all = entry(0x0000_0100_0000_0040, 52);
    assert!(atc_all.covers(&entry(0x0000_0100_0000_0040, 0x7000)));
    assert!(!atc_all.covers(&entry(0x0000_0200_0000_0040, 0x7000)));
    assert!(!entry(0x40, 0x7003).covers(&entry(0x40, 0x7000)));
}

fn some_entry() -> impl Strategy<Value = ArmSmmuV3Invalidate> {
    let address = prop_oneof![any::<u64>(), 0..0x1000_0000_u64, u64::MAX - 0xff_ffff..];
    let tlbi = (
        0_u64..2,
        any::<u16>(),
        1_u64..4,
        0_u64..32,
        0_u64..32,
        0_u64..2,
    );
    let ranged = (tlbi, address.clone()).prop_map(|((op, asid, tg, num, scale, leaf), addr)| {
        let asid = if op == 0 { u64::from(asid) << 48 } else { 0 };
        let granule_mask = (0x1000 << (2 * (tg - 1))) - 1;
        // TTL 3, so that any NUM and SCALE are allowed.
        entry(
            (0x12 + op) | asid | num << 12 | scale << 20,
            addr & !granule_mask | tg << 10 | 0x300 | leaf,
        )
    });
    let plain = (address.clone(), 0_u64..2)
        .prop_map(|(addr, leaf)| entry(0x0005_0000_0000_0012, addr & !0xfff | leaf));
    let atc = (address, any::<u64>(), 0_u64..=52)
        .prop_map(|(addr, lo, size)| entry(lo & !0x5ff | 0x40, addr & !0xfff | size));
    prop_oneof![ranged, plain, atc]
}

proptest! {
    #[test]
    fn what_is_pushed_for_a_range_is_the_range_and_nothing_reserved(
        from in some_entry(),
        more in prop_oneof![0_u64..2000, 0..1_u64 << 40],
    ) {
        let mut range = from.range(Plain::Page).unwrap();
        let granule = 1 << (2 * ((range.key >> 9 & 3).saturating_sub(1)));
        let granule = if range.key >> 63 == 0 { granule } else { 1 };
        range.last = (range.last + more * granule).min(u64::MAX >> 12);
        let list = pushed(range);
        let mut next = range.first;
        for &entry in &list {
            let (first, last) = pages(entry, granule);
            prop_assert_eq!(first, next, "without gap or overlap");
            next = last + 1;
            if range.key >> 63 == 0 {
                prop_assert_eq!(entry.cmd[0] & 0xffff_0000_0000_00ff, from.cmd[0] & 0xffff_0000_0000_00ff);
                prop_assert_eq!(entry.cmd[1] & 1, from.cmd[1] & 1);
            } else {
                prop_assert_eq!(entry.cmd[0], from.cmd[0]);
            }
        }
        prop_assert_eq!(next, range.last + 1);
        prop_assert!(list.len() < 120);
    }
}
