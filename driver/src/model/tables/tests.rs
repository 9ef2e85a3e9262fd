use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;

/// Memory that holds only what was put there; the rest is not there.
#[derive(Default)]
struct Sparse(RefCell<BTreeMap<u64, u64>>);

impl Words for Sparse {
    fn load(&self, addr: u64) -> Option<u64> {
        self.0.borrow().get(&addr).copied()
    }

    fn store(&self, addr: u64, value: u64) -> bool {
        self.0.borrow_mut().insert(addr, value);
        true
    }
}

fn words(entries: &[(u64, u64)]) -> Sparse {
    Sparse(RefCell::new(entries.iter().copied().collect()))
}

fn look_up(format: Format, memory: &Sparse, addr: u64) -> Result<Leaf, WalkFault<Infallible>> {
    walk(format, Node::root(0x1000), addr, memory, Ok, |_| ())
}

fn found(address: u64, size_log2: u8, write: bool) -> Leaf {
    Leaf {
        address,
        size_log2,
        read: true,
        write,
        global: false,
    }
}

/// 0x40_8060_5123: indices 0x40_8060_5123 = 0, 0x102, 0x03, 0x05 of levels 4 to 1.
const ADDR: u64 = 0x40_8060_5123;

/// Where the tables of levels 4 to 1 have their entries for [`ADDR`].
const SLOTS: [u64; 4] = [0x1000, 0x2810, 0x3018, 0x4028];

fn chain(format: Format, tables: [u64; 3], page: u64) -> Result<Leaf, WalkFault<Infallible>> {
    let [four, three, two, one] = SLOTS;
    let memory = words(&[
        (four, tables[0]),
        (three, tables[1]),
        (two, tables[2]),
        (one, page),
    ]);
    look_up(format, &memory, ADDR)
}

fn fault(level: u8, reason: WalkFaultReason<Infallible>) -> WalkFault<Infallible> {
    WalkFault { level, reason }
}

#[test]
fn an_x86_walk_reads_entries_as_the_amd64_manual_encodes_them() {
    // P, RW, US; accessed and dirty as an operating system finds them.
    let tables = [0x2027, 0x3027, 0x4027];
    assert_eq!(
        chain(Format::X86, tables, 0x8000_0000_dead_b067),
        Ok(found(0xdead_b000, 12, true))
    );
    // Without RW in the page, and without RW on the way.
    assert_eq!(
        chain(Format::X86, tables, 0xdead_b025),
        Ok(found(0xdead_b000, 12, false))
    );
    assert_eq!(
        chain(Format::X86, [0x2027, 0x3025, 0x4027], 0xdead_b067),
        Ok(found(0xdead_b000, 12, false))
    );
    // A supervisor page is no page for a device.
    let supervisor = chain(Format::X86, tables, 0xdead_b063).unwrap();
    assert!(!supervisor.read && !supervisor.write);
    assert_eq!(
        chain(Format::X86, tables, 0xdead_b066),
        Err(fault(1, WalkFaultReason::NotPresent))
    );
}

#[test]
fn an_x86_walk_ends_at_large_pages() {
    // PS is bit 7; bit 12 of a large page is PAT and no address.
    assert_eq!(
        chain(
            Format::X86,
            [0x2027, 0x3027, 0x1234_1000 & !0x1f_0000 | 0x10e7],
            0
        ),
        Ok(found(0x1220_0000, 21, true))
    );
    assert_eq!(
        chain(Format::X86, [0x2027, 0x4000_00e7, 0], 0),
        Ok(found(0x4000_0000, 30, true))
    );
    assert_eq!(
        chain(Format::X86, [0x2027, 0x3027, 0x1220_20e7], 0),
        Err(fault(2, WalkFaultReason::Malformed))
    );
    assert_eq!(
        chain(Format::X86, [0xe7, 0, 0], 0),
        Err(fault(4, WalkFaultReason::Malformed))
    );
}

#[test]
fn an_x86_address_must_be_canonical() {
    let memory = words(&[(0x1ff8, 0x2027), (0x2ff8, 0x3027), (0x3ff8, 0x20_00e7)]);
    assert_eq!(
        look_up(Format::X86, &memory, 0xffff_ffff_ffff_f000),
        Ok(found(0x20_0000, 21, true))
    );
    assert_eq!(
        look_up(Format::X86, &memory, 0x0000_ffff_ffff_f000),
        Err(fault(4, WalkFaultReason::AddressSize))
    );
    assert_eq!(
        look_up(Format::AmdV1, &memory, 1 << 48),
        Err(fault(4, WalkFaultReason::AddressSize))
    );
}

