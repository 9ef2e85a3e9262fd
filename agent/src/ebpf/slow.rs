//! Slow events: what the programs are told of them, and what they kept.

use std::borrow::{Borrow, BorrowMut};

use aya::maps::{Array, MapData, MapError, PerCpuArray, RingBuf};
use hwptop_abi::{SLOW_RECORDS_MAX, SlowRecord};

use super::plain::{Settings, SlowCount};
use crate::{
    slow::Thresholds,
    totals::{SourceError, Totals},
};

/// The map that is the global `CONFIG`.
pub(crate) const CONFIG: &str = ".data.config";

/// The map with what became of slow events.
pub(crate) const COUNTS: &str = "SLOW_COUNTS";

/// A ring buffer's records with their stacks, no more than it holds at a time: where they come
/// faster than they are read, the next read goes on.
pub(crate) fn slow_records<T: Borrow<MapData>>(
    ring: &mut RingBuf<T>,
) -> Vec<(SlowRecord, Vec<u64>)> {
    let mut records = Vec::new();
    for _ in 0..SLOW_RECORDS_MAX {
        let Some(bytes) = ring.next() else { break };
        let decoded = SlowRecord::decode(&bytes);
        records.extend(decoded.map(|(record, frames)| (record, frames.collect())));
    }
    records
}

/// How many slow events there were, and how many were dropped. To be read before the ring
/// buffer: what is in that was counted.
pub(crate) fn count_slow<T: Borrow<MapData>>(
    counts: &PerCpuArray<T, SlowCount>,
    totals: &mut Totals,
) -> Result<(), SourceError> {
    let cells = counts.get(&0, 0).map_err(SourceError::of_map(COUNTS))?;
    for SlowCount(cell) in cells.iter() {
        totals.slow_seen += cell.seen;
        totals.slow_dropped += cell.dropped;
    }
    Ok(())
}

/// Tells the programs the thresholds. It takes the descriptor and no right: kernels that let
/// a thread without capabilities read maps let it write them, too.
pub(crate) fn tell<T: BorrowMut<MapData>>(
    config: &mut Array<T, Settings>,
    thresholds: &Thresholds,
) -> Result<(), MapError> {
    config.set(0, Settings(thresholds.config()), 0)
}
