use super::{clamp, in_parts};
use crate::InvalidateError;

#[test]
fn a_count_that_the_kernel_did_not_write_is_none() {
    assert_eq!(clamp(3, 8), 3);
    assert_eq!(clamp(0, 8), 0);
    assert_eq!(clamp(8, 8), 0);
    assert_eq!(clamp(u32::MAX, 8), 0);
}

#[test]
fn entries_above_the_limit_go_out_in_order_with_several_requests() {
    let entries: Vec<u8> = (0..10).collect();
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let result = in_parts(&entries, 4, |part| {
        sent.push(part.to_vec());
        Ok(())
    });
    assert_eq!(result, Ok(()));
    assert_eq!(sent.concat(), entries);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
}

#[test]
fn a_later_request_that_fails_counts_what_earlier_ones_did_and_is_the_last() {
    let entries = [0_u8; 10];
    let mut requests = 0;
    let result = in_parts(&entries, 4, |_| {
        requests += 1;
        if requests == 2 {
            return Err(InvalidateError::new(95, 3));
        }
        Ok(())
    });
    assert_eq!(result, Err(InvalidateError::new(95, 7)));
    assert_eq!(requests, 2);
}

#[test]
fn no_entries_are_one_request() {
    let mut requests = 0;
    let result = in_parts::<u8>(&[], 4, |part| {
        assert!(part.is_empty());
        requests += 1;
        Ok(())
    });
    assert_eq!((result, requests), (Ok(()), 1));
}