#[test]
fn a_second_stage_walk_reads_r_and_w() {
    let tables = [0x2003, 0x3003, 0x4003];
    assert_eq!(
        chain(Format::VtdSecondStage, tables, 0xdead_b003),
        Ok(found(0xdead_b000, 12, true))
    );
    assert_eq!(
        chain(Format::VtdSecondStage, tables, 0xdead_b001),
        Ok(found(0xdead_b000, 12, false))
    );
    assert_eq!(
        chain(
            Format::VtdSecondStage,
            [0x2003, 0x3001, 0x4003],
            0xdead_b003
        ),
        Ok(found(0xdead_b000, 12, false))
    );
    assert_eq!(
        chain(Format::VtdSecondStage, [0x2003, 0x3003, 0x1220_0083], 0),
        Ok(found(0x1220_0000, 21, true))
    );
    // Neither R nor W: not present, whatever else is there.
    assert_eq!(
        chain(Format::VtdSecondStage, tables, 0xdead_b004),
        Err(fault(1, WalkFaultReason::NotPresent))
    );
}

#[test]
fn an_lpae_stage_1_walk_reads_descriptors_as_the_arm_manual_encodes_them() {
    let tables = [0x2003, 0x3003, 0x4003];
    // nG, AF, inner shareable, AP[2:1] = 0b01, page.
    assert_eq!(
        chain(Format::LpaeStage1, tables, 0x0060_0000_dead_bf43),
        Ok(found(0xdead_b000, 12, true))
    );
    // AP[2:1] = 0b11: read-only. Without nG it is global.
    assert_eq!(
        chain(Format::LpaeStage1, tables, 0xdead_bfc3),
        Ok(found(0xdead_b000, 12, false))
    );
    assert_eq!(
        chain(Format::LpaeStage1, tables, 0xdead_b743),
        Ok(Leaf {
            global: true,
            ..found(0xdead_b000, 12, true)
        })
    );
    // AP[1] = 0: for the privileged only.
    assert!(!chain(Format::LpaeStage1, tables, 0xdead_bf03).unwrap().read);
    // APTable[1] = 1: no writes below.
    assert_eq!(
        chain(
            Format::LpaeStage1,
            [0x2003, 0x4000_0000_0000_3003, 0x4003],
            0xdead_bf43
        ),
        Ok(found(0xdead_b000, 12, false))
    );
    // A block of 2 MiB, a page without AF, a block descriptor at the last level.
    assert_eq!(
        chain(Format::LpaeStage1, [0x2003, 0x3003, 0x1220_0f41], 0),
        Ok(found(0x1220_0000, 21, true))
    );
    for page in [0xdead_bb43, 0xdead_bf41] {
        assert_eq!(
            chain(Format::LpaeStage1, tables, page),
            Err(fault(1, WalkFaultReason::NotPresent))
        );
    }
}

#[test]
fn an_lpae_stage_2_walk_reads_s2ap() {
    let tables = [0x2003, 0x3003, 0x4003];
    // AF, inner shareable, S2AP read and write, MemAttr write-back.
    assert_eq!(
        chain(Format::LpaeStage2, tables, 0xdead_b7ff),
        Ok(found(0xdead_b000, 12, true))
    );
    assert_eq!(
        chain(Format::LpaeStage2, tables, 0xdead_b77f),
        Ok(found(0xdead_b000, 12, false))
    );
    assert_eq!(
        chain(Format::LpaeStage2, [0x2003, 0x4000_07fd, 0], 0),
        Ok(found(0x4000_0000, 30, true))
    );
}

