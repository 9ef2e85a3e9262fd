//! Hardware that does not answer: it is not asked again and again.

use super::*;

const HANG: InvalidateError = InvalidateError::new(110, 0);

#[test]
fn hardware_that_hangs_is_asked_once_and_the_head_stays_at_the_first_command_not_sent() {
    let mut queue: Vec<Toy> = (1..=1000).map(page).collect();
    queue.push(Toy::Sync(1));
    let mut rig = Rig::new(Policy::Array, &queue);
    rig.backend.fail(ObjectId(1), HANG);
    assert_eq!(rig.run(), Some((0, AT_COMMAND)));
    assert_eq!(rig.requests(), [(1, 1)]);
    assert!(rig.completed().is_empty());
    assert_eq!(rig.run(), None);
    assert_eq!(rig.requests().len(), 1000);
    assert_eq!(rig.completed(), [1]);
}

#[test]
fn what_was_not_sent_is_refused_also_where_it_is_before_what_hung() {
    // Target 3 is done, target 1 hangs at the command at 3, target 2 is not asked.
    let queue = [
        page(3),
        page(1),
        page(2),
        page(1),
        page(4),
        page(3),
        Toy::Sync(1),
    ];
    let mut rig = Rig::new(Policy::Array, &queue);
    rig.backend.fail(ObjectId(1), InvalidateError::new(110, 1));
    assert_eq!(rig.run(), Some((2, AT_COMMAND)));
    assert_eq!(rig.requests(), [(3, 2), (1, 2)]);
    assert_eq!(rig.engine.counters().snapshot().consumed(), 2);
    assert_eq!(rig.run(), None);
    assert_eq!(rig.requests(), [(2, 1), (1, 1), (4, 1), (3, 1)]);
    assert_eq!(rig.completed(), [1]);
    assert_eq!(rig.engine.counters().snapshot().consumed(), 7);
}

#[test]
fn a_sync_before_what_hung_completes() {
    let queue = [page(1), Toy::Sync(1), page(2), page(3), Toy::Sync(2)];
    for policy in Policy::ALL {
        let mut rig = Rig::new(policy, &queue);
        rig.backend.fail(ObjectId(2), HANG);
        assert_eq!(rig.run(), Some((2, AT_COMMAND)), "{policy}");
        assert_eq!(rig.requests(), [(1, 1), (2, 1)], "{policy}");
        assert_eq!(rig.completed(), [1], "{policy}");
        assert_eq!(rig.run(), None, "{policy}");
        assert_eq!(rig.completed(), [1, 2], "{policy}");
    }
}

#[test]
fn devices_that_do_not_answer_are_waited_for_a_bounded_number_of_times_per_run() {
    let mut queue = vec![page(1); 40];
    queue.extend([page(2), Toy::Sync(1)]);
    let mut rig = Rig::new(Policy::Array, &queue);
    for _ in 0..40 {
        rig.backend.fail(ObjectId(1), unanswered());
    }
    for (first, left) in [(16, 40), (32, 24)] {
        assert_eq!(rig.run(), Some((first, AT_COMMAND)));
        let requests: Vec<_> = (0..16).map(|at| (1, left - at)).collect();
        assert_eq!(rig.requests(), requests);
    }
    assert_eq!(rig.run(), Some((41, AT_SYNC)));
    let requests = rig.requests();
    assert_eq!((requests.len(), requests.last()), (9, Some(&(2, 1))));
    assert!(rig.completed().is_empty());
    assert_eq!(rig.run(), None);
    assert!(rig.requests().is_empty());
    assert_eq!(rig.completed(), [1]);
    assert_eq!(rig.engine.counters().snapshot().consumed(), 42);
}
