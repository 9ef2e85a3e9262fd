use super::*;
use crate::{DomainId, Nanos, Pasid, Vendor};

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::Vtd, true);
const HWPT: HwptId = HwptId(1);
const COMMAND: Command = Command::pasid_iotlb_all(DomainId(1), Pasid(0));

fn ring(profile: TimingProfile) -> InvalidationRing {
    let mut ring = InvalidationRing::spawn(INSTANCE, profile, Arc::new(Counters::new())).unwrap();
    // A loaded machine is no silent hardware.
    ring.timeout = Duration::from_mins(1);
    ring
}

fn stuck(timeout: Duration) -> InvalidationRing {
    InvalidationRing::without_hardware(INSTANCE, Arc::new(Counters::new()), timeout)
}

#[test]
fn no_command_is_lost_among_many_submitters() {
    let ring = ring(TimingProfile::INSTANT);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ring = &ring;
            scope.spawn(move || {
                for round in 0..500 {
                    ring.submit_sync(HWPT, &[COMMAND; 16][..(thread + round) % 17])
                        .unwrap();
                }
            });
        }
    });
    let counts = ring.counters.snapshot();
    let expected: usize = (0..4)
        .flat_map(|thread| (0..500).map(move |round| (thread + round) % 17))
        .sum();
    assert_eq!(
        (counts.submissions, counts.commands),
        (2000, expected as u64)
    );
    assert_eq!(counts.submission_errors, 0);
    let head = ring.shared.head.load(Ordering::Acquire);
    assert_eq!(
        head,
        2000 + expected as u64,
        "the hardware executed every command and sync"
    );
}

#[test]
fn the_largest_submission_fills_the_ring_and_more_is_refused() {
    let ring = ring(TimingProfile::INSTANT);
    for _ in 0..20 {
        ring.submit_sync(HWPT, &[COMMAND; 254]).unwrap();
    }
    let error = ring.submit_sync(HWPT, &[COMMAND; 255]).unwrap_err();
    assert_eq!(
        error,
        SubmitError::TooManyCommands {
            commands: 255,
            max: 254
        }
    );
    let error = ring
        .submit_sync(HWPT, &[COMMAND, Command::wait(0, 1)])
        .unwrap_err();
    assert_eq!(error, SubmitError::ForeignSync { index: 1 });
    assert_eq!(
        ring.counters.snapshot().submissions,
        20,
        "what is refused was not submitted"
    );
}

#[test]
fn hardware_that_sleeps_is_woken_every_time() {
    let ring = ring(TimingProfile::INSTANT);
    for round in 0..300 {
        ring.submit_sync(HWPT, &[COMMAND]).unwrap();
        // Around the time at which the hardware falls asleep.
        std::thread::sleep(Duration::from_micros(round % 100));
    }
    assert_eq!(ring.counters.snapshot().submission_errors, 0);
}

#[test]
fn idle_hardware_sleeps_and_is_stopped_by_a_drop() {
    let ring = ring(TimingProfile::STRICT);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ring.shared.sleeping.load(Ordering::SeqCst) {
        assert!(Instant::now() < deadline, "it never slept");
        std::thread::yield_now();
    }
    let shared = Arc::downgrade(&ring.shared);
    drop(ring);
    assert!(shared.upgrade().is_none(), "the thread ended");
}

#[test]
fn busy_hardware_is_stopped_by_a_drop() {
    let ages = TimingProfile {
        per_command: Nanos(3_600_000_000_000),
        ..TimingProfile::INSTANT
    };
    let mut ring = ring(ages);
    ring.timeout = Duration::from_millis(5);
    assert!(ring.submit_sync(HWPT, &[COMMAND]).is_err());
    drop(ring);
}

#[test]
fn a_submission_takes_the_time_of_its_profile() {
    let profile = TimingProfile {
        per_submission: Nanos(1_000_000),
        per_command: Nanos(2_000_000),
        per_wait: Nanos(500_000),
        ..TimingProfile::INSTANT
    };
    let ring = ring(profile);
    let begin = Instant::now();
    ring.submit_sync(HWPT, &[COMMAND; 4]).unwrap();
    assert!(begin.elapsed() >= Duration::from_micros(9_500));
}

#[test]
fn silent_hardware_is_a_timeout_and_not_a_hang() {
    let ring = stuck(Duration::from_millis(10));
    let error = ring.submit_sync(HWPT, &[COMMAND; 100]).unwrap_err();
    assert!(
        matches!(error, SubmitError::TimedOut { waited_ms: 10.. }),
        "{error}"
    );
    assert_eq!(error.errno(), crate::errno::ETIMEDOUT);
    // The commands stay: a third submission finds no room, and times out there.
    for _ in 0..2 {
        assert!(ring.submit_sync(HWPT, &[COMMAND; 100]).is_err());
    }
    assert_eq!(*ring.lock(), 202);
    let counts = ring.counters.snapshot();
    assert_eq!((counts.submissions, counts.submission_errors), (3, 3));
}

#[test]
fn a_status_is_written_only_after_the_hardware_passed_everything_before() {
    let ring = stuck(Duration::from_millis(1));
    assert!(ring.submit_sync(HWPT, &[COMMAND; 3]).is_err());
    assert!(!ring.shared.is_done(3, 4));
    assert!(ring.shared.fetch(3).is_sync());
    ring.shared.complete(ring.shared.fetch(3));
    assert!(ring.shared.is_done(3, 4));
}

#[test]
fn a_submitter_that_looks_late_sees_that_its_sync_is_done() {
    let ring = stuck(Duration::from_millis(1));
    let first = ring.shared.write_wait(3);
    assert!(!ring.shared.is_done(3, first));
    ring.shared.complete(ring.shared.fetch(3));
    // The slot serves a later wait that is not done yet.
    let second = ring.shared.write_wait(3 + 256);
    assert!(ring.shared.is_done(3, first));
    assert!(!ring.shared.is_done(3 + 256, second));
    // And 2^32 descriptors later.
    let third = ring.shared.write_wait(3 + (1 << 32));
    assert!(!ring.shared.is_done(3 + (1 << 32), third));
}