#[test]
fn an_amd_v1_walk_reads_next_level() {
    // PR, next level 3, 2, 1, IR and IW.
    let tables = [
        0x6000_0000_0000_2601,
        0x6000_0000_0000_3401,
        0x6000_0000_0000_4201,
    ];
    // FC, IR, IW.
    assert_eq!(
        chain(Format::AmdV1, tables, 0x7000_0000_dead_b001),
        Ok(found(0xdead_b000, 12, true))
    );
    assert_eq!(
        chain(Format::AmdV1, tables, 0x3000_0000_dead_b001),
        Ok(found(0xdead_b000, 12, false))
    );
    // Next level 0 above the last: a page of the entry's size.
    assert_eq!(
        chain(
            Format::AmdV1,
            [tables[0], tables[1], 0x7000_0000_1220_0001],
            0
        ),
        Ok(found(0x1220_0000, 21, true))
    );
    // Next level 7: bits 14:12 are 0b011, 32 KiB.
    assert_eq!(
        chain(Format::AmdV1, tables, 0x7000_0000_1234_3e01),
        Ok(found(0x1234_0000, 15, true))
    );
    // A next level that is not below.
    assert_eq!(
        chain(Format::AmdV1, [tables[0], 0x6000_0000_0000_3601, 0], 0),
        Err(fault(3, WalkFaultReason::Malformed))
    );
}

#[test]
fn an_amd_v1_walk_skips_levels_whose_address_bits_are_clear() {
    // From the root to a table of level 1: bits 38:21 must be 0.
    let memory = words(&[
        (0x1000, 0x6000_0000_0000_4201),
        (0x4028, 0x7000_0000_dead_b001),
    ]);
    assert_eq!(
        look_up(Format::AmdV1, &memory, 0x5123),
        Ok(found(0xdead_b000, 12, true))
    );
    assert_eq!(
        look_up(Format::AmdV1, &memory, 0x20_5123),
        Err(fault(4, WalkFaultReason::NotPresent))
    );
}

#[test]
fn a_walk_tells_its_tables_and_can_begin_at_one() {
    let [four, three, two, one] = SLOTS;
    let memory = words(&[
        (four, 0x2027),
        (three, 0x3025),
        (two, 0x4027),
        (one, 0xdead_b067),
    ]);
    let mut told = Vec::new();
    let leaf = walk(
        Format::X86,
        Node::root(0x1000),
        ADDR,
        &memory,
        Ok::<_, Infallible>,
        |node| told.push(node),
    );
    let levels: Vec<_> = told
        .iter()
        .map(|node| (node.level, node.address, node.write, node.span_log2()))
        .collect();
    assert_eq!(
        levels,
        [
            (3, 0x2000, true, 39),
            (2, 0x3000, false, 30),
            (1, 0x4000, false, 21)
        ]
    );
    // The path above has gone; what denies writes is remembered.
    let memory = words(&[(one, 0xdead_b067)]);
    let again = walk(
        Format::X86,
        told[2],
        ADDR,
        &memory,
        Ok::<_, Infallible>,
        |_| (),
    );
    assert_eq!(again, leaf);
}

#[test]
fn a_walk_reads_tables_where_they_resolve_to() {
    let memory = words(&[(0x1000, 0x2027), (0x1_2810, 0x4000_00e7)]);
    let leaf = walk(
        Format::X86,
        Node::root(0x1000),
        ADDR,
        &memory,
        |address| Ok::<_, Infallible>(address + 0x1_0000),
        |_| (),
    );
    assert_eq!(leaf, Ok(found(0x4000_0000, 30, true)));
    let refused = walk(
        Format::X86,
        Node::root(0x1000),
        ADDR,
        &memory,
        |_| Err("stage 2"),
        |_| (),
    );
    assert_eq!(
        refused,
        Err(WalkFault {
            level: 4,
            reason: WalkFaultReason::Table("stage 2")
        })
    );
}

const FORMATS: [Format; 5] = [
    Format::X86,
    Format::VtdSecondStage,
    Format::LpaeStage1,
    Format::LpaeStage2,
    Format::AmdV1,
];

#[test]
fn a_writer_writes_the_words_that_the_specifications_encode() {
    // Tables, a writable page of 4 KiB and a read-only one of 2 MiB.
    let expected: [[u64; 4]; 5] = [
        [0x2007, 0x3007, 0x7007, 0x4000_0085],
        [0x2003, 0x3003, 0x7003, 0x4000_0081],
        [0x2003, 0x3003, 0x7f43, 0x4000_0fc1],
        [0x2003, 0x3003, 0x77ff, 0x4000_077d],
        [
            0x6000_0000_0000_2601,
            0x6000_0000_0000_3401,
            0x7000_0000_0000_7001,
            0x3000_0000_4000_0001,
        ],
    ];
    for (format, [four, three, page, large]) in FORMATS.into_iter().zip(expected) {
        let memory = Sparse::default();
        let mut pages = PageAllocator::new(0x1000..0x8000);
        let table = Table::new(format, &memory, &mut pages).unwrap();
        let small = mapping(ADDR & !0xfff, 0x7000, 12, true);
        table.map(&memory, &mut pages, small).unwrap();
        let large_page = mapping(0x40_8080_0000, 0x4000_0000, 21, false);
        table.map(&memory, &mut pages, large_page).unwrap();
        let [slot_4, slot_3, ..] = SLOTS;
        assert_eq!(memory.load(slot_4), Some(four), "{format:?}");
        assert_eq!(memory.load(slot_3), Some(three), "{format:?}");
        assert_eq!(memory.load(0x4028), Some(page), "{format:?}");
        assert_eq!(memory.load(0x3020), Some(large), "{format:?}");
    }
}

