//! The queue protocol: CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, CR0, GERROR and GERRORN.

use super::*;

#[test]
fn nothing_runs_while_the_queue_is_disabled() {
    let mut rig = Rig::new();
    rig.front_end.write_cr0(0);
    assert_eq!(rig.front_end.cr0ack(), 0);
    assert!(rig.submit(&[PAGE, SYNC]).is_empty());
    assert_eq!(
        (rig.front_end.cmdq_cons(), rig.front_end.cmdq_prod()),
        (0, 2)
    );
    rig.front_end.write_cr0(CMDQEN);
    assert_eq!(rig.front_end.cr0ack(), CMDQEN);
    assert_eq!(rig.take(), [[PAGE]]);
    rig.is_idle();
}

#[test]
fn base_and_cons_are_guarded_by_cmdqen() {
    let mut rig = Rig::new();
    rig.front_end.write_cmdq_base(0xc000 | 4);
    rig.front_end.write_cmdq_cons(5);
    assert_eq!(
        (rig.front_end.cmdq_base(), rig.front_end.cmdq_cons()),
        (QUEUE | LOG2SIZE, 0)
    );
    assert_eq!(rig.front_end.counters().snapshot().register_errors, 2);
    rig.front_end.write_cr0(0);
    rig.front_end.write_cmdq_base(!0x1f | 4);
    rig.front_end.write_cmdq_cons(0x7f00_0033);
    assert_eq!(rig.front_end.cmdq_base(), 0x40ff_ffff_ffff_ffe4);
    assert_eq!(rig.front_end.cmdq_cons(), 0x13, "4 bits and the wrap flag");
}

#[test]
fn a_queue_can_begin_anywhere() {
    let mut rig = Rig::new();
    rig.front_end.write_cr0(0);
    rig.front_end.write_cmdq_cons(0x1fe);
    rig.prod = 0x1fe;
    rig.front_end.write_cmdq_prod(rig.prod);
    rig.front_end.write_cr0(CMDQEN);
    assert_eq!(rig.submit(&[PAGE, NEXT_PAGE, NH_ASID, SYNC]).len(), 1);
    assert_eq!(rig.front_end.cmdq_cons(), 2, "index and flag wrapped");
    rig.is_idle();
}

#[test]
fn a_full_queue_is_told_from_an_empty_one_by_the_wrap_flag() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        for round in 1..=5 {
            let mut commands = [PREFETCH; 256];
            commands[255] = msi(STATUS, round);
            rig.submit(&commands);
            rig.is_idle();
            assert_eq!(rig.status(), round);
        }
        let counts = rig.front_end.counters().snapshot();
        assert_eq!((counts.consumed(), counts.waits), (5 * 256, 5));
        // The same index again is no new command.
        rig.front_end.write_cmdq_prod(rig.prod);
        assert_eq!(rig.front_end.counters().snapshot().consumed(), 5 * 256);
    }
}

#[test]
fn a_full_queue_goes_back_to_the_command_that_failed() {
    for failing in [0, 1, 254] {
        let mut rig = Rig::new();
        rig.submit(&[PREFETCH; 3]);
        rig.backend.fail(VIOMMU, InvalidateError::new(5, failing));
        let mut commands = [PAGE; 256];
        commands[255] = msi(STATUS, 1);
        rig.submit(&commands);
        assert_eq!(rig.error(), (1, (failing + 3) % 256));
        assert_eq!(rig.status(), 0);
        let again = rig.acknowledge();
        assert_eq!(again[0].len(), 255 - failing as usize);
        rig.is_idle();
        assert_eq!(rig.status(), 1);
        assert_eq!(rig.front_end.counters().snapshot().consumed(), 259);
    }
}

#[test]
fn a_queue_of_one_command_works() {
    let mut rig = Rig::new();
    rig.front_end.write_cr0(0);
    rig.front_end.write_cmdq_base(QUEUE);
    rig.front_end.write_cr0(CMDQEN);
    for round in 1..=4 {
        rig.put_at(0, PAGE);
        rig.front_end.write_cmdq_prod(round % 2);
        assert_eq!(rig.take(), [[PAGE]]);
        assert_eq!(rig.front_end.cmdq_cons(), round % 2);
    }
}

#[test]
fn a_base_is_aligned_to_the_queue_and_its_size_is_capped() {
    let features = Features {
        cmdqs: 4,
        ..Features::ALL_4K
    };
    let mut rig = Rig::with(RecordingBackend::new(), memory(), features);
    rig.front_end.write_cr0(0);
    // 16 commands: 256 bytes.
    rig.front_end.write_cmdq_base(QUEUE | 0xe0 | 0x13);
    assert_eq!(rig.front_end.cmdq_base(), QUEUE | 0xe0 | 0x13);
    rig.front_end.write_cr0(CMDQEN);
    for index in 0..16 {
        rig.put_at(index, PAGE);
    }
    rig.front_end.write_cmdq_prod(0x10);
    assert_eq!(rig.take(), [[PAGE; 16]]);
    assert_eq!(rig.front_end.cmdq_cons(), 0x10);
}

