use super::*;

/// Leads to one event, with the buffer running again behind it.
fn fail_once(rig: &mut Rig) {
    rig.submit(&[UNKNOWN]);
    rig.front_end.write_control(CONTROL);
    rig.front_end.write_command_head(rig.tail);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.front_end.fault(), None);
}

#[test]
fn a_full_log_overflows_and_stays_so_until_the_guest_restarts_it() {
    let mut rig = Rig::new();
    for _ in 0..255 {
        fail_once(&mut rig);
    }
    assert_eq!(rig.front_end.event_tail(), 0xff0);
    assert_eq!(rig.front_end.status(), EVENT_LOG_INT | 0x18);
    assert_eq!(rig.interrupts(), 255);
    rig.front_end.write_status(EVENT_LOG_INT);

    fail_once(&mut rig);
    assert_eq!(rig.event(255), [0, 0]);
    assert_eq!(rig.front_end.event_tail(), 0xff0);
    assert_eq!(rig.front_end.status(), EVENT_OVERFLOW | CMD_BUF_RUN);
    assert_eq!(rig.interrupts(), 256);
    // Reading makes room, but the log stands.
    rig.front_end.write_event_head(0x20);
    fail_once(&mut rig);
    assert_eq!((rig.event(255), rig.interrupts()), ([0, 0], 256));

    // As Linux restarts it (amd_iommu_restart_log).
    rig.front_end.write_control((CONTROL & !4) | CMD_BUF_EN);
    rig.front_end.write_status(EVENT_OVERFLOW);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.front_end.status(), 0x18);
    fail_once(&mut rig);
    assert_eq!(rig.event(255)[0], 0x5000_0000_0000_0000);
    assert_eq!(rig.front_end.event_tail(), 0, "it wraps");
    assert_eq!(rig.front_end.event_head(), 0x20);
}

#[test]
fn a_log_that_is_enabled_while_its_overflow_bit_is_set_stays_silent() {
    let mut rig = Rig::new();
    rig.front_end.write_event_head(0x10);
    fail_once(&mut rig);
    assert_eq!(rig.front_end.status() & EVENT_OVERFLOW, EVENT_OVERFLOW);
    rig.front_end.write_event_head(0);
    rig.front_end.write_control((CONTROL & !4) | CMD_BUF_EN);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    fail_once(&mut rig);
    assert_eq!(rig.front_end.event_tail(), 0);
}

#[test]
fn without_a_log_the_buffer_stops_all_the_same() {
    for control in [CONTROL & !4, CONTROL] {
        let mut rig = Rig::new();
        if control == CONTROL {
            // A reserved length.
            rig.front_end.write_event_base(LOG | 7 << 56);
        }
        rig.front_end.write_control(control | CMD_BUF_EN);
        rig.submit(&[UNKNOWN]);
        assert_eq!(rig.fault().index, 0);
        assert_eq!((rig.event(0), rig.interrupts()), ([0, 0], 0));
        assert_eq!(rig.front_end.status(), 0);
    }
}

#[test]
fn a_log_outside_of_guest_memory_loses_its_events_and_says_so() {
    for (base, tail) in [(MEMORY as u64, 0), (0xf_ffff_ffff_f000, 0), (LOG, 0x1000)] {
        let mut rig = Rig::new();
        rig.front_end.write_control(CMD_BUF_EN);
        rig.front_end.write_event_base(base | LENGTH_256);
        rig.front_end.write_event_tail(tail);
        rig.front_end.write_control(CONTROL | CMD_BUF_EN);
        rig.submit(&[UNKNOWN]);
        assert_eq!(rig.fault().index, 0);
        assert_eq!(rig.front_end.status(), EVENT_OVERFLOW);
        assert_eq!(rig.front_end.event_tail(), tail);
        assert_eq!(rig.interrupts(), 1);
    }
}

#[test]
fn a_new_log_is_empty_and_its_tail_is_the_units_while_it_runs() {
    let mut rig = Rig::new();
    fail_once(&mut rig);
    rig.front_end.write_event_tail(0);
    assert_eq!(rig.front_end.event_tail(), 0x10);
    rig.front_end.write_event_head(0x1_0000_0018);
    assert_eq!(rig.front_end.event_head(), 0x10);
    rig.front_end.write_event_base(0x7fff | LENGTH_256);
    assert_eq!(rig.front_end.event_base(), 0x7000 | LENGTH_256);
    assert_eq!(
        (rig.front_end.event_head(), rig.front_end.event_tail()),
        (0, 0)
    );
    fail_once(&mut rig);
    assert_eq!(word_at(&rig.memory, 0x7000), 0x5000_0000_0000_0000);
}