fn mapping(from: u64, to: u64, size_log2: u8, writable: bool) -> Mapping {
    Mapping {
        from,
        to,
        size_log2,
        writable,
    }
}

#[test]
fn unmapping_a_table_returns_its_pages_and_a_page_none() {
    for format in FORMATS {
        let memory = Sparse::default();
        let mut pages = PageAllocator::new(0x1000..0x6000);
        let table = Table::new(format, &memory, &mut pages).unwrap();
        let page = mapping(ADDR & !0xfff, 0x7000, 12, true);
        table.map(&memory, &mut pages, page).unwrap();
        assert_eq!(table.unmap(&memory, page.from, 12), Ok(vec![]));
        assert_eq!(
            look_up(format, &memory, ADDR),
            Err(fault(1, WalkFaultReason::NotPresent))
        );
        let unlinked = table.unmap(&memory, page.from & !((1 << 39) - 1), 39);
        assert_eq!(unlinked, Ok(vec![0x2000, 0x3000, 0x4000]));
        assert_eq!(
            look_up(format, &memory, ADDR),
            Err(fault(4, WalkFaultReason::NotPresent))
        );
    }
}

#[test]
fn a_writer_refuses_what_it_cannot_do_and_changes_no_mapping() {
    let memory = Sparse::default();
    let mut pages = PageAllocator::new(0x1000..0x4000);
    let table = Table::new(Format::X86, &memory, &mut pages).unwrap();
    let large = mapping(0x20_0000, 0x4000_0000, 21, true);
    table.map(&memory, &mut pages, large).unwrap();
    let small = mapping(0x20_1000, 0x7000, 12, true);
    assert_eq!(
        table.map(&memory, &mut pages, small),
        Err(TableError::Occupied)
    );
    assert_eq!(
        table.unmap(&memory, 0x20_1000, 12),
        Err(TableError::Occupied)
    );
    let beyond = mapping(0x40_0000, 0x7000, 12, true);
    assert_eq!(
        table.map(&memory, &mut pages, beyond),
        Err(TableError::OutOfPages)
    );
    for odd in [
        mapping(0x1000, 0x4000_0000, 21, true),
        mapping(0x40_0000, 0x1000, 21, true),
        mapping(0, 0, 13, true),
        mapping(0, 0, 39, true),
        mapping(1 << 47, 0, 12, true),
    ] {
        assert_eq!(
            table.map(&memory, &mut pages, odd),
            Err(TableError::Unaligned)
        );
    }
    assert_eq!(
        look_up(Format::X86, &memory, 0x20_1000),
        Ok(found(0x4000_0000, 21, true))
    );
}

#[test]
fn a_shifted_memory_ends_where_the_guest_ends() {
    let host = Sparse::default();
    let guest = Shifted {
        host: &host,
        base: 0x10_0000,
        len: 0x2000,
    };
    assert!(guest.store(0x1ff8, 7));
    assert_eq!(host.load(0x10_1ff8), Some(7));
    assert_eq!(guest.load(0x1ff8), Some(7));
    assert!(!guest.store(0x2000, 7));
    assert_eq!(guest.load(0x2000), None);
}

#[test]
fn an_allocator_hands_out_the_last_freed_page_first() {
    let mut pages = PageAllocator::new(0x800..0x3800);
    assert_eq!(pages.alloc(), Some(0x1000));
    assert_eq!(pages.alloc(), Some(0x2000));
    assert_eq!(pages.alloc(), None);
    pages.free(0x1000);
    assert_eq!(pages.alloc(), Some(0x1000));
}
