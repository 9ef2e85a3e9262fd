//! CMD_SYNC and its signals, and what ends at the VMM.

use super::*;
use crate::smmuv3::Command;

fn counting(rig: &mut Rig) -> (Arc<AtomicU32>, Arc<AtomicU32>) {
    let interrupts = Arc::new(AtomicU32::new(0));
    let events = Arc::new(AtomicU32::new(0));
    let (raised, sent) = (Arc::clone(&interrupts), Arc::clone(&events));
    rig.front_end
        .on_interrupt(move || _ = raised.fetch_add(1, Ordering::Relaxed));
    rig.front_end
        .on_event(move || _ = sent.fetch_add(1, Ordering::Relaxed));
    (interrupts, events)
}

#[test]
fn a_sync_completes_only_after_everything_before_it() {
    for policy in [Policy::Single, Policy::Array] {
        let memory = memory();
        let seen = Log::new();
        let (inside, observed) = (memory.clone(), seen.clone());
        let backend = RecordingBackend::observing(move |_| observed.push(status_in(&inside)));
        let mut rig = Rig::with(backend, memory, Features::ALL_4K);
        rig.front_end.set_policy(policy);
        rig.submit(&[PAGE, msi(STATUS, 7), NEXT_PAGE, msi(STATUS, 8)]);
        assert_eq!(seen.take(), [0, 7]);
        assert_eq!(rig.status(), 8);
    }
}

#[test]
fn sig_none_signals_nothing_but_cons() {
    let mut rig = Rig::new();
    let (interrupts, events) = counting(&mut rig);
    rig.submit(&[[0x0000_0001_0fc0_0046, STATUS]]);
    rig.is_idle();
    assert_eq!(interrupts.load(Ordering::Relaxed), 0);
    assert_eq!(events.load(Ordering::Relaxed), 0);
    assert_eq!(rig.status(), 0);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.waits, counts.interrupts), (1, 0));
}

#[test]
fn sig_irq_writes_its_msi_and_then_raises_the_wired_interrupt() {
    let mut rig = Rig::new();
    let seen = Log::new();
    let (inside, observed) = (rig.memory.clone(), seen.clone());
    rig.front_end
        .on_interrupt(move || observed.push(status_in(&inside)));
    rig.submit(&[msi(STATUS, 0x5a5a_1234), msi(0, 9)]);
    assert_eq!(seen.take(), [0x5a5a_1234; 2], "without an address no MSI");
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.waits, counts.interrupts), (2, 2));
}

#[test]
fn an_smmu_without_msis_or_events_sends_none() {
    let features = Features {
        msi: false,
        sev: false,
        ..Features::ALL_4K
    };
    let mut rig = Rig::with(RecordingBackend::new(), memory(), features);
    let (interrupts, events) = counting(&mut rig);
    rig.submit(&[msi(STATUS, 1), [0x2046, 0]]);
    rig.is_idle();
    assert_eq!(rig.status(), 0);
    assert_eq!(interrupts.load(Ordering::Relaxed), 1);
    assert_eq!(events.load(Ordering::Relaxed), 0);
}

#[test]
fn sig_sev_sends_an_event() {
    let mut rig = Rig::new();
    let (interrupts, events) = counting(&mut rig);
    rig.submit(&[[0x0fc0_2046, STATUS]]);
    assert_eq!(interrupts.load(Ordering::Relaxed), 0);
    assert_eq!(events.load(Ordering::Relaxed), 1);
    assert_eq!(rig.status(), 0);
}

#[test]
fn an_msi_can_be_polled_in_the_sync_itself() {
    for policy in Policy::ALL {
        let mut rig = Rig::new();
        rig.front_end.set_policy(policy);
        rig.submit(&[PAGE, msi(QUEUE + 16, 0), NEXT_PAGE, msi(QUEUE + 48, 0)]);
        rig.is_idle();
        for at in [QUEUE + 16, QUEUE + 48] {
            let word: u32 = rig.memory.read_obj(GuestAddress(at)).unwrap();
            assert_eq!(word, 0);
        }
    }
}

