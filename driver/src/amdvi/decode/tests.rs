//! Golden words: from the captured stream where it has the type, else put together
//! by hand from the specification's bit tables. Never from an encoder of this crate.

use super::*;

const fn pages(address: u64, size: bool, pasid: Option<u32>) -> Pages {
    Pages {
        address,
        size,
        pasid: match pasid {
            Some(pasid) => Some(Pasid(pasid)),
            None => None,
        },
    }
}

#[test]
fn captured_commands_decode_to_what_linux_meant() {
    for (words, expected) in [
        (
            [0x2000_0000_0000_0018, 0],
            Command::InvalidateDevtabEntry(DeviceId(0x18)),
        ),
        (
            [0x1000_0000_0048_1001, 0x11],
            Command::CompletionWait {
                store: Some((0x48_1000, 0x11)),
                interrupt: false,
                flush: false,
            },
        ),
        (
            [0x3000_0004_0000_0000, 0x7fff_ffff_ffff_f003],
            Command::InvalidateIommuPages {
                domain: DomainId(4),
                pages: pages(0x7fff_ffff_ffff_f000, true, None),
                pde: true,
            },
        ),
        (
            [0x3000_0007_0000_0000, 0x100_0002],
            Command::InvalidateIommuPages {
                domain: DomainId(7),
                pages: pages(0x100_0000, false, None),
                pde: true,
            },
        ),
        (
            [0x3000_0007_0000_0000, 0x107_f001],
            Command::InvalidateIommuPages {
                domain: DomainId(7),
                pages: pages(0x107_f000, true, None),
                pde: false,
            },
        ),
    ] {
        assert_eq!(decode(words), Ok(expected), "{words:#x?}");
    }
}

#[test]
fn a_completion_wait_has_three_flags_and_a_store_of_64_bits() {
    assert_eq!(
        decode([0x100f_edcb_a987_6547, 0xdead_beef_0123_4567]),
        Ok(Command::CompletionWait {
            store: Some((0x000f_edcb_a987_6540, 0xdead_beef_0123_4567)),
            interrupt: true,
            flush: true,
        })
    );
    assert_eq!(
        decode([0x1000_0000_0000_1002, 7]),
        Ok(Command::CompletionWait {
            store: None,
            interrupt: true,
            flush: false,
        })
    );
    assert_eq!(
        decode([0x1000_0000_0000_0004, 0]),
        Ok(Command::CompletionWait {
            store: None,
            interrupt: false,
            flush: true,
        })
    );
}

#[test]
fn commands_of_the_specification_decode_field_by_field() {
    for (words, expected) in [
        // 2.4.3: PASID 0xfedcb, domain 0x1234, S = GN = 1, PDE = 0.
        (
            [0x3000_1234_000f_edcb, 0xffff_8000_0007_f005],
            Command::InvalidateIommuPages {
                domain: DomainId(0x1234),
                pages: pages(0xffff_8000_0007_f000, true, Some(0xf_edcb)),
                pde: false,
            },
        ),
        // 2.4.3: GN = 0, the PASID is ignored.
        (
            [0x3000_ffff_000f_edcb, 0x1000],
            Command::InvalidateIommuPages {
                domain: DomainId(0xffff),
                pages: pages(0x1000, false, None),
                pde: false,
            },
        ),
        // 2.4.4: device 0xabcd, PASID 0x51234 (12 in 23:16, 34 in 55:48, 5 in 59:56),
        // Maxpend 0x20, queue 0x4321, S = GN = 1, type 2.
        (
            [0x4534_4321_2012_abcd, 0x1_2345_7025],
            Command::InvalidateIotlbPages {
                device: DeviceId(0xabcd),
                pages: pages(0x1_2345_7000, true, Some(0x5_1234)),
                queue: 0x4321,
                max_pend: 0x20,
                kind: 2,
            },
        ),
        (
            [0x5000_0000_0000_ff09, 0],
            Command::InvalidateInterruptTable(DeviceId(0xff09)),
        ),
        // 2.4.6: device 0x18, count 3, PASID 0x81234, S = GN = Inval = 1.
        (
            [0x6008_1234_0300_0018, 0x7015],
            Command::PrefetchIommuPages {
                device: DeviceId(0x18),
                pages: pages(0x7000, true, Some(0x8_1234)),
                count: 3,
                invalidate: true,
            },
        ),
        // 2.4.7: device 0x18, PASID 0x81234, GN = 1, response 1 to tag 0x123.
        (
            [0x7008_1234_0000_0018, 0x0000_1123_0000_0004],
            Command::CompletePprRequest {
                device: DeviceId(0x18),
                pasid: Some(Pasid(0x8_1234)),
                tag: 0x1123,
            },
        ),
        (
            [0x7008_1234_0000_0018, 0x0000_0001_0000_0000],
            Command::CompletePprRequest {
                device: DeviceId(0x18),
                pasid: None,
                tag: 1,
            },
        ),
        ([0x8000_0000_0000_0000, 0], Command::InvalidateIommuAll),
    ] {
        assert_eq!(decode(words), Ok(expected), "{words:#x?}");
    }
}

#[test]
fn every_type_is_known_by_its_opcode() {
    for (opcode, kind) in (1_u64..).zip(CommandType::ALL) {
        assert_eq!(decode([opcode << 60, 0]).unwrap().kind(), kind);
        assert_eq!(CommandType::NAMES[kind as usize], kind.name());
    }
    for opcode in [0_u64, 9, 10, 11, 12, 13, 14, 15] {
        assert_eq!(decode([opcode << 60, 0]), Err(CommandError::Illegal));
    }
}

#[test]
fn exactly_the_reserved_bits_are_illegal() {
    // Bits that may be set, from the figures of section 2.4.
    const ALLOWED: [[u64; 2]; 8] = [
        [0x000f_ffff_ffff_ffff, u64::MAX],
        [0xffff, 0],
        [0x0000_ffff_000f_ffff, 0xffff_ffff_ffff_f007],
        [0x0fff_ffff_ffff_ffff, 0xffff_ffff_ffff_f035],
        [0xffff, 0],
        [0x000f_ffff_ff00_ffff, 0xffff_ffff_ffff_f015],
        [0x000f_ffff_0000_ffff, 0x0000_ffff_0000_0004],
        [0, 0],
    ];
    for (opcode, allowed) in (1_u64..).zip(ALLOWED) {
        for bit in 0..60 {
            let decoded = decode([opcode << 60 | 1 << bit, 0]);
            assert_eq!(
                decoded.is_ok(),
                allowed[0] >> bit & 1 == 1,
                "{opcode} {bit}"
            );
        }
        for bit in 0..64 {
            let decoded = decode([opcode << 60, 1 << bit]);
            assert_eq!(
                decoded.is_ok(),
                allowed[1] >> bit & 1 == 1,
                "{opcode} {bit}"
            );
        }
    }
}
