use proptest::prelude::*;

use super::*;
use crate::HardwareError;

/// Words that look like commands more often than random ones do.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0_u64..16, 0_u64..10, 0_u64..0x20)
            .prop_map(|(op, domain, low)| op << 60 | domain << 32 | low),
        Just(PAGE_OF_4[0]),
        Just(IOTLB_PAGE[0]),
        Just(wait(STATUS, 0)[0]),
    ]
}

fn second_word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0_u64..0x200, 0_u64..8).prop_map(|(page, flags)| page << 12 | flags),
        Just(0),
        Just(ALL_OF_4[1]),
    ]
}

fn failure() -> impl Strategy<Value = (u32, InvalidateError)> {
    let hardware = prop_oneof![
        Just(None),
        Just(Some(HardwareError::Illegal)),
        Just(Some(HardwareError::AtcTimeout(DeviceId(0x18)))),
    ];
    let target = prop_oneof![1_u32..4, Just(VIOMMU)];
    (target, hardware, any::<u32>(), 0_u32..4).prop_map(|(target, hardware, any, small)| {
        let handled = if any & 1 == 0 { small } else { any };
        let error = InvalidateError {
            hardware,
            ..InvalidateError::new(5, handled)
        };
        (target, error)
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    (0_usize..3).prop_map(|at| Policy::ALL[at])
}

fn write(front_end: &mut FrontEnd<Arc<RecordingBackend>>, register: u8, value: u64) {
    match register {
        0 => front_end.write_command_base(value & 0x0f00_0000_0001_f000),
        1 => front_end.write_command_base(value),
        2 => front_end.write_command_tail(value),
        3 => front_end.write_command_head(value),
        4 => front_end.write_control(CONTROL | value & CMD_BUF_EN),
        5 => front_end.write_control(value),
        6 => front_end.write_status(value),
        7 => front_end.write_event_base(value & 0x0f00_0000_0001_f000),
        8 => front_end.write_event_head(value),
        _ => front_end.write_event_tail(value),
    }
}

fn register_errors(front_end: &FrontEnd<Arc<RecordingBackend>>) -> u64 {
    front_end.counters().snapshot().register_errors
}

/// What makes writes of registers invalid.
struct Misuse {
    lacks_buffer: bool,
    lacks_log: bool,
    status: u64,
}

impl Misuse {
    fn of(front_end: &FrontEnd<Arc<RecordingBackend>>) -> Self {
        let enabled = |bits| front_end.control() & bits == bits;
        let reserved = |base: u64| base >> 56 & 0xf < 8;
        Self {
            lacks_buffer: enabled(1 | CMD_BUF_EN) && reserved(front_end.command_base()),
            lacks_log: enabled(0b101) && reserved(front_end.event_base()),
            status: front_end.status(),
        }
    }

    /// How many errors the write that led to `after` is.
    fn errors(&self, after: &Self, register: u8) -> u64 {
        match register {
            0..=2 => after.lacks_buffer.into(),
            3 => u64::from(self.status & CMD_BUF_RUN != 0),
            4 | 5 => {
                u64::from(after.lacks_buffer && !self.lacks_buffer)
                    + u64::from(after.lacks_log && !self.lacks_log)
            }
            7 => after.lacks_log.into(),
            9 => u64::from(self.status & EVENT_LOG_RUN != 0),
            _ => 0,
        }
    }
}

proptest! {
    #[test]
    fn no_guest_makes_the_front_end_panic_or_hang(
        commands in prop::collection::vec((word(), second_word()), 1..200),
        writes in prop::collection::vec((0_u8..10, any::<u64>()), 1..30),
        failures in prop::collection::vec(failure(), 0..6),
        policy in policy(),
    ) {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        for (lo, hi) in commands {
            rig.put([lo, hi]);
        }
        for (target, error) in failures {
            rig.backend.fail(ObjectId(target), error);
        }
        rig.front_end.write_command_tail(rig.tail);
        for (register, value) in writes {
            let (known, before) = (register_errors(&rig.front_end), Misuse::of(&rig.front_end));
            write(&mut rig.front_end, register, value);
            let front_end = &rig.front_end;
            let expected = before.errors(&Misuse::of(front_end), register);
            prop_assert_eq!(register_errors(front_end) - known, expected);
            let head = front_end.command_head();
            let entries = 1 << (front_end.command_base() >> 56).max(8);
            prop_assert!(head / 16 < entries && head.is_multiple_of(16));
            prop_assert!(front_end.event_tail().is_multiple_of(16));
            let runs = front_end.status() & CMD_BUF_RUN != 0;
            if runs {
                prop_assert_eq!(front_end.fault(), None);
            }
            if runs && register == 2 {
                prop_assert_eq!(head, front_end.command_tail());
            }
            prop_assert_eq!(front_end.counters().fault(), front_end.fault());
        }
    }

    #[test]
    fn however_often_requests_fail_each_command_is_consumed_once(
        picks in prop::collection::vec(0_usize..12, 1..60),
        failures in prop::collection::vec(failure(), 0..12),
        policy in policy(),
    ) {
        const KINDS: [[u64; 2]; 12] = [
            DEVTAB, PAGE_OF_4, ALL_OF_4, PAGE_OF_7, PAGE_OF_99, IOTLB_PAGE, IOTLB_PAGE_2,
            INTERRUPT_TABLE, PREFETCH, PPR, IOMMU_ALL, wait(STATUS, 1),
        ];
        let commands: Vec<_> = picks.iter().map(|&pick| KINDS[pick]).collect();
        let syncs = picks.iter().filter(|&&pick| pick == 11).count() as u64;
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        for &(target, error) in &failures {
            rig.backend.fail(ObjectId(target), error);
        }
        rig.submit(&commands);
        while rig.front_end.fault().is_some() {
            let counts = rig.front_end.counters().snapshot();
            prop_assert_eq!(counts.consumed(), rig.front_end.command_head() / 16);
            rig.restart();
        }
        let counts = rig.front_end.counters().snapshot();
        prop_assert_eq!(counts.consumed(), commands.len() as u64);
        prop_assert!(counts.waits <= syncs);
        let timeouts = failures.iter().filter(|(_, error)| {
            matches!(error.hardware, Some(HardwareError::AtcTimeout(_)))
        });
        // Each costs at most one sync.
        prop_assert!(counts.waits + timeouts.count() as u64 >= syncs);
    }
}
