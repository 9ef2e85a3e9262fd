use hwptop_abi::Batch;

use super::*;

/// One of them ended before the driver was reached.
fn two_requests() -> RequestCell {
    let mut cell = RequestCell {
        seen: 2,
        items: 65,
        errors: 1,
        request_ns: 3_000,
        op_ns: 1_200,
        ..RequestCell::ZERO
    };
    cell.request[100] = 2;
    cell.op[90] = 1;
    cell.rest[80] = 2;
    cell.batches[0] = 1;
    cell.batches[Batch::of(65).index()] = 1;
    cell.error_codes[2] = 1;
    cell
}

#[test]
fn a_request_is_split_so_that_the_sums_add_up() {
    let cell = two_requests();
    assert!(cell.is_settled());
    let mut stages = Stages::default();
    add_request(&mut stages, &cell);
    let [request, _, op, rest, host] = &stages;
    assert_eq!(
        (request.0.seen, request.0.items, request.0.errors),
        (2, 65, 1)
    );
    assert_eq!((op.0.seen, op.0.total_ns), (1, 1_200));
    assert_eq!((rest.0.seen, rest.0.total_ns), (2, 1_800));
    assert_eq!(request.0.total_ns, op.0.total_ns + rest.0.total_ns);
    assert_eq!(host.0.seen, 0);
    assert!(stages.iter().all(StageTotals::is_settled));
}

#[test]
fn a_request_whose_op_was_lost_is_in_no_part_of_the_split() {
    let mut cell = two_requests();
    // Another one, of 5,000 ns.
    cell.seen += 1;
    cell.request[110] = 1;
    cell.request_ns += 5_000;
    (cell.ops_lost, cell.unsplit_ns) = (1, 5_000);
    cell.batches[1] += 1;
    assert!(cell.is_settled());
    let mut stages = Stages::default();
    add_request(&mut stages, &cell);
    let [request, _, op, rest, _] = &stages;
    assert_eq!((request.0.seen, request.0.total_ns), (3, 8_000));
    assert_eq!((op.0.seen, op.recorded(), op.0.lost_no_start), (2, 1, 1));
    assert_eq!((op.0.total_ns, rest.0.total_ns), (1_200, 1_800));
    assert_eq!((rest.0.seen, rest.0.lost_no_start), (2, 0));
    assert!(stages.iter().all(StageTotals::is_settled));
}

#[test]
fn a_driver_op_has_the_batch_and_the_error_of_its_request() {
    let mut cell = two_requests();
    // Another one, whose driver handled three entries and failed at the fourth.
    cell.seen += 1;
    (cell.errors, cell.op_errors) = (2, 1);
    cell.request[100] += 1;
    cell.op[90] += 1;
    cell.rest[80] += 1;
    cell.batches[3] += 1;
    cell.error_codes[5] += 1;
    cell.op_error_codes[5] += 1;
    assert!(cell.is_settled());
    let mut stages = Stages::default();
    add_request(&mut stages, &cell);
    let [request, _, op, rest, _] = &stages;
    let batches = |of: &StageTotals| [0, 3, Batch::of(65).index()].map(|at| of.0.batches[at]);
    assert_eq!(batches(request), [1, 1, 1]);
    // The request that failed before the driver had none.
    assert_eq!(batches(op), [0, 1, 1]);
    assert_eq!(batches(rest), [0, 0, 0]);
    assert_eq!(
        [request, op].map(|of| [of.0.error_codes[2], of.0.error_codes[5]]),
        [[1, 1], [0, 1]]
    );
    assert!(stages.iter().all(StageTotals::is_settled));
}

#[test]
fn a_request_that_is_counted_in_part_is_not_settled() {
    let mut cell = two_requests();
    cell.op[90] = 3;
    assert!(!cell.is_settled());
    let mut cell = two_requests();
    cell.rest[80] = 1;
    assert!(!cell.is_settled());
    cell.ops_lost = 1;
    assert!(cell.is_settled());
    cell.op_errors = 1;
    assert!(!cell.is_settled());
}