#[test]
fn an_msi_outside_of_guest_memory_is_aborted_and_its_sync_completes() {
    let mut rig = Rig::new();
    let outside = [MEMORY as u64, 0x00ff_ffff_ffff_fffc];
    rig.submit(&[PAGE, msi(outside[0], 1), msi(outside[1], 1), msi(STATUS, 2)]);
    rig.is_idle();
    assert_eq!(rig.active(), MSI_ABT);
    assert_eq!(rig.status(), 2);
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.waits, counts.msi_aborts, counts.faults), (3, 2, 0));
    rig.front_end.write_gerrorn(MSI_ABT);
    assert_eq!(rig.active(), 0);
    rig.submit(&[msi(outside[0], 1)]);
    assert_eq!((rig.active(), rig.front_end.gerror()), (MSI_ABT, 0));
}

#[test]
fn stream_table_changes_end_at_the_vmm_in_order() {
    let mut rig = Rig::coalescing();
    let seen = Log::new();
    let (observed, backend) = (seen.clone(), Arc::clone(&rig.backend));
    rig.front_end.on_stream_table(move |command| {
        observed.push((command, backend.take().len()));
        Ok(())
    });
    let some = [0x0000_0120_0000_0004, 2];
    let requests = rig.submit(&[PAGE, SYNC, CFGI_STE, NEXT_PAGE, some, SYNC]);
    let range = Command::CfgiSteRange {
        first: DeviceId(0x120),
        last: DeviceId(0x127),
    };
    assert_eq!(
        seen.take(),
        [(Command::CfgiSte(DeviceId(0x100)), 1), (range, 1)],
        "a request before each"
    );
    assert!(requests.is_empty(), "and none goes down");
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.absorbed, counts.waits), (2, 2));
}

#[test]
fn a_stream_table_entry_that_the_vmm_refuses_stops_the_queue() {
    let mut rig = Rig::new();
    let allowed = Arc::new(AtomicU32::new(0));
    let allow = Arc::clone(&allowed);
    rig.front_end
        .on_stream_table(move |_| match allow.load(Ordering::Relaxed) {
            0 => Err(CommandError::Ill),
            _ => Ok(()),
        });
    rig.submit(&[PAGE, CFGI_STE, SYNC]);
    assert_eq!(rig.error(), (1, 1));
    let fault = rig.front_end.fault().unwrap();
    assert_eq!(fault.words, Some([CFGI_STE[0], CFGI_STE[1], 0, 0]));
    assert_eq!(fault.reason, FaultReason::Guest);
    allowed.store(1, Ordering::Relaxed);
    rig.acknowledge();
    rig.is_idle();
}

#[test]
fn an_answer_is_given_once_and_after_what_is_before_it() {
    let mut rig = Rig::coalescing();
    let answers = Log::new();
    let observed = answers.clone();
    rig.front_end
        .on_answer(move |command| observed.push(command));
    let resume = Command::Resume {
        sid: DeviceId(0x100),
        stag: 0xbeef,
        retry: true,
        abort: false,
    };
    let stall_term = [0x0000_0100_0000_0045, 0];
    let pri_resp = [0x0000_0100_0000_0041, 0x2003];
    rig.backend.fail(VIOMMU, InvalidateError::new(5, 0));
    rig.submit(&[PAGE, RESUME, stall_term, pri_resp]);
    assert_eq!(rig.error(), (1, 0));
    assert!(answers.take().is_empty(), "behind the error");
    rig.acknowledge();
    let all = [
        resume,
        Command::StallTerm(DeviceId(0x100)),
        Command::PriResp {
            sid: DeviceId(0x100),
            ssid: None,
            group: 3,
            response: 2,
        },
    ];
    assert_eq!(answers.take(), all);
    // Of a command that fails behind it, it is not repeated.
    rig.backend.fail(VIOMMU, InvalidateError::new(5, 0));
    rig.submit(&[RESUME, PAGE, SYNC]);
    rig.acknowledge();
    rig.is_idle();
    assert_eq!(answers.take(), [resume]);
}

#[test]
fn prefetches_are_consumed() {
    let mut rig = Rig::new();
    assert!(rig.submit(&[PREFETCH, [2, 0xffff_f01f], SYNC]).is_empty());
    rig.is_idle();
    let counts = rig.front_end.counters().snapshot();
    assert_eq!((counts.absorbed, counts.of("prefetch-addr")), (2, 1));
}
