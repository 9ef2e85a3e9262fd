//! CERROR_ILL and CERROR_ABT of the guest's own making.

use super::*;
use crate::QueueError;

#[test]
fn illegal_commands_stop_the_queue_before_anything_goes_down() {
    for illegal in [
        UNKNOWN,
        [0, 0],
        // CFGI_VMS_PIDM, EL3, EL2, stage 2, DPT.
        [0x07, 0],
        [0x18, 0],
        [0x1a, 0],
        [0x20, 0],
        [0x21, 0],
        [0x22, 0],
        [0x23, 0],
        [0x28, 0],
        [0x2a, 0],
        [0x70, 0],
        // A reserved combination, a Secure stream, a reserved completion signal.
        [0x12, 0x1_0400],
        [0x0403, 0],
        [0x3046, 0],
    ] {
        let mut rig = Rig::new();
        let requests = rig.submit(&[PAGE, illegal, NEXT_PAGE, SYNC]);
        assert_eq!(requests, [[PAGE]]);
        assert_eq!(rig.error(), (1, 1), "{illegal:#x?}");
        let fault = rig.front_end.fault().unwrap();
        assert_eq!(fault.error, QueueError::SmmuV3(CommandError::Ill));
        assert_eq!(fault.words, Some([illegal[0], illegal[1], 0, 0]));
        assert_eq!(fault.reason, FaultReason::Guest);
        assert_eq!(rig.front_end.counters().snapshot().waits, 0);
    }
}

#[test]
fn a_queue_outside_of_guest_memory_is_an_abort() {
    for base in [MEMORY as u64, 0x00ff_ffff_ffff_f000] {
        let mut rig = Rig::new();
        rig.front_end.write_cr0(0);
        rig.front_end.write_cmdq_base(base | LOG2SIZE);
        rig.front_end.write_cr0(CMDQEN);
        rig.front_end.write_cmdq_prod(1);
        assert_eq!(rig.error(), (2, 0));
        assert_eq!(rig.front_end.fault().unwrap().words, None);
    }
}

#[test]
fn what_is_before_the_end_of_memory_is_executed() {
    // 512 commands, of which the second half is outside.
    const BASE: u64 = 0xe000;
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(BASE), 0x1000)]).unwrap();
    let mut rig = Rig::with(RecordingBackend::new(), memory, Features::ALL_4K);
    rig.front_end.write_cr0(0);
    rig.front_end.write_cmdq_base(BASE | 9);
    rig.front_end.write_cr0(CMDQEN);
    for at in (0..0x1000).step_by(16) {
        rig.memory
            .write_slice(&0x10_u64.to_le_bytes(), GuestAddress(BASE + at))
            .unwrap();
    }
    rig.front_end.write_cmdq_prod(300);
    assert_eq!(rig.front_end.cmdq_cons(), 2 << 24 | 256);
    assert_eq!(rig.take(), [[NH_ALL]], "once for all of them");
    assert_eq!(rig.front_end.counters().snapshot().consumed(), 256);
    // CERROR_ABT: the guest tries again.
    rig.acknowledge();
    assert_eq!(rig.front_end.cmdq_cons(), 2 << 24 | 256);
    assert_eq!(rig.front_end.counters().snapshot().faults, 2);
}

#[test]
fn what_a_guest_queues_during_a_run_waits_for_its_doorbell() {
    let memory = memory();
    let (inside, at) = (memory.clone(), AtomicU32::new(1));
    let backend = RecordingBackend::observing(move |_| {
        // The guest goes on filling its queue while its commands are executed.
        let index = u64::from(at.fetch_add(1, Ordering::Relaxed));
        inside
            .write_slice(&0xff_u64.to_le_bytes(), GuestAddress(QUEUE + index * 16))
            .unwrap();
    });
    let mut rig = Rig::with(backend, memory, Features::ALL_4K);
    rig.front_end.set_policy(Policy::Single);
    assert_eq!(rig.submit(&[PAGE]), [[PAGE]]);
    rig.is_idle();
    // With its doorbell it is executed.
    rig.front_end.write_cmdq_prod(2);
    assert_eq!(rig.error(), (1, 1));
}
