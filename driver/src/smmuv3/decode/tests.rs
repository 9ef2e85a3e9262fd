//! Golden words: from captured streams where they have the command, else put together
//! by hand from the specification's bit tables. Never from an encoder of this crate.

use super::*;

const ALL: Features = Features::ALL_4K;

fn ok(lo: u64, hi: u64) -> Command {
    decode([lo, hi], &ALL).unwrap()
}

#[track_caller]
fn illegal(lo: u64, hi: u64, features: &Features) {
    assert_eq!(
        decode([lo, hi], features),
        Err(CommandError::Ill),
        "{lo:#x} {hi:#x}"
    );
}

const fn span(addr: u64, leaf: bool, tg: u8, ttl: u8, num: u8, scale: u8) -> Span {
    Span {
        addr,
        leaf,
        tg,
        ttl,
        num,
        scale,
    }
}

#[test]
fn captured_commands_decode_to_what_linux_meant() {
    assert_eq!(
        ok(0x0003_0000_0000_0012, 0xfffb_e701),
        Command::TlbiNhVa(Asid(3), span(0xfffb_e000, true, 1, 3, 0, 0))
    );
    assert_eq!(
        ok(0x0003_0000_0050_0012, 0xffee_0701),
        Command::TlbiNhVa(Asid(3), span(0xffee_0000, true, 1, 3, 0, 5))
    );
    assert_eq!(ok(0x46, 0), Command::Sync(Completion::SigNone));
}

#[test]
fn configuration_commands_have_their_streams() {
    assert_eq!(
        ok(0x0000_1234_0000_0003, 1),
        Command::CfgiSte(DeviceId(0x1234))
    );
    assert_eq!(
        ok(0x8000_1234_0000_0004, 4),
        Command::CfgiSteRange {
            first: DeviceId(0x8000_1220),
            last: DeviceId(0x8000_123f)
        }
    );
    assert_eq!(
        ok(0x0000_1234_0000_0004, 0x1f),
        Command::CfgiSteRange {
            first: DeviceId(0),
            last: DeviceId(u32::MAX)
        },
        "CFGI_ALL"
    );
    assert_eq!(
        ok(0x0000_1234_abcd_e005, 1),
        Command::CfgiCd {
            sid: DeviceId(0x1234),
            ssid: Pasid(0xa_bcde),
            leaf: true
        }
    );
    assert_eq!(
        ok(0x0000_1234_0000_0006, 0),
        Command::CfgiCdAll(DeviceId(0x1234))
    );
}

#[test]
fn tlb_invalidations_have_their_address_space_and_range() {
    assert_eq!(ok(0x0000_0077_0000_0010, 0), Command::TlbiNhAll);
    assert_eq!(
        ok(0x8003_0007_0000_0011, 0),
        Command::TlbiNhAsid(Asid(0x8003))
    );
    assert_eq!(
        ok(0x0102_0007_00a1_5012, 0xffff_8000_0040_0e00),
        Command::TlbiNhVa(
            Asid(0x102),
            span(0xffff_8000_0040_0000, false, 3, 2, 0x15, 0xa)
        )
    );
    assert_eq!(
        ok(0x0000_0007_0000_0013, 0x7001),
        Command::TlbiNhVaa(span(0x7000, true, 0, 0, 0, 0))
    );
    assert_eq!(ok(0x30, 0), Command::TlbiNsnhAll);
}

#[test]
fn commands_about_devices_have_stream_and_substream() {
    assert_eq!(
        ok(0x0000_0100_0000_5a40, 0x1234_5003),
        Command::AtcInv {
            sid: DeviceId(0x100),
            ssid: Some(Pasid(5)),
            global: true,
            addr: 0x1234_5000,
            size: 3
        }
    );
    assert_eq!(
        ok(0x0000_0100_0000_0040, 0x34),
        Command::AtcInv {
            sid: DeviceId(0x100),
            ssid: None,
            global: false,
            addr: 0,
            size: 52
        }
    );
    assert_eq!(
        ok(0x0000_0100_0000_5841, 0x21ff),
        Command::PriResp {
            sid: DeviceId(0x100),
            ssid: Some(Pasid(5)),
            group: 0x1ff,
            response: 2
        }
    );
    for (lo, retry, abort) in [(0x1044, true, false), (0x2044, false, true)] {
        assert_eq!(
            ok(0x42 << 32 | lo, 0xbeef),
            Command::Resume {
                sid: DeviceId(0x42),
                stag: 0xbeef,
                retry,
                abort
            }
        );
    }
    assert_eq!(
        ok(0x0000_0042_0000_0045, 0),
        Command::StallTerm(DeviceId(0x42))
    );
    assert_eq!(
        ok(0x0000_0100_0000_5801, 0),
        Command::PrefetchConfig,
        "with a SubstreamID"
    );
    assert_eq!(
        ok(0x0000_0100_0000_0002, 0x7fff_f01f),
        Command::PrefetchAddr
    );
}

#[test]
fn every_completion_signal_is_told_apart() {
    assert_eq!(
        ok(0x5a5a_1234_0fc0_1046, 0x00a5_0000_4000_0010),
        Command::Sync(Completion::SigIrq(Some(Msi {
            address: 0x00a5_0000_4000_0010,
            data: 0x5a5a_1234,
            attributes: 0xf,
            shareability: 3
        })))
    );
    assert_eq!(
        ok(0x5a5a_1234_0fc0_1046, 0),
        Command::Sync(Completion::SigIrq(None))
    );
    assert_eq!(
        ok(0x0fc0_2046, 0x4000_0010),
        Command::Sync(Completion::SigSev)
    );
    assert_eq!(
        ok(0x0fc0_0046, 0x4000_0010),
        Command::Sync(Completion::SigNone)
    );
    illegal(0x0fc0_3046, 0, &ALL);
}

