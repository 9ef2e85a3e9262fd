use proptest::prelude::*;

use super::*;
use crate::InvalidateError;

/// Words that look like descriptors more often than random ones do.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0_u64..16, 0_u64..16, 0_u64..8)
            .prop_map(|(kind, flags, did)| kind | flags << 4 | did << 16),
        Just(0x4_0036),
        Just(0x2_0000_0025),
    ]
}

fn second_word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0_u64..0x2_0000,
        Just(0),
        (0_u64..0x2_0000).prop_map(|addr| addr & !3)
    ]
}

proptest! {
    #[test]
    fn no_guest_makes_the_front_end_panic_or_hang(
        descriptors in prop::collection::vec((word(), second_word()), 1..200),
        writes in prop::collection::vec((0_u8..4, any::<u64>()), 1..20),
        failure in prop::option::of((1_u32..4, any::<u32>())),
    ) {
        let mut rig = Rig::new();
        for (lo, hi) in descriptors {
            rig.put([lo, hi]);
        }
        if let Some((hwpt, handled)) = failure {
            rig.backend.fail(ObjectId(hwpt), InvalidateError::new(5, handled));
        }
        rig.front_end.write_iqt(rig.tail);
        for (register, value) in writes {
            match register {
                0 => rig.front_end.write_iqa(value & 0xf807),
                1 => rig.front_end.write_iqa(value),
                2 => rig.front_end.write_iqt(value),
                _ => rig.front_end.write_fsts(IQE),
            }
            let head = rig.front_end.iqh();
            prop_assert!(head < 0x1000 << (rig.front_end.iqa() & 7));
            prop_assert_eq!(head % u64::from(rig.front_end.width().bytes()), 0);
            if rig.front_end.fault().is_none() {
                prop_assert_eq!(head, rig.front_end.iqt());
            }
            prop_assert_eq!(rig.front_end.counters().fault(), rig.front_end.fault());
        }
    }

    #[test]
    fn however_often_requests_fail_each_descriptor_is_consumed_once(
        picks in prop::collection::vec(0_usize..10, 1..60),
        failures in prop::collection::vec((1_u32..4, 0_u32..6), 0..12),
    ) {
        const KINDS: [[u64; 2]; 10] = [
            CONTEXT_GLOBAL, IOTLB_GLOBAL, PAGE_OF_4, ALL_OF_4, PAGE_OF_5,
            [0x3, 0], [0x63_0026, 0], [0x5_00f2, 0x9001], PAGE_OF_4, wait(STATUS, 1),
        ];
        let descriptors: Vec<_> = picks.iter().map(|&pick| KINDS[pick]).collect();
        let consumed = |failures: &[(u32, u32)]| {
            let mut rig = Rig::new();
            for &(hwpt, handled) in failures {
                rig.backend.fail(ObjectId(hwpt), InvalidateError::new(5, handled));
            }
            rig.submit(&descriptors);
            while rig.front_end.fault().is_some() {
                let counts = rig.front_end.counters().snapshot();
                let head = rig.front_end.iqh() / 16;
                assert_eq!(counts.consumed(), head);
                rig.front_end.write_fsts(IQE);
            }
            let counts = rig.front_end.counters().snapshot();
            (counts.consumed(), counts.waits, counts.absorbed, counts.untargeted)
        };
        prop_assert_eq!(consumed(&failures), consumed(&[]));
    }
}
