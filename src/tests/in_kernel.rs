//! What the eBPF programs do with single events, fired at their probes one by one.
//! The test's own process is the target: it embeds the driver's probes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use hwptop_abi::{
    InstanceArg, MAX_INSTANCES, NOT_KNOWN, NOT_TIMED, STARTS_PER_INSTANCE, STARTS_PER_SLOT, Stage,
    Vendor,
};
use hwptop_agent::{
    Ebpf, InstanceTotals, SlowOptions, SlowThreshold, Source as _, TargetProcess, Totals,
    snapshot::BatchSizes,
};
use hwptop_driver::{ObjectId, probes};

const HWPT: ObjectId = ObjectId(7);

fn attach(slow: impl Into<SlowOptions>) -> Ebpf {
    let process = TargetProcess::current().expect("this test embeds the driver");
    Ebpf::attach(&process, slow).expect("the probes can be attached")
}

fn instance(number: u16) -> InstanceArg {
    InstanceArg::new(number, Vendor::Vtd, true)
}

fn request(ticket: u64, instance: InstanceArg, entries: u32, errno: i32) {
    probes::invalidate_begin(ticket, instance, HWPT, entries);
    probes::invalidate_end(ticket, instance, HWPT, entries, errno);
}

fn only(totals: &Totals) -> &InstanceTotals {
    assert_eq!(totals.instances.len(), 1);
    &totals.instances[0]
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn every_event_is_counted_under_its_instance_and_stage() {
    let mut ebpf = attach(Duration::MAX);
    for ticket in 1..=100 {
        request(ticket, instance(3), 5, i32::from(ticket % 10 == 0));
        probes::queue_submit(ticket, instance(3), HWPT, 16);
        probes::queue_complete(ticket, instance(3), HWPT, 16, 0);
        probes::guest_doorbell(ticket, instance(3), 4, 2);
    }
    probes::guest_fault(1, instance(3), 3);
    let totals = ebpf.read().expect("the maps can be read");
    let seen = only(&totals);
    assert_eq!(seen.instance, instance(3));
    let request = &seen.stage(Stage::Request).0;
    assert_eq!(
        (request.seen, request.items, request.errors),
        (100, 500, 10)
    );
    let submission = &seen.stage(Stage::Submission).0;
    assert_eq!(
        (submission.seen, submission.items, submission.errors),
        (100, 1600, 0)
    );
    assert_eq!(
        (
            seen.guest.doorbells,
            seen.guest.descriptors,
            seen.guest.waits,
            seen.guest.faults
        ),
        (100, 400, 200, 1)
    );
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn every_end_is_counted_by_its_size_and_every_failure_by_its_code() {
    /// Sizes, and what each is told as.
    const SIZES: [(u32, u32); 9] = [
        (0, 0),
        (1, 1),
        (63, 63),
        (64, 64),
        (65, 64),
        (1024, 1024),
        (1055, 1024),
        (4095, 4032),
        (1 << 20, 4032),
    ];
    let mut ebpf = attach(Duration::MAX);
    for (ticket, (size, _)) in (1..).zip(SIZES) {
        request(ticket, instance(3), size, 0);
    }
    // ENOTSUPP, which is the kernel's own, has no counter.
    for (ticket, errno) in (100..).zip([5, 5, 110, 133, 524]) {
        request(ticket, instance(3), 7, errno);
    }
    // Its start is not known.
    probes::invalidate_end(200, instance(3), HWPT, 7, 22);
    let totals = ebpf.read().expect("the maps can be read");
    let request = only(&totals).stage(Stage::Request);
    assert_eq!((request.0.seen, request.0.lost_no_start), (15, 1));
    let sizes: BatchSizes = SIZES.iter().map(|(_, told)| (*told, 1)).collect();
    let mut expected: Vec<(u32, u64)> = sizes.iter().collect();
    expected.push((7, 6));
    expected.sort_unstable();
    assert_eq!(request.batches().iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        request.error_codes().iter().collect::<Vec<_>>(),
        [(0, 1), (5, 2), (22, 1), (110, 1), (133, 1)]
    );
    assert_eq!(request.0.errors, request.error_codes().total());
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn an_end_without_its_start_is_lost_and_not_a_latency() {
    let mut ebpf = attach(Duration::MAX);
    // Attached in the middle; another instance's start; a second end.
    probes::invalidate_end(1, instance(0), HWPT, 1, 0);
    probes::invalidate_begin(2, instance(1), HWPT, 1);
    probes::invalidate_end(2, instance(0), HWPT, 1, 0);
    request(3, instance(0), 1, 0);
    probes::invalidate_end(3, instance(0), HWPT, 1, 0);
    let totals = ebpf.read().expect("the maps can be read");
    let request = only(&totals).stage(Stage::Request);
    assert_eq!(
        (request.0.seen, request.recorded(), request.0.lost_no_start),
        (4, 1, 3)
    );
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn more_in_flight_than_slots_are_lost_and_never_mispaired() {
    let mut ebpf = attach(Duration::MAX);
    let room = u64::from(STARTS_PER_INSTANCE * STARTS_PER_SLOT);
    let in_flight = room + 10;
    for ticket in 1..=in_flight {
        probes::invalidate_begin(ticket, instance(0), HWPT, 1);
    }
    for ticket in 1..=in_flight {
        probes::invalidate_end(ticket, instance(0), HWPT, 1, 0);
    }
    let totals = ebpf.read().expect("the maps can be read");
    let request = only(&totals).stage(Stage::Request);
    assert_eq!(request.0.seen, in_flight);
    assert_eq!(request.0.lost_no_start, 10);
    assert_eq!(request.recorded(), room);
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn a_thread_that_pauses_within_a_request_keeps_its_start() {
    let mut ebpf = attach(Duration::MAX);
    probes::invalidate_begin(1, instance(0), HWPT, 1);
    for ticket in 2..10_000 {
        request(ticket, instance(0), 1, 0);
    }
    thread::sleep(Duration::from_millis(20));
    probes::invalidate_end(1, instance(0), HWPT, 1, 0);
    let totals = ebpf.read().expect("the maps can be read");
    let request = only(&totals).stage(Stage::Request);
    assert_eq!((request.recorded(), request.0.lost_no_start), (9_999, 0));
    let longest = request.latency().max();
    assert!(longest >= 19_000_000, "{longest} ns");
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn an_event_that_ends_on_another_thread_has_its_own_latency() {
    let mut ebpf = attach(Duration::MAX);
    probes::invalidate_begin(1, instance(0), HWPT, 1);
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(20));
        probes::invalidate_end(1, instance(0), HWPT, 1, 0);
    })
    .join()
    .expect("the thread ends");
    let totals = ebpf.read().expect("the maps can be read");
    let latency = only(&totals).stage(Stage::Request).latency();
    assert_eq!(latency.len(), 1);
    assert!(latency.max() >= 19_000_000, "{} ns", latency.max());
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn an_instance_beyond_the_maps_is_lost_and_the_programs_say_so() {
    let mut ebpf = attach(Duration::MAX);
    let beyond = instance(u16::try_from(MAX_INSTANCES).expect("a small number"));
    for ticket in 1..=5 {
        request(ticket, beyond, 1, 0);
    }
    let totals = ebpf.read().expect("the maps can be read");
    assert!(totals.instances.is_empty());
    assert_eq!(totals.unattributed, 5);
    assert!(!totals.diagnostics.is_empty());
    let said = &totals.diagnostics[0];
    assert!(said.contains("instance 64 is beyond those"), "{said}");
}

/// Keeps all, whatever comes.
fn all() -> SlowOptions {
    SlowOptions {
        rate: u32::MAX,
        ..Duration::ZERO.into()
    }
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn slow_events_are_kept_whole_and_a_full_ring_is_counted() {
    let mut ebpf = attach(all());
    request(9, instance(2), 11, 22);
    let totals = ebpf.read().expect("the maps can be read");
    let [slow] = totals.slow.as_slice() else {
        panic!("{:?}", totals.slow)
    };
    assert!(slow.stack.is_empty());
    let slow = slow.record;
    assert_eq!((slow.instance, slow.hwpt), (instance(2).raw(), HWPT.0));
    assert_eq!(
        (slow.items, slow.errno, slow.stage),
        (11, 22, Stage::Request as u32)
    );
    assert!(slow.latency_ns < 1_000_000_000 && slow.tid > 0, "{slow:?}");
    assert!(slow.end_ns > slow.latency_ns, "{slow:?}");
    assert_eq!(slow.tgid, std::process::id());
    let cpus = thread::available_parallelism().expect("a number").get();
    assert!((slow.cpu as usize) < cpus, "{slow:?}");
    // What a failed one asked for, and what is behind the driver's probes, nobody knows.
    let absent = [slow.asked, slow.submissions];
    assert_eq!((absent, slow.op_ns), ([NOT_KNOWN; 2], NOT_TIMED));

    // Nobody reads: 256 KiB are full after about 3,000 records.
    for ticket in 10..5_010 {
        request(ticket, instance(2), 1, 0);
    }
    let totals = ebpf.read().expect("the maps can be read");
    assert!(totals.slow_dropped > 0);
    assert_eq!(totals.slow.len() as u64 + totals.slow_dropped, 5_000);
    assert_eq!(totals.slow_seen, 5_001);
    assert_eq!(totals.slow[0].record.asked, 1);
    // The histogram has all of them.
    assert_eq!(only(&totals).stage(Stage::Request).recorded(), 5_001);
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn ten_million_events_of_two_producers_at_full_speed_are_recorded() {
    const EACH: u64 = 5_000_000;
    let mut ebpf = attach(Duration::MAX);
    let tickets = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    request(tickets.fetch_add(1, Ordering::Relaxed), instance(0), 1, 0);
                }
            });
        }
    });
    let totals = ebpf.read().expect("the maps can be read");
    let seen = only(&totals).stage(Stage::Request);
    let (recorded, lost) = (seen.recorded(), seen.0.lost_no_start);
    assert_eq!((seen.0.seen, recorded + lost), (2 * EACH, 2 * EACH));
    assert!(recorded >= 2 * EACH / 10_000 * 9_999, "{recorded} recorded");
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn slow_events_beyond_the_rate_are_dropped_and_counted_until_the_window_ends() {
    const RATE: u32 = 20;
    let mut ebpf = attach(SlowOptions {
        rate: RATE,
        ..all()
    });
    let cpus = thread::available_parallelism().expect("a number").get() as u64;
    let most = u64::from(RATE) * cpus;
    let mut kept = 0;
    for round in 1..=3 {
        let first = round * 1_000;
        let begun = Instant::now();
        for ticket in first..first + 1_000 {
            request(ticket, instance(0), 1, 0);
        }
        let totals = ebpf.read().expect("the maps can be read");
        kept += totals.slow.len() as u64;
        assert_eq!(totals.slow_seen, round * 1_000);
        assert_eq!(kept + totals.slow_dropped, totals.slow_seen);
        // A window may end in the middle.
        let windows = 1 + begun.elapsed().as_secs() + 1;
        let now = totals.slow.len() as u64;
        assert!((u64::from(RATE)..=most * windows).contains(&now), "{now}");
        thread::sleep(Duration::from_millis(1_100));
    }
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn the_threshold_follows_the_percentile_of_its_stage() {
    const REQUESTS: u64 = 4_000;
    let mut ebpf = attach(SlowOptions {
        threshold: SlowThreshold::Percentile("p99".parse().expect("a percentile")),
        ..all()
    });
    // Of 20 requests one takes long, each of them another time, up to 2 ms.
    let mut round = |first: u64| {
        for ticket in first..first + REQUESTS {
            probes::invalidate_begin(ticket, instance(0), HWPT, 1);
            if ticket % 20 == 0 {
                let begun = Instant::now();
                let long = Duration::from_micros(10 * ((ticket - first) / 20));
                while begun.elapsed() < long {}
            }
            probes::invalidate_end(ticket, instance(0), HWPT, 1, 0);
        }
        ebpf.read().expect("the maps can be read")
    };
    let first = round(1);
    // 1 ms at first: half of those that take long.
    assert!((90..300).contains(&first.slow_seen), "{}", first.slow_seen);
    let second = round(1 + REQUESTS);
    let running = second.slow_running.as_ref().expect("it runs");
    let [of_requests] = running.thresholds[..] else {
        panic!("{running:?}")
    };
    assert_eq!(of_requests.stage, Stage::Request);
    let beyond = second.slow_seen - first.slow_seen;
    println!("{beyond} of {REQUESTS} beyond {:?}", of_requests.threshold);
    // 40, but for what else runs here.
    assert!((10..160).contains(&beyond), "{beyond}");
    let dropped = second.slow_dropped - first.slow_dropped;
    assert_eq!(second.slow.len() as u64 + dropped, beyond);
    for slow in &second.slow {
        let latency = Duration::from_nanos(slow.record.latency_ns);
        assert!(latency >= of_requests.threshold, "{slow:?}");
    }
}