#[test]
fn opcodes_that_a_stage_1_guest_has_not_are_illegal() {
    let legal = [
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40, 0x41, 0x44, 0x45,
        0x46,
    ];
    for opcode in 0..=0xff {
        assert_eq!(
            decode([opcode, 0], &ALL).is_ok(),
            legal.contains(&opcode),
            "{opcode:#x}"
        );
    }
}

#[test]
fn bits_that_a_command_does_not_have_are_illegal() {
    // Every bit that may be set; what mainline lets pass where it goes down.
    let allowed: [(u64, u64, u64); 13] = [
        (0x03, 0xffff_ffff_0000_00ff, 0x1),
        (0x04, 0xffff_ffff_0000_00ff, 0x1f),
        (0x05, 0xffff_ffff_ffff_f0ff, 0x1),
        (0x06, 0xffff_ffff_0000_00ff, 0),
        (0x10, 0x0000_ffff_0000_00ff, 0),
        (0x11, 0xffff_ffff_0000_00ff, 0),
        (0x12, 0xffff_ffff_01f1_f0ff, 0xffff_ffff_ffff_ff01),
        (0x13, 0x0000_ffff_01f1_f0ff, 0xffff_ffff_ffff_ff01),
        (0x30, 0xff, 0),
        (0x40, 0xffff_ffff_ffff_faff, 0xffff_ffff_ffff_f03f),
        (0x41, 0xffff_ffff_ffff_f8ff, 0x31ff),
        (0x44, 0xffff_ffff_0000_30ff, 0xffff),
        (0x46, 0xffff_ffff_0fc0_30ff, 0x00ff_ffff_ffff_fffc),
    ];
    for (opcode, lo, hi) in allowed {
        for bit in 8..128 {
            let (bit_lo, bit_hi) = if bit < 64 {
                (1_u64 << bit, 0)
            } else {
                (0, 1_u64 << (bit - 64))
            };
            // Range fields alone are a reserved combination: with TG and TTL.
            let range = matches!(opcode, 0x12 | 0x13) && (bit_lo | bit_hi) & 0x01f1_ff00 != 0;
            let with = if range { 0x700 } else { 0 };
            assert_eq!(
                decode([opcode | bit_lo, bit_hi | with], &ALL).is_ok(),
                bit_lo & !lo == 0 && bit_hi & !hi == 0,
                "opcode {opcode:#x}, bit {bit}"
            );
        }
    }
    // A Secure stream in a prefetch, whose other bits are not looked at.
    illegal(0x0401, 0, &ALL);
    illegal(0x0402, 0, &ALL);
}

#[test]
fn range_fields_have_the_values_that_mainline_lets_pass() {
    let ds = Features { ds: true, ..ALL };
    let num_scale: u64 = 0x0010_1000;
    let scale_32: u64 = 1 << 25;
    for lo in [0x12, 0x13] {
        // Without TG there is no range and no level.
        illegal(lo | 0x1000, 0x7000, &ALL);
        illegal(lo | 0x10_0000, 0x7000, &ALL);
        illegal(lo, 0x7300, &ALL);
        for tg in [0x400, 0x800, 0xc00] {
            // NUM 0, SCALE 0 and TTL 0 is reserved.
            illegal(lo, 0x1_0000 | tg, &ALL);
            assert!(decode([lo | num_scale, 0x1_0000 | tg], &ALL).is_ok());
            for ttl in [0x200, 0x300] {
                assert!(decode([lo, 0x1_0000 | tg | ttl], &ALL).is_ok());
            }
            // Level 1 in tables of 16 KiB needs DS.
            assert_eq!(decode([lo, 0x1_0100 | tg], &ALL).is_ok(), tg != 0x800);
            assert!(decode([lo, 0x1_0100 | tg], &ds).is_ok());
        }
        illegal(lo | scale_32, 0x1_0400, &ALL);
        assert!(decode([lo | scale_32, 0x1_0400], &ds).is_ok());
    }
}

#[test]
fn what_the_virtual_smmu_does_not_offer_is_illegal() {
    let no_ril = Features { ril: false, ..ALL };
    illegal(0x12, 0x7700, &no_ril);
    illegal(0x1012, 0x7400, &no_ril);
    assert!(decode([0x12, 0x7001], &no_ril).is_ok());
    let asid8 = Features {
        asid16: false,
        ..ALL
    };
    for opcode in [0x11, 0x12] {
        illegal(1 << 56 | opcode, 0, &asid8);
        assert!(decode([0xff << 48 | opcode, 0], &asid8).is_ok());
    }
    illegal(0x40, 0, &Features { ats: false, ..ALL });
    illegal(0x41, 0, &Features { pri: false, ..ALL });
    let no_stall = Features {
        stall: false,
        ..ALL
    };
    illegal(0x44, 0, &no_stall);
    illegal(0x45, 0, &no_stall);
    let no_ssid = Features { ssidsize: 0, ..ALL };
    for lo in [0x1005, 0x0840, 0x1040, 0x0240] {
        illegal(lo, 0, &no_ssid);
        assert!(decode([lo, 0], &ALL).is_ok());
    }
    let without = decode([0x5841, 0x1003], &no_ssid);
    assert!(matches!(without, Ok(Command::PriResp { ssid: None, .. })));
}

#[test]
fn reserved_values_are_illegal() {
    // ATC_INV of more than everything, and a page response that there is not.
    illegal(0x40, 53, &ALL);
    illegal(0x40, 63, &ALL);
    illegal(0x41, 0x3000, &ALL);
}