#[test]
fn a_prod_that_claims_more_than_a_full_queue_stops_consumption_until_it_is_consistent() {
    let mut rig = Rig::new();
    rig.submit(&[PREFETCH; 10]);
    for prod in [9, 0x10b, 0x1ff, 0] {
        rig.front_end.write_cmdq_prod(prod);
        assert_eq!(rig.front_end.cmdq_cons(), 10, "{prod:#x}");
        assert_eq!(rig.active(), 0);
    }
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.consumed(), counts.register_errors), (10, 4));
    // Bits above the wrap flag are not there.
    rig.put(PAGE);
    rig.front_end.write_cmdq_prod(0xffff_fe00 | rig.prod);
    assert_eq!(rig.take(), [[PAGE]]);
    assert_eq!(rig.front_end.cmdq_cons(), 11);
}

#[test]
fn an_error_stays_active_until_it_is_acknowledged_and_then_the_queue_resumes() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[PAGE, UNKNOWN, NEXT_PAGE, SYNC]);
    assert_eq!(requests, [[PAGE]], "what is before it is not lost");
    assert_eq!(rig.error(), (1, 1));
    assert_eq!((rig.front_end.gerror(), rig.front_end.gerrorn()), (1, 0));

    assert!(rig.submit(&[PAGE]).is_empty(), "PROD is only stored");
    rig.front_end.write_cr0(0);
    rig.front_end.write_cr0(CMDQEN);
    assert_eq!(rig.error(), (1, 1), "CMDQEN does not acknowledge it");
    rig.front_end.write_gerrorn(0);
    assert_eq!(rig.error(), (1, 1));

    rig.put_at(1, SYNC);
    assert_eq!(rig.acknowledge(), [[NEXT_PAGE], [PAGE]]);
    rig.is_idle();
    assert_eq!((rig.front_end.gerror(), rig.front_end.gerrorn()), (1, 1));

    // The next error toggles the bit back.
    rig.submit(&[UNKNOWN]);
    assert_eq!(rig.error(), (1, 5));
    assert_eq!((rig.front_end.gerror(), rig.front_end.gerrorn()), (0, 1));
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.faults, counts.waits), (2, 2));
}

#[test]
fn an_error_that_is_acknowledged_without_a_remedy_comes_back() {
    let mut rig = Rig::new();
    rig.submit(&[UNKNOWN]);
    assert_eq!(rig.front_end.gerror(), 1);
    rig.acknowledge();
    assert_eq!(rig.error(), (1, 0));
    assert_eq!(rig.front_end.gerror(), 0);
    assert_eq!(rig.front_end.counters().snapshot().faults, 2);
}

#[test]
fn an_error_acknowledged_while_the_queue_is_disabled_resumes_it_when_it_is_enabled() {
    let mut rig = Rig::new();
    rig.submit(&[UNKNOWN, PAGE]);
    rig.put_at(0, PREFETCH);
    rig.front_end.write_cr0(0);
    assert!(rig.acknowledge().is_empty());
    assert_eq!((rig.active(), rig.front_end.fault()), (0, None));
    rig.front_end.write_cr0(CMDQEN);
    assert_eq!(rig.take(), [[PAGE]]);
    rig.is_idle();
}

#[test]
fn commands_can_be_withdrawn_while_an_error_is_active() {
    let mut rig = Rig::new();
    rig.submit(&[PREFETCH, UNKNOWN, PAGE, SYNC]);
    rig.prod = 1;
    rig.front_end.write_cmdq_prod(1);
    assert!(rig.acknowledge().is_empty());
    rig.is_idle();
}

#[test]
fn a_guest_that_toggles_an_inactive_error_stops_its_own_queue_until_it_toggles_it_back() {
    let mut rig = Rig::new();
    rig.front_end.write_gerrorn(CMDQ_ERR);
    assert!(rig.submit(&[PAGE]).is_empty());
    assert_eq!((rig.active(), rig.front_end.fault()), (CMDQ_ERR, None));
    rig.front_end.write_gerrorn(0);
    assert_eq!(rig.take(), [[PAGE]]);
    rig.is_idle();
    // Bits that are not implemented are not stored.
    rig.front_end.write_gerrorn(!(CMDQ_ERR | MSI_ABT));
    assert_eq!(rig.front_end.gerrorn(), 0);
}
