use proptest::prelude::*;

use super::*;

/// Words that look like commands more often than random ones do.
fn word() -> impl Strategy<Value = u64> {
    let opcodes = prop::sample::select(vec![
        0x01_u64, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40, 0x41, 0x44, 0x45,
        0x46, 0x1046, 0x07, 0x28,
    ]);
    prop_oneof![
        any::<u64>(),
        opcodes.clone(),
        (opcodes, any::<u16>()).prop_map(|(opcode, id)| opcode | u64::from(id) << 48),
        (0_u64..32, 0_u64..32).prop_map(|(num, scale)| 0x12 | num << 12 | scale << 20),
    ]
}

fn second_word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (any::<u64>(), 0_u64..16).prop_map(|(addr, fields)| addr & !0xfff | fields << 8),
        0_u64..0x2_0000,
        Just(0)
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop::sample::select(Policy::ALL.to_vec())
}

fn register_errors(rig: &Rig) -> u64 {
    rig.front_end.counters().snapshot().register_errors
}

/// How many errors a write of the register is: one where it is ignored.
fn ignored(rig: &Rig, register: u8, value: u32) -> u64 {
    let front_end = &rig.front_end;
    let enabled = front_end.cr0ack() != 0;
    u64::from(match register {
        0 | 1 | 3 => enabled,
        2 => {
            let size = 1 << (front_end.cmdq_base() & 0x1f).min(19);
            let used = value.wrapping_sub(front_end.cmdq_cons()) & (2 * size - 1);
            enabled && rig.active() & CMDQ_ERR == 0 && used > size
        }
        _ => false,
    })
}

proptest! {
    #[test]
    fn no_guest_makes_the_front_end_panic_or_hang(
        commands in prop::collection::vec((word(), second_word()), 1..200),
        writes in prop::collection::vec((0_u8..7, any::<u64>(), any::<u32>()), 1..20),
        failure in prop::option::of(any::<u32>()),
        policy in policy(),
    ) {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        for (lo, hi) in commands {
            rig.put([lo, hi]);
        }
        if let Some(handled) = failure {
            rig.backend.fail(VIOMMU, InvalidateError::new(5, handled));
        }
        rig.front_end.write_cmdq_prod(rig.prod);
        for (register, long, short) in writes {
            let expected = register_errors(&rig) + ignored(&rig, register, short);
            match register {
                0 => rig.front_end.write_cmdq_base(long & 0xffef),
                1 => rig.front_end.write_cmdq_base(long),
                2 => rig.front_end.write_cmdq_prod(short),
                3 => rig.front_end.write_cmdq_cons(short),
                4 => rig.front_end.write_cr0(short),
                5 => rig.front_end.write_gerrorn(short),
                _ => _ = rig.acknowledge(),
            }
            if register < 4 {
                prop_assert_eq!(register_errors(&rig), expected);
            }
            let size = 1 << (rig.front_end.cmdq_base() & 0x1f).min(19);
            let cons = rig.front_end.cmdq_cons();
            prop_assert!(cons & 0xff_ffff < 2 * size);
            let fault = rig.front_end.fault();
            prop_assert_eq!(fault.map_or(0, |fault| u32::from(fault.error.code())), cons >> 24);
            prop_assert!(fault.is_none() || rig.active() & CMDQ_ERR != 0);
            prop_assert_eq!(rig.front_end.counters().fault(), fault);
        }
    }

    #[test]
    fn however_often_requests_fail_each_command_is_consumed_once_and_each_sync_completes(
        picks in prop::collection::vec(0_usize..10, 1..60),
        failures in prop::collection::vec(0_u32..6, 0..12),
        policy in policy(),
    ) {
        const KINDS: [[u64; 2]; 10] = [
            PAGE, NEXT_PAGE, NH_ASID, NH_ALL, CFGI_CD, CFGI_STE, ATC_PAGE, RESUME, SYNC,
            msi(STATUS, 1),
        ];
        let commands: Vec<_> = picks.iter().map(|&pick| KINDS[pick]).collect();
        let outcome = |failures: &[u32]| {
            let mut rig = Rig::new();
            rig.front_end.set_policy(policy);
            let answers = Log::new();
            let observed = answers.clone();
            rig.front_end.on_answer(move |command| observed.push(command));
            for &handled in failures {
                rig.backend.fail(VIOMMU, InvalidateError::new(5, handled));
            }
            rig.submit(&commands);
            while rig.front_end.fault().is_some() {
                let consumed = rig.front_end.counters().snapshot().consumed();
                assert_eq!(u64::from(rig.error().1), consumed);
                rig.acknowledge();
            }
            rig.is_idle();
            let counts = rig.front_end.counters().snapshot();
            (counts.consumed(), counts.waits, counts.absorbed, answers.take())
        };
        prop_assert_eq!(outcome(&failures), outcome(&[]));
    }
}
