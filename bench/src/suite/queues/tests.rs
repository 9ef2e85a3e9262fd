use std::sync::atomic::AtomicBool;

use super::*;
use crate::steadiness::ROUNDS;

const TIME: Duration = Duration::from_millis(40);

fn vtd() -> (Ground, Stream, Vec<Vec<[u64; 2]>>) {
    let ground = GuestsOn::Model.open(None).expect("the model is there");
    let (stream, pages) = unmaps(Vendor::Vtd, 4);
    (ground, stream, vec![pages])
}

#[test]
fn several_vcpus_do_what_the_queue_counts() {
    let (ground, stream, units) = vtd();
    let mut queue = ground.queue(&stream, 0).expect("a guest");
    queue.set_policy(Policy::Array);
    let stop = AtomicBool::new(false);
    let mut queues = [queue];
    let done = Crew::new(&units, 3, &stop)
        .closed(&queues, 3, TIME)
        .expect("it runs");
    let counted = queues[0].read().expect("counted");
    assert_eq!(counted.syncs, done.latency.len());
    assert_eq!(counted.guest_commands, done.entries + counted.syncs);
    assert_eq!(counted.request.0.items, done.entries);
    let submission = counted.submission.expect("the model's are seen");
    assert_eq!(submission.0.items, done.entries);
    assert!(done.elapsed >= TIME);
}

#[test]
fn an_open_loop_offers_what_is_due_and_times_it_from_when_it_was() {
    let (ground, stream, units) = vtd();
    let queue = ground.queue(&stream, 0).expect("a guest");
    let stop = AtomicBool::new(false);
    // 4 entries a group: 50 groups in 40 ms.
    let served = Crew::new(&units, 1, &stop)
        .open(&*queue, Rate(5_000.0), TIME)
        .expect("it runs");
    // On a machine that is busy with other things some may come to their turn too late.
    let started = served.service.len();
    assert_eq!(served.entries, 4 * started);
    assert_eq!(
        (served.response.len(), started + served.not_started),
        (50, 50)
    );
    assert!(served.response.mean() >= served.service.mean());
    assert_eq!(served.rounds.len(), ROUNDS as usize);
}

#[test]
fn what_a_slow_queue_leaves_undone_is_counted_and_timed_as_waiting() {
    let (ground, stream, units) = vtd();
    let queue = ground.queue(&stream, 0).expect("a guest");
    let stop = AtomicBool::new(false);
    let time = Duration::from_millis(5);
    let served = Crew::new(&units, 1, &stop)
        .open(&*queue, Rate(400e6), time)
        .expect("it runs");
    let due = 100_000_000 / 200;
    assert!(served.not_started > 0, "500,000 requests in 10 ms");
    assert_eq!(
        served.response.len(),
        served.service.len() + served.not_started
    );
    assert!(
        served.response.len().abs_diff(due) <= 1,
        "{}",
        served.response.len()
    );
    // They were due from the first to the fifth ms, and it ended after 10.
    assert!(served.response.value_at_quantile(0.5) > 4_000_000);
    assert!(served.service.value_at_quantile(0.5) < 4_000_000);
}

#[test]
fn vcpus_are_spread_over_queues_and_go_on_where_they_were() {
    let (ground, stream, _) = vtd();
    let pages = unmaps(Vendor::Vtd, 6).1;
    // Each group has one command more than the one before.
    let units: Vec<_> = (1..=6).map(|len| pages[..len].to_vec()).collect();
    let stop = AtomicBool::new(false);
    let queues = [0, 1].map(|number| ground.queue(&stream, number).expect("a guest"));
    let mut crew = Crew::new(&units, 2, &stop);
    let rounds: Vec<u64> = (0..6)
        .map(|_| {
            let done = crew.closed(&queues, 2, Duration::ZERO);
            done.expect("it runs").entries
        })
        .collect();
    // One group of each vCPU: 1 and 4, 2 and 5, and so on.
    assert_eq!(rounds, [5, 7, 9, 5, 7, 9]);
    for mut queue in queues {
        assert_eq!(queue.read().expect("counted").syncs, 6);
    }
}

#[test]
fn a_stopped_crew_does_not_wait_for_what_is_due() {
    let (ground, stream, units) = vtd();
    let queue = ground.queue(&stream, 0).expect("a guest");
    let stop = AtomicBool::new(true);
    let served = Crew::new(&units, 1, &stop)
        .open(&*queue, Rate(0.001), Duration::from_hours(1))
        .expect("it ends");
    assert_eq!(served.entries, 0);
}
