use super::*;

#[test]
fn the_buffer_wraps() {
    let mut rig = Rig::new();
    for round in 1..=1000 {
        let requests = rig.submit(&[PAGE_OF_4, PAGE_OF_4, wait(STATUS, round)]);
        assert_eq!(requests.len(), 1);
        assert_eq!(rig.stored(), round);
        assert_eq!(rig.front_end.command_head(), rig.tail);
    }
    assert_eq!(rig.front_end.counters().snapshot().consumed(), 3000);
}

#[test]
fn nothing_is_fetched_before_unit_and_buffer_are_enabled() {
    let mut rig = Rig::new();
    for off in [0, CMD_BUF_EN, CONTROL] {
        rig.front_end.write_control(off);
        assert_eq!(rig.front_end.status() & CMD_BUF_RUN, 0);
        assert!(rig.submit(&[PAGE_OF_4]).is_empty());
        assert_eq!(rig.front_end.command_tail(), rig.tail);
    }
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.front_end.status() & CMD_BUF_RUN, CMD_BUF_RUN);
    assert_eq!(rig.front_end.control(), CONTROL | CMD_BUF_EN);
    let requests = rig.backend.take();
    assert_eq!(requests, [request(1, &[PAGE_OF_4; 3])]);
    assert_eq!(rig.front_end.command_head(), 0x30);
}

#[test]
fn a_new_buffer_is_read_from_its_beginning() {
    let mut rig = Rig::new();
    rig.submit(&[PAGE_OF_4]);
    rig.front_end.write_command_base(!(7 << 56));
    assert_eq!(rig.front_end.command_base(), 0x080f_ffff_ffff_f000);
    rig.front_end.write_command_base(BUFFER | LENGTH_256);
    let pointers = (rig.front_end.command_head(), rig.front_end.command_tail());
    assert_eq!(pointers, (0, 0));
    rig.tail = 0;
    assert_eq!(rig.submit(&[DEVTAB, ALL_OF_4]), [request(1, &[ALL_OF_4])]);
}

#[test]
fn the_head_is_the_guests_only_while_the_buffer_stands() {
    let mut rig = Rig::new();
    rig.submit(&[PAGE_OF_4, PAGE_OF_4]);
    rig.front_end.write_command_head(0);
    assert_eq!(rig.front_end.command_head(), 0x20);
    rig.front_end.write_control(CONTROL);
    rig.front_end.write_command_head(0x1f);
    assert_eq!(rig.front_end.command_head(), 0x10);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.backend.take(), [request(1, &[PAGE_OF_4])]);
    // Beyond the buffer it wraps.
    rig.front_end.write_control(CONTROL);
    rig.front_end.write_command_head(0x1030);
    assert_eq!(rig.front_end.command_head(), 0x30);
}

#[test]
fn bits_outside_of_a_pointers_field_are_not_there() {
    let mut rig = Rig::new();
    rig.put(PAGE_OF_4);
    rig.front_end.write_command_tail(0xffff_ffff_fff8_001f);
    assert_eq!(rig.front_end.command_tail(), 0x10);
    assert_eq!(rig.front_end.command_head(), 0x10);
    assert_eq!(rig.backend.take().len(), 1);
}

#[test]
fn every_length_but_the_reserved_ones_is_a_buffer_of_that_many_commands() {
    for len in 0..16_u64 {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10_0000)]).unwrap();
        let mut rig = Rig::with(RecordingBackend::new(), memory);
        rig.front_end.write_command_base(len << 56);
        let last = (16 << len) - 16;
        put_at(&rig.memory, last, PAGE_OF_4);
        rig.front_end.write_control(CONTROL);
        if len < 8 {
            rig.front_end.write_control(CONTROL | CMD_BUF_EN);
            rig.front_end.write_command_tail(0x10);
            assert_eq!(rig.front_end.status() & CMD_BUF_RUN, 0, "{len}");
            assert_eq!(rig.front_end.command_head(), 0);
            assert!(rig.backend.take().is_empty());
            // Written while enabled, enabled again, rung.
            let counts = rig.front_end.counters().snapshot();
            assert_eq!(counts.register_errors, 3, "{len}");
            continue;
        }
        rig.front_end.write_command_head(last);
        assert_eq!(rig.front_end.command_head(), last);
        rig.front_end.write_control(CONTROL | CMD_BUF_EN);
        assert_eq!(rig.backend.take().len(), 1, "{len}");
        assert_eq!(rig.front_end.command_head(), 0, "{len}");
    }
}

#[test]
fn a_detached_target_gets_nothing_any_more() {
    let mut rig = Rig::new();
    assert!(rig.front_end.detach(DomainId(7), ObjectId(2)));
    assert!(!rig.front_end.detach(DomainId(7), ObjectId(2)));
    assert!(!rig.front_end.attach(DomainId(7), ObjectId(3)));
    assert_eq!(rig.submit(&[PAGE_OF_7]), [request(3, &[PAGE_OF_7])]);
    assert_eq!(
        rig.front_end.set_viommu(ObjectId(8)),
        Some(ObjectId(VIOMMU))
    );
    assert_eq!(rig.submit(&[IOTLB_PAGE]), [request(8, &[IOTLB_PAGE])]);
}
