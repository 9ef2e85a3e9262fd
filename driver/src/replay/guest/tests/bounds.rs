use super::*;

/// A wait descriptor, and invalidations of domain 4: a page of PASID 0, a page of
/// every PASID; of every domain: everything.
const WAIT: (u64, u64) = (0x0000_0002_0000_0025, 0x5000_0004);
const PAGE: (u64, u64) = (0x4_0036, 0x1000);
const PAGE_OF_DOMAIN: (u64, u64) = (0x4_00f2, 0x1000);
const GLOBAL: (u64, u64) = (0xd2, 0);

/// As many targets as a stream may have beside the domain of `PAGE_OF_DOMAIN`.
const TARGETS: u32 = 4095;

/// Everything of each PASID of domain 4.
fn all_targets() -> impl Iterator<Item = (u64, u64)> {
    (0..u64::from(TARGETS)).map(|pasid| (pasid << 32 | 0x4_0026, 0))
}

/// One command a microsecond.
fn guest_of(
    commands: impl Iterator<Item = (u64, u64)>,
) -> (Guest<Arc<RecordingBackend>>, Arc<RecordingBackend>) {
    let commands: Vec<_> = (0..)
        .zip(commands)
        .map(|(at, (lo, hi))| (at, lo, hi))
        .collect();
    recorded(
        &Stream::from_capture(&capture_of(&commands)).unwrap(),
        Width::Bits256,
    )
}

fn entries(backend: &RecordingBackend) -> usize {
    let requests = backend.take();
    requests.iter().map(|request| request.entries.len()).sum()
}

#[test]
fn more_commands_before_a_wait_than_the_ring_takes_go_in_a_doorbell_and_a_step_each() {
    let (mut guest, backend) = guest_of(std::iter::repeat_n(PAGE, 5000).chain([WAIT]));
    let full = guest.capacity();
    let steps: Vec<_> = (0..3).map(|_| guest.step().unwrap()).collect();
    let step = |last_command, descriptors, last| Step {
        at: Duration::from_micros(u64::from(last_command)),
        descriptors,
        last,
    };
    assert_eq!(
        steps,
        [
            step(full - 1, full, false),
            step(2 * full - 1, full, false),
            step(5000, 5001 - 2 * full, true)
        ]
    );
    assert!(matches!(guest.step(), Err(ReplayError::AtEnd)));
    assert_eq!(entries(&backend), 5000);
    let counts = guest.counters().snapshot();
    assert_eq!((counts.doorbells, counts.waits), (3, 1));
}

#[test]
fn a_fault_behind_a_full_ring_names_its_own_line() {
    let invalid = (0xf, 0);
    let (mut guest, _) = guest_of(std::iter::repeat_n(PAGE, 3000).chain([invalid, WAIT]));
    guest.step().unwrap();
    let message = guest.step().unwrap_err().to_string();
    assert!(
        message.ends_with(" (line 3002 of the capture)"),
        "{message}"
    );
}

#[test]
fn a_stream_that_invalidates_everything_of_many_targets_needs_one_entry_for_each() {
    let commands = all_targets().chain(std::iter::repeat_n(GLOBAL, 200));
    let (mut guest, backend) = guest_of(commands.chain([WAIT]));
    let counts = replay(&mut guest);
    assert_eq!(counts.consumed(), u64::from(TARGETS) + 201);
    // Two full rings of one entry each, and what is left with the global ones.
    assert_eq!(entries(&backend), 2 * 2047 + TARGETS as usize);
    assert_eq!(counts.doorbells, 3);
}

#[test]
fn a_step_is_bounded_also_by_the_entries_that_its_descriptors_ask_for() {
    let commands = all_targets().chain(std::iter::repeat_n(PAGE_OF_DOMAIN, 100));
    let (mut guest, backend) = guest_of(commands.chain([WAIT]));
    let (descriptors, steps) = all_steps(&mut guest, &backend);
    assert_eq!(descriptors, TARGETS + 101);
    // Two full rings, five times 17 descriptors of 4,095 entries, and the rest.
    assert_eq!(steps, 2 + 5 + 1);
    assert_eq!(guest.counters().snapshot().waits, 1);
}

#[test]
fn a_step_is_bounded_also_where_each_entry_is_a_request() {
    let commands = all_targets().chain(std::iter::repeat_n(GLOBAL, 100));
    let (mut guest, backend) = guest_of(commands.chain([WAIT]));
    guest.iommu_mut().set_policy(Policy::Single);
    let (descriptors, steps) = all_steps(&mut guest, &backend);
    assert_eq!((descriptors, steps), (TARGETS + 101, 2 + 5 + 1));
    let counts = guest.counters().snapshot();
    assert_eq!(counts.requests, 101 * u64::from(TARGETS));
}

/// Steps to the end of the stream; how many commands and steps there were.
fn all_steps(guest: &mut Guest<Arc<RecordingBackend>>, backend: &RecordingBackend) -> (u32, u32) {
    let mut descriptors = 0;
    let mut steps = 0;
    loop {
        let step = guest.step().unwrap();
        assert!(entries(backend) <= (1 << 16) + 4096, "{step:?}");
        descriptors += step.descriptors;
        steps += 1;
        if step.last {
            return (descriptors, steps);
        }
    }
}

#[test]
fn a_stream_with_too_many_status_pages_or_targets_is_refused() {
    let pages: Vec<_> = (0..4097)
        .map(|n| (n, 0x0000_0002_0000_0025, n << 12))
        .collect();
    let error = Stream::from_capture(&capture_of(&pages)).unwrap_err();
    assert!(matches!(
        error,
        ReplayError::TooManyStatusPages { max: 4096 }
    ));
    let pairs: Vec<_> = (0..4097).map(|n| (n, n << 32 | 0x26, 0)).collect();
    let error = Stream::from_capture(&capture_of(&pairs)).unwrap_err();
    assert!(matches!(error, ReplayError::TooManyTargets { max: 4096 }));
}
