use super::*;
use crate::{FaultReason, HardwareError};

#[test]
fn an_illegal_command_stops_the_buffer_until_the_guest_restarts_it() {
    let mut rig = Rig::new();
    let requests = rig.submit(&[PAGE_OF_4, UNKNOWN, PAGE_OF_7, wait(STATUS, 1)]);
    assert_eq!(
        requests,
        [request(1, &[PAGE_OF_4])],
        "what is before it is not lost"
    );
    let fault = rig.fault();
    assert_eq!((fault.index, fault.reason), (1, FaultReason::Guest));
    assert_eq!(fault.error, CommandError::Illegal.into());
    assert_eq!(fault.words, Some([UNKNOWN[0], 0, 0, 0]));
    assert_eq!(fault.error.code(), 5);
    // Code 5, and the address of the command.
    assert_eq!(rig.event(0), [0x5000_0000_0000_0000, 0x4010]);
    assert_eq!(rig.front_end.event_tail(), 0x10);
    assert_eq!(
        rig.front_end.status(),
        EVENT_LOG_INT | EVENT_LOG_RUN,
        "not CmdBufRun"
    );
    assert_eq!((rig.stored(), rig.interrupts()), (0, 1));

    assert!(
        rig.submit(&[PAGE_OF_4]).is_empty(),
        "a doorbell only stores the tail"
    );
    assert_eq!(rig.front_end.command_tail(), rig.tail);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.fault().index, 1, "only 0 and then 1 restarts it");

    // The guest replaces the command.
    put_at(&rig.memory, BUFFER + 0x10, DEVTAB);
    let requests = rig.restart();
    assert_eq!(
        requests,
        [
            request(2, &[PAGE_OF_7]),
            request(3, &[PAGE_OF_7]),
            request(1, &[PAGE_OF_4])
        ]
    );
    assert_eq!(rig.stored(), 1);
    assert_eq!(rig.front_end.counters().fault(), None);
    assert_eq!(rig.front_end.status() & CMD_BUF_RUN, CMD_BUF_RUN);
    assert_eq!(rig.front_end.counters().snapshot().faults, 1);
}

#[test]
fn a_buffer_that_is_reset_as_linux_does_it_is_read_from_its_beginning() {
    let mut rig = Rig::new();
    rig.submit(&[DEVTAB, UNKNOWN, PAGE_OF_4]);
    assert_eq!(rig.fault().index, 1);
    rig.front_end.write_control(CONTROL);
    rig.front_end.write_command_head(0);
    rig.front_end.write_command_tail(0);
    rig.front_end.write_control(CONTROL | CMD_BUF_EN);
    assert_eq!(rig.front_end.fault(), None);
    rig.tail = 0;
    assert_eq!(
        rig.submit(&[PAGE_OF_7, wait(STATUS, 4)])[0],
        request(2, &[PAGE_OF_7])
    );
    assert_eq!(rig.stored(), 4);
}

#[test]
fn a_restart_without_a_remedy_fails_again() {
    let mut rig = Rig::new();
    rig.submit(&[UNKNOWN]);
    rig.restart();
    assert_eq!(rig.fault().index, 0);
    assert_eq!(rig.event(1), [0x5000_0000_0000_0000, 0x4000]);
    assert_eq!(rig.front_end.counters().snapshot().faults, 2);
}

#[test]
fn a_failed_request_stops_the_buffer_at_the_first_entry_that_was_not_handled() {
    let mut rig = Rig::new();
    let error = InvalidateError::new(5, 1);
    rig.backend.fail(ObjectId(1), error);
    let requests = rig.submit(&[PAGE_OF_4, PAGE_OF_7, ALL_OF_4, IOTLB_PAGE, wait(STATUS, 1)]);
    // The domains first, the failed one beside the other; devices' TLBs are behind.
    assert_eq!(requests.len(), 3);
    let fault = rig.fault();
    assert_eq!(fault.index, 2);
    assert_eq!(
        fault.error,
        CommandError::Hardware(ErrorType::DataError).into()
    );
    assert_eq!(fault.words, Some([ALL_OF_4[0], ALL_OF_4[1], 0, 0]));
    let target = ObjectId(1);
    assert_eq!(fault.reason, FaultReason::Request { target, error });
    // Code 6, type 3 (data error) in bits 58:57.
    assert_eq!(rig.event(0), [0x6600_0000_0000_0000, 0x4020]);
    assert_eq!(rig.stored(), 0);

    let requests = rig.restart();
    assert_eq!(
        requests,
        [request(1, &[ALL_OF_4]), request(VIOMMU, &[IOTLB_PAGE])]
    );
    assert_eq!(rig.stored(), 1);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!(counts.of("iommu-pages"), 3, "each counts once");
}

