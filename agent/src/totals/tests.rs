use super::*;

#[test]
fn a_difference_holds_only_what_came_after() {
    let mut earlier = StageTotals::default();
    earlier.0.seen = 2;
    earlier.0.buckets[5] = 2;
    let mut later = earlier.clone();
    later.0.seen = 5;
    later.0.buckets[5] = 3;
    later.0.buckets[9] = 1;
    later.0.lost_no_start = 1;
    let between = later.since(&earlier);
    assert!(later.is_settled() && between.is_settled());
    assert_eq!(between.recorded(), 2);
    assert_eq!(
        between
            .buckets()
            .map(|(bucket, n)| (bucket.index(), n))
            .collect::<Vec<_>>(),
        [(5, 1), (9, 1)]
    );
}

#[test]
fn a_cpu_that_is_settled_is_not_read_again() {
    // Of three CPUs, another one is in the middle of an event each time.
    let mut reads = [[0, 1, 1], [1, 0, 2], [9, 9, 9]].into_iter();
    let read = || reads.next().map(Vec::from).ok_or(());
    assert_eq!(settled(read, |cell| *cell > 0), Ok(vec![1, 1, 1]));
    assert_eq!(reads.len(), 1);
}

#[test]
fn a_cpu_that_never_settles_is_given_up() {
    let mut reads = 0;
    let cells = settled(
        || {
            reads += 1;
            Ok::<_, ()>(vec![0])
        },
        |cell| *cell > 0,
    );
    assert_eq!((cells, reads), (Ok(vec![0]), SETTLE_ATTEMPTS));
}

#[test]
fn a_cell_in_the_middle_of_an_event_is_not_settled() {
    let mut totals = StageTotals::default();
    totals.0.seen = 1;
    assert!(!totals.is_settled());
}
