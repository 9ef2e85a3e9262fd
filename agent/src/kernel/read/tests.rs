use super::*;

/// One of them ended before the driver was reached.
fn two_requests() -> RequestCell {
    let mut cell = RequestCell {
        seen: 2,
        items: 65,
        errors: 1,
        op_errors: 0,
        request_ns: 3_000,
        op_ns: 1_200,
        ops_lost: 0,
        unsplit_ns: 0,
        request: [0; hwptop_abi::BUCKETS],
        op: [0; hwptop_abi::BUCKETS],
        rest: [0; hwptop_abi::BUCKETS],
    };
    cell.request[100] = 2;
    cell.op[90] = 1;
    cell.rest[80] = 2;
    cell
}

#[test]
fn a_request_is_split_so_that_the_sums_add_up() {
    let cell = two_requests();
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
    let mut stages = Stages::default();
    add_request(&mut stages, &cell);
    let [request, _, op, rest, _] = &stages;
    assert_eq!((request.0.seen, request.0.total_ns), (3, 8_000));
    assert_eq!((op.0.seen, op.recorded(), op.0.lost_no_start), (2, 1, 1));
    assert_eq!((op.0.total_ns, rest.0.total_ns), (1_200, 1_800));
    assert_eq!((rest.0.seen, rest.0.lost_no_start), (2, 0));
    assert!(stages.iter().all(StageTotals::is_settled));
}
