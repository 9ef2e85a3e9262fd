use std::borrow::Borrow;

use aya::maps::{MapData, RingBuf};
use hwptop_abi::{SLOW_RECORDS_MAX, SlowRecord};

/// A ring buffer's records, no more than it holds at a time: where they come faster than they
/// are read, the next read goes on.
pub(crate) fn slow_records<T: Borrow<MapData>>(ring: &mut RingBuf<T>) -> Vec<SlowRecord> {
    let mut records = Vec::new();
    for _ in 0..SLOW_RECORDS_MAX {
        let Some(record) = ring.next() else { break };
        records.extend(SlowRecord::decode(&record));
    }
    records
}