#[test]
fn what_hardware_says_of_a_command_decides_the_event() {
    for (hardware, error, event) in [
        (
            HardwareError::Illegal,
            CommandError::Illegal,
            0x5000_0000_0000_0000,
        ),
        (
            HardwareError::Abort,
            CommandError::Hardware(ErrorType::TargetAbort),
            0x6400_0000_0000_0000,
        ),
    ] {
        let mut rig = Rig::coalescing();
        let failure = InvalidateError {
            hardware: Some(hardware),
            ..InvalidateError::new(5, 0)
        };
        rig.backend.fail(ObjectId(1), failure);
        rig.submit(&[DEVTAB, PAGE_OF_4, wait(STATUS, 1)]);
        assert_eq!((rig.fault().index, rig.fault().error), (1, error.into()));
        assert_eq!(rig.event(0), [event, 0x4010]);
    }
}

#[test]
fn the_earliest_of_several_failures_is_the_fault_also_across_the_wrap() {
    let mut rig = Rig::new();
    rig.submit(&[DEVTAB; 254]);
    rig.backend.fail(ObjectId(2), InvalidateError::new(5, 1));
    rig.backend.fail(ObjectId(1), InvalidateError::new(6, 0));
    // Commands 254, 255, 0, 1: HWPT 2 fails at 0, HWPT 1 at 255.
    rig.submit(&[PAGE_OF_7, PAGE_OF_4, PAGE_OF_7, wait(STATUS, 1)]);
    assert_eq!(rig.fault().index, 255);
    assert_eq!(rig.event(0), [0x6600_0000_0000_0000, 0x4ff0]);
}

#[test]
fn a_store_outside_of_guest_memory_is_a_hardware_error_of_its_command() {
    for addr in [MEMORY as u64, 0x000f_ffff_ffff_fff8] {
        for policy in Policy::ALL {
            let mut rig = Rig::new();
            rig.front_end.set_policy(policy);
            let requests = rig.submit(&[PAGE_OF_4, wait(addr, 1), wait(STATUS, 2)]);
            assert_eq!(requests.len(), 1);
            let fault = rig.fault();
            assert_eq!(fault.index, 1);
            assert_eq!(fault.reason, FaultReason::StatusAddress(addr));
            // Code 6, type 1 (master abort).
            assert_eq!(rig.event(0), [0x6200_0000_0000_0000, 0x4010]);
            assert_eq!(rig.stored(), 0);
            assert_eq!(rig.front_end.counters().snapshot().waits, 0);
        }
    }
}

#[test]
fn a_tail_outside_of_the_buffer_is_a_hardware_error() {
    let mut rig = Rig::new();
    rig.submit(&[DEVTAB]);
    rig.front_end.write_command_tail(0x1000);
    assert_eq!((rig.fault().index, rig.fault().words), (1, None));
    assert_eq!(rig.event(0), [0x6200_0000_0000_0000, 0x4010]);
}

#[test]
fn a_buffer_outside_of_guest_memory_is_a_hardware_error() {
    for base in [MEMORY as u64, 0x000f_ffff_ffff_f000] {
        let mut rig = Rig::new();
        rig.front_end.write_command_base(base | LENGTH_256);
        rig.front_end.write_command_tail(0x10);
        assert_eq!((rig.fault().index, rig.fault().words), (0, None));
        assert_eq!(rig.event(0), [0x6200_0000_0000_0000, base]);
    }
    // Its second page is missing: what is on the first is handled.
    let mut rig = Rig::new();
    rig.front_end.write_command_base(0xf000 | 9 << 56);
    for at in (0xf000..MEMORY as u64).step_by(16) {
        put_at(&rig.memory, at, DEVTAB);
    }
    rig.front_end.write_command_tail(0x1010);
    assert_eq!(rig.fault().index, 256);
    assert_eq!(rig.event(0), [0x6200_0000_0000_0000, 0x1_0000]);
    assert_eq!(rig.front_end.counters().snapshot().absorbed, 256);
}
